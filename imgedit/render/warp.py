"""`Warp`: the points of a face's mesh move, and the photo's own pixels move with them.

Where pixels come from is found on a coarse grid (`mesh_fields`), enlarged, and looked up once in the photo itself, so
that the result has the photo's resolution. Pixels beyond the ring around the head stay as they are, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels, eight_bit, kept
from imgedit.render.change import MOVE, Change
from imgedit.render.mesh_fields import Fields, Maps, find_fields, smoothstep
from imgedit.render.regions import AROUND, Region
from imgedit.vision import geometry, mesh
from imgedit.vision.faces import Face
from imgedit.vision.mesh import Mesh, Points
from imgedit.vision.subject import Subject

__all__ = ["Warp", "carry", "moved_face", "parsed_maps", "warp_points"]

CELLS = 112
"""Height of a face on the grid, cells; smaller faces have the grid of their pixels."""
_RIGID, _STILL = 1.45, 2.4  # within and beyond this the head turns in the picture's plane as a whole, and not at all
_SKIN = ("skin", "brows", "eyes", "mouth", "glasses")
_GROUND = ("background",)
_BAND = 2_000_000  # pixels that are worked on at once, at most
_BANDS = 8  # of rows, at least: each is cut to what moves in it
_MOVED = 0.001  # px; a pixel that comes from no further has the colour of its own place, to half a step of 255
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

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Move the photo's pixels; as `Change.apply`."""
        return warp_points(rgb, self.source, self.target, parsed_maps(subject), region)


def moved_face(face: Face, changes: Iterable[Change], strength: float = 1.0) -> Face:
    """Return a face with the landmarks that it has after its changes at a strength; without a `Warp` its own."""
    for change in changes:
        if isinstance(change, Warp) and strength > 0:
            return replace(face, landmarks=Mesh(change.scaled(strength).target, presence=1.0).landmarks)
    return face


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
    rgb: Pixels,
    source: Points,
    target: Points,
    maps: tuple[geometry.Matrix, Maps] | None = None,
    region: Region | None = None,
) -> Pixels:
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
    small = eight_bit(cv2.resize(whole, (grid.width, grid.height), interpolation=cv2.INTER_AREA))
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


def carry(rgb: Pixels, fields: Fields, grid: _Grid) -> Pixels:
    """Look the pixels of a photo up where the fields say; the fields are enlarged by whole blocks.

    Args:
        rgb: the photo `(H, W, 3)`.
        fields: on the grid.
        grid: where in the photo.

    Returns:
        A new photo.
    """
    out = rgb.copy()
    moving = np.asarray((np.abs(fields.outer) > _MOVED / grid.block).view(np.uint16)[..., 0] > 0, np.uint8)
    for tile in _tiles(rgb, grid, (0, 0, grid.width, grid.height), _grown(moving, 1)):
        flow = tile.enlarged(fields.outer)
        view = out[tile.pixels]
        cv2.copyTo(tile.looked_up(flow), _moves(flow), view)
    if fields.inner is None or fields.outline is None:
        return out
    low, high = fields.outline.min(0) - 3.0, fields.outline.max(0) + 4.0
    x0, y0 = (max(0, math.floor(v)) for v in low)
    x1, y1 = (min(limit, math.ceil(v)) for limit, v in zip((grid.width, grid.height), high, strict=True))
    inside = cv2.fillPoly(np.zeros(moving.shape, np.uint8), [np.rint(fields.outline).astype(np.int32)], 1)
    box = _Tile(rgb, grid, (x0, y0, x1, y1))
    outline = box.outline(fields.outline)
    for tile in _tiles(rgb, grid, (x0, y0, x1, y1), _grown(np.asarray(inside, np.uint8), 3)):
        flow = tile.enlarged(fields.inner)
        face = _with_mirrored(tile, fields, tile.looked_up(flow))
        within = outline[tile.within(box)].astype(np.float32) / np.float32(255.0)
        view = out[tile.pixels]
        mixed = cv2.blendLinear(face, np.ascontiguousarray(view), within, 1.0 - within)
        cv2.copyTo(mixed, _moves(flow), view)
    return out


def _with_mirrored(tile: _Tile, fields: Fields, face: Pixels) -> Pixels:
    """Mix in what the other side of the face shows."""
    if fields.mirrored is None or fields.mirror_weight is None or fields.gain is None:
        return face
    part = tile.part_with(fields.mirror_weight)
    if part is None:
        return face
    other = part.looked_up(part.enlarged(fields.mirrored)).astype(np.float32) + np.float32(_DARKEST)
    lit = cv2.multiply(other, cv2.exp(part.enlarged(fields.gain))) - np.float32(_DARKEST)
    weight = np.ascontiguousarray(part.enlarged(fields.mirror_weight[..., None])[..., 0])
    inside = part.within(tile)
    seen = kept(lit, face.dtype)
    face[inside] = cv2.blendLinear(seen, np.ascontiguousarray(face[inside]), weight, 1.0 - weight)
    return face


def _moves(flow: Floats) -> NDArray[np.uint8]:
    """Return 1 where a flow `(h, w, 2)` moves something."""
    both = np.ascontiguousarray(flow).view(np.complex64)[..., 0]  # compares two numbers at once
    return np.asarray(both != 0, np.uint8)


