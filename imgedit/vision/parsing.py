"""What a face parser finds in a crop, and in its mirror image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.models.runtime import Session

__all__ = ["Parse", "class_probabilities", "once"]

Parse = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""A crop `(h, w, 3)` -> the parser's probabilities `(C, h, w)`."""


def class_probabilities(session: Session, crops: NDArray[Any]) -> NDArray[np.float32]:
    """Return the mean of what is found in crops and in their mirror images.

    The mirror takes off some of what is seen where nothing is, at twice the cost.

    Args:
        session: a `parse` graph.
        crops: `(N, 3, H, W)` RGB in [-1, 1].

    Returns:
        `(N, C, H, W)`, 0..1.
    """
    both = np.concatenate([crops, crops[..., ::-1]]).astype(np.float32, copy=False)
    straight, mirrored = np.split(session.run({"image": both}, ["probability"])["probability"], 2)
    return np.asarray((straight + mirrored[..., ::-1]) / 2.0, np.float32)


def once(parse: Parse) -> Parse:
    """Return the parser with a memory: an edit that asks for the person and for the hair looks at one crop twice."""
    known: dict[bytes, NDArray[np.float32]] = {}

    def remembered(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        key = crop.tobytes()
        if key not in known:
            known[key] = parse(crop)
        return known[key]

    return remembered
