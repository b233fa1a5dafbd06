"""Photoshop image resources, the blocks in which JPEG and TIFF files hold IPTC's older fields (IIM).

Reference: Adobe Photoshop File Formats Specification, "Image Resource Blocks"; IPTC-NAA Information Interchange Model.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["IIM_TAG", "from_iim", "iim", "without_old_pictures"]

IIM_TAG = 0x0404
"""Resource that holds IPTC's fields."""

_SIGNATURE = b"8BIM"
# Thumbnails (two kinds), and copies of EXIF and XMP, which say how the photo lay before.
_OLD = (0x0409, 0x040C, 0x0422, 0x0423, 0x0424)


def without_old_pictures(blocks: bytes) -> bytes:
    """Drop the thumbnails and the copies of other metadata; every other resource stays as it is.

    Raises:
        ValueError: The blocks are damaged.
    """
    return b"".join(block for tag, block, _ in _split(blocks) if tag not in _OLD)


def iim(blocks: bytes) -> bytes | None:
    """Return IPTC's fields as they are, or None.

    Raises:
        ValueError: The blocks are damaged.
    """
    return next((data for tag, _, data in _split(blocks) if tag == IIM_TAG), None)


def from_iim(data: bytes) -> bytes:
    """Wrap IPTC's fields into an image resource."""
    return _SIGNATURE + struct.pack(">HxxI", IIM_TAG, len(data)) + data + b"\0" * (len(data) % 2)


def _split(blocks: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Give each resource's number, its whole block and its data."""
    at = 0
    while at < len(blocks.rstrip(b"\0")):
        name_at = at + 6
        if blocks[at : at + 4] != _SIGNATURE or len(blocks) <= name_at:
            raise ValueError(f"no image resource at byte {at}")
        (tag,) = struct.unpack_from(">H", blocks, at + 4)
        size_at = name_at + 1 + blocks[name_at]
        size_at += size_at - at & 1  # the name with its length is padded to an even number
        if len(blocks) < size_at + 4:
            raise ValueError(f"an image resource is cut off at byte {at}")
        (size,) = struct.unpack_from(">I", blocks, size_at)
        data = blocks[size_at + 4 : size_at + 4 + size]
        if len(data) < size:
            raise ValueError(f"an image resource is cut off at byte {at}")
        end = size_at + 4 + size + (size & 1)
        yield tag, blocks[at:end].ljust(end - at, b"\0"), data
        at = end
