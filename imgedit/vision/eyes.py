"""The eyes of a mesh: the window around them that the remover of glasses sees, and whether lenses hide them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats
from imgedit.vision import geometry, mesh
from imgedit.vision.geometry import Matrix
from imgedit.vision.mesh import Points

__all__ = ["DARK_LENSES", "WIDTH", "lightness_of_lenses", "where_frames_may_be", "window"]

WIDTH = 17.6
"""Width of the window in units of the mean face (the eyes' outer corners are 8.9 apart): from ear to ear."""
DARK_LENSES = 0.38
"""`lightness_of_lenses` below which glasses count as dark; chosen by eye on CelebA's training split."""

_CORNERS = (33, 133, 362, 263)  # of the eyes; the window's middle is theirs,
_LOWER = 0.6  # and so much lower: lenses reach further down than up
_AROUND = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))  # each eye
_LIDS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)  # each eye's opening
_NOSE = (5, 115, 48, 2, 278, 344)  # its lower half, on which no frame rests
_LOWEST, _FADING = 3.9, 0.6  # units below the eyes that a frame reaches down to at most, and over which it ends
_CHEEKS = ((50, 101, 36, 205), (280, 330, 266, 425))  # below where lenses reach


def window(points: Points, size: tuple[int, int]) -> Matrix:
    """Return the matrix from a photo to the window around the eyes, upright with the face.

    Args:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        size: height and width of the crop, px.
    """
    middle = mesh.template().points[list(_CORNERS)].mean(0) + np.array([0.0, _LOWER, 0.0])
    return mesh.upright_window(points, middle, WIDTH, size)


def where_frames_may_be(points: Points, matrix: Matrix, size: tuple[int, int]) -> Floats:
    """Return where in the window of a face glasses may hide it: not in the eyes' openings, nor on the nose's tip.

    Args:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        matrix: photo to window.
        size: height and width of the window, px.

    Returns:
        `(h, w)`, 0..1.
    """
    height, width = size
    place = geometry.apply(matrix, points[:, :2])
    unit = width / WIDTH
    taken = np.zeros(size, np.uint8)
    for part in (*_LIDS, _NOSE):
        cv2.fillConvexPoly(taken, cv2.convexHull(np.rint(place[list(part)]).astype(np.int32)), 1)
    free = 1.0 - cv2.blur(taken.astype(np.float32), (3, 3))
    below = (np.arange(height) - place[list(_CORNERS), 1].mean()) / unit
    ends = np.clip((_LOWEST - below) / _FADING, 0.0, 1.0)
    return np.asarray(free * ends[:, None], np.float32)


def lightness_of_lenses(rgb: NDArray[np.uint8], points: Points) -> float:
    """Return how light a face is around its eyes, beside its cheeks.

    Args:
        rgb: the photo, `(H, W, 3)`.
        points: the face's mesh, `(468, 3)`, pixels of the photo.

    Returns:
        Mean over eyes and lids by mean over cheeks, of the side where that is more: both lenses are dark, or none is.
    """
    means = []
    for eye, cheek in zip(_AROUND, _CHEEKS, strict=True):
        around = points[list(eye), :2]
        wider = around.mean(0) + (around - around.mean(0)) * [1.25, 2.0]
        means.append(_mean(rgb, wider) / max(_mean(rgb, points[list(cheek), :2]), 1.0))
    return max(means)


def _mean(rgb: NDArray[np.uint8], corners: Points) -> float:
    """Return the mean of a polygon `(n, 2)` of a photo over its colours, 0..255."""
    height, width = rgb.shape[:2]
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    x0, x1 = np.clip([low[0], high[0]], 0, width)
    y0, y1 = np.clip([low[1], high[1]], 0, height)
    if x1 <= x0 or y1 <= y0:
        return 0.0
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(corners - (x0, y0)).astype(np.int32)), 1)
    return float(np.mean(cv2.mean(rgb[y0:y1, x0:x1], mask)[:3]))
