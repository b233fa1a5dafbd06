"""The arms of a body: the window around each that the sleeve painter sees, and the tube around it that is painted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, to_lab
from imgedit.vision import geometry
from imgedit.vision.body import MIN_VISIBILITY, Body
from imgedit.vision.geometry import Matrix, apply

__all__ = [
    "SIZE",
    "Arm",
    "Tube",
    "arms_of",
    "bare_share",
    "cloth_patch",
    "cloth_tone",
    "crop_joints",
    "hand",
    "skin_tone",
    "tube",
    "window",
]

SIZE = (160, 80)
"""Height and width of an arm's window, px."""
PIXELS_PER_UNIT = 70.0
"""Scale of a window of `SIZE`: its pixels for the width of the shoulders; less where a wide bend would not fit."""
START = 0.35
"""Where the tube begins: as a share of the upper arm, from the shoulder."""
END = 1.2
"""Where it ends: as a share of the forearm, from the elbow; beyond the wrist for cuffs, without the hand."""
RADIUS = (0.42, 0.22)
"""How far the tube reaches from the upper arm's line, in shoulder widths: away from the body, and towards it."""

_AT_ELBOW, _AT_WRIST = 0.95, 0.8  # the tube's width there, in that at the upper arm
_LINE = 0.09  # half the width of the drawn arm's lines, in shoulder widths
_STRIP, _STRIP_ENDS = 0.06, (0.1, 0.4)  # half its width in shoulder widths; shares of the upper arm and the forearm
_PALM = 0.03  # distance beyond the wrist from which skin is the hand's, in shoulder widths
_CLOTH, _CLOTH_ENDS = 0.1, (0.08, 0.3)  # half a patch's width in shoulder widths; shares of the upper arm
_SAME_TINT, _SAME_LIGHT = 14.0, 40.0  # differences of a* b* and L* up to which a colour is the skin's
_PATCH = 0.1  # radius of the places where skin is looked at, in shoulder widths
_OUTER, _INNER, _ABOVE, _BELOW = 0.48, 0.4, 0.3, 0.35  # margins of the window around the joints, shoulder widths
_FINE, _BITS = 4, 4  # times as fine as a pixel tubes are drawn; bits behind the point


@dataclass(frozen=True, eq=False)
class Arm:
    """One arm in a photo.

    Attributes:
        name: `left` or `right`, the person's own.
        joints: `(3, 2)`, shoulder, elbow and wrist, pixels of the photo.
        unit: width of the shoulders, pixels of the photo.
        visibility: how probably elbow and wrist are seen, 0..1: the lesser of the two.
    """

    name: str
    joints: NDArray[np.float64]
    unit: float
    visibility: float


class Tube(NamedTuple):
    """Maps of an arm on a crop's pixels, `(h, w)` each, 0..1.

    Attributes:
        upper: a line from shoulder to elbow.
        fore: a line from elbow to wrist.
        hole: what is painted.
    """

    upper: Floats
    fore: Floats
    hole: Floats


def arms_of(body: Body) -> list[Arm]:
    """Return both arms of a body, seen or not."""
    found = []
    for side in ("left", "right"):
        seen = min(body.sees(f"{side}_elbow"), body.sees(f"{side}_wrist"))
        found.append(Arm(side, body.arm(side), body.unit(side), seen))
    return found


def skin_tone(rgb: NDArray[np.uint8], body: Body) -> Floats | None:
    """Return the colour of a person's skin `(3,)`, 0..255: that around the nose, else at the hands.

    Args:
        rgb: the photo, `(H, W, 3)`, RGB.
        body: the person's.

    Returns:
        The median colour; None where neither is seen.
    """
    unit = arms_of(body)[0].unit
    for names in (("nose",), ("left_index", "right_index")):
        seen = [_disc(rgb, body.point(name), _PATCH * unit) for name in names if body.sees(name) > MIN_VISIBILITY]
        if seen:
            return np.asarray(np.median(np.concatenate(seen), axis=0), np.float32)
    return None


