"""How blurred a face is in a photo, so that what is drawn on it is no sharper than the rest."""

from __future__ import annotations

import cv2
import numpy as np

from imgedit.pixels import Floats, Pixels
from imgedit.vision.mesh import Points

__all__ = ["blur_of"]

_SIDE = 256  # longest side of the copy of a face that is looked at, px
_BLURS = (1.0, 2.0)  # by which it is blurred further, px
_SHARPEST = 99.5  # percentile of its edges
_COPY = 0.6  # px; blur of a reduced copy of a sharp photo


def blur_of(rgb: Pixels, points: Points) -> float:
    """Return the standard deviation of the blur of a face's sharpest edges, px of the photo; 0 where it is not seen.

    An edge that is blurred by s and then by b has a slope of 1 / sqrt(s^2 + b^2) of its height, so that two slopes
    tell s.

    Args:
        rgb: the photo, `(H, W, 3)`.
        points: the face's mesh, `(468, 3)`, pixels of the photo.

    Reference:
        Zhuo and Sim 2011, "Defocus map estimation from a single image", section 3.
    """
    low, high = np.floor(points[:, :2].min(0)).astype(int), np.ceil(points[:, :2].max(0)).astype(int) + 1
    x0, y0 = np.maximum(low, 0)
    part = rgb[y0 : max(y0, high[1]), x0 : max(x0, high[0])]
    if min(part.shape[:2]) < 8:
        return 0.0
    reduced = max(1.0, max(part.shape[:2]) / _SIDE)
    if reduced > 1.0:
        size = (round(part.shape[1] / reduced), round(part.shape[0] / reduced))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    grey = part.mean(axis=2, dtype=np.float32)
    first, second = (_slope(grey, blur) for blur in _BLURS)
    ratio = (first / max(second, 1e-6)) ** 2
    low_square, high_square = (blur**2 for blur in _BLURS)
    square = (high_square - ratio * low_square) / max(ratio - 1.0, 1e-3)
    if reduced > 1.0:
        square -= _COPY**2
    return float(reduced * np.sqrt(max(square, 0.0)))


def _slope(grey: Floats, blur: float) -> float:
    """Return the slope of the sharpest edges of a blurred picture, `(h, w)`, a pixel."""
    smooth = cv2.GaussianBlur(grey, (0, 0), blur)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8) for dx, dy in ((1, 0), (0, 1)))
    return float(np.percentile(np.hypot(across, down), _SHARPEST))
