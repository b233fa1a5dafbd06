"""Find the tone of a head's hair from the statistics of real hair, told relative to the skin of the same person.

Skin carries a photo's light and exposure: real brown hair is so much darker than the skin beside it, whatever the
light. Skin may also be dark by itself, so that for blond hair only a share of its darkness counts. Real hair of one
colour differs from head to head; the hair is brought to the nearest of that, so that white hair becomes a light blond
and black hair a dark one. Measured by `python -m training.measure.hair_tones`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.models.manifest import Crop
from imgedit.pixels import Floats, to_lab
from imgedit.render.tone import Curve, Tone, log_luminance
from imgedit.vision.beard import beard_of
from imgedit.vision.brows import brows_of
from imgedit.vision.hair import hair_of
from imgedit.vision.subject import Subject

__all__ = [
    "HairColours",
    "Target",
    "curve_of",
    "find_beard_tone",
    "find_brow_tone",
    "find_tone",
    "hair_colours",
    "target_of",
]

_SURE, _SKIN = 0.8, 0.9  # of hair and skin that tell what colours a head has
_FEWEST = 200  # pixels of the parser's window
_EXTREMES = (1.0, 97.0)  # percentiles between which log luminances are hair's
_SIDES = (10.0, 90.0)  # percentiles that tell how far hair is darker and lighter than its middle
_LEAST_SIDE = 0.2  # of log luminance; flat hair is not stretched without end
_GAIN, _LIFT, _FALL = 0.5, 1.6, 2.5  # least factor of contrast, and most where hair becomes lighter, and darker
_FAR = 1.0  # change of log luminance from which contrast is wholly that of the new colour
_WIDTH = 0.7  # standard deviations by which the tint may differ from the usual one of its colour
_BROW, _FEWEST_OF_BROWS = 0.6, 40  # share of a pixel that is brow, and how many such pixels tell their colour
_BROW_LEVEL = (-0.9, 0.3)  # log luminances that are added to the least and the most that hair of the colour has
_BROW_FALL, _BROW_SHARE = 0.5, 0.85  # most darkening, of log luminance, and share of the change, of brows
_BEARD, _FEWEST_OF_BEARD = 0.5, 80  # the same of a beard
_DIM = (8.0, 24.0)  # lightnesses L* of hair whose own tint tells nothing and all


class Target(NamedTuple):
    """What real hair of one colour looks like; luminances are natural logarithms.

    Attributes:
        level: `(2,)`, least and greatest luminance of the middle, less that of the skin.
        below: `(2,)`, least and greatest distance of the 10th percentile of a head from its middle.
        above: `(2,)`, the same of the 90th.
        top: most luminance of the 90th percentile, 0 is white.
        tint: `(n, 2)`, a* and b* at L* = (i + 0.5) 100 / n, beside usual skin.
        share: `(2,)`, of the skin's departure from usual skin that the tint takes on.
        width: `(2,)`, standard deviation of the tint between heads.
        usual: `(2,)`, a* and b* of usual skin.
        of_skin: share of the skin's luminance that `level` is told beside; at 0 it is told by itself.
    """

    level: Floats
    below: Floats
    above: Floats
    top: float
    tint: Floats
    share: Floats
    width: Floats
    usual: Floats
    of_skin: float = 1.0


class HairColours(NamedTuple):
    """Colours of a head: `(n, 3)` of its hair, `(3,)` of its skin, L*a*b*."""

    hair: Floats
    skin: Floats


_SHAPES = {"level": (2,), "below": (2,), "above": (2,), "top": (), "share": (2,), "width": (2,)}


def target_of(tones: Mapping[str, NDArray[Any]], index: int) -> Target:
    """Return the statistics of one colour of a model.

    Args:
        tones: what its graph returns: the fields of `Target`, each with one entry for each colour, and `usual`. Without
            `of_skin` it is 1.
        index: of the colour.

    Raises:
        ModelError: they have other shapes, or none of that colour.
    """
    tint = tones.get("tint", np.zeros(0))
    if not 0 <= index < len(tint) or tint.ndim != 3 or tint.shape[1] < 2 or tint.shape[2] != 2:
        raise ModelError("the statistics of hair have no entry for a colour")
    for name, shape in _SHAPES.items():
        if name not in tones or tones[name].shape != (len(tint), *shape):
            raise ModelError(f"the statistics of hair have no {name} of every colour")
    if "usual" not in tones or tones["usual"].shape != (2,):
        raise ModelError("the statistics of hair do not tell what skin is usual")
    level, below, above, share, width = (
        np.asarray(tones[name][index], np.float32) for name in ("level", "below", "above", "share", "width")
    )
    usual, of_skin = np.asarray(tones["usual"], np.float32), tones.get("of_skin", np.ones(len(tint)))
    if of_skin.shape != (len(tint),):
        raise ModelError("the statistics of hair have no of_skin of every colour")
    top, of_light = float(tones["top"][index]), float(of_skin[index])
    return Target(level, below, above, top, np.asarray(tint[index]), share, width, usual, of_light)


def find_tone(subject: Subject, target: Target, region: str, strength: float) -> Tone | None:
    """Return the tone of one colour for a subject; None where hardly any hair or skin tells what light there is.

    Args:
        subject: whose hair.
        target: the colour.
        region: name of the region.
        strength: share of the change.
    """
    seen = hair_colours(subject)
    if seen is None:
        return None
    return Tone(curve_of(*seen, target), _window(subject), region, strength)


def find_brow_tone(subject: Subject, target: Target, strength: float) -> Tone | None:
    """Return the tone of a subject's brows beside hair of one colour; None where brows or skin are hardly seen.

    Brows are darker than the hair of light heads, and those of dark heads no darker than a little.

    Args:
        subject: whose brows.
        target: the colour of the hair.
        strength: share of the change.
    """
    curve = _curve_beside_hair(
        subject, brows_of(subject) > _BROW, _FEWEST_OF_BROWS,
        target._replace(level=target.level + np.asarray(_BROW_LEVEL, np.float32)),
    )  # fmt: skip
    if curve is None:
        return None
    curve = replace(curve, target=max(curve.target, curve.middle - _BROW_FALL))
    return Tone(curve, _window(subject), "brows", _BROW_SHARE * strength)


def find_beard_tone(subject: Subject, target: Target, strength: float) -> Tone | None:
    """Return the tone of a subject's beard beside hair of one colour; None where no beard is seen.

    Args:
        subject: whose beard.
        target: the colour of the hair.
        strength: share of the change.
    """
    curve = _curve_beside_hair(subject, beard_of(subject) > _BEARD, _FEWEST_OF_BEARD, target)
    return None if curve is None else Tone(curve, _window(subject), "beard", strength)


def _curve_beside_hair(subject: Subject, where: NDArray[np.bool_], fewest: int, target: Target) -> Curve | None:
    """Return what happens to other hair of a face, `(h, w)` on the parser's window; None where too little is seen."""
    crop = subject.networks.parser.crop
    lab = to_lab(subject.pixels(crop.kind, crop.height, crop.width))
    seen, own = hair_colours(subject), lab[where]
    return None if seen is None or len(own) < fewest else curve_of(own, seen.skin, target)


