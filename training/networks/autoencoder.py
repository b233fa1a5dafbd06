"""What the methods with a latent code share: the code s (specified) and z (unspecified), its prior, the plain networks.

Symbols of the papers: s is the specified (class) part, z the unspecified (style) part, `q(z | x) = N(mean, var)`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from training.networks.blocks import DoubleToFew, instance_norm

Norm = Literal["instance", "batch", "none"]
LOGVAR_RANGE = (-12.0, 8.0)
"""Limits of a posterior's log variance, so that no exponential overflows; far outside what training reaches."""


class Code(NamedTuple):
    """What a picture is encoded to, for evaluation.

    Attributes:
        s: `(N, S)` specified part; `(N, 0)` where a method has none.
        z: `(N, Z)` mean of the unspecified part.
        z_logvar: `(N, Z)` its log variance; None where z is no distribution.
    """

    s: Tensor
    z: Tensor
    z_logvar: Tensor | None


class Encoded(NamedTuple):
    """What `Encoder` returns: the means, and the log variances of the parts that are distributions (else None)."""

    s: Tensor
    z: Tensor
    z_logvar: Tensor | None
    s_logvar: Tensor | None


class Encoder(nn.Module):
    """Strided convolutions that halve the picture down to about 4 px, then one linear layer for each part of the code.

    With `instance` a layer uses the statistics of the picture itself, in training and afterwards, as the encoder that
    the authors of the cycle-consistent VAE released does.

    Args:
        channels: of the picture, 1 or 3.
        size: side of the picture, px.
        s_dim: dimensions of s; 0 for none.
        z_dim: dimensions of z.
        width: channels of the first layer; each further layer doubles them, up to eight times.
        variational_z: z is a distribution.
        norm: normalisation after each convolution.
        variational_s: s is a distribution.
        kernel: side of the convolutions, odd.
        z_step: grid on which the mean of z lies (see `on_grid`); 0 for none.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        s_dim: int,
        z_dim: int,
        width: int,
        variational_z: bool = True,
        norm: Norm = "instance",
        variational_s: bool = False,
        kernel: int = 5,
        z_step: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        side, n_in, n_out = size, channels, width
        while side > 4:
            layers.append(nn.Conv2d(n_in, n_out, kernel, 2, kernel // 2, bias=norm == "none"))
            layers += [*norm_layers(norm, n_out), nn.ReLU(inplace=True)]
            side, n_in, n_out = -(-side // 2), n_out, min(2 * n_out, 8 * width)
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        n_features = n_in * side * side
        self.s_dim, self.variational_s, self.variational_z = s_dim, variational_s, variational_z
        self.z_step = z_step
        self.s = nn.Linear(n_features, s_dim * (1 + variational_s)) if s_dim else None
        self.z = nn.Linear(n_features, z_dim * (1 + variational_z))

    def forward(self, image: Tensor) -> Encoded:
        """Encode `(N, C, H, W)` in [-1, 1]."""
        features = self.trunk(image)
        s = features.new_zeros(features.shape[0], 0) if self.s is None else self.s(features)
        s_logvar = z_logvar = None
        if self.variational_s:
            s, s_logvar = _halves(s)
        z = self.z(features)
        if self.variational_z:
            z, z_logvar = _halves(z)
        if self.z_step > 0:
            z = on_grid(z, self.z_step)
        return Encoded(s, z, z_logvar, s_logvar)


class Decoder(nn.Module):
    """One linear layer to a small map, then transposed convolutions that double it up to the picture.

    Args:
        channels: of what comes out: 1 or 3 for a picture, more for a map of features.
        size: side of what comes out, px; a multiple of 4.
        s_dim: dimensions of s; 0 for none.
        z_dim: dimensions of z.
        width: channels of the last layer but one; as many layers, as wide, as `Encoder` has.
        squash: end in tanh, as a picture in [-1, 1] needs.
    """

    def __init__(self, channels: int, size: int, s_dim: int, z_dim: int, width: int, squash: bool = True) -> None:
        super().__init__()
        if size % 4:
            raise ValueError(f"size must be a multiple of 4, got {size}")
        self.side, n_up = size, 0
        while self.side > 4 and self.side % 2 == 0:
            self.side, n_up = self.side // 2, n_up + 1
        widths = [width * min(2**i, 8) for i in range(n_up)]
        self.linear = nn.Linear(s_dim + z_dim, widths[-1] * self.side**2)
        layers: list[nn.Module] = [nn.ReLU(inplace=True)]
        for n_in, n_out in zip(widths[:0:-1], widths[-2::-1], strict=True):
            layers += [nn.ConvTranspose2d(n_in, n_out, 4, 2, 1), nn.ReLU(inplace=True)]
        layers.append(DoubleToFew(widths[0], channels, 1))
        self.up = nn.Sequential(*layers, *([nn.Tanh()] if squash else []))

    def forward(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, S)` and `(N, Z)` to `(N, C, H, W)`."""
        small: Tensor = self.linear(torch.cat([s, z], 1))
        image: Tensor = self.up(small.unflatten(1, (-1, self.side, self.side)))
        return image


def on_grid(x: Tensor, step: float) -> Tensor:
    """Round to multiples of `step`; the gradient passes as if nothing had been rounded.

    A mean of finite precision cannot carry the class in differences far below the noise of z.

    Reference: Bengio et al. 2013, arXiv 1308.3432 (straight-through estimator).
    """
    return x + (torch.round(x / step) * step - x).detach()


def norm_layers(norm: Norm, n: int) -> list[nn.Module]:
    """Return the normalisation of `n` channels, none or one layer; it learns a scale and a shift."""
    if norm == "instance":
        return [instance_norm(n)]
    return [nn.BatchNorm2d(n)] if norm == "batch" else []


def _halves(both: Tensor) -> tuple[Tensor, Tensor]:
    mean, logvar = both.chunk(2, 1)
    return mean, logvar.clamp(*LOGVAR_RANGE)
