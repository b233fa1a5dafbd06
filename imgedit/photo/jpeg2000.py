"""What Pillow does not read of JPEG 2000 files: the bits of a channel, and the colour profile.

Reference: ISO/IEC 15444-1, sections A.5.1 (image size) and I.5.3.3 (colour specification box).
"""

from __future__ import annotations

import re

__all__ = ["bits", "profile"]

_SIZE = re.compile(rb"\xff\x4f\xff\x51.{38}(.)", re.DOTALL)  # start of the picture; the bits of the first channel
# The box with a profile: length, name, method, precedence, approximation; every profile has "acsp" in its head.
_PROFILE = re.compile(rb"(.{4})colr[\x02\x03].{2}(?=.{36}acsp)", re.DOTALL)


def bits(data: bytes) -> int:
    """Return the bits a channel of a file; 8 where it does not say."""
    found = _SIZE.search(data)
    return (found[1][0] & 0x7F) + 1 if found else 8


def profile(data: bytes) -> bytes | None:
    """Return the colour profile of a file, or None where it has none."""
    found = _PROFILE.search(data)
    return data[found.end() : found.start() + int.from_bytes(found[1], "big")] if found else None
