"""`Warp`: the points of a face's mesh move, and the photo's own pixels move with them.

Where pixels come from is found on a coarse grid (`mesh_fields`), enlarged, and looked up once in the photo itself, so
that the result has the photo's resolution. Pixels beyond the ring around the head stay as they are, bit for bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats
from imgedit.render.change import MOVE
from imgedit.render.mesh_fields import Fields, Maps, find_fields, smoothstep
from imgedit.render.regions import AROUND, Region
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject

__all__ = ["Warp", "carry", "parsed_maps", "warp_points"]

CELLS = 112
"""Height of a face on the grid, cells; smaller faces have the grid of their pixels."""
_RIGID, _STILL = 1.45, 2.4  # within and beyond this the head turns in the picture's plane as a whole, and not at all
_SKIN = ("skin", "brows", "eyes", "mouth", "glasses")
_GROUND = ("background",)
_DARKEST = 8.0  # as in `mesh_fields`


@dataclass(frozen=True, eq=False)
class Warp:
    """Points of a mesh and where they go.

    Attributes:
        source: `(468, 3)`, pixels of the photo.
        target: `(468, 3)`.
        region: name of the region where it may act.
    """

    source: Points
    target: Points
    region: str = AROUND
    order: ClassVar[int] = MOVE

    def scaled(self, strength: float) -> Warp:
        """Return the same change at a share of its strength: every point goes a share of its way."""
        return replace(self, target=self.source + strength * (self.target - self.source))

    def apply(self, rgb: NDArray[np.uint8], subject: Subject, region: Region) -> NDArray[np.uint8]:
        """Move the photo's pixels; as `Change.apply`."""
        return warp_points(rgb, self.source, self.target, parsed_maps(subject), region)


def parsed_maps(subject: Subject) -> tuple[geometry.Matrix, Maps] | None:
    """Return what the parser saw of a subject, as `warp_points` takes it; None where it knows no skin or no ground."""
    parser = subject.networks.parser
    spec = (parser.crop.kind, parser.crop.height, parser.crop.width)
    skin, ground = (
        [parser.classes.index(name) for name in names if name in parser.classes] for names in (_SKIN, _GROUND)
    )
    if not skin or not ground:
        return None
    found = subject.parsed()
    return subject.matrix(*spec), Maps(found[skin].sum(0), found[ground].sum(0))


class _Grid(NamedTuple):
    """Part of a photo that is worked on: its corner, `block` photo pixels a cell, and its size in cells."""

    x: int
    y: int
    block: int
    width: int
    height: int

    def points(self, points: Points) -> Points:
        """Take points of the photo to cells."""
        moved = (points[:, :2] + 0.5 - (self.x, self.y)) / self.block - 0.5
        return np.column_stack([moved, points[:, 2] / self.block])

    def matrix(self) -> geometry.Matrix:
        """Return the matrix from cells to the photo."""
        shift = (self.block - 1) / 2.0
        return np.array([[self.block, 0.0, self.x + shift], [0.0, self.block, self.y + shift]])


def warp_points(
    rgb: NDArray[np.uint8],
    source: Points,
    target: Points,
    maps: tuple[geometry.Matrix, Maps] | None = None,
    region: Region | None = None,
) -> NDArray[np.uint8]:
    """Move the pixels of a photo with the points of a face.

    Args:
        rgb: the photo `(H, W, 3)`.
        source: `(468, 3)`, pixels of the photo.
        target: `(468, 3)`.
        maps: matrix from the photo to the parser's window, and what the parser saw there.
        region: scales every motion; None for the whole photo.

    Returns:
        A new photo.
    """
    if np.array_equal(source, target):
        return rgb.copy()
    grid = _grid(source, target, (rgb.shape[0], rgb.shape[1]))
    x1, y1 = min(grid.x + grid.width * grid.block, rgb.shape[1]), min(grid.y + grid.height * grid.block, rgb.shape[0])
    part = rgb[grid.y : y1, grid.x : x1]
    rest = (grid.height * grid.block - part.shape[0], grid.width * grid.block - part.shape[1])
    whole = cv2.copyMakeBorder(part, 0, rest[0], 0, rest[1], cv2.BORDER_REPLICATE) if any(rest) else part
    small = np.asarray(cv2.resize(whole, (grid.width, grid.height), interpolation=cv2.INTER_AREA), np.uint8)
    seen = None
    if maps is not None:
        to_window = geometry.chain(grid.matrix(), maps[0])
        skin, ground = (
            geometry.put_back(found, to_window, (grid.height, grid.width), edge=True)
            for found in (maps[1].skin, maps[1].ground)
        )
        seen = Maps(skin, ground)
    fields = _fields(small, grid.points(source), grid.points(target), seen)
    if region is not None:
        fields = fields.weighted(_weight(region, grid))
    return carry(rgb, fields, grid)


