"""The discriminators that a translation method can choose."""

from __future__ import annotations

from torch import Tensor, nn

from training.networks.activations import LeakyReLU
from training.networks.blocks import instance_norm


class PatchClassifier(nn.Module):
    """PatchGAN with a classification head (Choi et al. 2018, table 5).

    Args:
        size: side of the pictures, or height and width, px; multiples of 2**n_layers.
        n_in: channels of the pictures.
        n_attributes: K.
        width: channels of the first layer; doubled in each of the next five.
        n_layers: strided layers.
        conditional: the source logits also depend on the labels, by projection (Miyato and Koyama 2018,
            arXiv 1802.05637, equation 3): what looks real must look like a real picture *with these labels*.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        n_in: int,
        n_attributes: int,
        width: int,
        n_layers: int,
        conditional: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(n_layers):
            n_out = width * min(1 << i, 32)
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), LeakyReLU(0.01)]
            n_in = n_out
        self.main = nn.Sequential(*layers)
        self.adversarial = nn.Conv2d(n_in, 1, 3, 1, 1, bias=False)
        self.embed = nn.Linear(n_attributes, n_in, bias=False) if conditional else None
        if self.embed is not None:
            nn.init.zeros_(self.embed.weight)
        height, across = (size, size) if isinstance(size, int) else size
        self.classify = nn.Conv2d(n_in, n_attributes, (height >> n_layers, across >> n_layers), bias=False)

    def forward(self, image: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return source logits `(N, 1, h, w)` and attribute logits `(N, K)`.

        Args:
            image: `(N, n_in, H, W)`.
            labels: `(N, K)`, 0 or 1, what the pictures are said to show; a conditional discriminator needs them.
        """
        features = self.main(image)
        source = self.adversarial(features)
        if self.embed is not None:
            if labels is None:
                raise ValueError("a conditional discriminator needs the labels")
            direction = self.embed(2.0 * labels - 1.0)[:, :, None, None]
            source = source + (direction * features).sum(1, keepdim=True)
        return source, self.classify(features).flatten(1)


class PatchDiscriminator(nn.Module):
    """The 70x70 PatchGAN: pictures `(N, n_in, H, W)` -> logits `(N, 1, h, w)`, of one patch each.

    Args:
        n_in: channels of the pictures.
        width: channels of the first layer; doubled in each of the next three.

    Reference: Isola et al. 2017 (arXiv 1611.07004), section 6.1.2; Zhu et al. 2017, section 7.2 (instance norm).
    """

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(n_in, width, 4, 2, 1), LeakyReLU(0.2)]
        for i, stride in enumerate((2, 2, 1)):
            layers += [
                nn.Conv2d(width << i, width << (i + 1), 4, stride, 1, bias=False),
                instance_norm(width << (i + 1)),
                LeakyReLU(0.2),
            ]
        self.main = nn.Sequential(*layers, nn.Conv2d(width << 3, 1, 4, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.main(image).float()  # losses are not for half precision
        return logits
