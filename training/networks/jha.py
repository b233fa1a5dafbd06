"""The networks of Jha et al. 2018 for MNIST at 28 px, of their own method and of the two that they compared it with.

Reference: arXiv 1804.10469 and networks.py of the authors' repositories (ananyahjha93/cycle-consistent-vae,
challenges-in-disentangling and disentangling-factors-of-variation-using-adversarial-training).
Deviations: instance norm uses each picture's own statistics, also after the training; theirs keeps running ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.activations import LeakyReLU
from training.networks.autoencoder import LOGVAR_RANGE, Encoded
from training.networks.blocks import DoubleToFew, instance_norm

__all__ = ["SIDE", "JhaDecoder", "JhaDiscriminator", "JhaEncoder"]

SIDE = 28
"""Side of the pictures, px."""
_FEATURES = 256
_SLOPE = 0.2
_STD = 0.05  # of the weights at the start


class JhaEncoder(nn.Module):
    """Three strided convolutions of kernel 5 and padding 1 (28, 13, 6, 2 px), then one linear layer a part.

    Args:
        s_dim: dimensions of s.
        z_dim: dimensions of z.
        variational_z: z is a distribution.
    """

    def __init__(self, s_dim: int, z_dim: int, variational_z: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(n_in, n_out, 5, 2, 1), instance_norm(n_out, affine=False), nn.ReLU(inplace=True)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.z, self.s = nn.Linear(_FEATURES, z_dim), nn.Linear(_FEATURES, s_dim)
        self.z_logvar = nn.Linear(_FEATURES, z_dim) if variational_z else None
        self.apply(_begin)

    def forward(self, image: Tensor) -> Encoded:
        """Encode `(N, 1, 28, 28)` in [-1, 1]."""
        features = self.trunk(image * 0.5 + 0.5)
        z_logvar = None if self.z_logvar is None else self.z_logvar(features).clamp(*LOGVAR_RANGE)
        return Encoded(self.s(features), self.z(features), z_logvar, None)


class JhaDecoder(nn.Module):
    """A linear layer of z and one of s, side by side, then transposed convolutions (2, 6, 14, 28 px).

    Args:
        s_dim: dimensions of s.
        z_dim: dimensions of z.
        leaky: LeakyReLU after every layer; else, as for Szabo et al., ReLU, and none after the linear ones.
    """

    def __init__(self, s_dim: int, z_dim: int, leaky: bool = True) -> None:
        super().__init__()
        self.leaky = leaky
        self.z, self.s = nn.Linear(z_dim, _FEATURES), nn.Linear(s_dim, _FEATURES)
        layers: list[nn.Module] = []
        for up, n in ((nn.ConvTranspose2d(128, 32, 4, 2), 32), (DoubleToFew(32, 16), 16)):
            layers += [up, instance_norm(n, affine=False), LeakyReLU(_SLOPE) if leaky else nn.ReLU()]
        self.up = nn.Sequential(*layers, DoubleToFew(16, 1, 1), nn.Sigmoid())
        self.apply(_begin)

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, S)` and `(N, Z)` to `(N, 1, 28, 28)` in [-1, 1]."""
        both = torch.cat([self.z(z), self.s(s)], 1)
        both = F.leaky_relu(both, _SLOPE) if self.leaky else both
        image: Tensor = self.up(both.unflatten(1, (128, 2, 2)))
        return image * 2.0 - 1.0


class JhaDiscriminator(nn.Module):
    """Two pictures of 28 px as the channels of one -> logits `(N,)`: the difference of two outputs."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in ((2, 32), (32, 64), (64, 128)):
            layers += [nn.Conv2d(n_in, n_out, 5, 2, 1), instance_norm(n_out, affine=False), LeakyReLU(_SLOPE)]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(2 * _FEATURES, 2))
        self.apply(_begin)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Judge `image` beside the reference `condition`, both `(N, 1, 28, 28)` in [-1, 1]."""
        outputs = self.trunk(torch.cat([image, condition], 1) * 0.5 + 0.5)
        return torch.as_tensor(outputs[:, 1] - outputs[:, 0])


def _begin(layer: nn.Module) -> None:
    """Draw the weights of convolutions and linear layers as the authors do; transposed ones stay PyTorch's."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.normal_(layer.weight, 0.0, _STD)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
