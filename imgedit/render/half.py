"""`Half`: the half of a face that a photo from the side does not show is painted, after the head was turned.

The painter sees a small crop of the turned photo, of which that half is hidden. Its picture is enlarged; the fine
detail that it lacks is that of the other half, mirrored. What the photo shows keeps the photo's own pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels, eight_bit, greyed, kept, to_tensor
from imgedit.render.change import DETAIL
from imgedit.render.mesh_fields import rasterize, smoothstep, visibility
from imgedit.render.regions import AROUND, Region
from imgedit.render.warp import parsed_maps
from imgedit.vision import geometry, mesh
from imgedit.vision.geometry import Matrix
from imgedit.vision.mesh import Mesh, Points
from imgedit.vision.subject import Subject

__all__ = ["CROP", "Half", "Paint", "near_side"]

Paint = Callable[[Floats, Floats], Floats]
"""Paints: a crop `(3, size, size)` in [-1, 1] and what is seen of it, `(1, size, size)`, 0 or 1, to a crop."""
CROP = "face"
"""Window that the painter sees (`imgedit.vision.geometry.WINDOWS`)."""

_SEEN = 0.05  # how much a point must have faced the camera to be seen (`visibility`)
_MIDDLE = 0.1  # of the crop's side: so near the line from forehead to chin the mesh may see what the photo does not
_GROUND, _AROUND = 0.5, 3  # from such a share of ground on a pixel is not the face's, nor are those around it, px
_FULL, _NONE = 0.12, 0.26  # of the crop's side: so far from the face its half is painted in full, and not at all
_BORDER = 0.06  # of the crop's side, over which painting ends at its border


@dataclass(frozen=True, eq=False)
class Half:
    """The hidden half of a face that was turned to the front.

    Attributes:
        source: mesh of the photo as it was given, `(468, 3)`, pixels.
        target: mesh after the turn.
        paint: the painter.
        size: side of its crop, px.
        strength: 0..1.
        region: name of the region where it may act.
    """

    source: Points
    target: Points
    paint: Paint
    size: int
    strength: float = 1.0
    region: str = AROUND
    order: ClassVar[int] = DETAIL

    def scaled(self, strength: float) -> Half:
        """Return the same change at a share of its strength: the half fades in."""
        return replace(self, strength=self.strength * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Paint the half on the turned photo; as `Change.apply`."""
        matrix = geometry.crop_matrix(Mesh(self.target, 1.0).landmarks, CROP, self.size)
        masks = self.masks(subject, matrix)
        crop = eight_bit(geometry.cut(rgb, matrix, self.size))
        painted = self.paint(to_tensor(crop), masks.seen[None]).transpose(1, 2, 0)
        if subject.is_grey:
            painted = greyed(painted, axis=2)
        x0, y0, x1, y1 = region.roi
        if x1 <= x0 or y1 <= y0:
            return rgb
        weight = geometry.put_back(masks.weight, matrix, region.roi) * region.weight * np.float32(self.strength)
        picture = (geometry.put_back(np.ascontiguousarray(painted), matrix, region.roi, smooth=True) + 1.0) * 127.5
        picture += self._detail(rgb, crop, masks.detail, matrix, region.roi)
        out = rgb if own else rgb.copy()
        part = out[y0:y1, x0:x1]
        mixed = part + weight[..., None] * (picture - part)
        np.copyto(part, kept(mixed, rgb.dtype), where=weight[..., None] > 0)
        return out

    def masks(self, subject: Subject, matrix: Matrix) -> _Masks:
        """Find what of the crop is seen, how much of it is painted, and where detail can be mirrored.

        Args:
            subject: of the photo as it was given.
            matrix: from the photo to the crop.
        """
        size = self.size
        scale = geometry.crop_scale(matrix)
        front = np.column_stack([geometry.apply(matrix, self.target[:, :2]), self.target[:, 2] * scale])
        values = np.column_stack([visibility(self.source), self.source[:, :2]])
        field, inside = rasterize(front, values, mesh.template().triangles, (size, size))
        across = near_side(front, mesh.pose_of(self.source).yaw, size)
        beside = across > _MIDDLE * size  # far enough from the middle to be seen, whatever the mesh says
        seen = (across > 0) & (~inside | beside | (field[..., 0] > _SEEN))
        maps = parsed_maps(subject)
        if maps is not None:  # the network takes a profile for a lesser turn: its middle then lies beyond the nose
            x, y = np.moveaxis(geometry.apply(maps[0], field[..., 1:]).astype(np.float32), 2, 0)
            ground = cv2.remap(maps[1].ground, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            behind = inside & (ground > _GROUND) & ~beside
            seen &= cv2.dilate(behind.astype(np.uint8), np.ones((_AROUND, _AROUND), np.uint8)) == 0
        outline = np.rint(front[list(mesh.OVAL), :2]).astype(np.int32)
        oval = cv2.fillPoly(np.zeros((size, size), np.uint8), [outline], 1)
        beyond = cv2.distanceTransform(1 - oval, cv2.DIST_L2, 5) / size
        ends = np.minimum(np.arange(size), size - 1 - np.arange(size)) / (_BORDER * size)
        weight = ~seen * smoothstep((_NONE - beyond) / (_NONE - _FULL)) * np.clip(np.minimum(ends, ends[:, None]), 0, 1)
        detail = ~seen & seen[:, ::-1] & (oval > 0)
        return _Masks(*(np.asarray(mask, np.float32) for mask in (seen, weight, detail)))

    def _detail(self, rgb: Pixels, crop: NDArray[np.uint8], where: Floats, matrix: Matrix, roi: geometry.Roi) -> Floats:
        """Return what the mirror image of the turned photo has beyond that of its crop, `(h, w, 3)`, 0..255."""
        mirror = np.array([[-1.0, 0.0, self.size - 1.0], [0.0, 1.0, 0.0]])
        there = geometry.chain(geometry.chain(matrix, mirror), geometry.invert(matrix))  # its own inverse
        to_part = there - np.array([[0.0, 0.0, roi[0]], [0.0, 0.0, roi[1]]])
        size = (roi[2] - roi[0], roi[3] - roi[1])
        mirrored = cv2.warpAffine(rgb, to_part, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        coarse = geometry.put_back(crop[:, ::-1].astype(np.float32), matrix, roi, smooth=True)
        share = geometry.put_back(cv2.blur(where, (3, 3)) * where, matrix, roi)
        return np.asarray((mirrored - coarse) * share[..., None], np.float32)


class _Masks(NamedTuple):
    """Maps of the crop, `(size, size)`, 0..1.

    Attributes:
        seen: what the photo shows, 0 or 1.
        weight: how much is painted.
        detail: where the mirror image has detail for what is painted.
    """

    seen: Floats
    weight: Floats
    detail: Floats


def near_side(points: Points, yaw: float, size: int) -> NDArray[np.float64]:
    """Return how far each pixel lies on the side that a photo from the side shows, pixels `(size, size)`.

    Below 0 lies the other side of the line from the forehead to the chin.

    Args:
        points: `(468, 3)`, the mesh from the front, in these pixels.
        yaw: where the face looks in the photo, degrees to the viewer's right; that one shows the viewer's left.
        size: of the picture, px.
    """
    top, chin = points[10, :2], points[152, :2]
    y, x = np.mgrid[0:size, 0:size]
    across = x - (top[0] + (y - top[1]) * (chin[0] - top[0]) / max(chin[1] - top[1], 1.0))
    return np.asarray(across if yaw < 0 else -across, np.float64)
