"""Frames of glasses as vector drawings, and where a face wears them.

A frame is drawn in millimetres, of a face whose eyes are 63 mm apart. It is a rigid thing in the frame of the face's
mesh: bent a little around the face, tilted, resting on the nose, its temples going back to the ears.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.pixels import Floats
from imgedit.vision import mesh
from imgedit.vision.mesh import Points

__all__ = ["EYES_APART", "Frame", "Part", "Placed", "frame_of", "lenses", "parts", "place", "reflections", "sheen"]

EYES_APART = 63.0
"""Millimetres between the middles of the eyes of the face that frames are drawn for."""

_LEFT, _RIGHT = (33, 133), (362, 263)  # corners of the eyes
_BRIDGE = (168, 6, 197)  # down the bridge of the nose
_EARS = ((127, 234), (356, 454))  # points before the ears, at the height of the eyes and of the nose
_WRAP = 6.0  # mm by which a lens's outer end, 68 mm from the middle, lies further back than its inner one
_TILT = 0.14  # by how much the lower rim is nearer to the face, a millimetre of height
_CLEAR = -0.5  # mm between the bridge of the nose, in the middle, and the back of the frame
_THICK = 2.5  # mm from the front of a rim to its back
_EAR = (8.0, 26.0)  # mm from the points before an ear out to where a temple ends, and back
_END_PIECE = np.array([2.0, 0.0, 4.0])  # mm out, down and back, round the corner from a rim to its temple
_DISTANCE = 900.0  # mm from the camera to the eyes
_N_STRIPS = 60  # of a lens


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of glasses, as seen from ahead; millimetres right and down of the middle between the eyes.

    Attributes:
        outline: `(n, 2)`, the viewer's right lens, clockwise as seen; the left one is its mirror image.
        rim: `(n,)`, width of the rim outside of the lens at each point; 0 where it has none.
        bars: `(m, k, 2)`, the middle lines of the bars between the lenses, from the viewer's left to right.
        bar: `(m,)`, their widths; 0 for no bar.
        temple: `(2,)`, height of a temple at the hinge and at the ear.
        colour: `(3,)`, RGB in 0..1.
    """

    outline: Floats
    rim: Floats
    bars: Floats
    bar: Floats
    temple: Floats
    colour: Floats


def frame_of(arrays: Mapping[str, NDArray[Any]], index: int) -> Frame:
    """Return one of the frames that a model holds.

    Args:
        arrays: what its graph returns: the fields of `Frame`, each with a first axis over the frames.
        index: of the frame.

    Raises:
        ModelError: the graph returns something else.
    """
    try:
        values = {name: np.asarray(arrays[name], np.float32)[index] for name in Frame.__dataclass_fields__}
    except (KeyError, IndexError) as error:
        raise ModelError(f"the drawings of glasses have no frame {index}") from error
    n, m = len(values["outline"]), len(values["bars"])
    shapes = {"outline": (n, 2), "rim": (n,), "bars": (m, *values["bars"].shape[1:2], 2), "bar": (m,), "temple": (2,)}
    for name, shape in {**shapes, "colour": (3,)}.items():
        if values[name].shape != shape or not np.isfinite(values[name]).all():
            raise ModelError(f"{name} of a frame of glasses has shape {values[name].shape}, not {shape}")
    return Frame(**values)


class Placed(NamedTuple):
    """The frame of a face's mesh, in millimetres of the face that frames are drawn for.

    Attributes:
        scale: pixels of the photo a millimetre.
        turn: `(3, 3)`, from the face's own axes (right, down, away) to the photo's.
        origin: `(3,)`, the middle between the eyes in the photo, pixels.
        nose: z of the nose's bridge, mm.
        ears: `(2, 3)`, where the temples end, mm.
    """

    scale: float
    turn: Points
    origin: Points
    nose: float
    ears: Points

    def photo(self, points: Points) -> Points:
        """Take points `(..., 3)` in mm to pixels of the photo; what is further away is smaller."""
        along = points @ self.turn.T
        return np.asarray(self.origin + self.scale * along * (_DISTANCE / (_DISTANCE + along[..., 2:])))


