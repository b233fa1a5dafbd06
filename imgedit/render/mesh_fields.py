"""Where each pixel around a face comes from when the points of its mesh move: fields on a coarse grid.

The grid is a reduced copy of the part of the photo around the face; all points and lengths here are in its pixels. The
fields are the *inverse* flow: what is added to a pixel to find where it comes from.

Three of them make the new picture. `outer` moves hair, ears, neck and ground: it continues the motion of the face
outwards and ends at a ring. `inner` moves the face; where the outline of a cheek comes into view that was turned away,
the two part along the outline. `mirrored` takes that cheek from the other side of the face, as far as the photo shows
it too obliquely (`mirror_weight`), in the light of this side (`gain`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats
from imgedit.render.membrane import membrane
from imgedit.vision import mesh
from imgedit.vision.mesh import Points

__all__ = ["Fields", "Maps", "find_fields", "rasterize", "smoothstep", "visibility"]

REACH = 2.0
"""Where motion ends, in distances of the face's outline from its middle."""

_VISIBLE = 0.2  # how much a point must face the camera for its place in the photo to be trusted
_OBLIQUE = 0.35  # the same for a point of the outline that is not looked up at the edge of the skin
_OPENING = 0.02  # by how much more it must face the camera afterwards, and
_LOPSIDED = 0.2  # by how much more its partner on the other side faces the camera before
_INSIDE, _OUTSIDE = 0.03, 0.02  # distances from the edge of the skin, in half faces, of the outline's two sources
_SEARCH_IN, _SEARCH_GROUND, _SEARCH_OUT = (
    0.2,
    0.45,
    0.12,
)  # how far the edge of the skin is looked for, in distances to the middle
_THIN, _FULL = 0.25, 0.65  # shares of its new area that the photo shows of a point: mirrored, and not mirrored
_BLUR = 0.8  # cells
_GROUND_DAMPING = 0.005  # 1 / cells^2
_DARKEST = 8.0  # added to colours before their logarithm, so that noise in the dark does not count
_MAX_GAIN = 0.5  # of the logarithm


@dataclass(frozen=True)
class Maps:
    """What a parser saw, on the grid.

    Attributes:
        skin: `(h, w)`, 0..1: the face, with brows, eyes, mouth and glasses.
        ground: `(h, w)`, 0..1: background.
    """

    skin: Floats
    ground: Floats


@dataclass(frozen=True)
class Fields:
    """Inverse flows on the grid; `inner` and what follows are None where the outer flow is all.

    Attributes:
        outer: `(h, w, 2)`, cells.
        inner: `(h, w, 2)`, cells.
        outline: `(N, 2)`, cells: within it `inner` holds.
        mirrored: `(h, w, 2)`, cells.
        mirror_weight: `(h, w)`, 0..1.
        gain: `(h, w, 3)`, logarithm of a factor of the mirrored colours.
    """

    outer: Floats
    inner: Floats | None = None
    outline: Points | None = None
    mirrored: Floats | None = None
    mirror_weight: Floats | None = None
    gain: Floats | None = None

    def followed_by(self, flow: Floats) -> Fields:
        """Return the fields after which everything moves once more, by another inverse flow `(h, w, 2)`."""
        if not flow.any():
            return self
        h, w = flow.shape[:2]
        x, y = flow[..., 0] + np.arange(w, dtype=np.float32), flow[..., 1] + np.arange(h, dtype=np.float32)[:, None]

        def looked_up(field: Floats) -> Floats:
            found = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            return np.asarray(found, np.float32)

        return replace(
            self,
            outer=looked_up(self.outer) + flow,
            inner=None if self.inner is None else looked_up(self.inner) + flow,
            mirrored=None if self.mirrored is None else looked_up(self.mirrored) + flow,
            mirror_weight=None if self.mirror_weight is None else looked_up(self.mirror_weight),
            gain=None if self.gain is None else looked_up(self.gain),
        )

    def weighted(self, weight: Floats) -> Fields:
        """Return the fields with every motion multiplied by a weight `(h, w)`, 0..1."""
        by = weight[..., None]
        return replace(
            self,
            outer=self.outer * by,
            inner=None if self.inner is None else self.inner * by,
            mirror_weight=None if self.mirror_weight is None else self.mirror_weight * weight,
        )


