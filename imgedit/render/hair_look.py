"""What the hair in a photo looks like: its colours at each lightness, how much strands vary, and where it is tinted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, Pixels, eight_bit, to_lab

__all__ = ["HairLook", "look_of"]

# Lengths are units of the mean face (about a centimetre).
_SCALES = (0.0, 0.05, 0.15, 0.5)  # blurs between which strands lie: single hairs, more of them, locks
_TRUSTED = (0.02, 0.96)  # of the pixels that tell colours, from dark to light: the others may show ground and skin
_RANKS = 21  # steps from the darkest to the lightest of them
_MIDDLE = 0.6  # of these, the one that drawn hair has in the middle
_NEARBY, _TINT = 2.0, (0.6, 1.6)  # over how much colours are those of the hair nearby, and limits of the factor
_NEARER = 0.6  # power of that factor: roots are darker than the hair that hangs over them
_STRONGEST = 8.0  # deviation of lightness L* from strand to strand, at most
_SPREAD = (2.0, 14.0)  # that of all the hair, at least and at most


@dataclass(frozen=True, eq=False)
class HairLook:
    """The hair that a photo shows.

    Attributes:
        curve: `(ranks, 4)`, lightness and colour of the hair, from dark to light.
        middle: lightness L* of hair that is drawn beside it.
        deviation: of lightness, from strand to strand: of single hairs, more of them, and locks.
        spread: deviation of the lightness of all the hair.
        tint: `(h, w, 3)`, by how much the hair nearby has another colour than all of it, a factor.
    """

    curve: Floats
    middle: float
    deviation: tuple[float, ...]
    spread: float
    tint: Floats

    def colours(self, lightness: Floats) -> Floats:
        """Return the colours `(h, w, 3)`, 0..255, that this head's hair has at a lightness L*, `(h, w)`."""
        found = [np.interp(lightness, self.curve[:, 0], self.curve[:, channel]) for channel in (1, 2, 3)]
        return np.stack(found, axis=-1).astype(np.float32)


def look_of(picture: Pixels, tells: NDArray[np.bool_], scale: float) -> HairLook:
    """Look at hair.

    Args:
        picture: `(h, w, 3)`, 0..255.
        tells: `(h, w)`, which pixels are hair for certain; at least some fifty.
        scale: px of the picture a unit of the mean face.
    """
    lightness, pixels = to_lab(eight_bit(picture))[..., 0], np.asarray(picture, np.float32)
    own = lightness[tells]
    return HairLook(
        curve=_curve(own, pixels[tells]),
        middle=float(np.quantile(own, _MIDDLE)),
        deviation=_deviations(lightness, tells, scale),
        spread=float(np.clip(own.std(), *_SPREAD)),
        tint=_tint(pixels, tells, scale),
    )


def _curve(lightness: Floats, colours: Floats) -> Floats:
    """Return the mean lightness and colour of the darkest pixels, and so on up to the lightest, `(ranks, 4)`."""
    order = np.argsort(lightness, kind="stable")
    first, last = (round(share * len(order)) for share in _TRUSTED)
    parts = np.array_split(np.column_stack([lightness, colours])[order[first:last]], _RANKS)
    curve = np.stack([part.mean(0) for part in parts])
    curve[:, 0] = np.maximum.accumulate(curve[:, 0] + 1e-3 * np.arange(_RANKS))
    return np.asarray(curve, np.float32)


def _deviations(lightness: Floats, tells: NDArray[np.bool_], scale: float) -> tuple[float, ...]:
    """Return by how much hair that is seen varies between the blurs of `_SCALES`, L*."""
    weight = tells.astype(np.float32)

    def blurred(width: float) -> Floats:
        if width * scale < 0.3:
            return lightness
        total = cv2.GaussianBlur(lightness * weight, (0, 0), width * scale)
        return np.asarray(total / np.maximum(cv2.GaussianBlur(weight, (0, 0), width * scale), 1e-3), np.float32)

    levels = [blurred(width) for width in _SCALES]
    return tuple(float(min((fine - coarse)[tells].std(), _STRONGEST)) for fine, coarse in pairwise(levels))


def _tint(pixels: Floats, tells: NDArray[np.bool_], scale: float) -> Floats:
    """Return by how much the hair nearby has another colour than all of it, a factor `(h, w, 3)`."""
    weight = tells.astype(np.float32)
    width = _NEARBY * scale
    total = cv2.GaussianBlur(pixels * weight[..., None], (0, 0), width)
    count = cv2.GaussianBlur(weight, (0, 0), width)[..., None]
    mean = pixels[tells].mean(0)
    nearby = (total + 1e-3 * mean) / (count + 1e-3)
    return np.asarray(np.clip(nearby / np.maximum(mean, 1.0), *_TINT) ** _NEARER, np.float32)
