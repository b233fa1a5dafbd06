"""Where the hair of one face is: in the parser's window, and where it goes on below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.render.guided import Floats
from imgedit.render.regions import without_islands
from imgedit.render.tints import to_lab
from imgedit.vision import geometry
from imgedit.vision.geometry import Matrix

__all__ = ["HAIRLINE", "find_hair"]

Parse = Callable[[NDArray[np.uint8]], Floats]
"""`(size, size, 3)` RGB -> `(size, size)`, how probably a pixel is hair."""

HAIRLINE = 75
"""Row of the CelebA frame above which a head with a hat shows no hair; the eyes are in row 112."""
STEP = 0.3
"""How far below the first window a second one lies, as a share of its side; most long hair ends within that."""
FADE = 0.25
"""Rows at the end of the first window, as a share of its side, over which the second takes over."""
_NONE, _WHOLE = 0.1, 0.6
"""Probabilities of hair at which a pixel is none of it and all of it. Of short and thin hair the parser is half sure,
and black hair that is dyed blond by half is khaki. Over dark grounds it sees a faint haze."""
_LAST_ROWS = 0.05  # of the window's side
_GOES_ON = 0.02  # share of these rows that is hair; below it nothing hangs out of the window
_SURE = 0.5
_HAT_EDGE = 8.0  # rows of the frame over which hair sets in below a hat
_COLOUR_NOISE = 6.0  # standard deviation of a colour that is the same, L*a*b* units
_NEAR, _FAR = 2.5, 4.5  # distances from the hair's colours, in standard deviations: still hair, hair no more


def find_hair(parse: Parse, rgb: NDArray[np.uint8], matrix: Matrix, size: int, *, hat: bool = False) -> Floats:
    """Find the hair of a face; where it hangs out of the window, look once more further down.

    Below the window the parser sees no face and takes dark cloth for hair now and then. There only counts what hangs
    together with the hair above it and has its colours.

    Args:
        parse: a parser.
        rgb: the photo, `(H, W, 3)`.
        matrix: photo to the parser's window.
        size: side of that window, px.
        hat: the face wears one, of which parsers take folds and dark cloth for hair: none counts above the hairline.

    Returns:
        How much of each pixel is to be treated as hair, `(h, size)`, 0..1, on the window's pixels and those below it; h
        is `size` where nothing hangs out of it.
    """
    crop = np.asarray(geometry.cut(rgb, matrix, size), np.uint8)
    above = _share(parse(crop))
    if hat:
        above = above * _below_hairline(size)
    above = without_islands(above)
    step = round(STEP * size)
    below_matrix = _moved_down(matrix, step)
    if not _hangs_out(above) or _is_beside(_moved_down(matrix, size), (step, size), rgb):
        return above
    below_crop = np.asarray(geometry.cut(rgb, below_matrix, size), np.uint8)
    below = _share(parse(below_crop)) * _of_colours(below_crop, crop[above > _SURE])
    fade = np.clip((size - np.arange(step, size) - 0.5) / (FADE * size), 0.0, 1.0)[:, None].astype(np.float32)
    joined = fade * above[step:] + (1.0 - fade) * below[: size - step]
    tall = np.concatenate([above[:step], joined, below[size - step :]])
    return _hanging(tall, size - round(FADE * size))


def _share(probability: Floats) -> Floats:
    """Return how much of each pixel is to be treated as hair, 0..1."""
    return np.asarray(np.clip((probability - _NONE) / (_WHOLE - _NONE), 0.0, 1.0), np.float32)


def _below_hairline(size: int) -> Floats:
    """Return a column `(size, 1)` of the parser's window: 0 above the hairline, 1 below, a soft step between."""
    rows = geometry.HEAD[1] + (np.arange(size) + 0.5) * geometry.HEAD[2] / size
    return np.clip((rows - HAIRLINE) / _HAT_EDGE + 0.5, 0.0, 1.0)[:, None].astype(np.float32)


def _moved_down(matrix: Matrix, rows: float) -> Matrix:
    moved = matrix.copy()
    moved[1, 2] -= rows
    return moved


def _hangs_out(probability: Floats) -> bool:
    last = max(1, round(_LAST_ROWS * len(probability)))
    return bool((probability[-last:] > _SURE).mean() > _GOES_ON)


def _is_beside(matrix: Matrix, size: tuple[int, int], rgb: NDArray[Any]) -> bool:
    """Tell whether a crop shows nothing of the photo."""
    x0, y0, x1, y1 = geometry.crop_roi(matrix, size, (rgb.shape[0], rgb.shape[1]))
    return x1 <= x0 or y1 <= y0


def _of_colours(crop: NDArray[np.uint8], samples: NDArray[np.uint8]) -> Floats:
    """Say which pixels have the colours of some others, `(h, w)`, 0..1."""
    known = to_lab(samples[None])[0]
    centre = known.mean(0, dtype=np.float64)
    spread = np.cov(known.T, bias=True) + _COLOUR_NOISE**2 * np.eye(3)
    away = to_lab(np.asarray(cv2.blur(crop, (3, 3)), np.uint8)).reshape(-1, 3) - centre
    distance = np.sqrt(np.einsum("ni,ni->n", away @ np.linalg.inv(spread), away)).reshape(crop.shape[:2])
    return np.asarray(np.clip((_FAR - distance) / (_FAR - _NEAR), 0.0, 1.0), np.float32)


def _hanging(probability: Floats, top: int) -> Floats:
    """Drop what lies below row `top` and does not hang together with the hair above it."""
    sure = (probability > _SURE).astype(np.uint8)
    _, labels = cv2.connectedComponents(sure, connectivity=8)
    hair = np.isin(labels, np.unique(labels[:top])) & (labels > 0)
    near = cv2.dilate(hair.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0  # its soft edge stays
    near[:top] = True
    return np.where(near, probability, np.float32(0.0))
