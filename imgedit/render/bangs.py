"""`Fringe`: hair that falls over the forehead, drawn strand by strand at the photo's own resolution.

Where strands begin and end, and along which lines they fall, is told in the frame of the mean face and carried to the
photo by the mesh. Colours, and how much they vary from strand to strand, are those of the hair that the photo shows, as
it is by then: hair that was dyed before has bangs of its new colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.pixels import Floats, Pixels, kept
from imgedit.render import regions
from imgedit.render.change import DETAIL
from imgedit.render.face_frame import places, widened
from imgedit.render.guided import bands, enlarged_rows, work_grid
from imgedit.render.hair_look import HairLook, look_of
from imgedit.render.regions import Region
from imgedit.render.sharpness import blur_of
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from imgedit.vision.parsing import any_of
from imgedit.vision.parts import HAIR
from imgedit.vision.subject import Subject

__all__ = ["Cut", "Fringe", "cut_of"]

# Lengths are units of the mean face (about a centimetre); places are right and down of its middle.
_BEYOND = 1.75  # how far beyond the outline of the mesh places are known, as a share of its distance from the middle
_TOP = -13.0  # above it no hair is drawn
_ACROSS, _DOWN = (-9.0, 9.0), (-13.5, -1.5)  # lines of hair, and places along them, that noise is made for
_COLUMNS, _ROWS = 110, 6  # of noise, a unit
_STRANDS = ((0.02, 0.8), (0.07, 1.5), (0.24, 2.2))  # widths and lengths of strands, from single hairs to locks
_LOCKS = ((0.40, 0.75), (0.14, 0.45))  # widths of locks, which end together, and their weights
_FINEST = 0.5  # px; thinner strands are lost in a photo's own pixels, and those thinner than its blur in that
_LIKE_HAIR = 0.85  # share of a pixel that is hair, of those that tell its colours
_ABOVE = 4.0  # they lie above the mouth
_MIXED = 0.35  # and, where enough do, not so near the skin that it shines through
_ENOUGH, _FEWEST = 300, 50  # pixels that tell colours
_STAYS, _INTO_HAIR = 0.3, 1.6  # how far bangs go on in the hair above them, and over how much they fade then
_HAIRLINE = -7.5  # strands that hang further down stay
_MIDST = -6.5  # where lines of hair are counted, down
_THINNING = 1.0  # length of the tips, between whose strands skin is seen
_SHADE, _SHADE_BELOW, _SHADE_SOFT = 0.28, 0.35, 0.35  # share of light that bangs take, how far below, and how softly
_FAINT = 0.004  # a shade that is not seen
_LIGHT_OVER, _LIGHT = 1.2, (0.75, 1.25)  # over how much the light of the forehead is evened, and its limits
_OF_HEAD = ("hair", "skin", "brows", "eyes")  # classes of a parser before which bangs may hang
_HEAD = (0.35, 0.75)  # their probability, none of it and all
_WORK = 420  # longest side of the copy on which all but strands is found, px
_SEED = 0


@dataclass(frozen=True, eq=False)
class Cut:
    """How bangs are cut.

    Attributes:
        tips: `(n,)`, where strands end (down), evenly spread from the leftmost line of hair to the rightmost.
        side: of the outermost line of hair, and `side_soft` over how much bangs end there.
        side_soft: see `side`.
        pole: from where the lines of hair fan out (down).
        sweep: how much they turn aside on their way.
        uneven: by how much locks and single strands end above or below `tips`.
        soft: over how much tips thin out.
    """

    tips: Floats
    side: float
    side_soft: float
    pole: float
    sweep: float
    uneven: tuple[float, float]
    soft: float


def cut_of(arrays: Mapping[str, NDArray[Any]]) -> Cut:
    """Return the cut that a model holds.

    Args:
        arrays: what its graph returns: `tips` `(n,)`, `uneven` `(2,)`, and `side`, `side_soft`, `pole`, `sweep` and
            `soft` `(1,)`.

    Raises:
        ModelError: the graph returns something else.
    """
    try:
        tips, uneven = (np.asarray(arrays[name], np.float32) for name in ("tips", "uneven"))
        names = ("side", "side_soft", "pole", "sweep", "soft")
        numbers = np.array([np.ravel(arrays[name])[0] for name in names], np.float64)
    except (KeyError, IndexError) as error:
        raise ModelError(f"the cut of bangs lacks {error}") from error
    fits = tips.ndim == 1 and len(tips) > 1 and uneven.shape == (2,)
    if not (fits and np.isfinite(np.concatenate([tips, uneven, numbers])).all() and numbers[[0, 1, 4]].min() > 0):
        raise ModelError(f"the cut of bangs has tips {tips.shape}, uneven {uneven.shape} or numbers that make no sense")
    side, side_soft, pole, sweep, soft = (float(number) for number in numbers)
    return Cut(tips, side, side_soft, pole, sweep, (float(uneven[0]), float(uneven[1])), soft)


@dataclass(frozen=True, eq=False)
class Fringe:
    """Hair over the forehead.

    Attributes:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        cut: how it is cut.
        region: name of the region where it may act.
        amount: share of the change, 0..1.
    """

    points: Points
    cut: Cut
    region: str
    amount: float = 1.0
    order: ClassVar[int] = DETAIL
    is_local: ClassVar[bool] = True

    def scaled(self, strength: float) -> Fringe:
        """Return the same change at a share of its strength: the hair fades in."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Draw the hair on the photo; as `Change.apply`."""
        out = rgb if own else rgb.copy()
        near = region.around(_crown(self.points))
        found = None if near is None else _seen(out, subject, near.roi, self.points, self.cut)
        if near is None or found is None:
            return out
        x0, y0, x1, y1 = near.roi
        height, width = y1 - y0, x1 - x0
        part = out[y0:y1, x0:x1]
        noise = _noise(found.unit, found.blur)
        where, looks = _stacked(found.place, found.free, found.roots), _stacked(found.light, found.shade)
        for rows in bands(height, width):
            cover, strands = _drawn(enlarged_rows(where, rows, height, width), self.cut, noise, found)
            look = enlarged_rows(looks, rows, height, width)
            light, shade = look[..., :3], look[..., 3]
            weight = near.weight[rows] * np.float32(self.amount)
            mixed = part[rows] * (1.0 - weight * shade)[..., None]
            mixed += (weight * cover)[..., None] * (found.look.colours(strands) * light - mixed)
            touched = weight * np.maximum(cover, shade) > 0
            np.copyto(part[rows], kept(mixed, rgb.dtype), where=touched[..., None])
        return out


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a photo tells of where bangs go and what they look like, on a small copy of a part of it, `(h, w)`.

    Attributes:
        place: `(h, w, 2)`, where on the mean face pixels lie.
        free: how much bangs may cover, 0..1: the head, but no strands that hang over the forehead already.
        roots: how far pixels lie from skin, within the hair, units.
        shade: how much light bangs take from the skin below them, 0..1.
        light: `(h, w, 3)`, how bright and of which tint hair and forehead nearby are beside all of it, a factor.
        unit: of the mean face, px of the photo.
        blur: of the face, px of the photo.
        side: 1, or -1 where there is more hair on the left than on the right.
        look: of the hair that is there.
    """

    place: Floats
    free: Floats
    roots: Floats
    shade: Floats
    light: Floats
    unit: float
    blur: float
    side: float
    look: HairLook


def _seen(rgb: Pixels, subject: Subject, roi: geometry.Roi, points: Points, cut: Cut) -> _Seen | None:
    """Look at a part of a photo; None where it shows too little hair to tell its colours."""
    x0, y0, x1, y1 = roi
    h, w, to_photo = work_grid(roi, _WORK)
    unit = mesh.fit(mesh.template().points, points)[0]
    scale = unit * w / (x1 - x0)  # px of the copy a unit
    place, nowhere = places(points, geometry.invert(to_photo), (h, w), _BEYOND)
    place[nowhere] = -_TOP  # far below
    colours = cv2.resize(rgb[y0:y1, x0:x1], (w, h), interpolation=cv2.INTER_AREA)
    hair = _on(regions.find(subject, HAIR), roi, (h, w))
    head = _head(subject, roi)
    away = _from_skin((hair < 0.5) & (head > 0.5), scale)
    tells = _telling(hair > _LIKE_HAIR, place, away)
    if tells is None:
        return None
    look = look_of(colours, tells, scale)
    hanging = hair * np.clip((place[..., 1] - _HAIRLINE) / _INTO_HAIR, 0.0, 1.0)
    free = head * (1.0 - hanging) * np.clip(place[..., 1] - _TOP, 0.0, 1.0)
    seen = _Seen(
        place=place,
        free=np.asarray(free, np.float32),
        roots=away,
        shade=np.zeros((h, w), np.float32),
        light=look.tint,
        unit=unit,
        blur=blur_of(rgb, points),
        side=1.0 if float((hair * np.sign(place[..., 0]))[place[..., 1] < _ABOVE].sum()) >= 0.0 else -1.0,
        look=look,
    )
    cover, _ = _drawn(_stacked(place, seen.free, away), cut, _noise(scale, seen.blur * scale / unit), seen)
    skin = 1.0 - hair
    light = look.tint * _light(np.asarray(colours, np.float32), cover, skin, scale)[..., None]
    return replace(seen, shade=_shade(cover, scale) * skin, light=np.asarray(light, np.float32))


def _stacked(first: Floats, *others: Floats) -> Floats:
    """Return maps `(h, w, C)` and `(h, w)` as one, `(h, w, C + n)`."""
    return np.concatenate([first, *(other[..., None] for other in others)], axis=2)


def _crown(points: Points) -> Points:
    """Return points `(n, 3)` about the part of a photo that bangs and the hair above them may be in."""
    wide, on_face = widened(points, _BEYOND), widened(mesh.template().points, _BEYOND)
    return wide[on_face[:, 1] < _ABOVE]


def _on(region: Region, roi: geometry.Roi, shape: tuple[int, int]) -> Floats:
    """Return the weights of a region on a copy of a part of the photo, `(h, w)`."""
    x0, y0, x1, y1 = roi
    whole = np.zeros((y1 - y0, x1 - x0), np.float32)
    left, top = max(x0, region.roi[0]), max(y0, region.roi[1])
    right, bottom = min(x1, region.roi[2]), min(y1, region.roi[3])
    if left < right and top < bottom:
        dx, dy = region.roi[:2]
        shared = region.weight[top - dy : bottom - dy, left - dx : right - dx]
        whole[top - y0 : bottom - y0, left - x0 : right - x0] = shared
    return np.asarray(cv2.resize(whole, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)


def _head(subject: Subject, roi: geometry.Roi) -> Floats:
    """Return where the head is on a copy of a part of the photo, `(h, w)`, 0..1."""
    crop = subject.networks.parser.crop
    found = any_of(subject.parsed(), subject.networks.parser.classes, _OF_HEAD)
    h, w, to_photo = work_grid(roi, _WORK)
    matrix = geometry.chain(to_photo, subject.matrix(crop.kind, crop.height, crop.width))
    head = geometry.put_back(found[: crop.height], matrix, (0, 0, w, h), smooth=True, edge=True)
    return np.asarray(np.clip((head - _HEAD[0]) / (_HEAD[1] - _HEAD[0]), 0.0, 1.0), np.float32)


def _from_skin(skin: NDArray[np.bool_], scale: float) -> Floats:
    """Return how far each pixel is from skin, `(h, w)`, units."""
    return np.asarray(cv2.distanceTransform((~skin).astype(np.uint8), cv2.DIST_L2, 5) / scale, np.float32)


def _telling(hair: NDArray[np.bool_], place: Floats, away: Floats) -> NDArray[np.bool_] | None:
    """Return which pixels tell the hair's colours, `(h, w)`; None where hardly any do."""
    above = hair & (place[..., 1] < _ABOVE)
    for tells, fewest in ((above & (away > _MIXED), _ENOUGH), (above, _FEWEST), (hair, _FEWEST)):
        if tells.sum() >= fewest:
            return tells
    return None


