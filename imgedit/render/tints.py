"""The tints that real hair has: what a hair colour is held to, whatever light a photo has that a model has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.render.guided import Floats

__all__ = ["TINTS", "Tint", "to_lab"]


@dataclass(frozen=True)
class Tint:
    """A range of mean colours without their lightness.

    Attributes:
        low: least a* and b* (CIELAB, D65).
        high: greatest a* and b*.
    """

    low: tuple[float, float]
    high: tuple[float, float]

    def shift(self, mean: Floats) -> Floats:
        """Return the least that takes a mean a* and b*, `(2,)`, into the range."""
        return np.asarray(np.clip(mean, self.low, self.high) - mean, np.float32)


# The middle 80 % of CelebA's training pictures with one hair colour, of grey from the 30th percentile to the 60th:
# python -m training.measure.tints FOLDER
TINTS = {
    "Black_Hair": Tint((-0.1, -1.3), (6.0, 7.1)),
    "Blond_Hair": Tint((2.6, 12.1), (13.6, 28.3)),
    "Brown_Hair": Tint((4.0, 6.1), (13.4, 17.9)),
    "Gray_Hair": Tint((1.9, 4.7), (4.4, 8.6)),
}
"""Attribute -> its tint."""


def to_lab(rgb: NDArray[Any]) -> Floats:
    """Turn `(H, W, 3)` sRGB, uint8 or float32 in 0..1, into CIELAB (D65): L* 0..100, a*, b*."""
    whole = np.asarray(rgb, np.float32) / np.float32(255.0) if rgb.dtype == np.uint8 else rgb
    return np.asarray(cv2.cvtColor(whole, cv2.COLOR_RGB2LAB), np.float32)
