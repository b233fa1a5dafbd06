"""The networks of the MNIST GAN family: one fully connected generator for all methods, and a convolutional option."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from training.networks.activations import LeakyReLU
from training.networks.linear import Linear

Kind = Literal["dense", "tanh", "conv"]
GENERATOR_WIDTHS = (256, 512, 1024)
DISCRIMINATOR_WIDTHS = (512, 256)
POINT_WIDTHS = (128, 128, 128)
"""Of both networks where a picture is a point of the plane."""
TANH_WIDTHS = (128, 128)
"""Of both networks of kind `tanh`, which Metz et al. 2017 use for points (poolio/unrolled_gan)."""
_GAIN = 1.4  # of their orthogonal weights
SLOPE = 0.2
"""Of every LeakyReLU."""


class DenseGenerator(nn.Module):
    """`(N, z_dim)` -> `(N, channels, size, size)` in [-1, 1]; 100-256-512-1024-784 for MNIST.

    A two-dimensional point is a picture with two channels and a size of 1.

    Args:
        z_dim: length of the noise vector.
        channels: of the picture.
        size: side of the picture, px.
        widths: of the hidden layers.
        batch_norm: batch norm after every hidden layer but the first.
        tanh: hyperbolic tangents in the hidden layers, orthogonal weights, and an end that is not bounded.
    """

    def __init__(
        self,
        z_dim: int,
        channels: int,
        size: int,
        widths: Sequence[int] = GENERATOR_WIDTHS,
        batch_norm: bool = False,
        tanh: bool = False,
    ) -> None:
        super().__init__()
        self.shape = (channels, size, size)
        layers: list[nn.Module] = []
        n_in = z_dim
        for i, n_out in enumerate(widths):
            normed = batch_norm and i > 0
            layers.append(Linear(n_in, n_out, bias=not normed))
            if normed:
                layers.append(nn.BatchNorm1d(n_out))
            layers.append(nn.Tanh() if tanh else LeakyReLU(SLOPE))
            n_in = n_out
        layers.append(Linear(n_in, channels * size * size))
        self.body = nn.Sequential(*layers) if tanh else nn.Sequential(*layers, nn.Tanh())
        if tanh:
            self.body.apply(_orthogonal)

    def forward(self, z: Tensor) -> Tensor:
        """Draw one picture for each row of `z`."""
        image: Tensor = self.body(z)
        return image.reshape(-1, *self.shape)


class DenseDiscriminator(nn.Module):
    """`(N, channels, size, size)` -> `(N, n_outputs)`: logits, critic values or embeddings; 784-512-256-1 for MNIST.

    Args:
        channels: of the picture.
        size: side of the picture, px.
        n_outputs: for each picture.
        widths: of the hidden layers.
        bias: of the last layer; a critic's loss does not depend on it.
        tanh: as `DenseGenerator`.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        n_outputs: int = 1,
        widths: Sequence[int] = DISCRIMINATOR_WIDTHS,
        bias: bool = True,
        tanh: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = channels * size * size
        for n_out in widths:
            layers += [Linear(n_in, n_out), nn.Tanh() if tanh else LeakyReLU(SLOPE)]
            n_in = n_out
        self.body = nn.Sequential(*layers, Linear(n_in, n_outputs, bias=bias))
        if tanh:
            self.body.apply(_orthogonal)

    def forward(self, image: Tensor) -> Tensor:
        """Judge each picture."""
        out: Tensor = self.body(image.flatten(1))
        return out


class ConvGenerator(nn.Module):
    """`(N, z_dim)` -> `(N, channels, size, size)` in [-1, 1], by two transposed convolutions from size / 4.

    Args:
        z_dim: length of the noise vector.
        channels: of the picture.
        size: side of the picture, px; a multiple of 4.
        width: channels at the full size; twice as many at half of it, four times at a quarter.
        batch_norm: batch norm after every hidden layer but the first.
    """

    def __init__(self, z_dim: int, channels: int, size: int, width: int = 32, batch_norm: bool = False) -> None:
        super().__init__()
        self.side = size // 4
        self.project = Linear(z_dim, 4 * width * self.side**2)
        layers: list[nn.Module] = [LeakyReLU(SLOPE)]
        for n_in, n_out in ((4 * width, 2 * width), (2 * width, width)):
            layers.append(nn.ConvTranspose2d(n_in, n_out, 4, 2, 1, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm2d(n_out))
            layers.append(LeakyReLU(SLOPE))
        self.body = nn.Sequential(*layers, nn.Conv2d(width, channels, 3, 1, 1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Draw one picture for each row of `z`."""
        image: Tensor = self.body(self.project(z).unflatten(1, (-1, self.side, self.side)))
        return image


class ConvDiscriminator(nn.Module):
    """`(N, channels, size, size)` -> `(N, n_outputs)`, by two strided convolutions."""

    def __init__(self, channels: int, size: int, n_outputs: int = 1, width: int = 32, bias: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 4, 2, 1),
            LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 4, 2, 1),
            LeakyReLU(SLOPE),
            nn.Flatten(),
            Linear(2 * width * (size // 4) ** 2, n_outputs, bias=bias),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Judge each picture."""
        out: Tensor = self.body(image)
        return out


def generator(kind: Kind, z_dim: int, channels: int, size: int, batch_norm: bool = False) -> nn.Module:
    """Return the generator that every method trains."""
    if kind == "conv":
        return ConvGenerator(z_dim, channels, size, batch_norm=batch_norm)
    if kind == "tanh":
        return DenseGenerator(z_dim, channels, size, TANH_WIDTHS, batch_norm, tanh=True)
    return DenseGenerator(z_dim, channels, size, POINT_WIDTHS if size == 1 else GENERATOR_WIDTHS, batch_norm)


def discriminator(kind: Kind, channels: int, size: int, n_outputs: int = 1, bias: bool = True) -> nn.Module:
    """Return the discriminator, critic or embedding network."""
    if kind == "conv":
        return ConvDiscriminator(channels, size, n_outputs, bias=bias)
    if kind == "tanh":
        return DenseDiscriminator(channels, size, n_outputs, TANH_WIDTHS, bias, tanh=True)
    return DenseDiscriminator(channels, size, n_outputs, POINT_WIDTHS if size == 1 else DISCRIMINATOR_WIDTHS, bias)


def _orthogonal(layer: nn.Module) -> None:
    """Draw a linear layer's weights as the authors of the unrolled GAN do."""
    if isinstance(layer, nn.Linear):
        nn.init.orthogonal_(layer.weight, _GAIN)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