@dataclass(frozen=True, eq=False)
class _Noise:
    """Noise of mean 0 and deviation 1, always the same.

    Attributes:
        strands: `(rows, columns)` of each width of `_STRANDS`, along the lines of hair.
        locks: `(1, columns)`.
        single: `(1, columns)`.
    """

    strands: tuple[Floats, ...]
    locks: Floats
    single: Floats


def _noise(scale: float, blur: float) -> _Noise:
    """Return noise for a picture of some pixels a unit and with some blur, px: what is finer than that is left out."""
    rng = np.random.default_rng(_SEED)
    columns = round((_ACROSS[1] - _ACROSS[0]) * _COLUMNS)
    rows = round((_DOWN[1] - _DOWN[0]) * _ROWS)

    def smooth(shape: tuple[int, int], width: float, length: float = 0.0) -> Floats:
        across = max(width, max(blur, _FINEST) / scale) * _COLUMNS
        grains = rng.standard_normal(shape).astype(np.float32)
        noise = cv2.GaussianBlur(grains, (0, 0), sigmaX=across, sigmaY=max(length * _ROWS, 1e-3))
        return np.asarray((noise - noise.mean()) / noise.std(), np.float32)

    strands = tuple(smooth((rows, columns), *size) for size in _STRANDS)
    locks = sum(share * smooth((1, columns), width) for width, share in _LOCKS)
    return _Noise(strands, np.asarray(locks, np.float32), smooth((1, columns), _STRANDS[0][0]))


