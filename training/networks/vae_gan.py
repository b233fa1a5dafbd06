"""The three networks of a VAE-GAN, by the layer table of Larsen et al. 2016."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.activations import LeakyReLU
from training.networks.autoencoder import LOGVAR_RANGE

__all__ = ["Critic", "Decoder", "Encoder", "LatentCritic"]

_KERNEL = 5
_HALVINGS = 3


def _strided(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, _KERNEL, 2, _KERNEL // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
    )


class Encoder(nn.Module):
    """Picture `(N, 3, H, W)` -> mean and logarithm of the variance of z, `(N, z_dim)` each.

    Args:
        height: H, px; a multiple of 8.
        width: W, px; a multiple of 8.
        z_dim: dimensions of z.
        channels: of the first layer; doubled in each of the next two.
        hidden: of the fully connected layer.
    """

    def __init__(self, height: int, width: int, z_dim: int, channels: int, hidden: int) -> None:
        super().__init__()
        sizes = [3, channels, 2 * channels, 4 * channels]
        self.features = nn.Sequential(*(_strided(a, b) for a, b in itertools.pairwise(sizes)))
        flat = sizes[-1] * (height >> _HALVINGS) * (width >> _HALVINGS)
        self.dense = nn.Sequential(nn.Linear(flat, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True))
        self.moments = nn.Linear(hidden, 2 * z_dim)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        mean, log_variance = self.moments(self.dense(self.features(image).flatten(1))).float().chunk(2, 1)
        return mean, log_variance.clamp(*LOGVAR_RANGE)


class Decoder(nn.Module):
    """z `(N, z_dim)` -> picture `(N, 3, H, W)` in [-1, 1].

    Args:
        height: H, px; a multiple of 8.
        width: W, px; a multiple of 8.
        z_dim: dimensions of z.
        channels: of the first layer; the next have half and an eighth of them.
    """

    def __init__(self, height: int, width: int, z_dim: int, channels: int) -> None:
        super().__init__()
        self.shape = (channels, height >> _HALVINGS, width >> _HALVINGS)
        flat = channels * self.shape[1] * self.shape[2]
        self.dense = nn.Sequential(nn.Linear(z_dim, flat, bias=False), nn.BatchNorm1d(flat), nn.ReLU(inplace=True))
        sizes = [channels, channels, channels // 2, max(channels // 8, 1)]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(sizes):
            layers += [
                nn.ConvTranspose2d(a, b, _KERNEL, 2, _KERNEL // 2, output_padding=1, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 3, _KERNEL, 1, _KERNEL // 2), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Return the picture."""
        image: Tensor = self.layers(self.dense(z).unflatten(1, self.shape)).float()
        return image


class Critic(nn.Module):
    """Picture `(N, 3, H, W)` -> logits `(N,)` that it is real, and the layer in which pictures are compared.

    Args:
        height: H, px; a multiple of 8.
        width: W, px; a multiple of 8.
        channels: of the first layer; four times as many in the second, eight times in the third and fourth.
        hidden: of the fully connected layer.
    """

    def __init__(self, height: int, width: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, channels, _KERNEL, 1, _KERNEL // 2), nn.ReLU(inplace=True))
        self.middle = nn.Sequential(_strided(channels, 4 * channels), _strided(4 * channels, 8 * channels))
        self.compared = nn.Conv2d(8 * channels, 8 * channels, _KERNEL, 2, _KERNEL // 2, bias=False)
        self.norm = nn.BatchNorm2d(8 * channels)
        flat = 8 * channels * (height >> _HALVINGS) * (width >> _HALVINGS)
        self.dense = nn.Sequential(nn.Linear(flat, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True))
        self.last = nn.Linear(hidden, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and the normed features of the last convolution, `(N, 8 channels, H / 8, W / 8)`."""
        features = self.norm(self.compared(self.middle(self.first(image))))
        hidden = self.dense(F.relu(features).flatten(1))
        return self.last(hidden)[:, 0].float(), features.float()  # losses are not for half precision


class LatentCritic(nn.Module):
    """z `(N, z_dim)` -> logits `(N,)` that it was drawn from the prior (Makhzani et al. 2015, arXiv 1511.05644)."""

    def __init__(self, z_dim: int, hidden: int = 512) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(z_dim, hidden), LeakyReLU(0.2), nn.Linear(hidden, hidden), LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        """Return the logits."""
        logits: Tensor = self.layers(z)[:, 0].float()
        return logits
