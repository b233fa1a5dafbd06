"""`Sleeve`: an arm's sleeve made short or long, painted in a tube around the arm, with the photo's own edges.

The painter sees a small window of the arm in which the tube is erased. It returns colours, and where the person is.
What the old sleeve hid is continued from beside it: ground, and towards the body whatever is there. Within the tube a
pixel changes only where the painter differs from the photo: ground that was seen and stays ground, cloth that stays
cloth, hands and trousers keep their pixels, bit for bit. Of a short sleeve all cloth is the photo's own.
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
from imgedit.render.cloth import detail, share_of
from imgedit.render.guided import refine, work_grid
from imgedit.render.membrane import membrane
from imgedit.render.mesh_fields import smoothstep
from imgedit.render.regions import ARMS, Region, intersect
from imgedit.vision import arms, geometry
from imgedit.vision.arms import Arm
from imgedit.vision.body import Body
from imgedit.vision.geometry import Matrix, Roi
from imgedit.vision.subject import Subject

__all__ = ["Paint", "Sleeve"]

Paint = Callable[[Floats, Floats], Floats]
"""Paints: a window `(3, h, w)` in [-1, 1] and its masks `(10, h, w)` in 0..1 to `(4, h, w)`: colours in [-1, 1], then
the person in 0..1."""

_SAME, _OTHER = 0.06, 0.16  # difference of colours (0..1) up to which the photo's pixels stay, and from which none does
_SMOOTH = 1.5  # px of the window; over so much colours are compared
_SPOT = 2.5  # half the width of spots that are closed, in _SMOOTH
_AGREE = (0.12, 0.35)  # difference of the old and the new matte: the photo's edge is kept, and is not
_GROUND = (0.03, 0.3)  # matte of what is ground for certain, and of what is none
_TELLS_APART = 0.12  # difference of the tones of cloth and skin (0..1) from which one is told from the other
_RIM = 2.0  # px of the window; so far around a sleeve that is gone its edge is taken away
_FILL_SIDE = 240  # px; longest side of the copy on which hidden ground is continued
_EDGE = 0.02  # half the width of the zone in which the matte follows the photo's edges, in shoulder widths


@dataclass(frozen=True, eq=False)
class Sleeve:
    """One arm whose sleeve changes.

    Attributes:
        arm: in the photo as it was given.
        tone: colour of the person's skin, `(3,)`, 0..255.
        is_short: what the sleeve becomes.
        paint: the painter.
        share: strength, 0..1.
        region: name of the region where it may act.
    """

    arm: Arm
    tone: Floats
    is_short: bool
    paint: Paint
    share: float = 1.0
    region: str = ARMS
    order: ClassVar[int] = DETAIL

    def scaled(self, strength: float) -> Sleeve:
        """Return the same change at a share of its strength."""
        return replace(self, share=self.share * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Paint the sleeve; as `Change.apply`."""
        body = subject.place
        matrix = arms.window(self.arm)
        joints, unit = arms.crop_joints(self.arm, matrix)
        tube = arms.tube(joints, unit, arms.SIZE)
        area = intersect(_placed(tube.hole, matrix, (rgb.shape[0], rgb.shape[1])), region)
        x0, y0, x1, y1 = area.roi
        if x1 <= x0 or y1 <= y0 or self.share <= 0 or not isinstance(body, Body):
            return rgb
        seen = eight_bit(geometry.cut(rgb, matrix, arms.SIZE, edge=True))
        crop, tones = to_tensor(seen), [*self.tone, *arms.cloth_tone(seen, joints, unit)]
        planes = np.array([*(value / 255.0 for value in tones), float(self.is_short)], np.float32)
        flat = np.broadcast_to(planes[:, None, None], (len(planes), *arms.SIZE))
        painted = self.paint(crop, np.concatenate([np.stack(tube), flat]).astype(np.float32))
        colours = (greyed(painted[:3], axis=0) if subject.is_grey else painted[:3]).transpose(1, 2, 0) * 0.5 + 0.5
        part = rgb[y0:y1, x0:x1].astype(np.float32) / np.float32(255.0)
        pixel = 1.0 / geometry.crop_scale(matrix)
        was = _matte(rgb, body, area.roi, self.arm.unit)
        person = _matte_after(painted[3], was, matrix, area.roi, pixel)[..., None]
        drawn = np.clip(
            geometry.put_back(np.ascontiguousarray(colours), matrix, area.roi, smooth=True, edge=True), 0, 1
        )
        cloth, skin = (np.array(tone, np.float32) / np.float32(255.0) for tone in (tones[3:], tones[:3]))
        if not self.is_short:
            finer = detail(rgb, matrix, area.roi, cloth, arms.cloth_patch(joints, unit, arms.SIZE))
            drawn = np.clip(drawn + share_of(drawn, cloth, skin)[..., None] * finer, 0.0, 1.0)
        inner = geometry.put_back(_body_side(joints), matrix, area.roi, edge=True)
        behind = _behind(part, was, person[..., 0], area.weight, inner, pixel)
        after = person * drawn + (1.0 - person) * behind
        weight = area.weight * np.float32(self.share) * _differs(after, part, _SMOOTH * pixel)
        if self.is_short and float(np.abs(cloth - skin).max()) > _TELLS_APART:
            weight *= 1.0 - was * person[..., 0] * share_of(drawn, cloth, skin)  # cloth that stays is the photo's own
        mixed = part + weight[..., None] * (after - part)
        out = rgb if own else rgb.copy()
        new = kept(mixed * 255.0, rgb.dtype)
        np.copyto(out[y0:y1, x0:x1], new, where=weight[..., None] > 0)
        return out


