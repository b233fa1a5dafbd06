"""`Removal`: glasses are taken off, and what they hid is painted.

The painter sees a small window around the eyes and returns it without glasses, and where they were. This is enlarged;
the fine detail that it lacks is that of the pixels beside it, mirrored at the border of what is painted. Everything
else keeps the photo's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels, eight_bit, greyed, kept, to_tensor
from imgedit.render.change import DETAIL
from imgedit.render.regions import Region
from imgedit.vision import eyes, geometry
from imgedit.vision.geometry import Matrix, Roi
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject

__all__ = ["Removal", "Take"]

Take = Callable[[Floats], tuple[Floats, Floats]]
"""Takes off: a crop `(3, h, w)` in [-1, 1] to the crop without, and where it differs, `(h, w)` in 0..1."""

_LEAST, _FULL = 0.08, 0.6  # of the network's mask: painted not at all, and in full
_SEEN = 0.5  # of the network's mask, from which a pixel shows glasses
_GRAIN = 14.0  # of 255: more than so much detail is an edge, not grain
_BORDER = 4  # crop pixels over which painting ends at the border of the window


@dataclass(frozen=True, eq=False)
class Removal:
    """Glasses that are taken off a face.

    Attributes:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        take: the painter.
        size: height and width of its crop, px.
        region: name of the region where it may act.
        amount: share of the change, 0..1.
    """

    points: Points
    take: Take
    size: tuple[int, int]
    region: str
    amount: float = 1.0
    order: ClassVar[int] = DETAIL

    def scaled(self, strength: float) -> Removal:
        """Return the same change at a share of its strength: the glasses fade."""
        return replace(self, amount=self.amount * strength)

    def share_of(self, rgb: Pixels) -> float:
        """Return the share of the window in which the painter sees glasses, 0..1."""
        matrix = eyes.window(self.points, self.size)
        _, mask = self.take(to_tensor(eight_bit(geometry.cut(rgb, matrix, self.size, edge=True))))
        return float((mask * eyes.where_frames_may_be(self.points, matrix, self.size) > _SEEN).mean())

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Take the glasses off the photo; as `Change.apply`."""
        matrix = eyes.window(self.points, self.size)
        roi = _bounds(matrix, self.size, region.roi)
        out = rgb if own else rgb.copy()
        if roi is None:
            return out
        crop = eight_bit(geometry.cut(rgb, matrix, self.size, edge=True))
        painted, mask = self.take(to_tensor(crop))
        picture = painted.transpose(1, 2, 0)
        if subject.is_grey:
            picture = greyed(picture, axis=2)
        mask = np.clip((mask - _LEAST) / (_FULL - _LEAST), 0.0, 1.0) * _window(self.size)
        mask *= eyes.where_frames_may_be(self.points, matrix, self.size)
        x0, y0, x1, y1 = roi
        part = out[y0:y1, x0:x1]
        weight = geometry.put_back(np.asarray(mask, np.float32), matrix, roi, smooth=True)
        weight = np.where(weight < 0.01, 0.0, np.clip(weight, 0.0, 1.0))
        coarse = geometry.put_back(crop.astype(np.float32), matrix, roi, smooth=True, edge=True)
        colours = (geometry.put_back(np.ascontiguousarray(picture), matrix, roi, smooth=True, edge=True) + 1.0) * 127.5
        colours += _grain(part.astype(np.float32) - coarse, weight > 0)
        np.clip(colours, 0.0, 255.0, out=colours)  # the enlargement overshoots at edges
        left, top = x0 - region.roi[0], y0 - region.roi[1]
        share = weight * region.weight[top : top + y1 - y0, left : left + x1 - x0] * np.float32(self.amount)
        mixed = part + share[..., None] * (colours - part)
        np.copyto(part, kept(mixed, rgb.dtype), where=share[..., None] > 0)
        return out


def _bounds(matrix: Matrix, size: tuple[int, int], limit: Roi) -> Roi | None:
    """Return the part of a photo that holds a crop, within another part; None where there is none."""
    height, width = size
    corners = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    place = geometry.apply(geometry.invert(matrix), corners)
    low, high = np.floor(place.min(0)).astype(int), np.ceil(place.max(0)).astype(int) + 1
    x0, y0 = max(limit[0], int(low[0])), max(limit[1], int(low[1]))
    x1, y1 = min(limit[2], int(high[0])), min(limit[3], int(high[1]))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _window(size: tuple[int, int]) -> Floats:
    """Return 1 within a crop and less towards its border, `(h, w)`."""
    down, across = (np.clip((np.minimum(np.arange(n), n - 1 - np.arange(n)) + 0.5) / _BORDER, 0.0, 1.0) for n in size)
    return np.asarray(np.minimum(down[:, None], across), np.float32)


def _grain(detail: Floats, hole: NDArray[np.bool_]) -> Floats:
    """Return fine detail for a hole: that of the pixels beside it, mirrored at its border.

    Args:
        detail: `(h, w, 3)`, what a photo has beyond its crop, 0..255.
        hole: `(h, w)`, what is painted.

    Returns:
        `(h, w, 3)`; 0 outside the hole, and where the mirror image lies in it too.
    """
    height, width = hole.shape
    if hole.all() or not hole.any():
        return np.zeros_like(detail)
    _, labels = cv2.distanceTransformWithLabels(hole.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    outside = np.flatnonzero(~hole)
    nearest = np.zeros(int(labels.max()) + 1, np.int64)
    nearest[labels.ravel()[outside]] = outside
    y, x = np.nonzero(hole)
    at = nearest[labels[y, x]]
    there_y = np.clip(2 * (at // width) - y, 0, height - 1)
    there_x = np.clip(2 * (at % width) - x, 0, width - 1)
    found = np.clip(detail[there_y, there_x], -_GRAIN, _GRAIN) * ~hole[there_y, there_x][:, None]
    out = np.zeros_like(detail)
    out[y, x] = found
    return out
