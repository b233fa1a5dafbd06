"""Find the tone of a head's hair from the statistics of real hair, told relative to the skin of the same person.

Skin carries a photo's light and exposure: real blond hair is so much darker than the skin beside it, whatever the
light. Measured by `python -m training.measure.hair_tones`.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.models.manifest import Crop
from imgedit.pixels import Floats, to_lab
from imgedit.render.tone import Curve, Tone, log_luminance
from imgedit.vision.hair import hair_of
from imgedit.vision.subject import Subject

__all__ = ["find_tone"]

_SURE, _SKIN = 0.8, 0.9  # of hair and skin that tell what colours a head has
_FEWEST = 200  # pixels of the parser's window
_SAME = 0.35  # share of its own luminance that hair keeps which has the colour nearly already
_EXTREMES = (1.0, 97.0)  # percentiles between which log luminances are hair's
_LEAST_SPREAD = 0.15  # of log luminance; flat hair is not stretched without end
_GAINS = (0.55, 1.25)


def find_tone(
    subject: Subject, tones: Mapping[str, NDArray[np.float32]], index: int, region: str, strength: float
) -> Tone | None:
    """Return the tone of one colour for a subject; None where hardly any hair or skin tells what light there is.

    Args:
        subject: whose hair.
        tones: the model's statistics: `ratio`, `low`, `high`, `spread`, `share` `(n,)`, `tint` `(n, bins, 2)` and
            `usual` `(2,)`.
        index: of the colour.
        region: name of the region.
        strength: share of the change.

    Raises:
        ModelError: the statistics have other shapes.
    """
    if not 0 <= index < len(tones["ratio"]) or tones["tint"].ndim != 3 or tones["usual"].shape != (2,):
        raise ModelError("the statistics of hair have no entry for a colour")
    parser = subject.networks.parser
    crop = parser.crop
    lab = to_lab(subject.pixels(crop.kind, crop.height, crop.width))
    sure = hair_of(subject)[: crop.height] > _SURE
    inner = cv2.erode(sure.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    hair = lab[inner if inner.sum() >= _FEWEST else sure]
    skin = lab[subject.parsed()[parser.classes.index("skin")] > _SKIN]
    if min(len(hair), len(skin)) < _FEWEST:
        return None
    curve = _curve(
        hair,
        np.asarray(np.median(skin, axis=0), np.float32),
        {k: v[index] for k, v in tones.items() if k != "usual"},
        tones["usual"],
    )
    return Tone(curve, Crop(crop.kind, crop.height, crop.width), region, strength)


def _curve(hair: Floats, skin: Floats, tone: Mapping[str, NDArray[np.float32]], usual: Floats) -> Curve:
    """Return what happens to the colours of hair `(n, 3)` beside skin `(3,)`, L*a*b*."""
    of_skin = float(log_luminance(skin[0]))
    log_y = log_luminance(hair[:, 0])
    middle = float(np.median(log_y))
    target = of_skin + float(tone["ratio"])
    if of_skin + float(tone["low"]) < middle < of_skin + float(tone["high"]):
        target = _SAME * middle + (1.0 - _SAME) * target
    gain = float(np.clip(float(tone["spread"]) / max(float(log_y.std()), _LEAST_SPREAD), *_GAINS))
    low, high = (float(value) for value in np.percentile(log_y, _EXTREMES))
    tint = np.asarray(tone["tint"] + float(tone["share"]) * (skin[1:] - usual), np.float32)
    return Curve(middle, target, gain, low, high, tint)
