"""Layers that several networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
            self.skip = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Map `(N, n_in, H, W)` to `(N, n_out, H / stride, W / stride)`."""
        return torch.relu(self.body(x) + self.skip(x))


def pixel_centres(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return y and x of the pixels' centres, `(H, W)` each, -1..1 from border to border (as `F.grid_sample`)."""
    ys = (torch.arange(height, device=device) + 0.5) / height * 2 - 1
    xs = (torch.arange(width, device=device) + 0.5) / width * 2 - 1
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return y, x
