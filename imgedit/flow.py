"""Move a photo's own pixels: hair copied to where a word wants it, skin painted where it is to go.

Where the pixels come from is told by coarse fields that were found on a crop; they are looked up in the photo itself,
so that every strand keeps the photo's resolution.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit import geometry
from imgedit.geometry import Matrix
from imgedit.guided import Floats, bands
from imgedit.pixels import to_uint8
from imgedit.regions import Region

__all__ = ["N_PLANES", "apply_fields", "mask_on"]

N_PLANES = 7
"""Planes of the fields: x and y of the flow, weight of the copy, weight of the paint, red, green and blue."""


def mask_on(region: Region, shape: tuple[int, int], matrix: Matrix, size: int) -> Floats:
    """Return what a region looks like on a crop, `(size, size)`, 0..1.

    Args:
        region: of the photo.
        shape: height and width of the photo.
        matrix: photo to crop.
        size: side of the crop, px.
    """
    x0, y0, x1, y1 = region.roi
    whole = np.zeros(shape, np.uint8)
    whole[y0:y1, x0:x1] = np.rint(region.weight * 255.0)
    return np.asarray(geometry.cut(whole, matrix, size), np.float32) / np.float32(255.0)


def apply_fields(
    rgb: NDArray[np.uint8],
    fields: Sequence[tuple[float, Floats]],
    matrix: Matrix,
    size: int,
    source: Region,
    region: Region,
) -> NDArray[np.uint8]:
    """Copy and paint in a photo.

    Args:
        rgb: the photo.
        fields: amount and fields `(N_PLANES, h, w)` each, which span the crop: the flow from a pixel to its source in
            units of the crop's side, the weights 0..1, the paint in [-1, 1].
        matrix: photo to crop.
        size: side of the crop, px.
        source: what may be copied; nothing comes from elsewhere.
        region: where to act.

    Returns:
        A new photo.
    """
    out = rgb.copy()
    x0, y0, x1, y1 = region.roi
    sx0, sy0, sx1, sy1 = source.roi
    pixels = np.ascontiguousarray(rgb[sy0:sy1, sx0:sx1])
    to_photo = np.linalg.inv(matrix[:, :2]) * size
    for rows in bands(y1 - y0, x1 - x0):
        weight = region.weight[rows]
        if not weight.any():
            continue
        area = (x0, y0 + rows.start, x1, y0 + rows.stop)
        band = out[area[1] : area[3], x0:x1]
        colours = band.astype(np.float32) / 127.5 - 1.0
        change = np.zeros_like(colours)
        for amount, planes in fields:
            to_fields = _scaled(matrix, planes.shape[1] / size)
            move = np.ascontiguousarray(planes[:4].transpose(1, 2, 0))
            flow, copy, paint = np.split(geometry.put_back(move, to_fields, area, edge=True), [2, 3], axis=2)
            tint = geometry.put_back(np.ascontiguousarray(planes[4:].transpose(1, 2, 0)), to_fields, area, edge=True)
            result = colours
            if pixels.size:
                here = np.meshgrid(np.arange(x0 - sx0, x1 - sx0), np.arange(area[1] - sy0, area[3] - sy0))
                x, y = (
                    np.asarray(p + d, np.float32)
                    for p, d in zip(here, np.moveaxis(flow @ to_photo.T, 2, 0), strict=True)
                )
                moved = cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
                visible = cv2.remap(source.weight, x, y, cv2.INTER_LINEAR)  # nothing beyond its border
                result = result + copy * visible[..., None] * (moved.astype(np.float32) / 127.5 - 1.0 - result)
            result = result + paint * (tint - result)
            change += np.float32(amount) * (result - colours)
        edited = to_uint8(colours + weight[..., None] * change)
        band[...] = np.where((weight[..., None] > 0) & (change != 0), edited, band)
    return out


def _scaled(matrix: Matrix, scale: float) -> Matrix:
    """Return the matrix to a crop of the same window with another number of pixels."""
    scaled = matrix * scale
    scaled[:, 2] += (scale - 1.0) / 2.0
    return scaled
