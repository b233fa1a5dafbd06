"""The mouth of a mesh: the window around it that the mouth painter sees, and its contours in that window."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from imgedit.pixels import Floats
from imgedit.vision import mesh
from imgedit.vision.geometry import Matrix, Roi, apply
from imgedit.vision.mesh import Points

__all__ = ["INNER", "OUTER", "Contours", "contours", "opening", "polygon_weight", "window"]

OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""Points of the mesh around the lips, from the left corner along the lower lip."""
INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Points of the mesh where the lips end inwards; with the mouth closed a line."""
SIDE = 9.6
"""Side of the window in units of the mean face (the eyes' outer corners are 8.9 apart)."""
GROWTH = 0.3
"""How far beyond the inner contour is painted, in the same units: the mesh's lips are off by about so much."""

_MIDDLE = (13, 14, 61, 291)  # of the mean face: the window's middle is a little below theirs
_LOWER = 0.6  # by so much
_BITS = 4  # behind the point of polygons' corners
_FINE = 4  # times as fine as a pixel masks are drawn


class Contours(NamedTuple):
    """Masks of a mouth, `(h, w)` each, 0..1.

    Attributes:
        outer: within the lips' outer contour.
        inner: between the lips.
        hole: what is to be painted: `inner`, grown.
    """

    outer: Floats
    inner: Floats
    hole: Floats


def window(points: Points, size: int) -> Matrix:
    """Return the matrix from a photo to the square window around a mouth, upright with the face.

    It hangs on what expressions do not move: an opened mouth is larger in it.

    Args:
        points: `(468, 3)`, pixels of the photo.
        size: side of the crop, px.
    """
    middle = mesh.template().points[list(_MIDDLE)].mean(0) + np.array([0.0, _LOWER, 0.0])
    return mesh.upright_window(points, middle, SIDE, (size, size))


def contours(points: Points, matrix: Matrix, size: int, *, growth: float = GROWTH) -> Contours:
    """Draw the contours of a mouth in its window.

    Args:
        points: `(468, 3)`, pixels of the photo.
        matrix: photo to window.
        size: side of the window, px.
        growth: how far beyond the inner contour is painted, in units of the mean face.
    """
    place = apply(matrix, points[:, :2])
    area = (0, 0, size, size)
    return Contours(
        polygon_weight(place[list(OUTER)], area),
        polygon_weight(place[list(INNER)], area),
        polygon_weight(place[list(INNER)], area, growth=growth * size / SIDE),
    )


def opening(points: Points) -> float:
    """Return how far the lips are apart in their middle, in units of the mean face: 0.2 closed, 1.2 laughing."""
    scale, turn, shift = _fit(points)
    upright = (points[[13, 14]] - shift) @ turn / scale
    return float(upright[1, 1] - upright[0, 1])


def polygon_weight(corners: Points, area: Roi, *, growth: float = 0.0) -> Floats:
    """Return how much of each pixel lies within a polygon.

    Args:
        corners: `(N, 2)`, pixels.
        area: the pixels that are wanted.
        growth: how far beyond the polygon counts as within, pixels.

    Returns:
        `(h, w)` of the area, 0..1.
    """
    x0, y0, x1, y1 = area
    height, width = y1 - y0, x1 - x0
    fine = np.zeros((height * _FINE, width * _FINE), np.uint8)
    place = (corners - (x0, y0) + 0.5) * _FINE - 0.5
    path = [np.rint(place * (1 << _BITS)).astype(np.int32)]
    cv2.fillPoly(fine, path, 255, lineType=cv2.LINE_8, shift=_BITS)
    if growth > 0:
        thickness = max(1, round(2.0 * growth * _FINE))
        cv2.polylines(fine, path, True, 255, thickness, lineType=cv2.LINE_8, shift=_BITS)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255.0)


def _fit(points: Points) -> tuple[float, Points, Points]:
    still = list(mesh.STILL)
    return mesh.fit(mesh.template().points[still], points[still])
