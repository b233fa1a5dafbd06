"""Colours of 16 bits a channel, which Pillow reads and writes with 8: PNG and TIFF.

OpenCV reads the numbers; Pillow stays in charge of everything else, metadata included. What OpenCV reads is compared
with what Pillow reads, so that an odd file is never mixed up, but read with 8 bits.
Other formats of more than 8 bits are read with 8, and `is_cut` tells that.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit.photo import jpeg2000
from imgedit.photo.tiff import LONG, SHORT, with_picture

__all__ = ["eight_bit", "encode", "is_cut", "is_deep", "read_deep"]

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # chunks that are the picture itself
_AVIF_CODING = re.compile(rb"av1C\x81.(.)", re.DOTALL)  # the box of the first picture; the byte with its bits
_PPM_HEAD = re.compile(rb"P[36](?:(?:\s|#[^\n]*\n)+(\d+)){3}")  # the largest value
_BITS, _SAMPLE_FORMAT = 258, 339  # TIFF tags
_STRIP = 1 << 20  # bytes of a strip of a TIFF, before compression
_SAMPLED = 1 << 20  # pixels that are compared, or converted at once

Wide = NDArray[np.uint16]


def eight_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale 0..65535 to 0..255, rounded."""
    result = np.empty(values.shape, np.uint8)
    rows = max(1, _SAMPLED // max(1, values[:1].size))  # few at once: the way goes through numbers of 32 bits
    for top in range(0, len(values), rows):
        result[top : top + rows] = (values[top : top + rows].astype(np.uint32) + 128) // 257
    return result


def is_deep(image: Image.Image, data: bytes | None) -> bool:
    """Tell whether an opened PNG or TIFF has 16 bits a channel, and colours or transparency, which Pillow cuts."""
    if image.mode not in ("RGB", "RGBA", "LA") or data is None:
        return False
    if image.format == "PNG":
        return data[24:25] == b"\x10" and "transparency" not in image.info
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})
        return set(tags.get(_BITS, ())) == {16} and set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}
    return False


def is_cut(image: Image.Image, data: bytes | None) -> bool:
    """Tell whether an opened file has more than 8 bits a channel, of which Pillow reads 8."""
    return not image.mode.startswith(("I", "F")) and _bits(image, data or b"") > 8


def _bits(image: Image.Image, data: bytes) -> int:
    """Return the bits a channel of an opened file; 8 where it does not say.

    Reference: AV1 Codec ISO Media File Format Binding, section 2.3.3 (AVIF).
    """
    if image.format == "TIFF":
        return max(getattr(image, "tag_v2", {}).get(_BITS, ()), default=8)
    if image.format == "PNG":
        return max(data[24:25], default=8)
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    if image.format == "AVIF" and (found := _AVIF_CODING.search(data)):
        return 8 + 2 * (found[1][0] >> 6 & 1) + 2 * (found[1][0] >> 5 & 1)
    if image.format == "JPEG2000":
        return jpeg2000.bits(data)
    if image.format == "PPM" and (found := _PPM_HEAD.match(data)):
        return int(found[1]).bit_length()
    return 8


def read_deep(data: bytes, seen: NDArray[np.uint8], orientation: int) -> Wide | None:
    """Return the colours of a file of 16 bits, `(H, W, 3 or 4)`, upright; None where they are not what Pillow sees.

    Args:
        data: of the file.
        seen: its pixels with 8 bits, cut or rounded, upright, `(H, W, 3 or 4)`.
        orientation: as EXIF numbers it, of the stored pixels.
    """
    import cv2  # loads as long as all of Pillow, for few photos

    log = cv2.utils.logging
    level = log.setLogLevel(log.LOG_LEVEL_SILENT)  # it writes to the terminal what it thinks of odd files
    try:
        stored = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        log.setLogLevel(level)
    if stored is None or stored.dtype != np.uint16:
        return None
    wide: Wide = np.asarray(stored if stored.ndim == 3 else np.repeat(stored[..., None], 3, axis=2), np.uint16)
    channels = seen.shape[2]
    if wide.shape[2] not in (3, 4) or wide.shape[2] < channels:
        return None
    wide = wide[..., [2, 1, 0, 3][:channels]]
    for upright in (wide, _turned(wide, orientation)):
        if upright.shape == seen.shape and _agree(upright, seen):
            return np.ascontiguousarray(upright)
    return None


