"""`Flow`: a photo's own pixels copied to where a word wants them, and smooth colour painted where they are to go.

Coarse fields, found on a crop, say where pixels come from; these are looked up in the photo itself, so that every
strand keeps the photo's resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from imgedit.models.manifest import Crop
from imgedit.pixels import Floats, Pixels, from_uint8, kept_signed
from imgedit.render import regions
from imgedit.render.change import MOVE
from imgedit.render.guided import bands
from imgedit.render.regions import Region
from imgedit.vision import geometry
from imgedit.vision.geometry import Matrix, Roi
from imgedit.vision.subject import Subject

__all__ = ["N_PLANES", "Flow", "apply_fields", "mask_on"]

N_PLANES = 7
"""Planes of the fields: x and y of the flow, weight of the copy, weight of the paint, red, green and blue."""

Fields = Sequence[tuple[float, Floats]]


@dataclass(frozen=True, eq=False)
class Flow:
    """From where a photo's own pixels are copied, and what is painted.

    Attributes:
        fields: amount and fields `(N_PLANES, h, w)`, as `apply_fields` takes them.
        crop: the window that the fields span.
        source: name of the region that may be copied.
        region: name of the region where it may act.
    """

    fields: Fields
    crop: Crop
    source: str
    region: str
    order: ClassVar[int] = MOVE

    def scaled(self, strength: float) -> Flow:
        """Return the same change at a share of its strength: what is copied and painted shines through the photo."""
        return replace(self, fields=[(amount * strength, fields) for amount, fields in self.fields])

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Copy and paint in the region, within the crop's own window; as `Change.apply`."""
        spec = (self.crop.kind, self.crop.height, self.crop.width)
        area = regions.intersect(regions.window(subject, *spec), region)
        source = regions.find(subject, self.source)
        return apply_fields(rgb, self.fields, subject.matrix(*spec), spec[1:], source, area)


def mask_on(region: Region, photo: tuple[int, int], matrix: Matrix, shape: tuple[int, int]) -> Floats:
    """Return what a region looks like on a crop, `(h, w)`, 0..1.

    Args:
        region: of the photo.
        photo: height and width of the photo.
        matrix: photo to crop.
        shape: height and width of the crop, px.
    """
    x0, y0, x1, y1 = region.roi
    whole = np.zeros(photo, np.uint8)
    whole[y0:y1, x0:x1] = np.rint(region.weight * 255.0)
    return np.asarray(geometry.cut(whole, matrix, shape), np.float32) / np.float32(255.0)


def apply_fields(
    rgb: Pixels,
    fields: Fields,
    matrix: Matrix,
    shape: tuple[int, int],
    source: Region,
    region: Region,
) -> Pixels:
    """Copy and paint in a photo.

    Args:
        rgb: the photo.
        fields: amount and fields `(N_PLANES, h, w)` each, which span the crop: the flow from a pixel to its source in
            units of the crop's width and height, the weights 0..1, the paint in [-1, 1].
        matrix: photo to crop.
        shape: height and width of the crop, px.
        source: what may be copied; nothing comes from elsewhere.
        region: where to act.

    Returns:
        A new photo.
    """
    out = rgb.copy()
    x0, y0, x1, y1 = region.roi
    sx0, sy0, sx1, sy1 = source.roi
    pixels = np.ascontiguousarray(rgb[sy0:sy1, sx0:sx1])
    for rows in bands(y1 - y0, x1 - x0):
        weight = region.weight[rows][..., None]
        if not weight.any():
            continue
        area = (x0, y0 + rows.start, x1, y0 + rows.stop)
        band = out[area[1] : area[3], x0:x1]
        colours = from_uint8(band)
        change: Floats | None = None
        for amount, planes in fields:
            flow, copy, paint, tint = _brought_back(planes, matrix, shape, area)
            result = colours
            if pixels.size and copy.any():
                x = np.arange(x0 - sx0, x1 - sx0, dtype=np.float32) + flow[..., 0]
                y = np.arange(area[1] - sy0, area[3] - sy0, dtype=np.float32)[:, None] + flow[..., 1]
                moved = np.clip(cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), 0, 255)
                visible = cv2.remap(source.weight, x, y, cv2.INTER_LINEAR)  # nothing beyond its border
                result = _mixed(from_uint8(moved), copy * visible[..., None], colours)
            part = _mixed(tint, paint, result)
            part -= colours
            part *= np.float32(amount)
            change = part if change is None else change + part
        if change is None:
            continue
        is_changed = (weight > 0) & (change != 0)
        change *= weight
        change += colours
        np.copyto(band, kept_signed(change, rgb.dtype), where=is_changed)
    return out


def _mixed(colours: Floats, share: Floats, ground: Floats) -> Floats:
    """Return `ground + share * (colours - ground)`, `(h, w, 3)`, in the memory of `colours`."""
    colours -= ground
    colours *= share
    colours += ground
    return colours


def _brought_back(
    planes: Floats, matrix: Matrix, shape: tuple[int, int], area: Roi
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return flow `(h, w, 2)` in pixels of the photo, both weights `(h, w, 1)` and the paint `(h, w, 3)` of an area."""
    height, width = shape
    scale = np.array([planes.shape[2] / width, planes.shape[1] / height])  # the same window with other pixels
    to_fields = matrix * scale[:, None]
    to_fields[:, 2] += (scale - 1.0) / 2.0
    halves = (np.ascontiguousarray(part.transpose(1, 2, 0)) for part in (planes[:4], planes[4:]))  # OpenCV's limit is 4
    moves, tint = (geometry.put_back(half, to_fields, area, edge=True) for half in halves)
    flow = moves[..., :2] @ (np.linalg.inv(matrix[:, :2]) * (width, height)).T.astype(np.float32)
    return flow, moves[..., 2:3], moves[..., 3:], tint
