"""Pixels as photos hold them (0..255, channels last), as models see them ([-1, 1], channels first), and in CIELAB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Floats",
    "Pixels",
    "eight_bit",
    "from_lab",
    "from_uint8",
    "greyed",
    "is_same",
    "kept",
    "kept_signed",
    "pixels_to_lab",
    "to_lab",
    "to_pixels",
    "to_tensor",
    "to_uint8",
]

Floats = NDArray[np.float32]
Pixels = NDArray[Any]
"""Colours 0..255 of a photo: uint8, or float32 with fractions for a photo of 16 bits."""


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


def eight_bit(pixels: Pixels) -> NDArray[np.uint8]:
    """Return colours 0..255 as uint8, rounded: what networks and estimates look at."""
    return pixels if pixels.dtype == np.uint8 else np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


def is_same(pixels: Pixels, others: Pixels) -> bool:
    """Tell whether two pictures `(H, W, ...)` are equal, row by row: compared at once, they take a third picture."""
    return pixels.shape == others.shape and all(map(np.array_equal, pixels, others))


def kept(colours: NDArray[Any], kind: np.dtype[Any]) -> Pixels:
    """Return colours 0..255 in the number type of a photo's pixels: uint8 is rounded, float32 keeps its fractions."""
    clipped = np.clip(colours, 0, 255)
    return np.asarray(np.rint(clipped).astype(np.uint8) if kind == np.uint8 else clipped.astype(np.float32))


def kept_signed(colours: Floats, kind: np.dtype[Any]) -> Pixels:
    """Return colours in [-1, 1] in the number type of a photo's pixels, as `kept`."""
    return to_uint8(colours) if kind == np.uint8 else kept((colours + np.float32(1.0)) * np.float32(127.5), kind)


def pixels_to_lab(pixels: Pixels) -> Floats:
    """Turn a photo's pixels `(H, W, 3)` into CIELAB."""
    return to_lab(pixels if pixels.dtype == np.uint8 else pixels / np.float32(255.0))


def greyed(colours: Floats, axis: int) -> Floats:
    """Give every channel the luma of the colours (ITU-R BT.601); of differences as well, since it is linear."""
    weights = np.expand_dims(np.array([0.299, 0.587, 0.114], np.float32), tuple(range(1, colours.ndim)))
    luma = (np.moveaxis(colours, axis, 0) * weights).sum(axis=0)
    return np.ascontiguousarray(np.repeat(np.expand_dims(luma, axis), 3, axis=axis), np.float32)


def to_lab(rgb: NDArray[Any]) -> Floats:
    """Turn sRGB, `(H, W, 3)`, uint8 or float32 in 0..1, into CIELAB (D65): L* 0..100, a*, b*.

    OpenCV's own conversion builds tables at its first use that take longer than a face detector, and interpolates in
    them; this one is exact (IEC 61966-2-1, CIE 15) and no slower.
    """
    import cv2  # here, because those who only scale pixels need not load it

    linear = cv2.LUT(rgb, _LINEAR) if rgb.dtype == np.uint8 else _linear(np.asarray(rgb, np.float32))
    xyz = cv2.transform(linear, _TO_XYZ)
    roots = cv2.pow(xyz, 1.0 / 3.0)
    np.copyto(roots, xyz * _SLOPE + _OFFSET, where=xyz <= _KNEE)
    return np.asarray(cv2.transform(roots, _FROM_ROOTS), np.float32)


def from_lab(lab: Floats) -> Floats:
    """Turn CIELAB (D65), `(H, W, 3)` float32, into sRGB in 0..1; colours beyond sRGB are clipped."""
    import cv2

    roots = cv2.transform(lab, _TO_ROOTS)
    xyz = roots * roots * roots
    np.copyto(xyz, (roots - _OFFSET) / _SLOPE, where=xyz <= _KNEE)
    linear = np.clip(cv2.transform(xyz, _FROM_XYZ), 0.0, 1.0)
    rgb = np.asarray(cv2.pow(linear, 1.0 / 2.4), np.float32) * np.float32(1.055) - np.float32(0.055)
    np.copyto(rgb, linear * np.float32(12.92), where=linear <= 0.0031308)
    return np.asarray(np.minimum(rgb, np.float32(1.0)), np.float32)


def _linear(rgb: Floats) -> Floats:
    """Return linear light of sRGB in 0..1."""
    import cv2

    linear = cv2.pow((rgb + np.float32(0.055)) / np.float32(1.055), 2.4)
    np.copyto(linear, rgb / np.float32(12.92), where=rgb <= 0.04045)
    return np.asarray(linear, np.float32)


def _linear_levels() -> Floats:
    """Return linear light of the levels 0..255."""
    levels = np.arange(256) / 255.0
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)


_LINEAR = _linear_levels()
_XYZ = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
_TO_XYZ = (_XYZ / _XYZ.sum(1, keepdims=True)).astype(np.float32)  # relative to white, so that grey has no tint
_FROM_XYZ = np.linalg.inv(_XYZ / _XYZ.sum(1, keepdims=True)).astype(np.float32)
_KNEE = np.float32((6.0 / 29.0) ** 3)
_SLOPE, _OFFSET = np.float32((29.0 / 6.0) ** 2 / 3.0), np.float32(4.0 / 29.0)
_FROM_ROOTS = np.array([[0.0, 116.0, 0.0, -16.0], [500.0, -500.0, 0.0, 0.0], [0.0, 200.0, -200.0, 0.0]], np.float32)
_TO_ROOTS = np.array(
    [[1 / 116, 1 / 500, 0.0, 16 / 116], [1 / 116, 0.0, 0.0, 16 / 116], [1 / 116, 0.0, -1 / 200, 16 / 116]], np.float32
)
