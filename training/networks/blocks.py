"""Layers that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm_act(n_in: int, n_out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU; keeps the size at stride 1."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)
    )


class _InstanceNorm(nn.GroupNorm):
    """Instance norm as a group norm, on plain memory.

    PyTorch's kernel for it on CPUs takes 4 to 40 times as long where channels lie last, as those of pictures do. From
    here on the maps of a network lie as it likes them.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Norm each channel of each picture, `(N, C, H, W)`."""
        return super().forward(x if x.is_cuda else x.contiguous())


def instance_norm(n: int, affine: bool = True) -> nn.GroupNorm:
    """Return instance norm of `n` channels, with a learnt scale and shift if `affine`.

    As a group norm, which is the same and in half precision as fast again on a CPU.
    """
    return _InstanceNorm(n, n, affine=affine)


class DoubleToFew(nn.ConvTranspose2d):
    """A transposed convolution of kernel 4 and stride 2 to few channels, as on a CPU it is quicker.

    Each of the four pixels that one becomes is a 2x2 convolution of its own, so one convolution computes all four, and
    they are put in their places (Shi et al. 2016, arXiv 1609.05158). To many channels PyTorch's own is quicker.
    Weights, values and gradients are PyTorch's.

    Args:
        n_in: channels.
        n_out: channels.
        padding: as `nn.ConvTranspose2d`.
    """

    def __init__(self, n_in: int, n_out: int, padding: int = 0) -> None:
        super().__init__(n_in, n_out, 4, 2, padding)
        self.cut = padding

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map `(N, n_in, H, W)` to `(N, n_out, 2 H + 2 - 2 padding, 2 W + 2 - 2 padding)`."""
        if x.is_cuda or torch.onnx.is_in_onnx_export():
            return super().forward(x, output_size)
        # (in, out, y / 2, y % 2, x / 2, x % 2), and a convolution's kernel runs the other way
        kernels = self.weight.view(self.in_channels, self.out_channels, 2, 2, 2, 2).flip(2, 4)
        kernels = kernels.permute(1, 3, 5, 0, 2, 4).reshape(4 * self.out_channels, self.in_channels, 2, 2)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        large = F.pixel_shuffle(F.conv2d(x, kernels, bias, 1, 1), 2)
        height, width = large.shape[-2:]
        return large[..., self.cut : height - self.cut, self.cut : width - self.cut]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm round a skip (He et al. 2016, basic block)."""

    def __init__(self, n_in: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_norm_act(n_in, n_out, 3, stride),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.skip = nn.Sequential(PointConv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, n_in, H, W)` to `(N, n_out, H / stride, W / stride)`."""
        return torch.relu(self.body(x) + self.skip(x))


class PointConv2d(nn.Conv2d):
    """A convolution of one pixel with a stride: every second pixel, say, is taken first.

    The same numbers as `nn.Conv2d`, whose backward pass destroys memory with torch 2.14 on processors without AVX-512.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Map `(N, n_in, H, W)` to `(N, n_out, H / stride, W / stride)`."""
        (down, across) = self.stride
        return F.conv2d(input[..., ::down, ::across], self.weight, self.bias)


def pixel_centres(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return y and x of the pixels' centres, `(H, W)` each, -1..1 from border to border (as `F.grid_sample`)."""
    ys = (torch.arange(height, device=device) + 0.5) / height * 2 - 1
    xs = (torch.arange(width, device=device) + 0.5) / width * 2 - 1
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return y, x