def place(points: Points) -> Placed:
    """Find where a face wears glasses.

    Args:
        points: its mesh, `(468, 3)`, pixels of the photo.
    """
    still = list(mesh.STILL)
    scale, turn, shift = mesh.fit(mesh.template().points[still], points[still])
    own = (points - shift) @ turn / scale
    left, right = own[list(_LEFT)].mean(0), own[list(_RIGHT)].mean(0)
    unit = float(right[0] - left[0]) / EYES_APART
    middle = (left + right) / 2.0
    middle[0] = (middle[0] + own[list(_BRIDGE), 0].mean()) / 2.0
    nose = float((own[list(_BRIDGE[:2]), 2].mean() - middle[2]) / unit)
    ears = np.array([own[list(pair)].mean(0) for pair in _EARS])
    ears = (ears - middle) / unit + [[-_EAR[0], 0.0, _EAR[1]], [_EAR[0], 0.0, _EAR[1]]]
    ears[:, 1] = (own[[pair[0] for pair in _EARS], 1] - middle[1]) / unit + 4.0
    return Placed(scale * unit, turn, scale * middle @ turn.T + shift, nose, ears)


class Part(NamedTuple):
    """Quads of one part of the frame: `(q, 4, 3)` in mm, and how brightly each is drawn, `(q,)`, 0..1."""

    quads: Points
    value: NDArray[np.float64]


def parts(frame: Frame, placed: Placed) -> tuple[Part, ...]:
    """Return the front of the frame (rims and bars), its back, and the temple of the viewer's left and right."""
    front = np.concatenate([*_rims(frame), *_bars(frame)])
    here, behind = _bent(front, placed, 0.0), _bent(front, placed, _THICK)
    ones = np.ones(len(front))
    return Part(here, ones), Part(behind, ones), *_temples(frame, placed)


def _rims(frame: Frame) -> Iterator[Points]:
    """Yield the rims' quads, `(n, 4, 2)` in the drawing's plane, right and left."""
    outer = frame.outline + frame.rim[:, None] * _outward(frame.outline)
    inner = frame.outline - 0.15 * frame.rim[:, None] * _outward(frame.outline)
    quads = np.stack([inner, outer, np.roll(outer, -1, 0), np.roll(inner, -1, 0)], axis=1).astype(np.float64)
    quads = quads[frame.rim > 0]
    yield quads
    yield quads * [-1.0, 1.0]


def _outward(outline: Floats) -> Points:
    """Return unit vectors out of an outline that runs clockwise as seen, `(n, 2)`."""
    along = np.roll(outline, -1, 0) - np.roll(outline, 1, 0)
    normal = np.column_stack([along[:, 1], -along[:, 0]]).astype(np.float64)
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9))


def _bars(frame: Frame) -> Iterator[Points]:
    for line, width in zip(frame.bars.astype(np.float64), frame.bar, strict=True):
        if width > 0:
            yield _ribbon(line, np.full(len(line), float(width)))


def _ribbon(line: Points, width: NDArray[np.float64]) -> Points:
    """Return the quads of a line `(k, 2)` of some width at each point, `(k - 1, 4, 2)`."""
    along = np.gradient(line, axis=0)
    across = np.column_stack([-along[:, 1], along[:, 0]])
    across *= (width / 2.0 / np.maximum(np.linalg.norm(across, axis=1), 1e-9))[:, None]
    up, down = line - across, line + across
    return np.stack([up[:-1], up[1:], down[1:], down[:-1]], axis=1)


def _bent(plane: Points, placed: Placed, back: float) -> Points:
    """Take points `(..., 2)` of the drawing's plane onto the frame's surface, `(..., 3)` mm, some mm to the back."""
    x, y = plane[..., 0], plane[..., 1]
    z = placed.nose - _CLEAR + _WRAP * (x / 68.0) ** 2 + _TILT * y + back
    return np.stack([x, y, z], axis=-1)


def _hinge(frame: Frame) -> Points:
    """Return where a temple meets the viewer's right rim, `(2,)`: outermost, in the upper third."""
    outer = frame.outline + frame.rim[:, None] * _outward(frame.outline)
    low, high = float(outer[:, 1].min()), float(outer[:, 1].max())
    y = low + 0.22 * (high - low)
    near = outer[np.abs(outer[:, 1] - y) < 0.15 * (high - low)]
    return np.array([float(near[:, 0].max()) - 0.5, y])


