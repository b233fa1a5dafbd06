"""Put an edit back into the photo: colour grids and deltas at the photo's own resolution.

Only a `Region` of the photo is ever touched, and in it only pixels with a weight above 0: all others stay as they are,
bit for bit.

Reference: Gharbi et al. 2017, "Deep bilateral learning for real-time image enhancement", section 3.3 (slicing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imgedit import geometry
from imgedit.geometry import Matrix
from imgedit.guided import Floats, bands, fit_guided
from imgedit.regions import Region

__all__ = ["apply_delta", "apply_grids"]


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
    for rows in bands(y1 - y0, x1 - x0):
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
    for rows in bands(y1 - y0, x1 - x0):
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