def _window(subject: Subject) -> Crop:
    crop = subject.networks.parser.crop
    return Crop(crop.kind, crop.height, crop.width)


def hair_colours(subject: Subject) -> HairColours | None:
    """Return the colours of a subject's hair and skin; None where there are too few."""
    parser = subject.networks.parser
    crop = parser.crop
    lab = to_lab(subject.pixels(crop.kind, crop.height, crop.width))
    sure = hair_of(subject)[: crop.height] > _SURE
    inner = cv2.erode(sure.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    hair = lab[inner if inner.sum() >= _FEWEST else sure]
    skin = lab[subject.parsed()[parser.classes.index("skin")] > _SKIN]
    if min(len(hair), len(skin)) < _FEWEST:
        return None
    return HairColours(hair, np.asarray(np.median(skin, axis=0), np.float32))


def curve_of(hair: Floats, skin: Floats, target: Target) -> Curve:
    """Return what happens to the colours of hair `(n, 3)` beside skin `(3,)`, L*a*b*."""
    log_y = log_luminance(hair[:, 0])
    low, lower, middle, upper, high = (
        float(value) for value in np.percentile(log_y, (_EXTREMES[0], _SIDES[0], 50.0, _SIDES[1], _EXTREMES[1]))
    )
    to = float(np.clip(middle, *(target.of_skin * float(log_luminance(skin[0])) + target.level)))
    most = _LIFT if to > middle else _FALL  # noise in the dark is not lifted without end
    share = min(abs(to - middle) / _FAR, 1.0)  # hair that keeps its lightness keeps its contrast
    below, above = (
        float(np.clip(np.clip(own, *near) / own, _GAIN, most) ** share)
        for own, near in (
            (max(middle - lower, _LEAST_SIDE), target.below),
            (max(upper - middle, _LEAST_SIDE), target.above),
        )
    )
    to = min(to, max(target.top - above * (upper - middle), middle))
    tint = target.tint + target.share * (skin[1:] - target.usual)
    curve = Curve(middle, to, below, above, low, high, lower, upper, tint)
    own = np.median(hair[:, 1:] - curve.tint_at(hair[:, 0]), axis=0)
    trust = np.clip((np.median(hair[:, 0]) - _DIM[0]) / (_DIM[1] - _DIM[0]), 0.0, 1.0)
    shift = trust * np.clip(own, -_WIDTH * target.width, _WIDTH * target.width)
    return replace(curve, tint=np.asarray(curve.tint + shift, np.float32))
