"""TIFF files with an EXIF block and a compressed picture, which Pillow cannot write.

libtiff, which compresses for Pillow, refuses the directories of EXIF and GPS. So Pillow writes the block beside a
picture of one pixel, and the compressed picture takes that pixel's place.

Reference: TIFF 6.0, sections 2 (directories) and 8 (strips).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from PIL import Image, TiffImagePlugin

__all__ = ["LONG", "SHORT", "compressed", "with_picture"]

SHORT, LONG = 3, 4
"""Numbers of the types of 16 and 32 bits."""
_FORMATS = {SHORT: "H", LONG: "I"}
_OFFSETS, _SIZES = 273, 279  # of the strips
# Width, height, bits, compression, photometric, strip offsets, samples, rows a strip, strip sizes, planes, predictor,
# extra samples, sample format.
_LAYOUT = (256, 257, 258, 259, 262, _OFFSETS, 277, 278, _SIZES, 284, 317, 338, 339)

Layout = Mapping[int, tuple[int, Sequence[int]]]


def compressed(image: Image.Image, options: dict[str, Any]) -> bytes:
    """Return the bytes of a compressed TIFF file.

    Args:
        image: what is written.
        options: Pillow's, with `compression` and `exif`.
    """
    compression = options["compression"]
    head = _saved(Image.new(image.mode, (1, 1)), **{k: v for k, v in options.items() if k != "compression"})
    packed = _saved(image, compression=compression)
    file = io.BytesIO(packed)
    tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    file.seek(tags.next)
    tags.load(file)
    found = {tag: tags[tag] for tag in _LAYOUT if tag in tags}
    values = {tag: value if isinstance(value, tuple) else (value,) for tag, value in found.items()}
    data = memoryview(packed)
    strips = (data[at : at + size] for at, size in zip(values[_OFFSETS], values[_SIZES], strict=True))
    return with_picture(head, {tag: (tags.tagtype[tag], value) for tag, value in values.items()}, strips)


def with_picture(head: bytes, layout: Layout, strips: Iterable[bytes | memoryview]) -> bytes:
    """Put a picture into a TIFF file in place of its own.

    What the file holds stays where it is. A new directory behind the picture has all entries but those of the layout.

    Args:
        head: of the file, little-endian.
        layout: type and values of each tag that describes the picture; those of the strips' places are made here.
        strips: the picture, compressed as the layout says.
    """
    (at,) = struct.unpack_from("<I", head, 4)
    (n,) = struct.unpack_from("<H", head, at)
    entries = {struct.unpack_from("<H", head, e)[0]: head[e : e + 12] for e in range(at + 2, at + 2 + 12 * n, 12)}
    kept = {tag: entry for tag, entry in entries.items() if tag not in _LAYOUT}
    parts: list[bytes | memoryview] = [head[8:]]
    end = len(head)

    def put(part: bytes | memoryview) -> int:
        """Write at the end, at an even place, and return that place."""
        nonlocal end
        gap = end % 2
        parts.extend([b"\0" * gap, part])
        start, end = end + gap, end + gap + len(part)
        return start

    offsets, sizes = [], []
    for strip in strips:
        offsets.append(put(strip))
        sizes.append(len(strip))
    for tag, (kind, values) in {**layout, _OFFSETS: (LONG, offsets), _SIZES: (LONG, sizes)}.items():
        content = struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)
        place = content.ljust(4, b"\0") if len(content) <= 4 else struct.pack("<I", put(content))
        kept[tag] = struct.pack("<HHI", tag, kind, len(values)) + place
    directory = struct.pack("<H", len(kept)) + b"".join(kept[tag] for tag in sorted(kept)) + b"\0\0\0\0"
    return b"".join([head[:4], struct.pack("<I", put(directory)), *parts])


def _saved(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "TIFF", **options)
    return buffer.getvalue()
