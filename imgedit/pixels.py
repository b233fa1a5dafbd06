"""Pixels as photos hold them (0..255, channels last), as models see them ([-1, 1], channels first), and in CIELAB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "from_uint8", "greyed", "to_lab", "to_pixels", "to_tensor", "to_uint8"]

Floats = NDArray[np.float32]


def to_tensor(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Turn `(..., H, W, C)` uint8 into `(..., C, H, W)` in [-1, 1]."""
    return from_uint8(np.ascontiguousarray(np.moveaxis(pixels, -1, -3)))


def to_pixels(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn `(..., C, H, W)` in [-1, 1] into `(..., H, W, C)` uint8."""
    return np.moveaxis(to_uint8(images), -3, -1)


def from_uint8(colours: NDArray[Any]) -> NDArray[np.float32]:
    """Turn 0..255 into [-1, 1]."""
    scaled: Floats = np.divide(colours, np.float32(127.5), dtype=np.float32)
    scaled -= np.float32(1.0)
    return scaled


def to_uint8(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn [-1, 1] into 0..255, rounded and clipped."""
    scaled = colours + np.float32(1.0)
    scaled *= np.float32(127.5)
    np.rint(scaled, out=scaled)
    return np.asarray(np.clip(scaled, 0, 255, out=scaled), np.uint8)


def greyed(colours: Floats, axis: int) -> Floats:
    """Give every channel the luma of the colours (ITU-R BT.601); of differences as well, since it is linear."""
    weights = np.expand_dims(np.array([0.299, 0.587, 0.114], np.float32), tuple(range(1, colours.ndim)))
    luma = (np.moveaxis(colours, axis, 0) * weights).sum(axis=0)
    return np.ascontiguousarray(np.repeat(np.expand_dims(luma, axis), 3, axis=axis), np.float32)


def to_lab(rgb: NDArray[Any]) -> Floats:
    """Turn `(H, W, 3)` sRGB, uint8 or float32 in 0..1, into CIELAB (D65): L* 0..100, a*, b*."""
    import cv2  # here, because those who only scale pixels need not load it

    whole = np.asarray(rgb, np.float32) / np.float32(255.0) if rgb.dtype == np.uint8 else rgb
    return np.asarray(cv2.cvtColor(whole, cv2.COLOR_RGB2LAB), np.float32)