def cloth_patch(joints: NDArray[np.float64], unit: float, shape: tuple[int, int], *, radius: float = 0.05) -> Floats:
    """Return where a sleeve is at the upper arm, above the tube, `(h, w)`, 0..1.

    Args:
        joints: `(3, 2)`, shoulder, elbow and wrist, pixels of the crop.
        unit: width of the shoulders, pixels of the crop.
        shape: height and width of the crop, px.
        radius: half the patch's width, in shoulder widths; near the outline of an arm its edge counts as detail.
    """
    shoulder, elbow = joints[0], joints[1]
    wide = np.array([radius, radius]) * unit
    first, last = (shoulder + share * (elbow - shoulder) for share in _CLOTH_ENDS)
    return _drawn(shape, [(first, last, wide, wide)])


def cloth_tone(crop: NDArray[np.uint8], joints: NDArray[np.float64], unit: float) -> Floats:
    """Return the mean colour of a garment at the upper arm, above the tube, `(3,)`, 0..255.

    Args:
        crop: an arm's window, `(h, w, 3)`, RGB.
        joints: `(3, 2)`, pixels of the window.
        unit: width of the shoulders, pixels of the window.
    """
    patch = cloth_patch(joints, unit, (crop.shape[0], crop.shape[1]), radius=_CLOTH) > 0.5
    colours = crop[patch] if patch.any() else crop.reshape(-1, 3)
    return np.asarray(colours.mean(0), np.float32)


def hand(crop: NDArray[np.uint8], joints: NDArray[np.float64], unit: float, tone: Floats) -> Floats:
    """Return where a hand is: what has the colour of skin beyond the wrist, `(h, w)`, 0..1.

    Args:
        crop: an arm's window, `(h, w, 3)`, RGB.
        joints: `(3, 2)`, pixels of the window.
        unit: width of the shoulders, pixels of the window.
        tone: colour of the skin `(3,)`, 0..255.
    """
    _, elbow, wrist = joints
    along = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6)
    ys, xs = np.mgrid[: crop.shape[0], : crop.shape[1]]
    beyond = (xs - wrist[0]) * along[0] + (ys - wrist[1]) * along[1] > _PALM * unit
    spread = cv2.GaussianBlur((_is_skin(crop, tone) & beyond).astype(np.float32), (0, 0), 1.0)
    return np.asarray(np.clip(4.0 * spread - 1.0, 0.0, 1.0), np.float32)


def _is_skin(colours: NDArray[np.uint8], tone: Floats) -> NDArray[np.bool_]:
    """Tell which colours `(h, w, 3)` are those of a skin in some light."""
    apart = to_lab(colours) - to_lab(np.rint(tone).astype(np.uint8)[None, None])[0, 0]
    return np.asarray((np.hypot(apart[..., 1], apart[..., 2]) < _SAME_TINT) & (np.abs(apart[..., 0]) < _SAME_LIGHT))


def bare_share(rgb: NDArray[np.uint8], arm: Arm, tone: Floats) -> float:
    """Return how much of an arm about the elbow has the colour of skin, 0..1.

    Args:
        rgb: the photo, `(H, W, 3)`, RGB.
        arm: in this photo.
        tone: colour of the skin `(3,)`, 0..255.
    """
    matrix = window(arm)
    (shoulder, elbow, wrist), unit = crop_joints(arm, matrix)
    thin = np.array([_STRIP, _STRIP]) * unit
    above, below = elbow + _STRIP_ENDS[0] * (shoulder - elbow), elbow + _STRIP_ENDS[1] * (wrist - elbow)
    strip = _drawn(SIZE, [(above, elbow, thin, thin), (elbow, below, thin, thin)]) > 0.5
    if not strip.any():
        return 0.0
    colours = np.asarray(geometry.cut(rgb, matrix, SIZE, edge=True), np.uint8)[strip]
    return float(_is_skin(colours[None], tone).mean())


