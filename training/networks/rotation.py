"""The networks of DR-GAN (Tran et al. 2017, table 1): CASIA-Net (Yi et al. 2014) and its mirror image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_STAGES = ((1, 2), (2, 2, 4), (4, 3, 6), (6, 4, 8), (8, 5, 10))
"""Channels of the convolutions of each stage, in units of `width`; each stage but the first halves the size."""
HALVINGS = len(_STAGES) - 1
CODE = _STAGES[-1][-1]
"""Length of the code, in units of `width`."""
_STD = 0.02


class Encoder(nn.Module):
    """CASIA-Net: `(N, 3, H, W)` in [-1, 1] -> `(N, n_out)`.

    Convolutions of 3x3, each with batch norm and ELU, and the mean over what is left of the picture.

    Args:
        width: channels of the first layer; 32 in the paper.
        n_out: numbers a picture; the paper's are `CODE * width`.
        thin: one layer at the size of the picture, not two; these two take a third of the time.
    """

    def __init__(self, width: int, n_out: int, thin: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = 3
        for stage, channels in enumerate(_stages(thin)):
            for i, units in enumerate(channels):
                last = stage == HALVINGS and i == len(channels) - 1
                n = n_out if last else units * width
                layers.append(_step(nn.Conv2d(n_in, n, 3, 2 if stage and not i else 1, 1, bias=False)))
                n_in = n
        self.layers = nn.Sequential(*layers)
        _initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Return the mean of the last layer's maps."""
        maps: Tensor = self.layers(image)
        return maps.mean((2, 3))

    @torch.no_grad()
    def take(self, other: Encoder) -> None:
        """Take the weights of another encoder; of the last layer those of its outputs, for the last of one's own."""
        own = self.state_dict()
        for name, value in other.state_dict().items():
            (own[name][len(own[name]) - len(value) :] if value.ndim else own[name]).copy_(value)


class Decoder(nn.Module):
    """The mirror image of `Encoder`: `(N, n_in)` -> `(N, 3, size, size)` in [-1, 1].

    Args:
        width: as `Encoder`.
        size: a multiple of 2**HALVINGS.
        n_in: length of code, pose and noise together.
        thin: as `Encoder`.
    """

    def __init__(self, width: int, size: int, n_in: int, thin: bool = False) -> None:
        super().__init__()
        self.side = size >> HALVINGS
        self.spread = nn.Linear(n_in, CODE * width * self.side**2)
        stages = _stages(thin)
        units = [u for stage in stages for u in stage]
        layers: list[nn.Module] = []
        starts = {sum(map(len, stages[: i + 1])) for i in range(HALVINGS)}  # first convolution of each stage
        for i in range(len(units) - 1, 0, -1):
            channels = units[i] * width, units[i - 1] * width
            doubles = i in starts
            layers.append(
                _step(
                    nn.ConvTranspose2d(*channels, 4, 2, 1, bias=False)
                    if doubles
                    else nn.Conv2d(*channels, 3, 1, 1, bias=False)
                )
            )
        self.layers = nn.Sequential(*layers, nn.Conv2d(units[0] * width, 3, 3, 1, 1), nn.Tanh())
        _initialise(self)

    def forward(self, code: Tensor) -> Tensor:
        """Draw a picture."""
        image: Tensor = self.layers(self.spread(code).unflatten(1, (-1, self.side, self.side)))
        return image


class Generator(nn.Module):
    """G of DR-GAN: a code of who a picture shows, and a picture of the code in any pose.

    Args:
        width: as `Encoder`.
        size: side of the pictures, px.
        n_poses: N_p.
        n_noise: N_z.
        thin: as `Encoder`.
    """

    def __init__(self, width: int, size: int, n_poses: int, n_noise: int, thin: bool = False) -> None:
        super().__init__()
        n_code = CODE * width
        self.encoder = Encoder(width, n_code + 1, thin)
        self.decoder = Decoder(width, size, n_code + n_poses + n_noise, thin)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code `(N, C)` and the confidence in it `(N, 1)`, 0..1."""
        out = self.encoder(image)
        return out[:, 1:], torch.sigmoid(out[:, :1])

    def forward(self, code: Tensor, pose: Tensor, noise: Tensor) -> Tensor:
        """Draw `(N, 3, H, W)` of a code in a pose `(N, K)`, one-hot, with noise `(N, Z)`."""
        image: Tensor = self.decoder(torch.cat([code, pose, noise], 1))
        return image


class Discriminator(nn.Module):
    """D of DR-GAN: who a picture shows, or that it is drawn, and in which pose.

    Args:
        width: as `Encoder`.
        n_people: N_d; the class behind them is that of drawn pictures.
        n_poses: N_p.
        thin: as `Encoder`.
    """

    def __init__(self, width: int, n_people: int, n_poses: int, thin: bool = False) -> None:
        super().__init__()
        self.features = Encoder(width, CODE * width, thin)
        self.identity = nn.Linear(CODE * width, n_people + 1)
        self.pose = nn.Linear(CODE * width, n_poses)
        for head in (self.identity, self.pose):
            nn.init.normal_(head.weight, 0.0, _STD)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits of identity `(N, N_d + 1)` and of pose `(N, N_p)`."""
        features = self.features(image)
        return self.identity(features), self.pose(features)


def fuse(code: Tensor, confidence: Tensor, group: int) -> Tensor:
    """Return one code a group, the mean of its pictures' codes weighted by their confidences (equation 8).

    Args:
        code: `(N group, C)`, groups one after the other.
        confidence: `(N group, 1)`.
        group: pictures of a group.
    """
    weighted = (code * confidence).unflatten(0, (-1, group)).sum(1)
    return weighted / confidence.unflatten(0, (-1, group)).sum(1)


def _stages(thin: bool) -> tuple[tuple[int, ...], ...]:
    return (_STAGES[0][:1], *_STAGES[1:]) if thin else _STAGES


def _step(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ELU())


def _initialise(network: nn.Module) -> None:
    """Draw the weights from a normal distribution with the standard deviation of the paper."""
    for m in network.modules():
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(m.weight, 0.0, _STD)
