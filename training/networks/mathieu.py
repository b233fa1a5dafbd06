"""The networks of Mathieu et al. 2016 for pictures of up to 32 px, in the larger form, their code's default.

Smaller pictures get a border of zeros up to 32 px, that is of middle grey, which the decoder cuts off again.

Reference: arXiv 1611.03383 and model_big.lua of the authors' repository (MichaelMathieu/factors-variation).
Deviations: convolutions have no bias where a batch norm follows, which would take it away; transposed convolutions
begin as PyTorch has them; log variances are kept in `LOGVAR_RANGE`; after the training batch norm uses running
statistics, where theirs goes on using those of the batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.activations import LeakyReLU
from training.networks.autoencoder import LOGVAR_RANGE, Encoded

__all__ = ["SIDE", "LookupDiscriminator", "MathieuDecoder", "MathieuEncoder"]

SIDE = 32
"""Side of the largest pictures, px."""
_SMALL = 4  # side of the smallest map
_SLOPE = 0.2


class MathieuEncoder(nn.Module):
    """Four convolutions of 3x3 and, between them, three that halve the picture (32, 16, 8, 4 px), then linear layers.

    Args:
        channels: of the picture.
        s_dim: dimensions of s.
        z_dim: dimensions of z.
        width: channels of the first layer; twice, four and eight times as many after each halving.
        variational_z: z is a distribution.
        variational_s: s is a distribution.
    """

    def __init__(
        self, channels: int, s_dim: int, z_dim: int, width: int, variational_z: bool, variational_s: bool
    ) -> None:
        super().__init__()
        layers = [*_block(channels, width), *_block(width, width)]
        for n in (width, 2 * width, 4 * width):
            layers += [*_half(n, 2 * n), nn.ReLU(inplace=True), *_block(2 * n, 2 * n)]
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        n_features = 8 * width * _SMALL**2
        self.s, self.z = nn.Linear(n_features, s_dim), nn.Linear(n_features, z_dim)
        self.s_logvar = nn.Linear(n_features, s_dim) if variational_s else None
        self.z_logvar = nn.Linear(n_features, z_dim) if variational_z else None
        self.apply(_begin)

    def forward(self, image: Tensor) -> Encoded:
        """Encode `(N, C, H, H)` in [-1, 1], H of up to 32."""
        features = self.trunk(_framed(image))
        logvars = (
            None if layer is None else layer(features).clamp(*LOGVAR_RANGE) for layer in (self.z_logvar, self.s_logvar)
        )
        return Encoded(self.s(features), self.z(features), *logvars)


class MathieuDecoder(nn.Module):
    """The sum of two linear layers, of z and of s, then 3x3 convolutions and three that double the picture.

    Args:
        channels: of the picture.
        size: side of the picture, px.
        s_dim: dimensions of s.
        z_dim: dimensions of z.
        width: channels of the last layer but one; eight times as many in the first.
    """

    def __init__(self, channels: int, size: int, s_dim: int, z_dim: int, width: int) -> None:
        super().__init__()
        self.size = size
        n_features = 8 * width * _SMALL**2
        self.s, self.z = nn.Linear(s_dim, n_features), nn.Linear(z_dim, n_features)
        layers: list[nn.Module] = []
        for n in (8 * width, 4 * width, 2 * width):
            up = nn.ConvTranspose2d(n, n // 2, 2, 2, bias=False)
            layers += [*_block(n, n), up, nn.BatchNorm2d(n // 2), nn.ReLU(inplace=True)]
        layers += [*_block(width, width), nn.Conv2d(width, channels, 3, 1, 1)]
        self.up = nn.Sequential(*layers)
        self.apply(_begin)

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, S)` and `(N, Z)` to `(N, C, H, H)` in [-1, 1]."""
        image: Tensor = self.up((self.z(z) + self.s(s)).unflatten(1, (-1, _SMALL, _SMALL)))
        cut = (SIDE - self.size) // 2
        return torch.tanh(image[..., cut : cut + self.size, cut : cut + self.size])


class LookupDiscriminator(nn.Module):
    """Picture and class -> logits `(N,)`: a map of the class is added to the features in three layers.

    Each class has a map of 4x4 for each of these layers, as large as the layer by repetition. A batch norm follows.

    Args:
        channels: of the picture.
        width: channels of the first layer; twice as many after the second halving, four times after the third.
        n_classes: number of classes.
    """

    def __init__(self, channels: int, width: int, n_classes: int) -> None:
        super().__init__()
        n = width
        self.before = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(channels, n, 3, 1, 1), LeakyReLU(_SLOPE), nn.Conv2d(n, n, 2, 2, bias=False)),
                nn.Sequential(*_half(n, 2 * n), LeakyReLU(_SLOPE), *_same(2 * n, 2 * n), LeakyReLU(_SLOPE)),
                nn.Sequential(
                    *_half(2 * n, 4 * n), LeakyReLU(_SLOPE), nn.Conv2d(4 * n, 4 * n, 3, 1, 1, bias=False)
                ),
            ]
        )  # fmt: skip
        widths = (n, 2 * n, 4 * n)
        self.maps = nn.ModuleList(nn.Embedding(n_classes, c * _SMALL**2) for c in widths)
        self.after = nn.ModuleList(nn.Sequential(nn.BatchNorm2d(c), LeakyReLU(_SLOPE)) for c in widths)
        n_features = 4 * n * _SMALL**2
        self.head = nn.Sequential(
            *_same(4 * n, 4 * n), LeakyReLU(_SLOPE), nn.Flatten(), nn.Dropout(0.5), nn.Linear(n_features, 1)
        )
        self.apply(_begin)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Judge `image` `(N, C, H, H)` in [-1, 1] as one of the classes `condition` `(N,)`, int64."""
        x = _framed(image)
        for before, maps, after in zip(self.before, self.maps, self.after, strict=True):
            x = before(x)
            of_class = maps(condition).unflatten(1, (-1, _SMALL, _SMALL))
            x = after(x + F.interpolate(of_class, x.shape[2:]))
        logits: Tensor = self.head(x)
        return logits.squeeze(1)


def _framed(image: Tensor) -> Tensor:
    """Put a border of zeros round a picture, up to 32 px."""
    border = SIDE - image.shape[3]
    return F.pad(image, (border // 2, border - border // 2) * 2)


def _same(n_in: int, n_out: int) -> Iterator[nn.Module]:
    """Yield a 3x3 convolution and its batch norm."""
    yield nn.Conv2d(n_in, n_out, 3, 1, 1, bias=False)
    yield nn.BatchNorm2d(n_out)


def _half(n_in: int, n_out: int) -> Iterator[nn.Module]:
    """Yield a convolution of 2x2 that halves the map, and its batch norm."""
    yield nn.Conv2d(n_in, n_out, 2, 2, bias=False)
    yield nn.BatchNorm2d(n_out)


def _block(n_in: int, n_out: int) -> Iterator[nn.Module]:
    yield from _same(n_in, n_out)
    yield nn.ReLU(inplace=True)


def _begin(layer: nn.Module) -> None:
    """Draw the scales of batch norms from 0..1, as Torch 7 does; the maps of classes are N(0, 1) there and here."""
    if isinstance(layer, nn.BatchNorm2d):
        nn.init.uniform_(layer.weight)