def _disc(rgb: NDArray[np.uint8], middle: NDArray[np.float64], radius: float) -> NDArray[np.uint8]:
    """Return the photo's colours `(n, 3)` in a disc whose middle lies in the photo."""
    reach = max(1, round(radius))
    x, y = (int(v) for v in np.rint(middle))
    part = rgb[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    ys, xs = np.ogrid[max(0, y - reach) - y : part.shape[0] + max(0, y - reach) - y,
                      max(0, x - reach) - x : part.shape[1] + max(0, x - reach) - x]  # fmt: skip
    return np.asarray(part[ys * ys + xs * xs <= reach * reach])


def window(arm: Arm, size: tuple[int, int] = SIZE) -> Matrix:
    """Return the matrix from the photo to an arm's window: the wrist below the shoulder.

    Right arms lie as left ones do in a mirror, so that in either window the body is on the same side.

    Args:
        arm: in the photo.
        size: height and width of the window, px, in the proportions of `SIZE`.
    """
    shoulder, _, wrist = arm.joints
    along = wrist - shoulder
    length = float(np.linalg.norm(along))
    down = along / length if length > 0.1 * arm.unit else np.array([0.0, 1.0])
    across = np.array([down[1], -down[0]])
    if arm.name == "left":  # on the viewer's right
        across = -across
    turn = np.stack([across, down])
    placed = arm.joints @ turn.T / arm.unit
    low = placed.min(0) - np.array([_OUTER, _ABOVE])
    high = placed.max(0) + np.array([_INNER, _BELOW])
    sides = np.array(size[::-1], np.float64)
    scale = min(PIXELS_PER_UNIT * size[0] / SIZE[0], float((sides / (high - low)).min()))
    matrix = turn * scale / arm.unit
    return np.column_stack([matrix, (sides - 1) / 2.0 - scale * (low + high) / 2.0])


def tube(
    joints: NDArray[np.float64],
    unit: float,
    shape: tuple[int, int],
    *,
    start: float = START,
    end: float = END,
    radius: tuple[float, float] = RADIUS,
) -> Tube:
    """Draw the tube around an arm.

    Args:
        joints: `(3, 2)`, shoulder, elbow and wrist, pixels of the crop.
        unit: width of the shoulders, pixels of the crop.
        shape: height and width of the crop, px.
        start: as `START`.
        end: as `END`.
        radius: as `RADIUS`.
    """
    shoulder, elbow, wrist = joints
    path = np.stack([shoulder + start * (elbow - shoulder), elbow, elbow + end * (wrist - elbow)])
    wide = np.array(radius) * unit
    hole = _drawn(shape, [(*path[:2], wide, _AT_ELBOW * wide), (*path[1:], _AT_ELBOW * wide, _AT_WRIST * wide)])
    thin = np.array([_LINE, _LINE]) * unit
    upper = _drawn(shape, [(shoulder, elbow, thin, thin)])
    fore = _drawn(shape, [(elbow, wrist, thin, thin)])
    return Tube(upper, fore, hole)


def crop_joints(arm: Arm, matrix: Matrix) -> tuple[NDArray[np.float64], float]:
    """Return an arm's joints `(3, 2)` and the width of the shoulders on a crop's pixels."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    return apply(matrix, arm.joints), arm.unit * scale


_Segment = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""From where, to where, and at either end how far to the left and to the right of the way, as seen from above it."""


def _drawn(shape: tuple[int, int], segments: list[_Segment]) -> Floats:
    """Draw segments with straight ends, and a disc where two of them meet, `(h, w)`, 0..1."""
    fine = np.zeros((shape[0] * _FINE, shape[1] * _FINE), np.uint8)

    def placed(points: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.rint(((points + 0.5) * _FINE - 0.5) * (1 << _BITS)).astype(np.int32)

    for first, last, at_first, at_last in segments:
        normal = _normal(last - first)
        corners = [
            first + at_first[0] * normal, last + at_last[0] * normal,
            last - at_last[1] * normal, first - at_first[1] * normal,
        ]  # fmt: skip
        cv2.fillConvexPoly(fine, placed(np.stack(corners)), 255, lineType=cv2.LINE_8, shift=_BITS)
    for (before, joint, _, wide), (_, after, _, _) in itertools.pairwise(segments):
        middle = joint + (wide[0] - wide[1]) / 2.0 * _normal(after - before)
        x, y = (int(v) for v in placed(middle))
        cv2.circle(fine, (x, y), round(float(wide.mean()) * _FINE * (1 << _BITS)), 255, -1, cv2.LINE_8, _BITS)
    small = cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255.0)


def _normal(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the direction across a way, of length 1: the crop's left of a way that goes down."""
    return np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
