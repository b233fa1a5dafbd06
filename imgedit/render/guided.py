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

__all__ = ["bands", "dot", "enlarged_rows", "fit_guided", "refine", "work_grid"]

WORK_SIDE = 640
"""Longest side of the reduced copy on which guided-filter coefficients are found, px."""
_BAND_PIXELS = 1 << 18  # pixels of a band of rows; about 30 MB of float32 temporaries in the widest step


def fit_guided(guide: Floats, source: Floats, radius: int, eps: float) -> Floats:
    """Find the guided filter's smoothed coefficients of `source` as a local linear function of a colour guide.

    Args:
        guide: `(h, w, 3)`, 0..1.
        source: `(h, w)` or `(h, w, C)`.
        radius: the box is 2 radius + 1 wide, px.
        eps: regularization, in units of the guide's variance.

    Returns:
        `(h, w, C, 4)`: `source ~ coefficients[..., :3] . guide + coefficients[..., 3]`.
    """
    size = (2 * radius + 1, 2 * radius + 1)

    def mean(values: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_REFLECT), np.float32)

    # Differences of products lose digits in float32: centring the guide first keeps them.
    centre = guide.mean((0, 1), dtype=np.float64).astype(np.float32)
    image = guide - centre
    target = source.reshape(*source.shape[:2], -1)
    mean_i = mean(image)
    r, g, b = (image[..., c] for c in range(3))
    mr, mg, mb = (mean_i[..., c] for c in range(3))
    rr, rg, rb = mean(r * r) - mr * mr + eps, mean(r * g) - mr * mg, mean(r * b) - mr * mb
    gg, gb, bb = mean(g * g) - mg * mg + eps, mean(g * b) - mg * mb, mean(b * b) - mb * mb + eps
    # Inverse of the symmetric 3 x 3 covariance by cofactors.
    i_rr, i_rg, i_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    i_gg, i_gb, i_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    det = np.maximum(i_rr * rr + i_rg * rg + i_rb * rb, eps**3)
    out = np.empty((*target.shape, 4), np.float32)
    for c in range(target.shape[2]):
        p = np.ascontiguousarray(target[..., c])
        mean_p = mean(p)
        cr, cg, cb = (mean(image[..., k] * p) - mean_i[..., k] * mean_p for k in range(3))
        ar = (i_rr * cr + i_rg * cg + i_rb * cb) / det
        ag = (i_rg * cr + i_gg * cg + i_gb * cb) / det
        ab = (i_rb * cr + i_gb * cg + i_bb * cb) / det
        bias = mean_p - ar * mr - ag * mg - ab * mb
        smooth = mean(np.stack([ar, ag, ab, bias], -1))
        smooth[..., 3] -= smooth[..., :3] @ centre  # back to the guide as it was given
        out[:, :, c] = smooth
    return out


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
    coefficients = fit_guided(colours, leaning, max(1, round(radius * w / width)), eps)[:, :, 0]
    out = np.empty((height, width), np.float32)
    for rows in bands(height, width):
        part = enlarged_rows(coefficients, rows, height, width)
        matte = dot(part, guide[rows].astype(np.float32)) / 255.0 + part[..., 3]
        out[rows] = np.clip((matte - 0.06) / 0.86, 0.0, 1.0)
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