def _placed(hole: Floats, matrix: Matrix, shape: tuple[int, int]) -> Region:
    """Return a window's map as a region of the photo."""
    roi = geometry.crop_roi(matrix, arms.SIZE, shape)
    if roi[2] <= roi[0] or roi[3] <= roi[1]:
        return Region((0, 0, 0, 0), np.zeros((0, 0), np.float32))
    return Region(roi, np.asarray(geometry.put_back(hole, matrix, roi), np.float32))


def _matte(rgb: Pixels, body: Body, roi: Roi, unit: float) -> Floats:
    """Return where the person is in the photo, `(h, w)` of the roi, 0..1, along the photo's edges."""
    h, w, to_photo = work_grid(roi)
    coarse = body.matte(geometry.invert(to_photo), (h, w))
    x0, y0, x1, y1 = roi
    return refine(coarse, rgb[y0:y1, x0:x1], radius=max(2.0, 2.0 * _EDGE * unit))


def _matte_after(person: Floats, was: Floats, matrix: Matrix, roi: Roi, pixel: float) -> Floats:
    """Return where the person will be: along the photo's own edge where that stays.

    Args:
        person: the painter's, `(h, w)` of the window.
        was: where the person is now, `(h, w)` of the roi.
        matrix: photo to window.
        roi: part of the photo.
        pixel: pixels of the photo for one of the window.
    """
    x0, y0 = roi[:2]
    from_roi = matrix.copy()
    from_roi[:, 2] += matrix[:, :2] @ np.array([x0, y0], np.float64)
    small = np.asarray(geometry.cut(was, from_roi, arms.SIZE, edge=True), np.float32)
    near = 1.0 - smoothstep(
        (cv2.GaussianBlur(np.abs(small - person), (0, 0), 1.0) - _AGREE[0]) / (_AGREE[1] - _AGREE[0])
    )
    new, stays = (
        geometry.put_back(np.ascontiguousarray(x, np.float32), matrix, roi, smooth=smooth, edge=True)
        for x, smooth in ((person, True), (near, False))
    )
    steep = float(np.clip(0.5 * pixel, 1.0, 3.0))  # an enlarged edge is as wide as a pixel of the window
    new = np.clip((new - 0.5) * steep + 0.5, 0.0, 1.0)
    return np.asarray(new + stays * (was - new), np.float32)


def _behind(part: Floats, was: Floats, person: Floats, weight: Floats, inner: Floats, pixel: float) -> Floats:
    """Return what is behind the arm, `(h, w, 3)`: the photo's ground where it is seen, else continued from beside it.

    Away from the body ground goes on, towards the body whatever is beside the tube: the body's side, or ground.

    Args:
        part: the photo, `(h, w, 3)`, 0..1.
        was: where the person is now, `(h, w)`.
        person: where the person will be, `(h, w)`; where it leaves, the old edge is gone too.
        weight: where may be painted, `(h, w)`.
        inner: which pixels are on the body's side of the arm, `(h, w)`, 0..1.
        pixel: pixels of the photo for one of the window.
    """
    h, w, _ = work_grid((0, 0, part.shape[1], part.shape[0]), _FILL_SIDE)
    small, matte, after, may, side = (
        np.asarray(cv2.resize(x, (w, h), interpolation=cv2.INTER_AREA), np.float32)
        for x in (part, was, person, weight, inner)
    )
    reach = 2 * max(1, round(_RIM * pixel * w / part.shape[1])) + 1
    leaves = cv2.dilate(np.maximum(matte - after, 0.0), np.ones((reach, reach), np.uint8))
    hidden = np.maximum(matte, np.asarray(leaves, np.float32))
    is_ground = hidden < _GROUND[0]
    fill = membrane(small, is_ground) if is_ground.any() else small
    is_beside = (may < 0.01) & (side > 0.5)
    if is_beside.any():
        fill = fill + side[..., None] * (membrane(small, is_beside) - fill)
    fill, hidden = (
        np.asarray(cv2.resize(x, part.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32) for x in (fill, hidden)
    )
    share = smoothstep((np.maximum(hidden, was) - _GROUND[0]) / (_GROUND[1] - _GROUND[0]))[..., None]
    return np.asarray(part + share * (fill - part), np.float32)


def _body_side(joints: NDArray[np.float64]) -> Floats:
    """Return which pixels of the window lie on the body's side of an arm's line, 0..1."""
    ys, xs = np.mgrid[: arms.SIZE[0], : arms.SIZE[1]]
    goes_down = bool((np.diff(joints[:, 1]) > 0).all())
    known = joints if goes_down else joints[[0, 2]]  # a forearm that goes up: by the line from shoulder to wrist
    line = np.interp(ys[:, 0], known[:, 1], known[:, 0])
    return np.asarray(cv2.GaussianBlur((xs > line[:, None]).astype(np.float32), (0, 0), 2.0), np.float32)


def _differs(after: Floats, before: Floats, sigma: float) -> Floats:
    """Return how much two pictures differ, 0..1, `(h, w)`, when both are seen a little blurred.

    What differs almost all around differs too: no spots of the old sleeve are left in the new one.
    """
    step = max(1, int(sigma))
    size = (max(1, after.shape[1] // step), max(1, after.shape[0] // step))
    small = cv2.resize(np.asarray(after - before, np.float32), size, interpolation=cv2.INTER_AREA)
    apart = np.abs(cv2.GaussianBlur(small, (0, 0), sigma / step)).max(2)
    side = 2 * round(_SPOT * sigma / step) + 1
    spots = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    share = cv2.morphologyEx(smoothstep((apart - _SAME) / (_OTHER - _SAME)).astype(np.float32), cv2.MORPH_CLOSE, spots)
    return np.asarray(cv2.resize(share, after.shape[1::-1], interpolation=cv2.INTER_LINEAR), np.float32)
