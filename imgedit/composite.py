"""Put an edit back into the photo: soft regions, colour grids and deltas at the photo's own resolution.

Only a `Region` of the photo is ever touched, and in it only pixels with a weight above 0: all others stay as they are,
bit for bit. Whatever a network saw at low resolution comes up along the photo's own edges, by a guided filter whose
linear coefficients are found on a reduced copy and applied to the full-size photo, a band of rows at a time.

Reference:
    He, Sun, Tang 2013, "Guided image filtering", eq. 14-16 (colour guide); He, Sun 2015, "Fast guided filter".
    Gharbi et al. 2017, "Deep bilateral learning for real-time image enhancement", section 3.3 (slicing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit import geometry
from imgedit.geometry import Matrix, Roi

__all__ = [
    "Region",
    "apply_delta",
    "apply_grids",
    "fit_guided",
    "guided_filter",
    "intersect",
    "ownership",
    "refine",
    "region_of",
    "widened",
    "window_weight",
    "without_islands",
]

Floats = NDArray[np.float32]

WORK_SIDE = 640
"""Longest side of the reduced copy on which guided-filter coefficients are found, px."""
FEATHER = 0.10
"""Width of the ramp from 0 to 1 inside the border of a crop window, as a share of its side."""
_BAND_PIXELS = 1 << 18  # pixels of a band of rows; about 30 MB of float32 temporaries in the widest step


@dataclass(frozen=True)
class Region:
    """Where an edit may act, and how much.

    Attributes:
        roi: part of the photo.
        weight: `(h, w)` float32 of that part, 0..1.
    """

    roi: Roi
    weight: Floats


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


def guided_filter(guide: Floats, source: Floats, radius: int, eps: float) -> Floats:
    """Smooth `source` along the edges of a colour guide; arguments as `fit_guided`, result shaped like `source`."""
    coefficients = fit_guided(guide, source, radius, eps)
    out = np.einsum("hwci,hwi->hwc", coefficients[..., :3], guide) + coefficients[..., 3]
    return np.asarray(out, np.float32).reshape(source.shape)


def refine(probability: Floats, guide: NDArray[np.uint8], radius: float, eps: float = 1e-4) -> Floats:
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
    h, w = _work_size(height, width)
    small = cv2.resize(guide, (w, h), interpolation=cv2.INTER_AREA) if (h, w) != (height, width) else guide
    if probability.shape != (h, w):
        probability = np.asarray(cv2.resize(probability, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)
    # Lean to what the parser half decided, so that hair it doubts is not half dyed; harder curves make blotches.
    leaning = np.asarray(np.clip((probability - 0.1) / 0.65, 0.0, 1.0), np.float32)
    colours = small.astype(np.float32) / 255.0
    coefficients = fit_guided(colours, leaning, max(1, round(radius * w / width)), eps)[:, :, 0]
    out = np.empty((height, width), np.float32)
    for rows in _bands(height, width):
        part = _rows(coefficients, rows, height, width)
        matte = np.einsum("hwi,hwi->hw", part[..., :3], guide[rows].astype(np.float32)) / 255.0 + part[..., 3]
        out[rows] = np.clip((matte - 0.06) / 0.86, 0.0, 1.0)
    return out


def window_weight(matrix: Matrix, size: int, roi: Roi, feather: float = FEATHER) -> Floats:
    """Return 1 inside a crop window, falling smoothly to 0 at its border: `(h, w)` of the roi.

    Args:
        matrix: photo to crop.
        size: side of the crop, px.
        roi: part of the photo.
        feather: width of the ramp, as a share of the window's side.
    """
    x0, y0, x1, y1 = roi
    h, w = y1 - y0, x1 - x0
    xs, ys = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)
    weight = np.ones((h, w), np.float32)
    for row in matrix.astype(np.float32):
        # 0 at the one border, 1 at the other
        position = (row[0] * xs[None, :] + row[1] * ys[:, None] + row[2] + 0.5) / size
        ramp = np.clip(np.minimum(position, 1.0 - position) / feather, 0.0, 1.0)
        weight *= ramp * ramp * (3.0 - 2.0 * ramp)
    return weight


def ownership(matrices: Sequence[Matrix], index: int, size: int, roi: Roi) -> Floats:
    """Share of each pixel that belongs to one face among neighbours, by distance from the windows' centres.

    Args:
        matrices: photo to crop, of every face.
        index: whose share.
        size: side of the crops, px.
        roi: part of the photo.

    Returns:
        `(h, w)` of the roi; the shares of all faces add up to 1.
    """
    x0, y0, x1, y1 = roi
    xs, ys = np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32)

    def distance(matrix: Matrix) -> Floats:
        m = matrix.astype(np.float32)
        u = (m[0, 0] * xs[None, :] + m[0, 1] * ys[:, None] + m[0, 2] + 0.5) / size - 0.5
        v = (m[1, 0] * xs[None, :] + m[1, 1] * ys[:, None] + m[1, 2] + 0.5) / size - 0.5
        return np.asarray(u * u + v * v, np.float32)

    own = distance(matrices[index])
    total = np.ones_like(own)
    for other, matrix in enumerate(matrices):
        if other != index:
            total += np.exp(np.clip(24.0 * (own - distance(matrix)), -60.0, 60.0))
    return np.asarray(1.0 / total, np.float32)


def region_of(
    rgb: NDArray[np.uint8],
    probability: Floats | None,
    matrix: Matrix,
    size: int,
    *,
    others: Sequence[Matrix] = (),
    eps: float = 1e-4,
) -> Region:
    """Bring a parser's map of a crop into the photo as the region of an edit.

    Args:
        rgb: the photo.
        probability: `(size, size)`, 0..1, on the crop; None for the whole window.
        matrix: photo to crop.
        size: side of the crop, px.
        others: matrices of the other faces' crops of this kind, which own what is nearer to them.
        eps: regularization of the guided filter on colours in 0..1.
    """
    roi = geometry.crop_roi(matrix, size, (rgb.shape[0], rgb.shape[1]))
    x0, y0, x1, y1 = roi
    if x1 <= x0 or y1 <= y0:
        return Region((0, 0, 0, 0), np.zeros((0, 0), np.float32))
    # The map, the border's ramp and the shares are smooth: find them on the reduced copy.
    h, w = _work_size(y1 - y0, x1 - x0)
    sx, sy = (x1 - x0) / w, (y1 - y0) / h
    to_photo = np.array([[sx, 0.0, x0 + 0.5 * sx - 0.5], [0.0, sy, y0 + 0.5 * sy - 0.5]])
    own = _after(matrix, to_photo)
    area = (0, 0, w, h)
    near = [m for m in (_after(other, to_photo) for other in others) if window_weight(m, size, area).any()]
    soft = window_weight(own, size, area)
    if near:
        soft *= ownership([own, *near], 0, size, area)
    soft = np.asarray(cv2.resize(soft, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR), np.float32)
    if probability is None:
        return Region(roi, soft)
    coarse = np.clip(geometry.put_back(probability, own, area, edge=True), 0.0, 1.0)
    pixel = 1.0 / geometry.crop_scale(matrix)  # one crop pixel in photo pixels
    matte = refine(np.asarray(coarse, np.float32), rgb[y0:y1, x0:x1], radius=max(2.0, 3.0 * pixel), eps=eps)
    matte *= soft
    return Region(roi, matte)


def intersect(a: Region, b: Region) -> Region:
    """Return the region where both act, their weights multiplied."""
    x0, y0 = max(a.roi[0], b.roi[0]), max(a.roi[1], b.roi[1])
    x1, y1 = max(x0, min(a.roi[2], b.roi[2])), max(y0, min(a.roi[3], b.roi[3]))
    parts = [r.weight[y0 - r.roi[1] : y1 - r.roi[1], x0 - r.roi[0] : x1 - r.roi[0]] for r in (a, b)]
    return Region((x0, y0, x1, y1), parts[0] * parts[1])


def without_islands(probability: Floats, share: float = 0.05) -> Floats:
    """Drop what a parser faintly sees far from the rest: islands with less than `share` of the largest one's mass."""
    count, labels = cv2.connectedComponents((probability > 0.05).astype(np.uint8), connectivity=8)
    if count < 3:  # label 0 is the ground
        return probability
    mass = np.bincount(np.asarray(labels).ravel(), weights=probability.ravel(), minlength=count)
    keep = mass >= share * mass[1:].max()
    keep[0] = True
    return np.asarray(np.where(keep[labels], probability, 0.0), np.float32)


