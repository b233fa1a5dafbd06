"""`Mouth`: what a mouth shows once it opens or closes, painted between the lips after the photo's pixels were moved.

The painter sees a small crop of the moved photo. Its picture is enlarged and put between the lips alone; lips that stay
closed, and a mouth that was open already and stays so, keep the photo's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from imgedit.pixels import Floats, Pixels, eight_bit, greyed, kept, to_tensor
from imgedit.render.change import DETAIL
from imgedit.render.mesh_fields import smoothstep
from imgedit.render.regions import AROUND, Region, intersect
from imgedit.vision import geometry, mouths
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject

__all__ = ["Mouth", "Paint", "painted_share"]

Paint = Callable[[Floats, Floats], Floats]
"""Paints: a crop `(3, size, size)` in [-1, 1] and its masks `(3, size, size)` in 0..1 to a crop."""

_CLOSED, _OPEN = 0.25, 0.45  # distances of the lips, units of the mean face: a mouth is closed, and open
_NEAR, _FAR = 1.8, 2.8  # how many times further the lips of an open mouth are apart: painted not at all, and in full
_EDGE = 0.12  # width of the soft edge, in the same units


@dataclass(frozen=True, eq=False)
class Mouth:
    """A mouth that is opened or closed.

    Attributes:
        source: mesh of the photo as it was given, `(468, 3)`, pixels.
        target: mesh after the move.
        paint: the painter.
        size: side of its crop, px.
        region: name of the region where it may act.
    """

    source: Points
    target: Points
    paint: Paint
    size: int
    region: str = AROUND
    order: ClassVar[int] = DETAIL

    def scaled(self, strength: float) -> Mouth:
        """Return the same change at a share of its strength: the mesh goes a share of its way."""
        return replace(self, target=self.source + strength * (self.target - self.source))

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Paint between the lips of the moved photo; as `Change.apply`."""
        share = painted_share(self.source, self.target)
        if share <= 0.0:
            return rgb
        matrix = mouths.window(self.target, self.size)
        pixel = 1.0 / geometry.crop_scale(matrix)  # one crop pixel in photo pixels
        unit = pixel * self.size / mouths.SIDE
        crop = to_tensor(eight_bit(geometry.cut(rgb, matrix, self.size)))
        masks = np.stack(mouths.contours(self.target, matrix, self.size))
        painted = self.paint(crop, masks).transpose(1, 2, 0)
        if subject.is_grey:
            painted = greyed(painted, axis=2)
        area = intersect(self._hole(rgb.shape[:2], unit), region)
        x0, y0, x1, y1 = area.roi
        if x1 <= x0 or y1 <= y0:
            return rgb
        out = rgb if own else rgb.copy()
        enlarged = geometry.put_back(np.ascontiguousarray(painted), matrix, area.roi, smooth=True, edge=True)
        weight = (area.weight * np.float32(share))[..., None]
        part = out[y0:y1, x0:x1]
        mixed = part + weight * ((enlarged + 1.0) * 127.5 - part)
        np.copyto(part, kept(mixed, rgb.dtype), where=weight > 0)
        return out

    def _hole(self, shape: tuple[int, ...], unit: float) -> Region:
        """Return the place between the lips in a photo of some height and width, with a soft edge."""
        corners = self.target[list(mouths.INNER), :2]
        margin = 2.0 * mouths.GROWTH * unit + 2.0
        low, high = np.floor(corners.min(0) - margin).astype(int), np.ceil(corners.max(0) + margin).astype(int)
        x0, y0 = (max(0, int(v)) for v in low)
        x1, y1 = (max(0, min(limit, int(v))) for limit, v in zip((shape[1], shape[0]), high, strict=True))
        if x1 <= x0 or y1 <= y0:
            return Region((0, 0, 0, 0), np.zeros((0, 0), np.float32))
        weight = mouths.polygon_weight(corners, (x0, y0, x1, y1), growth=(mouths.GROWTH - 1.5 * _EDGE) * unit)
        soft = cv2.GaussianBlur(weight, (0, 0), max(0.5, _EDGE * unit))
        return Region((x0, y0, x1, y1), np.asarray(np.where(soft < 0.004, 0.0, soft), np.float32))


def painted_share(source: Points, target: Points) -> float:
    """Return how much of what is between the lips is painted, 0..1: all where they open, or close over teeth."""
    before, after = mouths.opening(source), mouths.opening(target)
    was_open, is_open = (smoothstep(np.array((x - _CLOSED) / (_OPEN - _CLOSED))) for x in (before, after))
    further = smoothstep(np.array((after / max(before, _CLOSED) - _NEAR) / (_FAR - _NEAR)))
    opens = is_open * np.maximum(1.0 - was_open, further)
    return float(np.maximum(opens, was_open * (1.0 - is_open)))
