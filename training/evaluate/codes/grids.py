"""Pictures of what a method with s and z can do: swaps, interpolations, samples. Drawn by matplotlib without pyplot."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from imgedit.files import write_whole
from imgedit.pixels import to_pixels
from training.data.batch import to_tensor
from training.evaluate.codes.latents import LatentMethod
from training.method import DrawsPixels

Cells = NDArray[np.uint8]
"""`(rows, columns, H, W, 3)` RGB."""

GAP, MARGIN = 2, 6
"""Pixels between the pictures of a grid, and between its given pictures and the made ones."""
DPI = 100


def swap(method: LatentMethod, s_images: NDArray[np.uint8], z_images: NDArray[np.uint8]) -> Cells:
    """Give each picture of the left column (z) the s of each picture of the top row; the corner stays white.

    Args:
        method: encodes and decodes.
        s_images: uint8 `(columns, H, W, C)`, the top row.
        z_images: uint8 `(rows, H, W, C)`, the left column.
    """
    s = method.encode(to_tensor(s_images).to(method.device)).s
    z = method.encode(to_tensor(z_images).to(method.device)).z
    made = decoded(method, s[None].expand(len(z), -1, -1), z[:, None].expand(-1, len(s), -1))
    top = np.concatenate([np.full_like(rgb(s_images[:1]), 255), rgb(s_images)])
    return np.concatenate([top[None], np.concatenate([rgb(z_images)[:, None], made], 1)])


def interpolation(method: LatentMethod, images: NDArray[np.uint8], steps: int = 8) -> Cells:
    """Walk straight from the code of the first picture to that of the second: s along the rows, z down the columns.

    Without an s there is one row, along z. The corners at the upper left and lower right are the two reconstructions.

    Args:
        method: encodes and decodes.
        images: uint8 `(2, H, W, C)`.
        steps: pictures along one side.
    """
    code = method.encode(to_tensor(images).to(method.device))
    t = torch.linspace(0.0, 1.0, steps, device=code.z.device)[:, None]
    s, z = (torch.lerp(part[:1], part[1:], t) for part in (code.s, code.z))
    if s.shape[1] == 0:
        return decoded(method, s[None], z[None])
    return decoded(method, s[None].expand(steps, -1, -1), z[:, None].expand(-1, steps, -1))


def samples(method: LatentMethod, images: NDArray[np.uint8], columns: int = 8, seed: int = 0) -> Cells:
    """Decode z from the prior with the s of each given picture (left column); every row has the same z.

    Without an s the grid holds `columns` x `columns` samples and no given picture.
    """
    code = method.encode(to_tensor(images).to(method.device))
    rng = np.random.default_rng(seed)
    n_z = code.z.shape[1]
    if code.s.shape[1] == 0:
        z = _normal(rng, (columns, columns, n_z), code.z)
        return decoded(method, z.new_zeros(columns, columns, 0), z)
    z = _normal(rng, (1, columns, n_z), code.z).expand(len(images), -1, -1)
    made = decoded(method, code.s[:, None].expand(-1, columns, -1), z)
    return np.concatenate([rgb(images)[:, None], made], 1)


def decoded(method: LatentMethod, s: Tensor, z: Tensor) -> Cells:
    """Decode `(rows, columns, S)` and `(rows, columns, Z)`; a PixelCNN, where there is one, draws pixel by pixel."""
    image = _draw(method)(s.flatten(0, 1), z.flatten(0, 1))
    cells = rgb(to_pixels(image.float().cpu().numpy()))
    return cells.reshape(*z.shape[:2], *cells.shape[1:])


def rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the grey of `(..., H, W, 1)` to three channels; colour stays."""
    return np.repeat(images, 3, -1) if images.shape[-1] == 1 else images


def write(
    path: Path, cells: Cells, title: str, *, row: bool = False, column: bool = False, names: Sequence[str] = ()
) -> None:
    """Write a grid as PNG.

    Args:
        path: the file; its folder is made.
        cells: the pictures.
        title: above the grid.
        row: the top row holds given pictures and is set off.
        column: as `row`, the left column.
        names: of the columns, from left to right.

    Raises:
        OutputError: the file cannot be written.
    """
    rows, columns, height, width = cells.shape[:4]
    y = [i * (height + GAP) + (MARGIN if row and i else 0) for i in range(rows)]
    x = [j * (width + GAP) + (MARGIN if column and j else 0) for j in range(columns)]
    canvas = np.full((y[-1] + height, x[-1] + width, 3), 255, np.uint8)
    for i, top in enumerate(y):
        for j, left in enumerate(x):
            canvas[top : top + height, left : left + width] = cells[i, j]
    zoom = max(1, round(64 / height))
    high, wide = canvas.shape[0] * zoom / DPI, canvas.shape[1] * zoom / DPI
    full = max(wide, 4.0)  # inches, as all of these
    lines = textwrap.wrap(title, int(full / 0.075))
    head = 0.15 + 0.17 * len(lines) + (0.25 if names else 0.0)
    figure = Figure((full, high + head), dpi=DPI)
    share = min(wide / full, 1.0)
    axes = figure.add_axes((0.0, 0.0, share, high / (high + head)))
    axes.imshow(canvas, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    for left, name in zip(x, names, strict=False):
        axes.text(left + width / 2, -2, name, ha="center", va="bottom", fontsize=8)
    figure.text(0.01, 1.0 - 0.04 / (high + head), "\n".join(lines), ha="left", va="top", fontsize=9)
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_whole(path, buffer.getvalue())


def _draw(method: LatentMethod) -> Callable[[Tensor, Tensor], Tensor]:
    """Return what makes the pictures that people look at; figures are of `decode`, which is deterministic."""
    if isinstance(method, DrawsPixels) and method.draws_pixels:
        return partial(method.sample_pixels, generator=torch.Generator(method.device).manual_seed(0))
    return method.decode


def _normal(rng: np.random.Generator, shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32)).to(like.device)
