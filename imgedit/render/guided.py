"""The guided filter: bring a coarse map up to the photo's resolution along the photo's own edges.

The linear coefficients are found on a reduced copy and applied to the full-size photo, a band of rows at a time.

Reference: He, Sun, Tang 2013, "Guided image filtering", eq. 14-16 (colour guide); He, Sun 2015, "Fast guided filter".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels
from imgedit.vision.geometry import Matrix, Roi

__all__ = ["Guide", "bands", "carried", "dot", "enlarged_rows", "fit_guided", "refine", "work_grid"]

WORK_SIDE = 640
"""Longest side of the reduced copy on which guided-filter coefficients are found, px."""
_BAND_PIXELS = 1 << 18  # pixels of a band of rows; about 30 MB of float32 temporaries in the widest step


class Guide:
    """A colour guide, made ready for the guided filter of any number of maps.

    Args:
        guide: `(h, w, 3)`, 0..1.
        radius: the box is 2 radius + 1 wide, px.
        eps: regularization, in units of the guide's variance.
    """

    def __init__(self, guide: Floats, radius: int, eps: float) -> None:
        self._size = (2 * radius + 1, 2 * radius + 1)
        # Differences of products lose digits in float32: centring the guide first keeps them.
        self._centre = guide.mean((0, 1), dtype=np.float64).astype(np.float32)
        self._image = np.asarray(guide - self._centre, np.float32)
        mean, image = self._mean, self._image
        self._mean_image = mean(image)
        r, g, b = (image[..., c] for c in range(3))
        mr, mg, mb = (self._mean_image[..., c] for c in range(3))
        rr, rg, rb = mean(r * r) - mr * mr + eps, mean(r * g) - mr * mg, mean(r * b) - mr * mb
        gg, gb, bb = mean(g * g) - mg * mg + eps, mean(g * b) - mg * mb, mean(b * b) - mb * mb + eps
        # Inverse of the symmetric 3 x 3 covariance by cofactors: rr, rg, rb, gg, gb, bb.
        cofactors = [gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb]
        cofactors += [rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg]
        det = np.maximum(rr * cofactors[0] + rg * cofactors[1] + rb * cofactors[2], eps**3)
        self._inverse = [cofactor / det for cofactor in cofactors]

    def coefficients(self, source: Floats) -> Floats:
        """Return smoothed coefficients of `source` `(h, w)` as a local linear function of the guide.

        Returns:
            `(h, w, 4)`: `source ~ coefficients[..., :3] . guide + coefficients[..., 3]`.
        """
        smooth = self._smooth(source)
        smooth[..., 3] -= smooth[..., :3] @ self._centre  # back to the guide as it was given
        return smooth

    def filtered(self, source: Floats) -> Floats:
        """Return the guided filter of `source` `(h, w)`."""
        smooth = self._smooth(source)
        return dot(smooth, self._image) + smooth[..., 3]

    def _smooth(self, source: Floats) -> Floats:
        """Return the coefficients beside the centred guide, `(h, w, 4)`."""
        mean, inverse = self._mean, self._inverse
        p = np.ascontiguousarray(source)
        mean_p = mean(p)
        cr, cg, cb = (mean(self._image[..., k] * p) - self._mean_image[..., k] * mean_p for k in range(3))
        ar = inverse[0] * cr + inverse[1] * cg + inverse[2] * cb
        ag = inverse[1] * cr + inverse[3] * cg + inverse[4] * cb
        ab = inverse[2] * cr + inverse[4] * cg + inverse[5] * cb
        bias = mean_p - ar * self._mean_image[..., 0] - ag * self._mean_image[..., 1] - ab * self._mean_image[..., 2]
        return mean(np.stack([ar, ag, ab, bias], -1))

    def _mean(self, values: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(values, -1, self._size, borderType=cv2.BORDER_REFLECT), np.float32)


def fit_guided(guide: Floats, source: Floats, radius: int, eps: float) -> Floats:
    """Find the guided filter's smoothed coefficients of `source` as a local linear function of a colour guide.

    Args:
        guide: as `Guide`.
        source: `(h, w)` or `(h, w, C)`.
        radius: as `Guide`.
        eps: as `Guide`.

    Returns:
        `(h, w, C, 4)`: `source ~ coefficients[..., :3] . guide + coefficients[..., 3]`.
    """
    ready = Guide(guide, radius, eps)
    target = source.reshape(*source.shape[:2], -1)
    return np.stack([ready.coefficients(target[..., c]) for c in range(target.shape[2])], axis=2)


def refine(probability: Floats, guide: Pixels, radius: float, eps: float = 1e-4) -> Floats:
    """Turn a coarse probability into a soft matte that follows the photo's own edges.

    Args:
        probability: `(h, w)`, 0..1; a reduced map of the same picture as `guide`, of any resolution up to its own.
        guide: `(H, W, 3)`, RGB.
        radius: how far from the map's edge the matte may find its own, pixels of `guide`.
        eps: regularization of the guided filter on colours in 0..1.

    Returns:
        `(H, W)`, 0..1, exactly 0 and 1 away from edges.
    """
    height, width = guide.shape[:2]
    h, w, _ = work_grid((0, 0, width, height))
    small = cv2.resize(guide, (w, h), interpolation=cv2.INTER_AREA) if (h, w) != (height, width) else guide
    if probability.shape != (h, w):
        probability = np.asarray(cv2.resize(probability, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    # Lean to what the parser half decided, so that hair it doubts is not half dyed; harder curves make blotches.
    leaning = np.asarray(np.clip((probability - 0.1) / 0.65, 0.0, 1.0), np.float32)
    colours = small.astype(np.float32) / 255.0
    matte = carried(leaning, colours, guide, max(1, round(radius * w / width)), eps)
    return np.clip((matte - 0.06) / 0.86, 0.0, 1.0, out=matte)


def carried(values: Floats, colours: Floats, rgb: Pixels, radius: int, eps: float) -> Floats:
    """Bring a map of a reduced copy up to the photo along the photo's own edges.

    Args:
        values: `(h, w)`.
        colours: `(h, w, 3)`, the reduced copy, 0..1.
        rgb: `(H, W, 3)`, the photo.
        radius: of the guided filter, px of the copy.
        eps: as `Guide`.

    Returns:
        `(H, W)`.
    """
    height, width = rgb.shape[:2]
    coefficients = Guide(colours, radius, eps).coefficients(values)
    out = np.empty((height, width), np.float32)
    for rows in bands(height, width):
        part = enlarged_rows(coefficients, rows, height, width)
        out[rows] = dot(part, rgb[rows].astype(np.float32)) / 255.0 + part[..., 3]
    return out


def dot(a: Floats, b: Floats) -> Floats:
    """Return the sum of the products of the first three channels, `(h, w)`; einsum does the same, more slowly."""
    total = np.asarray(a[..., 0] * b[..., 0], np.float32)
    total += a[..., 1] * b[..., 1]
    total += a[..., 2] * b[..., 2]
    return total


def work_grid(roi: Roi, side: int = WORK_SIDE) -> tuple[int, int, Matrix]:
    """Return height and width of a reduced copy of a part of a photo, and the matrix from its pixels to the photo's.

    Args:
        roi: the part.
        side: longest side of the copy, px; a smaller part keeps its size.
    """
    x0, y0, x1, y1 = roi
    scale = min(1.0, side / max(y1 - y0, x1 - x0, 1))
    h, w = max(1, round((y1 - y0) * scale)), max(1, round((x1 - x0) * scale))
    sx, sy = (x1 - x0) / w, (y1 - y0) / h
    return h, w, np.array([[sx, 0.0, x0 + 0.5 * sx - 0.5], [0.0, sy, y0 + 0.5 * sy - 0.5]])


def bands(height: int, width: int) -> Iterator[slice]:
    """Cut rows into bands of at most about `_BAND_PIXELS` pixels."""
    step = max(1, math.ceil(_BAND_PIXELS / max(1, width)))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def enlarged_rows(small: NDArray[Any], rows: slice, height: int, width: int) -> NDArray[Any]:
    """Enlarge a reduced map bilinearly, but only some rows of it; pixel centres as `cv2.resize` has them."""
    h, w = small.shape[:2]
    if (h, w) == (height, width):
        return small[rows]
    sx, sy = w / width, h / height
    matrix = np.array([[sx, 0.0, 0.5 * sx - 0.5], [0.0, sy, (rows.start + 0.5) * sy - 0.5]])
    return np.asarray(
        cv2.warpAffine(
            small,
            matrix,
            (width, rows.stop - rows.start),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )
