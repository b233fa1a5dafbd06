"""Segments of a JPEG's head: those that keep Pillow from opening a sound picture are left out.

Pillow parses some application segments while it opens a file, and takes a damaged one for a file that is no JPEG.

Reference: ITU-T T.81, annex B (markers and their lengths).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator

__all__ = ["NAMES", "START", "places", "without"]

START = b"\xff\xd8\xff"
"""How a JPEG begins."""
NAMES = {0xED: "APP13", 0xE1: "APP1", 0xE2: "APP2", 0xE0: "APP0", 0xEE: "APP14"}
"""Markers of the segments that Pillow parses -> their names; what says least of the pixels comes first."""
_SCAN = 0xDA  # what follows it are pixels


def without(data: bytes, markers: Collection[int]) -> bytes:
    """Return a JPEG without the segments of some markers; what is no JPEG, or has none, comes back as it is."""
    kept, at = bytearray(data[:2]), 2
    for start, end in places(data):
        kept += b"" if data[start + 1] in markers else data[start:end]
        at = end
    return bytes(kept) + data[at:]


def places(data: bytes | bytearray) -> Iterator[tuple[int, int]]:
    """Give the places of the segments before the first scan, as far as they can be followed."""
    at = 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data) and data[at + 1] not in (0xFF, _SCAN):
        (length,) = struct.unpack_from(">H", data, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(data):
            return
        yield at, end
        at = end
