"""JPEGs that are encoded in bands of rows, so that a large picture is never held as Pillow holds it, 4 bytes a pixel.

Each band is encoded as a JPEG of its own. Decoders start anew after a restart marker, so the coded pixels of the bands,
with such markers between them, are those of the whole picture. The bands need the same Huffman codes, which are the
standard ones, and end where blocks end. A progressive JPEG cannot be put together so.

Reference: ITU-T T.81, sections B.2.1 (order of segments), B.2.2 (frame header) and E.1.4 (restart markers).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

from PIL import Image

from imgedit.photo import segments

__all__ = ["encode"]

_BAND = 1 << 20  # pixels of a band
_UNITS = {0: (8, 8), 1: (16, 8), 2: (16, 16)}  # Pillow's subsampling -> width and height of what is coded at once, px
_ROWS = 16  # px; the height of a band is a multiple of it, and so of every unit
_CODING = ("quality", "qtables", "subsampling")  # options that all bands share; the first band has all others too
_FRAMES = (0xC0, 0xC1)  # markers of the frame headers that are possible
_RESTART = 0xD0  # the first of the eight restart markers, which take turns


def encode(size: tuple[int, int], rows: Callable[[int, int], Image.Image], options: dict[str, Any]) -> bytes:
    """Return the bytes of a JPEG.

    Args:
        size: width and height, pixels.
        rows: gives the rows from a first to before a last one, as a picture of mode RGB or L.
        options: Pillow's, with a `subsampling` of 0 to 2, and neither `progressive` nor `optimize`.
    """
    width, height = size
    step = max(1, _BAND // width // _ROWS) * _ROWS
    part = rows(0, min(step, height))
    across, down = _UNITS[0 if part.mode == "L" else options["subsampling"]]
    shared = {name: value for name, value in options.items() if name in _CODING}
    shared["restart_marker_blocks"] = -(-width // across) * (step // down)
    whole = bytearray(_saved(part, options | shared))
    frame, _ = _places(whole)
    struct.pack_into(">H", whole, frame + 5, height)
    for count, top in enumerate(range(step, height, step)):
        band = _saved(rows(top, min(top + step, height)), shared)
        whole[-2:] = bytes([0xFF, _RESTART + count % 8])
        whole += memoryview(band)[_places(band)[1] :]
    return bytes(whole)


def _saved(part: Image.Image, options: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    part.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _places(data: bytes | bytearray) -> tuple[int, int]:
    """Return where the frame header of a JPEG begins, and where its coded pixels do."""
    frame = scan = 0
    for start, end in segments.places(data):
        frame = start if data[start + 1] in _FRAMES else frame
        scan = end
    (length,) = struct.unpack_from(">H", data, scan + 2)
    return frame, scan + 2 + length
