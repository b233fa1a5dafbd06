"""Tints: the ranges that the mean of a dyed region is held to, whatever light a photo has that a model has not seen.

Each word's range stands in its model's manifest; `python -m training.measure.tints` measured those of hair.
"""

from __future__ import annotations

import numpy as np

from imgedit.models.manifest import Tint
from imgedit.pixels import Floats

__all__ = ["shift"]


def shift(tint: Tint, mean: Floats) -> Floats:
    """Return the least that takes a mean a* and b* (CIELAB, D65), `(2,)`, into a tint's range."""
    return np.asarray(np.clip(mean, tint.low, tint.high) - mean, np.float32)