def find_fields(rgb: NDArray[np.uint8], source: Points, target: Points, maps: Maps | None) -> Fields:
    """Find where every cell comes from when the points of a face move.

    Of two points that come to lie on one place the nearer wins; a point that is turned away, before or after, moves
    nothing.

    Args:
        rgb: `(h, w, 3)`, the photo on the grid.
        source: `(468, 3)`, points of the mesh in it.
        target: `(468, 3)`, where they go.
        maps: what the parser saw; without it the mesh's outline is taken for the face's.
    """
    h, w = rgb.shape[:2]
    before, after = visibility(source), visibility(target)
    moves = (source - target)[:, :2]
    triangles = mesh.template().triangles
    # The network reads far turns as smaller ones, so that points of the far cheek lie beside the face.
    beside = np.zeros(len(source), bool) if maps is None else _at(maps.ground[..., None], source)[:, 0] > 0.5
    seen = triangles[((before > _VISIBLE) & (after > 0) & ~beside)[triangles].all(1)]
    flow, known = rasterize(target, moves, seen, (h, w))
    fixed = ~_disc(target, (h, w))
    fixed[[0, -1]] = fixed[:, [0, -1]] = True  # at the photo's border: nothing is to be taken from beyond it
    lopsided = before[mesh.template().mirror] - before > _LOPSIDED
    opens = ((before < _OBLIQUE) | beside) & (after > np.maximum(-_VISIBLE, before + _OPENING)) & lopsided
    opening = [i for i in mesh.OVAL if opens[i]]
    damping = None if maps is None else _GROUND_DAMPING * maps.ground
    edges = None if maps is None or not opening else _edges(source, opening, maps)
    if maps is None or edges is None:
        return Fields(_settled(flow, known, fixed, damping))
    inside, outside = edges
    fields = Fields(
        _settled(*_with_outline(flow, known, target, outside), fixed, damping),
        _settled(*_with_outline(flow, known, target, inside), fixed, None),
        target[list(mesh.OVAL), :2],
    )
    return _with_mirror(fields, rgb, source, target, maps.skin)


def visibility(points: Points) -> NDArray[np.float64]:
    """Return how much each point faces the camera, `(468,)`: 1 straight, 0 at the contour, below 0 turned away."""
    triangles = mesh.template().triangles
    a, b, c = (points[triangles[:, k]] for k in range(3))
    normals = np.zeros_like(points)
    for k in range(3):
        np.add.at(normals, triangles[:, k], np.cross(b - a, c - a))
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return np.asarray(normals[:, 2] * _facing())


