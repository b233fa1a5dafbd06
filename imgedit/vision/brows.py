"""Where the brows of a face are, and how much of each pixel is hair rather than the skin between."""

from __future__ import annotations

import cv2
import numpy as np

from imgedit.pixels import Floats, to_lab
from imgedit.vision.subject import Subject

__all__ = ["brows_of"]

_SURE, _SKIN = 0.5, 0.9  # probabilities of brows and of skin that tell their lightness
_FEWEST = 60  # pixels of brows in the parser's window
_REACH = 5  # px by which hairs reach beyond what the parser sees
_DARK = 20.0  # percentile of a brow's lightness that is hair alone
_SKIN_STEP = 4.0  # L* below the median skin at which a pixel is still skin
_CLEAR = 8.0  # L* by which brows have to be darker than skin


def brows_of(subject: Subject, *, below_hairline: bool = False) -> Floats:
    """Return how much of each pixel is brow, `(h, w)`, 0..1, on the parser's window; nothing where brows are faint.

    Args:
        subject: whose brows.
        below_hairline: brows always are.
    """
    return subject.cached(("brows",), lambda: _found(subject))


def _found(subject: Subject) -> Floats:
    parser = subject.networks.parser
    crop, parsed = parser.crop, subject.parsed()
    lightness = to_lab(subject.pixels(crop.kind, crop.height, crop.width))[..., 0]
    brows, skin = (np.asarray(parsed[parser.classes.index(name)], np.float32) for name in ("brows", "skin"))
    none = np.zeros(brows.shape, np.float32)
    if (brows > _SURE).sum() < _FEWEST or (skin > _SKIN).sum() < _FEWEST:
        return none
    bright = float(np.median(lightness[skin > _SKIN])) - _SKIN_STEP
    dark = float(np.percentile(lightness[brows > _SURE], _DARK))
    if bright - dark < _CLEAR - _SKIN_STEP:
        return none
    near = cv2.dilate(brows, np.ones((_REACH, _REACH), np.uint8))
    return np.asarray(np.clip((bright - lightness) / (bright - dark), 0.0, 1.0) * near, np.float32)
