"""Colour profiles of three curves and a matrix, or of one curve for grey, carried out in floating point.

Display P3, Adobe RGB, ProPhoto and most other profiles of photos are of this kind, and so are those of grey photos. A
grey photo is held as three equal channels, and its profile as three equal curves with the primaries of sRGB.
Pillow converts 8 bits alone, and grey to colours only.

Reference: ICC.1:2022, sections 7.2 (header), 10.6 (curves), 10.18 (parametric curves), F.2 (monochrome) and F.3
(three-component matrix profiles).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["MatrixProfile", "for_colours", "is_for_grey", "matrix_profile"]

_SRGB = np.array(  # linear sRGB to XYZ of D50, the profiles' common white
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_FROM_D50 = np.linalg.inv(_SRGB)
_LEVELS = 65536  # of the tables of curves
_WRITTEN = 4096  # levels of a curve that is written anew
_COLUMNS, _CURVES = (b"rXYZ", b"gXYZ", b"bXYZ"), (b"rTRC", b"gTRC", b"bTRC")
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
@np.errstate(all="ignore")  # a damaged curve may divide by zero
def matrix_profile(icc: bytes) -> MatrixProfile | None:
    """Read a profile; None where it is of another kind (a table), or damaged."""
    try:
        tags = _tags(icc)
        if b"A2B0" in tags:
            return None
        if is_for_grey(icc):
            curve = _curve(tags[b"kTRC"])
            curves, matrix = np.stack([_light(curve) if icc[20:24] == b"Lab " else curve] * 3), np.eye(3)
        elif icc[16:24] == b"RGB XYZ ":
            columns = [_numbers(tags[name], 8, 3) for name in _COLUMNS]
            curves, matrix = np.stack([_curve(tags[name]) for name in _CURVES]), _FROM_D50 @ np.stack(columns, axis=1)
        else:
            return None
    except (KeyError, IndexError, struct.error, np.linalg.LinAlgError, ValueError):
        return None
    is_rising = np.isfinite(curves).all() and (np.diff(curves) >= 0).all() and (curves[:, -1] > curves[:, 0]).all()
    return MatrixProfile(curves, matrix) if is_rising and abs(np.linalg.det(matrix)) > 1e-3 else None


def is_for_grey(icc: bytes) -> bool:
    """Tell whether a profile is one of a single channel."""
    return icc[16:20] == b"GRAY"


@lru_cache(maxsize=16)
def for_colours(icc: bytes | None) -> bytes | None:
    """Return a profile that means the same in a picture of colours: of a grey one, its curve with sRGB's primaries.

    None for a grey profile of another kind, or damaged; other profiles come back as they are.
    """
    if icc is None or not is_for_grey(icc):
        return icc
    profile = matrix_profile(icc)
    if profile is None:
        return None
    tags = _tags(icc)
    if icc[20:24] == b"Lab ":
        levels = np.rint(65535.0 * profile.curves[0][:: _LEVELS // _WRITTEN]).astype(">u2")
        tags[b"kTRC"] = b"curv\0\0\0\0" + struct.pack(">I", len(levels)) + levels.tobytes()
    white = b"XYZ \0\0\0\0" + icc[68:80]  # that of the connection space
    kept = {name: tags[name] for name in (b"desc", b"cprt") if name in tags} | {b"wtpt": white}
    for name, column in zip(_COLUMNS, _SRGB.T, strict=True):
        kept[name] = b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(65536 * number) for number in column))
    return _packed(icc[:128], kept | dict.fromkeys(_CURVES, tags[b"kTRC"]))


def _packed(head: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return a display profile of colours, with the rest of its header as that of another."""
    table, contents = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(contents), len(content))
        contents += content + b"\0" * (-len(content) % 4)
    size = struct.pack(">I", 128 + len(table) + len(contents))
    head = size + head[4:12] + b"mntrRGB XYZ " + head[24:84] + bytes(16) + head[100:]  # the 16 are a checksum
    return head + table + contents


def _tags(icc: bytes) -> dict[bytes, bytes]:
    """Return the content of a profile's tags."""
    (count,) = struct.unpack_from(">I", icc, 128)
    tags = {}
    for at in range(132, 132 + 12 * min(count, 200), 12):
        name, offset, size = struct.unpack_from(">4sII", icc, at)
        tags[name] = icc[offset : offset + size]
    return tags


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


def _light(lightness: Doubles) -> Doubles:
    """Return linear light of CIELAB's lightness, both 0..1 (ISO/CIE 11664-4)."""
    root = (100.0 * lightness + 16.0) / 116.0
    return np.where(root > 6.0 / 29.0, root**3, 3.0 * (6.0 / 29.0) ** 2 * (root - 4.0 / 29.0))


def _encoded(linear: Doubles) -> Doubles:
    """Return sRGB of linear light (IEC 61966-2-1)."""
    return np.where(linear > 0.0031308, 1.055 * linear ** (1.0 / 2.4) - 0.055, 12.92 * linear)


def _linear(values: Doubles) -> Doubles:
    """Return linear light of sRGB."""
    return np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92)
