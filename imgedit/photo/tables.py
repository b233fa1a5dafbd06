"""Colour profiles that are tables, carried out with more than 8 bits.

Pillow's LittleCMS converts 8 bits alone. It converts the nodes of a cube, and what lies between is interpolated, so
that values between the 256 levels stay between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TableProfile", "table_profile"]

_STEP = 5  # of 255 between the nodes, which are whole numbers so
_NODES = 255 // _STEP + 1
_CHUNK = 1 << 18  # pixels interpolated at once

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TableProfile:
    """A profile's way to sRGB and back.

    Attributes:
        there: sRGB at the nodes, `(52 * 52 * 52, 3)`, 0..255; blue runs fastest.
        back: the profile's values at the nodes of sRGB, as `there`.
    """

    there: Floats
    back: Floats

    def to_srgb(self, values: NDArray[np.uint16]) -> Floats:
        """Return `(n, 3)` of the profile as sRGB, 0..255; colours beyond it are clipped."""
        return _interpolated(self.there, values, 65535.0)

    def from_srgb(self, rgb: Floats) -> Floats:
        """Return `(n, 3)` of sRGB, 0..255, in the profile, 0..255."""
        return _interpolated(self.back, rgb, 255.0)


def table_profile(
    forward: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], back: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> TableProfile:
    """Sample a profile.

    Args:
        forward: converts `(1, n, 3)` of the profile to sRGB.
        back: converts it back.
    """
    levels = np.arange(0, 256, _STEP, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    return TableProfile(forward(cube)[0].astype(np.float32), back(cube)[0].astype(np.float32))


def _interpolated(table: Floats, values: NDArray[np.uint16] | Floats, whole: float) -> Floats:
    """Interpolate linearly in a cube, in each of the three directions.

    Args:
        table: the values at the nodes.
        values: where, `(n, 3)`, 0..`whole`.
        whole: the largest value.
    """
    result = np.empty((len(values), 3), np.float32)
    for start in range(0, len(values), _CHUNK):
        at = values[start : start + _CHUNK].astype(np.float32) * np.float32((_NODES - 1) / whole)
        low = np.clip(at.astype(np.int32), 0, _NODES - 2)
        red, green, blue = np.moveaxis(at - low, 1, 0)[..., None]
        first = (low[:, 0] * _NODES + low[:, 1]) * _NODES + low[:, 2]
        sides = []
        for corner in (first, first + _NODES**2):
            rows = [table[node] + blue * (table[node + 1] - table[node]) for node in (corner, corner + _NODES)]
            sides.append(rows[0] + green * (rows[1] - rows[0]))
        result[start : start + _CHUNK] = sides[0] + red * (sides[1] - sides[0])
    return result