def _drawn(where: Floats, cut: Cut, noise: _Noise, seen: _Seen) -> tuple[Floats, Floats]:
    """Return how much of each pixel bangs cover, `(h, w)`, 0..1, and how light they are, L*.

    Args:
        where: `(h, w, 4)`: place on the mean face, how much may be covered, how far within the hair.
        cut: how they are cut.
        noise: of the picture's resolution.
        seen: the hair that is there.
    """
    right, down, free, roots = (where[..., i] for i in range(4))
    right = seen.side * right
    line = right * (_MIDST - cut.pole) / np.maximum(down - cut.pole, 2.0)
    line = line - cut.sweep * (down - _TOP) ** 2 / 100.0
    row = np.asarray((down - _DOWN[0]) / (_DOWN[1] - _DOWN[0]) * (len(noise.strands[0]) - 1), np.float32)

    first = np.zeros_like(row)
    column = np.asarray((line - _ACROSS[0]) / (_ACROSS[1] - _ACROSS[0]) * (noise.locks.shape[1] - 1), np.float32)
    fine, middle, coarse = (_at(strands, column, row) for strands in noise.strands)
    locks, single = (_at(one, column, first) for one in (noise.locks, noise.single))
    tips = np.interp(line, np.linspace(-cut.side, cut.side, len(cut.tips)), cut.tips)
    left = np.asarray(tips + cut.uneven[0] * locks + cut.uneven[1] * single - down, np.float32)  # to the tip
    thick = np.clip(left / _THINNING, 0.0, 1.0)
    mixed = 0.5 * fine + 0.6 * middle + 0.6 * coarse
    cover = np.clip(left / (cut.soft * (1.0 + 0.6 * np.abs(locks))), 0.0, 1.0)
    cover *= np.clip(0.84 + 0.16 * thick + 0.28 * mixed * (1.0 - thick), 0.0, 0.99)
    cover *= np.clip((cut.side - np.abs(right) + 0.4 * locks + 0.2 * middle) / cut.side_soft, 0.0, 1.0)
    deep = roots + np.where(roots > 0.0, 0.35 * locks + 0.25 * middle, 0.0)  # strands begin at various depths
    cover *= np.clip(1.0 - (deep - _STAYS) / _INTO_HAIR, 0.0, 1.0) * free
    lightness = seen.look.middle + sum(
        deviation * strands for deviation, strands in zip(seen.look.deviation, (fine, middle, coarse), strict=True)
    )
    shine = np.exp(-np.square(down + 8.0 + 0.3 * locks))
    lightness += seen.look.spread * (0.3 * locks + 0.3 * shine - 0.3 * np.clip((down + 6.5) / 1.2, 0.0, 1.0))
    return np.asarray(cover, np.float32), np.asarray(lightness, np.float32)


def _at(noise: Floats, column: Floats, row: Floats) -> Floats:
    found = cv2.remap(noise, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _shade(cover: Floats, scale: float) -> Floats:
    """Return how much light bangs take from what is below them, `(h, w)`, 0..1."""
    soft = cv2.GaussianBlur(cover, (0, 0), max(_SHADE_SOFT * scale, 0.3))
    moved = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, _SHADE_BELOW * scale]])
    shade = _SHADE * cv2.warpAffine(soft, moved, cover.shape[::-1])
    return np.where(shade < _FAINT, np.float32(0.0), np.asarray(shade, np.float32))


def _light(pixels: Floats, cover: Floats, skin: Floats, scale: float) -> Floats:
    """Return how bright the forehead is beside its middle, a factor `(h, w)`, and 1 where there is hair already."""
    grey = cv2.GaussianBlur(pixels.mean(axis=2), (0, 0), max(_LIGHT_OVER * scale, 0.3))
    covered = grey[(cover > 0.5) & (skin > 0.7)]
    middle = float(np.median(covered)) if covered.size else float(grey.mean())
    factor = np.clip(grey / max(middle, 1.0), *_LIGHT)
    return np.asarray(1.0 + 0.5 * skin * (factor - 1.0), np.float32)
