"""EXIF blocks: what a photo's says about its orientation, and the same block for an upright photo.

A block is kept byte for byte but for its orientation and its thumbnail, which would show the photo as it was: Pillow,
written to and fro, turns every letter beyond ASCII into a question mark.
"""

from __future__ import annotations

import contextlib
import logging
import struct
from typing import Any

from PIL import Image

__all__ = ["read_exif", "with_raw_text"]

_HEADER = b"Exif\0\0"
_ORIENTATION = 0x0112
_SUB_FOLDERS = (0x8769, 0x8825)  # EXIF, GPS
# What a TIFF file's own directory holds besides its layout: description, maker, model, orientation, software, date,
# artist, copyright, EXIF, GPS.
_TIFF_TAGS = (0x010E, 0x010F, 0x0110, _ORIENTATION, 0x0131, 0x0132, 0x013B, 0x8298, *_SUB_FOLDERS)
_INTEGERS = {3: "H", 4: "I"}  # TIFF's types SHORT and LONG

_log = logging.getLogger(__name__)


def read_exif(image: Image.Image, name: str) -> tuple[int, bytes | None]:
    """Return the orientation and the EXIF block with it reset; a damaged block is dropped."""
    orientation = 1
    try:
        exif = image.getexif()
        if image.format == "TIFF":  # its directory also describes the file itself
            for tag in [tag for tag in exif if tag not in _TIFF_TAGS]:
                del exif[tag]
            if exif.bigtiff:
                exif = _classic(exif)
        if not exif:
            return 1, None
        value = exif.get(_ORIENTATION, 1)
        orientation = value if isinstance(value, int) else 1
        raw = image.info.get("exif")
        if image.format != "TIFF" and isinstance(raw, bytes):
            with contextlib.suppress(KeyError, struct.error):  # a block that only Pillow makes sense of
                return orientation, _upright(raw)
        if _ORIENTATION in exif:
            exif[_ORIENTATION] = 1
        return orientation, with_raw_text(exif).tobytes()
    except Exception as error:  # whatever a damaged block leads Pillow to
        _log.warning("%s: its EXIF block is damaged and dropped: %s", name, error)
        return orientation, None


def with_raw_text(block: bytes | Image.Exif) -> Image.Exif:
    """Return a block for Pillow to write with its texts as the bytes that they were (Pillow reads them as Latin-1)."""
    if isinstance(block, bytes):
        exif = Image.Exif()
        exif.load(block)
    else:
        exif = block
    values: list[Any] = [exif, *(exif.get_ifd(tag) for tag in _SUB_FOLDERS if tag in exif)]
    for folder in values:
        for tag, value in list(folder.items()):
            if isinstance(value, str) and not value.isascii():
                folder[tag] = value.encode("latin-1")
    return exif


def _classic(exif: Image.Exif) -> Image.Exif:
    """Copy what a BigTIFF file says into a block of the layout that EXIF has."""
    copy = Image.Exif()
    for tag, value in exif.items():
        if tag in _SUB_FOLDERS:
            copy.get_ifd(tag).update(exif.get_ifd(tag))
        else:
            copy[tag] = value
    return copy


def _upright(block: bytes) -> bytes:
    """Say in a block that the photo is upright, and unlink the thumbnail; every other byte stays."""
    data = bytearray(block.removeprefix(_HEADER))
    order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    end = start + 2 + 12 * count
    for entry in range(start + 2, end, 12):
        tag, kind = struct.unpack_from(f"{order}HH", data, entry)
        if tag == _ORIENTATION:
            struct.pack_into(f"{order}{_INTEGERS[kind]}", data, entry + 8, 1)
    if end + 4 <= len(data):  # some writers leave out the link to the next directory
        struct.pack_into(f"{order}I", data, end, 0)
    return _HEADER + bytes(data)