def _agree(wide: Wide, seen: NDArray[np.uint8]) -> bool:
    step = max(1, round((seen.shape[0] * seen.shape[1] / _SAMPLED) ** 0.5))
    some = eight_bit(wide[::step, ::step]).astype(np.int16)
    return bool(np.abs(some - seen[::step, ::step]).max(initial=0) <= 1)


def _turned(pixels: Wide, orientation: int) -> Wide:
    """Turn stored pixels upright (EXIF 2.3, section 4.6.4)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    across = {2: True, 3: True, 6: True, 7: True}.get(orientation, False)
    down = {3: True, 4: True, 7: True, 8: True}.get(orientation, False)
    return pixels[:: -1 if down else 1, :: -1 if across else 1]


def encode(wide: Wide, kind: str, options: dict[str, Any], *, is_grey: bool) -> bytes:
    """Return the bytes of a file of 16 bits a channel.

    Args:
        wide: `(H, W, 3 or 4)`, RGB and alpha.
        kind: `PNG` or `TIFF`.
        options: Pillow's, which write the metadata.
        is_grey: write one channel for the three.
    """
    colours = wide[..., :1] if is_grey else wide[..., :3]
    planes = np.concatenate([colours, wide[..., 3:]], axis=2) if is_grey or wide.shape[2] == 4 else colours
    head = io.BytesIO()
    layout = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[planes.shape[2]]
    if kind == "PNG":
        Image.new(layout, (1, 1)).save(head, "PNG", **options)
        return _png(planes, head.getvalue())
    Image.new(layout, (1, 1)).save(head, "TIFF", **{k: v for k, v in options.items() if k != "compression"})
    return _tiff(planes, head.getvalue())


def _png(planes: Wide, head: bytes) -> bytes:
    """Put a picture into a PNG file in place of its one pixel (PNG specification, section 11.2)."""
    height, width, count = planes.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    packer, packed = zlib.compressobj(4), []
    above = np.zeros(2 * count * width, np.uint8)
    step = max(1, _STRIP // len(above))
    for top in range(0, height, step):
        for row in planes[top : top + step].astype(">u2").reshape(-1, count * width).view(np.uint8):
            packed.append(packer.compress(b"\x02" + (row - above).tobytes()))  # the filter "Up"
            above = row
    packed.append(packer.flush())
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    others = b"".join(chunk for name, chunk in _chunks(head) if name not in _PNG_PICTURE)
    return _PNG + _chunk(b"IHDR", header) + others + _chunk(b"IDAT", b"".join(packed)) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give the chunks of a PNG file, each with its name."""
    at = len(_PNG)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at : at + 12 + length]
        at += 12 + length


def _tiff(planes: Wide, head: bytes) -> bytes:
    """Put a picture into a TIFF file in place of its one pixel (TIFF 6.0, section 14; deflate)."""
    height, width, count = planes.shape
    rows = max(1, _STRIP // (2 * count * width))
    layout = {
        256: (LONG, [width]), 257: (LONG, [height]), 258: (SHORT, [16] * count), 259: (SHORT, [8]),
        262: (SHORT, [1 if count < 3 else 2]), 277: (SHORT, [count]), 278: (LONG, [rows]), 284: (SHORT, [1]),
        317: (SHORT, [2]), 339: (SHORT, [1] * count),
    }  # fmt: skip
    if count in (2, 4):
        layout[338] = (SHORT, [2])  # alpha, the colours not multiplied with it
    return with_picture(head, layout, _strips(planes, rows))


def _strips(planes: Wide, rows: int) -> Iterator[bytes]:
    for top in range(0, len(planes), rows):
        part = planes[top : top + rows].astype("<u2")
        part[:, 1:] -= part[:, :-1].copy()  # the predictor: differences along a row
        yield zlib.compress(part.tobytes(), 4)
