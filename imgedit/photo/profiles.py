"""Colour profiles of three curves and a matrix, carried out in floating point: for photos of more than 8 bits.

Display P3, Adobe RGB, ProPhoto and most other profiles of photos are of this kind. Pillow converts 8 bits alone.

Reference: ICC.1:2022, sections 10.6 (curves), 10.18 (parametric curves) and F.3 (three-component matrix profiles).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["MatrixProfile", "matrix_profile"]

_SRGB = np.array(  # linear sRGB to XYZ of D50, the profiles' common white
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_LEVELS = 65536  # of the tables of curves
_COUNTS = (1, 3, 4, 5, 7)  # parameters of each kind of parametric curve

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MatrixProfile:
    """A profile's way to sRGB and back.

    Attributes:
        curves: linear light of each channel at the values 0..65535, `(3, 65536)`, rising.
        matrix: linear light to that of sRGB, `(3, 3)`.
    """

    curves: Doubles
    matrix: Doubles

    def to_srgb(self, values: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Return `(n, 3)` of the profile as sRGB, 0..255; colours beyond it are clipped."""
        linear = np.stack([self.curves[c][values[:, c]] for c in range(3)], axis=1)
        return np.asarray(255.0 * _encoded(np.clip(linear @ self.matrix.T, 0.0, 1.0)), np.float32)

    def from_srgb(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return `(n, 3)` of sRGB, 0..255, in the profile, 0..255."""
        linear = np.clip(_linear(rgb.astype(np.float64) / 255.0) @ np.linalg.inv(self.matrix).T, 0.0, 1.0)
        levels = np.linspace(0.0, 255.0, _LEVELS)
        return np.stack([np.interp(linear[:, c], self.curves[c], levels) for c in range(3)], axis=1).astype(np.float32)


@lru_cache(maxsize=16)
def matrix_profile(icc: bytes) -> MatrixProfile | None:
    """Read a profile; None where it is of another kind (a table), or damaged."""
    try:
        (count,) = struct.unpack_from(">I", icc, 128)
        tags = {}
        for at in range(132, 132 + 12 * min(count, 200), 12):
            name, offset, size = struct.unpack_from(">4sII", icc, at)
            tags[name] = icc[offset : offset + size]
        if icc[16:24] != b"RGB XYZ " or b"A2B0" in tags:
            return None
        columns = [_numbers(tags[name], 8, 3) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
        curves = np.stack([_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC")])
        matrix = np.linalg.inv(_SRGB) @ np.stack(columns, axis=1)
    except (KeyError, IndexError, struct.error, np.linalg.LinAlgError, ValueError):
        return None
    is_sound = np.isfinite(curves).all() and (np.diff(curves) >= 0).all() and abs(np.linalg.det(matrix)) > 1e-3
    return MatrixProfile(curves, matrix) if is_sound else None


def _numbers(content: bytes, at: int, count: int) -> Doubles:
    """Read fixed-point numbers (s15Fixed16)."""
    return np.array(struct.unpack_from(f">{count}i", content, at)) / 65536.0


def _curve(content: bytes) -> Doubles:
    """Return a curve at all levels, 0..1."""
    x = np.linspace(0.0, 1.0, _LEVELS)
    if content[:4] == b"curv":
        (count,) = struct.unpack_from(">I", content, 8)
        if count == 0:
            return x
        table = np.array(struct.unpack_from(f">{count}H", content, 12), np.float64)
        curve = x ** (table[0] / 256.0) if count == 1 else np.interp(x, np.linspace(0, 1, count), table / 65535.0)
        return np.asarray(curve, np.float64)
    (kind,) = struct.unpack_from(">H", content, 8)
    g, a, b, c, d, e, f = (*_numbers(content, 12, _COUNTS[kind]), *[0.0] * 7)[:7]
    if kind == 0:
        a, d = 1.0, -1.0
    elif kind in (1, 2):  # linear below -b / a; of kind 2 everything lies c higher
        c, d, e, f = 0.0, -b / a, c, c
    curve = np.where(x >= d, np.maximum(a * x + b, 0.0) ** g + e, c * x + f)
    return np.asarray(np.clip(curve, 0.0, 1.0), np.float64)


def _encoded(linear: Doubles) -> Doubles:
    """Return sRGB of linear light (IEC 61966-2-1)."""
    return np.where(linear > 0.0031308, 1.055 * linear ** (1.0 / 2.4) - 0.055, 12.92 * linear)


def _linear(values: Doubles) -> Doubles:
    """Return linear light of sRGB."""
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