def widened(probability: Floats, radius: int) -> Floats:
    """Grow a map by about `radius` pixels, softly."""
    side = 2 * max(1, radius) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grown = cv2.blur(cv2.dilate(probability, kernel), (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(grown, np.float32)


def apply_grids(
    rgb: NDArray[np.uint8],
    grids: Sequence[tuple[float, Floats]],
    guide: Callable[[Floats], Floats],
    matrix: Matrix,
    size: int,
    region: Region,
) -> NDArray[np.uint8]:
    """Grade a photo with bilateral grids of affine colour transforms, at its own resolution.

    Args:
        rgb: the photo.
        grids: weight and grid `(12, D, h, w)`, channel 4 c + i, for colours in [-1, 1].
        guide: `(1, 3, h, w)` in [-1, 1] -> `(1, 1, h, w)` depth coordinate, any h and w.
        matrix: photo to the crop that the grid spans; beyond it the grid's border holds.
        size: side of that crop, px.
        region: where to act.

    Returns:
        A new photo: `photo + region * sum of weight * (clip(A photo + b) - photo)`.
    """
    out = rgb.copy()
    x0, y0, x1, y1 = region.roi
    for rows in _bands(y1 - y0, x1 - x0):
        weight = region.weight[rows]
        chosen = np.nonzero(weight)
        if not chosen[0].size:
            continue
        band = out[y0 + rows.start : y0 + rows.stop, x0:x1]
        image = band.astype(np.float32) / 127.5 - 1.0
        depth = guide(np.ascontiguousarray(image.transpose(2, 0, 1))[None])[0, 0][chosen]
        colours = image[chosen]
        x = (chosen[1] + x0).astype(np.float32)
        y = (chosen[0] + rows.start + y0).astype(np.float32)
        m = matrix.astype(np.float32)
        u = 2.0 * (m[0, 0] * x + m[0, 1] * y + m[0, 2] + 0.5) / size - 1.0
        v = 2.0 * (m[1, 0] * x + m[1, 1] * y + m[1, 2] + 0.5) / size - 1.0
        change = np.zeros_like(colours)
        for amount, grid in grids:
            graded = _sliced(grid, np.asarray(u, np.float32), np.asarray(v, np.float32), depth, colours)
            change += np.float32(amount) * (np.clip(graded, -1.0, 1.0) - colours)
        band[chosen] = _to_uint8(colours + weight[chosen][:, None] * change)
    return out


def apply_delta(
    rgb: NDArray[np.uint8],
    delta: Floats,
    crop: Floats,
    matrix: Matrix,
    region: Region,
    *,
    radius: int = 2,
    eps: float = 1e-3,
) -> NDArray[np.uint8]:
    """Add a change that was found on a crop to the photo.

    What of the delta is a local linear function of the crop's colours (shading, tint) is applied as such to the photo
    at full resolution, with all its detail; the rest (new edges, such as frames of glasses) is enlarged smoothly.

    Args:
        rgb: the photo.
        delta: `(h, w, 3)`, edited minus crop, colours in [-1, 1].
        crop: `(h, w, 3)`, [-1, 1], what the delta was found on.
        matrix: photo to crop.
        region: where to act.
        radius: of the guided filter, crop pixels.
        eps: regularization of the guided filter on colours in 0..1.

    Returns:
        A new photo.
    """
    out = rgb.copy()
    x0, y0, x1, y1 = region.roi
    guide = np.asarray(crop * 0.5 + 0.5, np.float32)
    coefficients = fit_guided(guide, delta, radius, eps)
    rest = delta - (np.einsum("hwci,hwi->hwc", coefficients[..., :3], guide) + coefficients[..., 3])
    planes = [np.ascontiguousarray(coefficients[:, :, c]) for c in range(3)]
    for rows in _bands(y1 - y0, x1 - x0):
        weight = region.weight[rows]
        if not weight.any():
            continue
        area = (x0, y0 + rows.start, x1, y0 + rows.stop)
        band = out[area[1] : area[3], x0:x1]
        colours = band.astype(np.float32) / 255.0
        change = geometry.put_back(np.asarray(rest, np.float32), matrix, area, smooth=True, edge=True)
        for c, plane in enumerate(planes):
            a = geometry.put_back(plane, matrix, area, edge=True)
            change[..., c] += np.einsum("hwi,hwi->hw", a[..., :3], colours) + a[..., 3]
        edited = _to_uint8(colours * 2.0 - 1.0 + weight[..., None] * change)
        band[...] = np.where(weight[..., None] > 0, edited, band)
    return out


def _sliced(grid: Floats, u: Floats, v: Floats, depth: Floats, colours: Floats) -> Floats:
    """Look up every pixel's affine transform trilinearly and apply it: `(P, 3)`.

    The same as torch's `grid_sample(grid, (u, v, depth), align_corners=False, padding_mode="border")`.
    """
    n_depth, n_rows, n_columns = grid.shape[1:]
    table = np.ascontiguousarray(grid.reshape(12, -1).T)
    (x_low, x_high, fx), (y_low, y_high, fy), (d_low, d_high, fd) = (
        _neighbours(coordinate, n)
        for coordinate, n in ((u, n_columns), (v, n_rows), (np.asarray(depth, np.float32), n_depth))
    )
    affine = np.zeros((u.size, 12), np.float32)
    for d, wd in ((d_low, 1.0 - fd), (d_high, fd)):
        for row, wy in ((y_low, 1.0 - fy), (y_high, fy)):
            for column, wx in ((x_low, 1.0 - fx), (x_high, fx)):
                affine += (wd * wy * wx)[:, None] * table[(d * n_rows + row) * n_columns + column]
    rows = affine.reshape(-1, 3, 4)
    return np.asarray(np.einsum("pci,pi->pc", rows[..., :3], colours) + rows[..., 3], np.float32)


def _neighbours(coordinate: Floats, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Cells below and above a coordinate in [-1, 1] along an axis of n cells, and the share of the one above."""
    position = np.clip(((coordinate + 1.0) * n - 1.0) / 2.0, 0.0, n - 1.0)
    low = position.astype(np.intp)
    return low, np.minimum(low + 1, n - 1), np.asarray(position - low, np.float32)


def _to_uint8(colours: Floats) -> NDArray[np.uint8]:
    """[-1, 1] to 0..255, rounded and clipped."""
    return np.asarray(np.clip(np.rint((colours + 1.0) * 127.5), 0, 255), np.uint8)


def _after(matrix: Matrix, first: Matrix) -> Matrix:
    """Return the matrix that applies `first`, then `matrix`."""
    return np.column_stack([matrix[:, :2] @ first[:, :2], matrix[:, :2] @ first[:, 2] + matrix[:, 2]])


def _work_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the reduced copy."""
    scale = min(1.0, WORK_SIDE / max(height, width, 1))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _bands(height: int, width: int) -> Iterator[slice]:
    """Cut rows into bands of at most about `_BAND_PIXELS` pixels."""
    step = max(1, math.ceil(_BAND_PIXELS / max(1, width)))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _rows(small: NDArray[Any], rows: slice, height: int, width: int) -> NDArray[Any]:
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
