"""The grain and the pattern of a garment, copied from beside an arm onto a sleeve that was painted smooth.

Stripes, checks and folds of the body beside an arm go on across the sleeve. Only what is finer than the painter's own
detail is copied, no stronger than the sleeve itself shows it above the tube, and none from where the garment has other
colours: prints on the chest stay there.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels
from imgedit.render.mesh_fields import smoothstep
from imgedit.vision import geometry
from imgedit.vision.geometry import Matrix, Roi

__all__ = ["detail", "share_of"]

_ASIDE = 30.0  # px of the window; from so far towards the body detail is copied
_FINE = 5.0  # px of the window; detail is what a blur over so much takes away
_LIKE = (0.12, 0.3)  # difference of smoothed colours (0..1) up to which, and from which on not, it is the same cloth
_MOST = 1.3  # times the detail of the sleeve itself (its 90th percentile) at most


def detail(rgb: Pixels, matrix: Matrix, roi: Roi, cloth: Floats, patch: Floats) -> Floats:
    """Return what is to be added to smooth cloth, `(h, w, 3)` of a part of the photo, in units of 0..1.

    Args:
        rgb: the photo.
        matrix: photo to an arm's window, in which the body is on the right.
        roi: part of the photo.
        cloth: colour of the garment, `(3,)`, 0..1.
        patch: `(h, w)` of the window, where the sleeve is as it will be.
    """
    pixel = 1.0 / geometry.crop_scale(matrix)
    aside = matrix[0, :2] * pixel * pixel * _ASIDE  # the window's way to the right, in pixels of the photo
    beside, low = _parts(_shifted(rgb, roi, aside), _FINE * pixel)
    like = 1.0 - smoothstep((np.abs(low - cloth).max(2) - _LIKE[0]) / (_LIKE[1] - _LIKE[0]))
    own, _ = _parts(_shifted(rgb, roi, np.zeros(2)), _FINE * pixel)
    at_patch = np.abs(own[geometry.put_back(patch, matrix, roi) > 0.5])
    limit = _MOST * float(np.percentile(at_patch, 90)) if at_patch.size else 0.0
    return np.asarray(np.clip(beside, -limit, limit) * like[..., None], np.float32)


def share_of(drawn: Floats, cloth: Floats, skin: Floats) -> Floats:
    """Return how much of each pixel `(h, w, 3)`, 0..1, is cloth and not skin, `(h, w)`, by its colour."""
    way = cloth - skin
    length = float(way @ way)
    if length < 0.01:
        return np.ones(drawn.shape[:2], np.float32)
    return np.asarray(smoothstep(((drawn - skin) @ way / length - 0.4) / 0.4), np.float32)


def _shifted(rgb: Pixels, roi: Roi, aside: NDArray[np.float64]) -> Floats:
    """Return the part of the photo that lies some pixels aside of another, its border repeated, 0..1."""
    x0, y0, x1, y1 = roi
    dx, dy = (round(float(v)) for v in aside)
    rows = np.clip(np.arange(y0, y1) + dy, 0, rgb.shape[0] - 1)
    columns = np.clip(np.arange(x0, x1) + dx, 0, rgb.shape[1] - 1)
    return np.asarray(rgb.take(rows, axis=0).take(columns, axis=1), np.float32) / np.float32(255.0)


def _parts(part: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Return a picture's detail, and the picture without it."""
    step = max(1, int(sigma / 2.0))
    size = (max(1, part.shape[1] // step), max(1, part.shape[0] // step))
    small = cv2.GaussianBlur(cv2.resize(part, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / step)
    low = np.asarray(cv2.resize(small, part.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    return part - low, low