def _tiles(rgb: Pixels, grid: _Grid, box: tuple[int, int, int, int], where: NDArray[np.uint8]) -> Iterator[_Tile]:
    """Cut a box of cells (x0, y0, x1, y1) into bands of rows, so that memory stays small, and those to what is wanted.

    Args:
        rgb: the photo.
        grid: where in the photo.
        box: the cells.
        where: `(h, w)` of the grid: above 0 where a cell is wanted.
    """
    x0, y0, x1, y1 = box
    most = max(1, _BAND // max(1, (x1 - x0) * grid.block**2))
    rows = max(1, min(most, -(-(y1 - y0) // _BANDS)))
    for top in range(y0, y1, rows):
        band = _Tile(rgb, grid, (x0, top, x1, min(top + rows, y1))).part_with(where)
        if band is not None:
            yield band


def _grown(where: NDArray[np.uint8], cells: int) -> NDArray[np.uint8]:
    """Return where a cell is wanted, 0 or 1, and so many cells around it."""
    return np.asarray(cv2.dilate(where, np.ones((2 * cells + 1, 2 * cells + 1), np.uint8)), np.uint8)


class _Tile:
    """A box of the grid's cells, as pixels of the photo.

    Attributes:
        pixels: rows and columns of the photo.
    """

    def __init__(self, rgb: Pixels, grid: _Grid, box: tuple[int, int, int, int]) -> None:
        self._rgb, self._grid, self._box = rgb, grid, box
        x0, y0, x1, y1 = box
        self.pixels = (
            slice(grid.y + y0 * grid.block, min(grid.y + y1 * grid.block, rgb.shape[0])),
            slice(grid.x + x0 * grid.block, min(grid.x + x1 * grid.block, rgb.shape[1])),
        )

    def part_with(self, weight: NDArray[Any]) -> _Tile | None:
        """Return the part of the tile where a field `(h, w)` is above 0, and a cell around it; None where it is not."""
        x0, y0, x1, y1 = self._box
        y, x = np.nonzero(weight[y0:y1, x0:x1])
        if not len(x):
            return None
        box = (
            max(x0, x0 + int(x.min()) - 1),
            max(y0, y0 + int(y.min()) - 1),
            min(x1, x0 + int(x.max()) + 2),
            min(y1, y0 + int(y.max()) + 2),
        )
        return _Tile(self._rgb, self._grid, box)

    def within(self, other: _Tile) -> tuple[slice, slice]:
        """Return the tile's rows and columns in an array on the pixels of a tile that holds it."""
        rows, columns = (
            slice(own.start - whole.start, own.stop - whole.start)
            for own, whole in zip(self.pixels, other.pixels, strict=True)
        )
        return rows, columns

    def enlarged(self, field: Floats) -> Floats:
        """Return a field `(h, w, C)` on the tile's pixels; its values stay in cells."""
        x0, y0, x1, y1 = self._box
        block = self._grid.block
        left, top = max(0, x0 - 1), max(0, y0 - 1)  # neighbours, so that tiles join
        cells = field[top : min(field.shape[0], y1 + 1), left : min(field.shape[1], x1 + 1)]
        if block > 1:
            size = (cells.shape[1] * block, cells.shape[0] * block)
            grown = np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR), np.float32)
            cells = grown.reshape(size[1], size[0], field.shape[2])
        rows, columns = self.pixels
        y, x = (y0 - top) * block, (x0 - left) * block
        return np.asarray(cells[y : y + rows.stop - rows.start, x : x + columns.stop - columns.start], np.float32)

    def looked_up(self, flow: Floats) -> Pixels:
        """Return the photo's colours at the places that a flow in cells, `(h, w, 2)`, leads to."""
        block = np.float32(self._grid.block)
        rows, columns = self.pixels
        x = flow[..., 0] * block + np.arange(columns.start, columns.stop, dtype=np.float32)
        y = flow[..., 1] * block + np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        found = cv2.remap(self._rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        return found if found.dtype == np.uint8 else np.clip(found, 0, 255)  # a cubic overshoots

    def outline(self, polygon: Points) -> NDArray[np.uint8]:
        """Return how much of each pixel lies within a polygon of cells, `(h, w)`, 0 to 255, with a soft edge.

        A polygon that is cut off by the tile's border may be drawn a pixel aside there.
        """
        block = self._grid.block
        rows, columns = self.pixels
        corner = (self._grid.x - columns.start, self._grid.y - rows.start)
        place = np.rint(((polygon + 0.5) * block - 0.5 + corner) * 16.0).astype(np.int32)
        sigma = max(0.7, 0.4 * block)
        pad = math.ceil(3.0 * sigma)
        mask = np.zeros((rows.stop - rows.start + 2 * pad, columns.stop - columns.start + 2 * pad), np.uint8)
        cv2.fillPoly(mask, [place + 16 * pad], 255, lineType=cv2.LINE_8, shift=4)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), sigma)[pad:-pad, pad:-pad], np.uint8)


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
    flow = np.empty((*shape[:2], 2), np.float32)
    flow[..., 0], flow[..., 1] = cos * x - sin * y - x, sin * x + cos * y - y
    return flow


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
