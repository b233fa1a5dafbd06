"""XMP in GIF files, which Pillow neither reads nor writes.

A packet lies in an application extension. It is not cut into blocks; 258 bytes behind it lead a reader that knows only
blocks to the extension's end, wherever the packet's bytes made it land.

Reference: XMP Specification part 3, section 1.1.2 (GIF); GIF89a, sections 15 and 26.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["with_xmp", "xmp_of"]

_EXTENSION, _APPLICATION, _IMAGE = 0x21, 0xFF, 0x2C
_INTRODUCER = b"\x21\xff\x0bXMP DataXMP"
_TRAILER = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"


def with_xmp(data: bytes, packet: bytes) -> bytes:
    """Return a GIF with a packet in front of its first picture.

    Args:
        data: a GIF89a file without XMP.
        packet: in UTF-8.
    """
    at = next(start for start, kind in _blocks(data) if kind != _APPLICATION)
    return data[:at] + _INTRODUCER + packet + _TRAILER + data[at:]


def xmp_of(data: bytes) -> bytes | None:
    """Return the packet of a GIF; None where it has none, or is damaged before it."""
    for start, kind in _blocks(data):
        if kind == _APPLICATION and data.startswith(_INTRODUCER, start):
            begin = start + len(_INTRODUCER)
            end = data.find(_TRAILER, begin)
            return data[begin:end] if end > begin else None
    return None


def _blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Give the place and kind (label of an extension, else the first byte) of each block up to the first picture."""
    at = 13 + (3 << (data[10] % 8 + 1) if len(data) > 12 and data[10] & 0x80 else 0)
    while at + 1 < len(data):
        kind = data[at + 1] if data[at] == _EXTENSION else data[at]
        yield at, kind
        if data[at] != _EXTENSION:
            return
        at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