def _temples(frame: Frame, placed: Placed) -> Iterator[Part]:
    """Yield both temples: standing strips from the hinges to the ears."""
    steps = np.linspace(0.0, 1.0, 40)[:, None]
    hinge = _hinge(frame)
    for side, ear in zip((-1.0, 1.0), placed.ears, strict=True):
        start = _bent(hinge * [side, 1.0], placed, 0.0)
        corner = start + _END_PIECE * [side, 1.0, 1.0]
        line = np.concatenate([[start], corner + steps * (ear - corner)])
        height = np.interp(np.linspace(0.0, 1.0, len(line)), [0.0, 1.0], frame.temple)[:, None]
        half = np.array([0.0, 0.5, 0.0]) * height
        up, down = line - half, line + half
        quads = np.stack([up[:-1], up[1:], down[1:], down[:-1]], axis=1)
        yield Part(quads, np.ones(len(quads)))


def lenses(frame: Frame, placed: Placed) -> Part:
    """Return both lenses as strips from top to bottom."""
    outline = frame.outline.astype(np.float64)
    closed = np.concatenate([outline, outline[:1]])
    x = np.linspace(outline[:, 0].min(), outline[:, 0].max(), _N_STRIPS + 1)
    ends = np.array([_chord(closed, one) for one in x])
    up, down = np.column_stack([x, ends[:, 0]]), np.column_stack([x, ends[:, 1]])
    return _both(np.stack([up[:-1], up[1:], down[1:], down[:-1]], axis=1), np.ones(_N_STRIPS), placed, _THICK / 2.0)


def _both(right: Points, value: NDArray[np.float64], placed: Placed, back: float) -> Part:
    """Return quads of the viewer's right lens, `(q, 4, 2)`, and their mirror images."""
    quads = np.concatenate([right, right * [-1.0, 1.0]])
    return Part(_bent(quads, placed, back), np.concatenate([value, value]))


def _chord(closed: Points, x: float) -> tuple[float, float]:
    """Return where a vertical line meets a closed outline: the least and the greatest y."""
    a, b = closed[:-1], closed[1:]
    crosses = (np.minimum(a[:, 0], b[:, 0]) <= x) & (np.maximum(a[:, 0], b[:, 0]) >= x)
    a, b = a[crosses], b[crosses]
    run = b[:, 0] - a[:, 0]
    share = np.where(np.abs(run) > 1e-9, (x - a[:, 0]) / np.where(np.abs(run) > 1e-9, run, 1.0), 0.5)
    y = a[:, 1] + share * (b[:, 1] - a[:, 1])
    return float(y.min()), float(y.max())


def sheen(frame: Frame, placed: Placed) -> Part:
    """Return the bright line along the rims' upper edges."""
    out = _outward(frame.outline)
    value = np.clip(-out[:, 1], 0.0, 1.0) ** 2
    inner, outer = (frame.outline + share * frame.rim[:, None] * out for share in (0.45, 0.8))
    quads = np.stack([inner, outer, np.roll(outer, -1, 0), np.roll(inner, -1, 0)], axis=1).astype(np.float64)
    return _both(quads, value, placed, 0.0)


def reflections(frame: Frame, placed: Placed) -> Part:
    """Return a slanting patch of light on the upper part of each lens."""
    low, high = frame.outline.min(0), frame.outline.max(0)
    width, height = high - low
    quads = []
    for at, wide in ((0.18, 0.16), (0.40, 0.06)):
        x = low[0] + at * width
        top, foot = low[1], low[1] + 0.75 * height
        slant = -0.22 * height
        quads.append([[x, top], [x + wide * width, top], [x + wide * width + slant, foot], [x + slant, foot]])
    right = np.array(quads, np.float64)
    shift = np.array([low[0] + high[0], 0.0])
    both = np.concatenate([right, right - shift])  # the same light on both
    return Part(_bent(both, placed, 0.0), np.tile([1.0, 0.6], 2))
