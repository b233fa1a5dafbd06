"""Pixels as photos hold them, 0..255 and channels last, and as models see them, [-1, 1] and channels first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["from_uint8", "to_pixels", "to_tensor", "to_uint8"]


def to_tensor(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Turn `(..., H, W, C)` uint8 into `(..., C, H, W)` in [-1, 1]."""
    return from_uint8(np.ascontiguousarray(np.moveaxis(pixels, -1, -3)))


def to_pixels(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn `(..., C, H, W)` in [-1, 1] into `(..., H, W, C)` uint8."""
    return np.moveaxis(to_uint8(images), -3, -1)


def from_uint8(colours: NDArray[Any]) -> NDArray[np.float32]:
    """Turn 0..255 into [-1, 1]."""
    return np.asarray(colours, np.float32) / np.float32(127.5) - np.float32(1.0)


def to_uint8(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn [-1, 1] into 0..255, rounded and clipped."""
    return np.asarray(np.clip(np.rint((colours + 1.0) * 127.5), 0, 255), np.uint8)