def carry(rgb: NDArray[np.uint8], fields: Fields, grid: _Grid) -> NDArray[np.uint8]:
    """Look the pixels of a photo up where the fields say; the fields are enlarged by whole blocks.

    Args:
        rgb: the photo `(H, W, 3)`.
        fields: on the grid.
        grid: where in the photo.

    Returns:
        A new photo.
    """
    out = rgb.copy()
    inner, mirrored, weight, gain = fields.inner, fields.mirrored, fields.mirror_weight, fields.gain
    rows = max(1, 2_000_000 // (grid.width * grid.block) // grid.block)  # cells a band, so that memory stays small
    for top in range(0, grid.height, rows):
        band = _Band(rgb, grid, top, min(top + rows, grid.height))
        flow = band.enlarged(fields.outer)
        moved = np.abs(flow).max(2) > 0
        within = band.outline(fields.outline) if fields.outline is not None else np.zeros(1, np.float32)
        if not moved.any() and not within.any():
            continue
        result = band.looked_up(flow)
        if inner is not None and within.any():
            flow = band.enlarged(inner)
            moved |= (within > 0) & (np.abs(flow).max(2) > 0)
            face = band.looked_up(flow).astype(np.float32)
            if mirrored is not None and weight is not None and gain is not None and weight.any():
                other = band.looked_up(band.enlarged(mirrored)).astype(np.float32) + _DARKEST
                other = other * np.exp(band.enlarged(gain)) - _DARKEST
                face += band.enlarged(weight[..., None]) * (other - face)
            mixed = result + within[..., None] * (face - result)
            result = np.asarray(np.clip(np.rint(mixed), 0.0, 255.0), np.uint8)
        view = out[band.y0 : band.y1, band.x0 : band.x1]
        view[...] = np.where(moved[..., None], result, view)
    return out


class _Band:
    """Some rows of the grid, as pixels of the photo."""

    def __init__(self, rgb: NDArray[np.uint8], grid: _Grid, top: int, bottom: int) -> None:
        self._rgb, self._grid, self._rows = rgb, grid, (top, bottom)
        self.x0, self.x1 = grid.x, min(grid.x + grid.width * grid.block, rgb.shape[1])
        self.y0, self.y1 = grid.y + top * grid.block, min(grid.y + bottom * grid.block, rgb.shape[0])

    def enlarged(self, field: Floats) -> Floats:
        """Return a field `(h, w, C)` on the band's pixels; its values stay in cells."""
        top, bottom = self._rows
        block, grid = self._grid.block, self._grid
        first, last = max(0, top - 1), min(grid.height, bottom + 1)  # neighbours, so that bands join
        rows = field[first:last]
        large = rows
        if block > 1:
            size = (grid.width * block, (last - first) * block)
            grown = np.asarray(cv2.resize(rows, size, interpolation=cv2.INTER_LINEAR), np.float32)
            large = grown.reshape(size[1], size[0], field.shape[2])
        start = (top - first) * block
        return np.asarray(large[start : start + self.y1 - self.y0, : self.x1 - self.x0], np.float32)

    def looked_up(self, flow: Floats) -> NDArray[np.uint8]:
        """Return the photo's colours at the places that a flow in cells, `(h, w, 2)`, leads to."""
        block = np.float32(self._grid.block)
        x = flow[..., 0] * block + np.arange(self.x0, self.x1, dtype=np.float32)
        y = flow[..., 1] * block + np.arange(self.y0, self.y1, dtype=np.float32)[:, None]
        found = cv2.remap(self._rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(found, np.uint8)

    def outline(self, polygon: Points) -> Floats:
        """Return how much of each pixel lies within a polygon of cells, `(h, w)`, with a soft edge."""
        block = self._grid.block
        corner = (self._grid.x - self.x0, self._grid.y - self.y0)
        pixels = np.rint(((polygon + 0.5) * block - 0.5 + corner) * 16.0).astype(np.int32)
        sigma = max(0.7, 0.4 * block)
        pad = math.ceil(3.0 * sigma)
        mask = np.zeros((self.y1 - self.y0 + 2 * pad, self.x1 - self.x0 + 2 * pad), np.float32)
        cv2.fillPoly(mask, [pixels + 16 * pad], 1.0, lineType=cv2.LINE_8, shift=4)
        soft = cv2.GaussianBlur(mask, (0, 0), sigma)
        return np.asarray(soft[pad:-pad, pad:-pad], np.float32)


def _grid(source: Points, target: Points, shape: tuple[int, int]) -> _Grid:
    """Choose the part of the photo around a face that may change, and its cells."""
    outlines = np.concatenate([source[list(mesh.OVAL), :2], target[list(mesh.OVAL), :2]])
    size = float(np.ptp(outlines, axis=0).max())
    block = max(1, round(size / CELLS))
    low, high = outlines.min(0), outlines.max(0)
    middle, reach = (low + high) / 2.0, (_STILL + 0.1) / 2.0 * size + 2.0 * block
    x0, y0 = (max(0, math.floor(v)) for v in middle - reach)
    x1, y1 = (min(limit, math.ceil(v)) for limit, v in zip((shape[1], shape[0]), middle + reach, strict=True))
    return _Grid(x0, y0, block, max(1, -(-(x1 - x0) // block)), max(1, -(-(y1 - y0) // block)))


def _fields(rgb: NDArray[np.uint8], source: Points, target: Points, maps: Maps | None) -> Fields:
    """Split a motion: what turns in the picture's plane takes the whole head along, the rest ends at the ring."""
    roll = math.radians(mesh.pose_of(target).roll - mesh.pose_of(source).roll)
    outline = source[list(mesh.OVAL), :2]
    middle = outline.mean(0)
    upright = target.copy()
    upright[:, :2] = middle + (target[:, :2] - middle) @ _turn(-roll).T
    fields = find_fields(rgb, source, upright, maps)
    turned = fields.followed_by(_twirl(middle, float(np.ptp(outline, axis=0).max()) / 2.0, roll, rgb.shape[:2]))
    if fields.outline is None:
        return turned
    return replace(turned, outline=middle + (fields.outline - middle) @ _turn(roll).T)


def _twirl(middle: Points, radius: float, angle: float, shape: tuple[int, ...]) -> Floats:
    """Return the inverse flow `(h, w, 2)` of a turn about a place that fades with the distance; it never folds."""
    x = np.arange(shape[1], dtype=np.float64) - middle[0]
    y = (np.arange(shape[0], dtype=np.float64) - middle[1])[:, None]
    distance = np.hypot(x, y) / radius
    by = -angle * smoothstep((_STILL - distance) / (_STILL - _RIGID))
    cos, sin = np.cos(by), np.sin(by)
    return np.stack([cos * x - sin * y - x, sin * x + cos * y - y], axis=2).astype(np.float32)


def _turn(angle: float) -> Points:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _weight(region: Region, grid: _Grid) -> Floats:
    """Return a region's weight on the grid; 0 beyond it."""
    x0, y0, x1, y1 = region.roi
    if x1 <= x0 or y1 <= y0:
        return np.zeros((grid.height, grid.width), np.float32)
    to_cells = geometry.invert(grid.matrix())
    to_cells[:, 2] += to_cells[:, :2] @ (x0, y0)
    size = (grid.width, grid.height)
    return np.asarray(cv2.warpAffine(region.weight, to_cells, size, flags=cv2.INTER_LINEAR), np.float32)
