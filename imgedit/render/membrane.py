"""Fill the gaps of a field smoothly: a membrane that is held where values are known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats

__all__ = ["membrane"]

_SMALLEST = 12  # cells; the coarsest level of the pyramid
_STEPS = 12  # relaxation steps a level; the level below has done most of the work
_NEIGHBOURS = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4.0
_TRUSTED = 0.3  # share of a coarse cell that must be known for the cell to be held


def membrane(values: Floats, known: NDArray[np.bool_], damping: Floats | None = None) -> Floats:
    """Continue a field where it is not known: solve `laplace(f) = damping * f`, with `f` held where it is known.

    Solved from coarse to fine by relaxation. The border of the field is free.

    Args:
        values: `(h, w, C)`, C of 1 to 4; only the known ones count.
        known: `(h, w)`.
        damping: `(h, w)`, 1 / cells^2, pulls to 0: over a length of `damping ** -0.5` cells. None: nowhere.

    Returns:
        `(h, w, C)`; the known values are kept. All 0 where nothing is known.
    """
    h, w = known.shape
    held = np.ascontiguousarray(known).astype(np.uint8)
    only = cv2.copyTo(np.ascontiguousarray(values, np.float32), held)  # the rest is 0
    values = np.asarray(only, np.float32).reshape(h, w, -1)
    if min(h, w) <= _SMALLEST:
        return _relaxed(np.zeros_like(values), values, held, damping, 8 * _STEPS)
    size = ((w + 1) // 2, (h + 1) // 2)
    share = _reduced(known.astype(np.float32)[..., None], size)[..., 0]
    coarse, least = _reduced(values, size), np.maximum(share, 1e-6)
    for channel in range(values.shape[2]):  # NumPy is slow where it has to repeat a last axis of two numbers
        coarse[..., channel] /= least
    less = None if damping is None else np.float32(4.0) * _reduced(damping[..., None], size)[..., 0]
    below = membrane(coarse, share > _TRUSTED, less)
    start = cv2.resize(below, (w, h), interpolation=cv2.INTER_LINEAR).reshape(values.shape)
    return _relaxed(np.asarray(start, np.float32), values, held, damping, _STEPS)


def _relaxed(field: Floats, values: Floats, held: NDArray[np.uint8], damping: Floats | None, steps: int) -> Floats:
    """Take steps of Jacobi's method; `field` and `values` are contiguous, and `field` is written over."""
    pull = None
    if damping is not None:
        pull = np.repeat((4.0 / (4.0 + damping))[..., None].astype(np.float32), values.shape[2], axis=2)
    mixed = cv2.copyTo(values, held, field)
    for _ in range(steps):
        around = np.asarray(cv2.filter2D(mixed, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE), np.float32)
        if pull is not None:
            around *= pull.reshape(around.shape)
        mixed = cv2.copyTo(values, held, around)
    return np.asarray(mixed, np.float32).reshape(values.shape)


def _reduced(field: Floats, size: tuple[int, int]) -> Floats:
    reduced = cv2.resize(field, size, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32).reshape(size[1], size[0], field.shape[2])
