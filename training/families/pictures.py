"""Sample sheets: pictures side by side, and the grid of all swaps."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from training.networks.autoencoder import Code


def swap_grid(
    encode: Callable[[Tensor], Code], decode: Callable[[Tensor, Tensor], Tensor], image: Tensor, n: int = 8
) -> Tensor:
    """Draw a swap grid: s from the top row, z from the left column.

    Args:
        encode: as a method's.
        decode: as a method's.
        image: `(N, C, H, W)` in [-1, 1]; the first `n` are used on both sides.
        n: pictures a side, at most.

    Returns:
        `(3, (n + 1) H, (n + 1) W)` in 0..1; the first row and the first column are the given pictures.
    """
    image = image[:n]
    n = len(image)
    code = encode(image)
    swapped = decode(code.s.repeat(n, 1), code.z.repeat_interleave(n, 0)).unflatten(0, (n, n))
    blank = torch.ones_like(image[:1])
    rows = [torch.cat([blank, image]), *(torch.cat([image[i : i + 1], swapped[i]]) for i in range(n))]
    return tile(torch.stack(rows))


def tile(pictures: Tensor) -> Tensor:
    """Lay `(rows, columns, C, H, W)` in [-1, 1] out as one picture `(3, rows H, columns W)` in 0..1."""
    rows, columns, channels, height, width = pictures.shape
    laid = pictures.permute(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)
    return laid.expand(3, -1, -1).mul(0.5).add(0.5).clamp(0.0, 1.0)