def rasterize(
    points: Points, values: NDArray[np.float64], triangles: NDArray[np.int64], shape: tuple[int, int]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Draw triangles with values that change linearly between their corners, the nearest last.

    Args:
        points: `(N, 3)`, cells; smaller z is nearer.
        values: `(N, C)` of the points.
        triangles: `(T, 3)` indices of points.
        shape: height and width of the grid.

    Returns:
        `(h, w, C)`, and where a triangle is, `(h, w)`.
    """
    label = np.full(shape, -1, np.int32)
    order = triangles[np.argsort(-points[triangles, 2].mean(1), kind="stable")]
    corners = points[order][..., :2]
    for number, corner in enumerate(np.rint(corners * 16.0).astype(np.int32)):  # 4 bits behind the point
        cv2.fillConvexPoly(label, corner, number, lineType=cv2.LINE_8, shift=4)
    planes = np.zeros((len(order), 3, values.shape[1]))
    system = np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)
    flat = np.abs(np.linalg.det(system)) < 1e-3
    of_corners = values[order]
    planes[~flat] = np.linalg.solve(system[~flat], of_corners[~flat])
    planes[flat, 2] = of_corners[flat].mean(1)
    result = np.zeros((*shape, values.shape[1]), np.float32)
    cells = np.flatnonzero(label >= 0)
    if len(cells):
        x, y = (place.astype(np.float64)[:, None] for place in (cells % shape[1], cells // shape[1]))
        of_cells = label.ravel()[cells]
        across, down, level = (np.ascontiguousarray(planes[:, k]).take(of_cells, axis=0) for k in range(3))
        found = across * x + down * y + level
        for channel, low, high in zip(found.T, of_corners.min((0, 1)), of_corners.max((0, 1)), strict=True):
            np.clip(channel, low, high, out=channel)  # all at once takes three times as long
        result.reshape(-1, values.shape[1])[cells] = found
    return result, label >= 0


def smoothstep(x: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return 0 below 0, 1 above 1, and a smooth step between."""
    t = np.clip(x, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def _facing() -> float:
    """Return the sign of the normals' z of triangles that face the camera: the mean face looks at it."""
    points, triangles, _ = mesh.template()
    a, b, c = (points[triangles[:, k]] for k in range(3))
    return float(np.sign(np.median(np.cross(b - a, c - a)[:, 2])))


def _disc(points: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the cells within `REACH` of the face, `(h, w)`."""
    outline = points[list(mesh.OVAL), :2]
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2)
    middle = hull.mean(0)
    ring = middle + REACH * (hull - middle)
    inside = cv2.fillPoly(np.zeros(shape, np.uint8), [np.rint(ring).astype(np.int32)], 1)
    return np.asarray(inside > 0)


def _settled(flow: Floats, known: NDArray[np.bool_], fixed: NDArray[np.bool_], damping: Floats | None) -> Floats:
    """Continue a flow from the face, which is 0 where it is not known, to the ring; nothing moves beyond it."""
    smooth = np.asarray(cv2.GaussianBlur(membrane(flow, known | fixed, damping), (0, 0), _BLUR), np.float32)
    smooth[fixed] = 0.0
    return smooth


def _edges(source: Points, opening: list[int], maps: Maps) -> tuple[dict[int, Points], dict[int, Points]] | None:
    """Find where the skin ends at points of the outline: places just inside and just outside; None where it does not.

    A point whose skin is hidden, by hair for one, has its own place for both: there the face and what is around it
    move as one.
    """
    outline = source[list(mesh.OVAL), :2]
    half = float(np.ptp(outline, axis=0).max()) / 2.0
    middle = source[list(mesh.STILL), :2].mean(0)
    points, skin = source[opening, :2], maps.skin > 0.5
    inside = _first(points, middle, np.linspace(0.0, _SEARCH_IN, 21), skin, _INSIDE * half)
    deeper = _first(points, middle, np.linspace(0.0, _SEARCH_GROUND, 41), skin, _INSIDE * half)
    outside = _first(points, middle, np.linspace(0.0, -_SEARCH_OUT, 21), ~skin, _OUTSIDE * half)
    on_ground = _at(maps.ground[..., None], points)[:, 0] > 0.5  # else something hides the skin
    inside = [deeper[k] if on_ground[k] else inside[k] for k in range(len(opening))]
    if all(place is None for place in inside):
        return None
    within, beyond = {}, {}
    for k, i in enumerate(opening):
        own, edge, rest = source[i, :2], inside[k], outside[k]
        within[i] = own if edge is None else edge
        beyond[i] = own if edge is None or rest is None else rest
    return within, beyond


def _first(
    points: Points, middle: Points, steps: NDArray[np.float64], where: NDArray[np.bool_], margin: float
) -> list[Points | None]:
    """Walk from each point to the middle (or away) to the first place that lies `margin` cells deep in an area."""
    depth = cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 3)
    path = points[:, None] + (middle - points[:, None]) * steps[None, :, None]
    x, y = (np.clip(np.rint(path[..., k]).astype(int), 0, where.shape[1 - k] - 1) for k in (0, 1))
    deep = depth[y, x] >= margin
    return [path[k, deep[k].argmax()] if deep[k].any() else None for k in range(len(points))]


def _with_outline(
    flow: Floats, known: NDArray[np.bool_], target: Points, sources: dict[int, Points]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Add the outline's new place, where its source was found, to a flow."""
    flow, known = flow.copy(), known.copy()
    h, w = known.shape
    for a, b in zip(mesh.OVAL, (*mesh.OVAL[1:], mesh.OVAL[0]), strict=True):
        if a not in sources or b not in sources:
            continue
        start, end = target[a, :2], target[b, :2]
        for t in np.linspace(0.0, 1.0, int(np.ceil(2.0 * np.linalg.norm(end - start))) + 1):
            x, y = np.rint(start + t * (end - start)).astype(int)
            if 0 <= x < w and 0 <= y < h:
                flow[y, x] = sources[a] + t * (sources[b] - sources[a]) - (x, y)
                known[y, x] = True
    return flow, known


def _with_mirror(fields: Fields, rgb: NDArray[np.uint8], source: Points, target: Points, skin: Floats) -> Fields:
    """Add what the other side of the face shows."""
    _, triangles, mirror = mesh.template()
    shape = (rgb.shape[0], rgb.shape[1])
    area, wanted = _areas(source), np.maximum(_areas(target), 1e-6)
    share, partner = area / wanted, area[mirror] / wanted
    on_skin = _at(np.asarray(cv2.blur(skin, (3, 3)), np.float32)[..., None], source)[:, 0]
    weight = (
        smoothstep((_FULL - share) / (_FULL - _THIN))
        * smoothstep((partner / np.maximum(share, 1e-3) - 1.2) / 0.6)
        * smoothstep((on_skin[mirror] - 0.5) / 0.4)
    )
    if float(weight.max()) <= 0.0:
        return fields
    after = visibility(target)
    shown = triangles[(after > 0)[triangles].all(1)]
    values = np.column_stack([source[mirror, :2] - target[:, :2], weight])
    drawn, known = rasterize(target, values, shown, shape)
    drawn = membrane(drawn, known)
    size = float(np.ptp(source[list(mesh.OVAL), :2], axis=0).max())
    of_skin = cv2.GaussianBlur(rgb * skin[..., None], (0, 0), 0.03 * size)  # not of what is behind the cheek
    share_of_skin = np.maximum(cv2.GaussianBlur(skin, (0, 0), 0.03 * size), 1e-3)[..., None]
    light = np.log(np.maximum(_at(np.asarray(of_skin / share_of_skin, np.float32), source), 0.0) + _DARKEST)
    trusted = (visibility(source) > _OBLIQUE) & (on_skin > 0.9) & (on_skin[mirror] > 0.9)
    gain, lit = rasterize(
        target, np.clip(light - light[mirror], -_MAX_GAIN, _MAX_GAIN), triangles[trusted[triangles].all(1)], shape
    )
    return replace(
        fields,
        mirrored=np.ascontiguousarray(drawn[..., :2]),
        mirror_weight=np.asarray(cv2.GaussianBlur(np.clip(drawn[..., 2], 0.0, 1.0), (0, 0), 1.5), np.float32),
        gain=np.asarray(cv2.GaussianBlur(membrane(gain, lit, np.full(shape, 1e-4, np.float32)), (0, 0), 2.0)),
    )


def _areas(points: Points) -> NDArray[np.float64]:
    """Return the area of the triangles around each point as seen, `(468,)`, cells^2; below 0 seen from behind."""
    triangles = mesh.template().triangles
    a, b = (points[triangles[:, k], :2] - points[triangles[:, 0], :2] for k in (1, 2))
    area = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2.0 * _facing()
    total = np.zeros(len(points))
    for k in range(3):
        np.add.at(total, triangles[:, k], area)
    return total


def _at(field: Floats, points: Points) -> NDArray[np.float64]:
    """Look a field `(h, w, C)` up at points; returns `(N, C)`."""
    x, y = (np.ascontiguousarray(points[:, k], np.float32).reshape(1, -1) for k in (0, 1))
    found = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float64).reshape(len(points), -1)
