"""XMP, IPTC and comments: read from every format, written into those that can hold them.

EXIF, profile and resolution are the reader's and the writer's own business.
"""

from __future__ import annotations

import binascii
import logging
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from PIL import Image, PngImagePlugin

from imgedit.photo import gif, resources, xmp
from imgedit.photo.record import Metadata

__all__ = ["options", "read_metadata"]

T = TypeVar("T")

_XMP_TAG, _IIM_TAG, _PHOTOSHOP_TAG = 700, 33723, 34377  # TIFF
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP_SEGMENT = b"Photoshop 3.0\0"
_SEGMENT_LIMIT = 65_533  # bytes in one JPEG segment
_PNG_XMP = "XML:com.adobe.xmp"
# The content credentials' own mark (C2PA 2.1, section 11.1.4.2: UUID of the manifest store), the same in every format.
_C2PA = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_SEGMENTS = (  # JPEG: number, start, and what to call it; None for what is read elsewhere or describes the coding
    ("APP0", b"JFIF\0", None),
    ("APP0", b"JFXX\0", None),
    ("APP1", b"Exif\0", None),
    ("APP1", _XMP_SEGMENT, None),
    ("APP1", b"http://ns.adobe.com/xmp/extension/\0", "extended XMP"),
    ("APP2", b"ICC_PROFILE\0", None),
    ("APP2", b"MPF\0", "further pictures (MPF)"),
    ("APP2", b"urn:iso:std:iso:ts:21496:-1\0", "an HDR gain map"),
    ("APP2", b"FPXR\0", "FlashPix data"),
    ("APP12", b"Ducky", None),
    ("APP13", _PHOTOSHOP_SEGMENT, None),
    ("APP14", b"Adobe", None),
)
_HOLDS = {  # what a format can hold
    "JPEG": ("xmp", "iptc", "comments"),
    "PNG": ("xmp", "iptc", "comments"),
    "TIFF": ("xmp", "iptc"),
    "WEBP": ("xmp",),
    "AVIF": ("xmp",),
    "HEIF": ("xmp",),
}
_NAMES = {"xmp": "XMP", "iptc": "IPTC", "comments": "comments"}

_log = logging.getLogger(__name__)


def read_metadata(image: Image.Image, data: bytes | None, name: str) -> Metadata:
    """Return what a loaded image says about itself besides EXIF; what is damaged is dropped with a warning.

    Args:
        image: As Pillow opened it, with its pixels loaded.
        data: The file's bytes, if it came from a file.
        name: What messages call it.
    """
    packet = _part(lambda image: _xmp_of(image, data), image, "XMP", name)
    blocks = _part(_iptc_of, image, "IPTC block", name)
    packet = _sound(packet, xmp.upright, "XMP", name)
    blocks = _sound(blocks, resources.without_old_pictures, "IPTC block", name)
    comments = _part(lambda image: tuple(_comments_of(image)), image, "comment", name)
    left_out = tuple(dict.fromkeys(_left_out(image, data)))
    return Metadata(packet, blocks or None, comments or (), left_out)


def options(metadata: Metadata, kind: str, name: str) -> dict[str, Any]:
    """Return Pillow's settings that write metadata into a format, and warn of what it cannot hold.

    For TIFF they are tags, number -> bytes.
    """
    held = _HOLDS.get(kind, ())
    lost = [_NAMES[field] for field in _NAMES if getattr(metadata, field) and field not in held]
    if lost:
        _log.warning("%s: %s cannot hold %s, which is dropped", name, kind, " and ".join(lost))
    if metadata.xmp and "xmp" not in held and xmp.mark_alone(metadata.xmp):
        _log.warning("%s: the file does not say that the photo was edited, since %s has no place for it", name, kind)
    if metadata.left_out:
        what = ", ".join(metadata.left_out)
        _log.warning("%s: left out, since it belongs to the photo before the edit: %s", name, what)
    if kind == "JPEG":
        return _jpeg_options(metadata, name)
    if kind == "PNG":
        return _png_options(metadata)
    if kind == "TIFF":
        return _tiff_tags(metadata)
    return {"xmp": metadata.xmp} if metadata.xmp and held else {}


def _part(find: Callable[[Image.Image], T], image: Image.Image, what: str, name: str) -> T | None:
    try:
        return find(image)
    except Exception as error:  # whatever damaged tags lead Pillow to
        _log.warning("%s: its %s is damaged and dropped: %s", name, what, error)
        return None


def _sound(content: bytes | None, check: Callable[[bytes], bytes], what: str, name: str) -> bytes | None:
    try:
        return None if content is None else check(content)
    except ValueError as error:
        _log.warning("%s: its %s is damaged and dropped: %s", name, what, error)
        return None


def _xmp_of(image: Image.Image, data: bytes | None) -> bytes | None:
    found: Any = image.info.get("xmp") or image.info.get(_PNG_XMP)
    if image.format == "TIFF":
        found = _bytes_of_tag(image, _XMP_TAG)
    if not found and image.format == "PNG":
        found = _raw_profile(image, "xmp")
    if not found and image.format == "GIF" and data is not None:
        found = gif.xmp_of(data)
    if isinstance(found, str):
        found = found.encode("utf-8", "surrogateescape")
    return bytes(found) if isinstance(found, bytes) and found.strip(b"\0 \t\r\n") else None


def _iptc_of(image: Image.Image) -> bytes | None:
    if image.format == "TIFF":
        fields, blocks = _bytes_of_tag(image, _IIM_TAG), _bytes_of_tag(image, _PHOTOSHOP_TAG)
        return blocks or (resources.from_iim(fields) if fields else None)
    if image.format == "PNG":
        blocks = _raw_profile(image, "8bim") or _raw_profile(image, "iptc")
        return (
            resources.from_iim(blocks) if blocks and blocks[:1] == b"\x1c" else blocks
        )  # a writer that leaves 8BIM out
    parts = [data for kind, data in _segments(image) if kind == "APP13" and data.startswith(_PHOTOSHOP_SEGMENT)]
    return b"".join(part.removeprefix(_PHOTOSHOP_SEGMENT) for part in parts) or None


def _bytes_of_tag(image: Image.Image, tag: int) -> bytes | None:
    """Return a TIFF tag's bytes; some writers call them numbers."""
    value = getattr(image, "tag_v2", {}).get(tag)
    if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], bytes):
        value = value[0]
    if (
        isinstance(value, tuple)
        and value
        and all(isinstance(number, int) and 0 <= number < 1 << 32 for number in value)
    ):
        return b"".join(struct.pack("<I", number) for number in value)  # Photoshop wrote IPTC as LONG
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) and value else None


def _segments(image: Image.Image) -> list[tuple[str, bytes]]:
    """Return a JPEG's application segments and comments, in order."""
    return [(kind, data) for kind, data in getattr(image, "applist", []) if isinstance(data, bytes)]


def _comments_of(image: Image.Image) -> Iterator[tuple[str, str]]:
    """Give the comments: keyword and text; bytes that are no UTF-8 are held as Python holds those of file names."""
    if image.format == "PNG":
        for key, value in getattr(image, "text", {}).items():
            if key != _PNG_XMP and not key.startswith("Raw profile type "):
                yield str(key), str(value)
        return
    found = [data for kind, data in _segments(image) if kind == "COM"]
    if not found and image.format in ("GIF", "JPEG2000"):
        found = [value for value in [image.info.get("comment")] if isinstance(value, bytes)]
    for data in found:
        if text := data.rstrip(b"\0").decode("utf-8", "surrogateescape"):
            yield "Comment", text


def _left_out(image: Image.Image, data: bytes | None) -> Iterator[str]:
    """Name what holds for the photo before an edit alone, or is not understood."""
    if data is not None and _C2PA in data:
        yield "content credentials (C2PA), which an edit breaks"
    for kind, content in _segments(image):
        if kind == "COM" or (kind == "APP11" and data is not None and _C2PA in data):
            continue
        known = [what for number, start, what in _SEGMENTS if number == kind and content.startswith(start)]
        if not known:
            label = re.match(rb"[\x20-\x7e]{3,20}", content)
            yield f"{kind} {label[0].decode() if label else 'data'}"
        elif known[0] is not None:
            yield known[0]


def _raw_profile(image: Image.Image, kind: str) -> bytes | None:
    """Return bytes that ImageMagick and others write into a PNG as text: a name, a length and hexadecimals."""
    text = image.info.get(f"Raw profile type {kind}")
    match = re.fullmatch(r"\s*\S+\s+\d+\s+([0-9a-fA-F\s]*)", text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        return binascii.unhexlify("".join(match[1].split()))
    except binascii.Error:
        return None


def _jpeg_options(metadata: Metadata, name: str) -> dict[str, Any]:
    extra = b""
    if metadata.xmp:
        packet = _fitting(metadata.xmp, _SEGMENT_LIMIT - len(_XMP_SEGMENT))
        if packet is None:
            _log.warning("%s: its XMP is too long for JPEG and dropped, but for the mark of the edit", name)
            packet = xmp.mark_alone(metadata.xmp)
        extra += _segment(0xE1, _XMP_SEGMENT + packet) if packet else b""
    if metadata.iptc:
        room = _SEGMENT_LIMIT - len(_PHOTOSHOP_SEGMENT)
        for at in range(0, len(metadata.iptc), room):
            extra += _segment(0xED, _PHOTOSHOP_SEGMENT + metadata.iptc[at : at + room])
    for keyword, text in metadata.comments:
        content = (text if keyword == "Comment" else f"{keyword}: {text}").encode("utf-8", "surrogateescape")
        if len(content) > _SEGMENT_LIMIT:
            _log.warning("%s: the comment %r is too long for JPEG and dropped", name, keyword)
            continue
        extra += _segment(0xFE, content)
    return {"extra": extra} if extra else {}


def _fitting(packet: bytes, limit: int) -> bytes | None:
    """Return a packet that fits, without the blanks at its end if need be."""
    if len(packet) <= limit:
        return packet
    short = re.sub(rb"\s{2,}(?=<\?xpacket end=)", b"\n", packet.rstrip(b"\0 \t\r\n"))
    return short if len(short) <= limit else None


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _png_options(metadata: Metadata) -> dict[str, Any]:
    chunks = PngImagePlugin.PngInfo()
    if metadata.xmp:
        chunks.add_itxt(_PNG_XMP, metadata.xmp.decode("utf-8", "replace"))
    if metadata.iptc:
        digits = metadata.iptc.hex()
        lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
        chunks.add_text("Raw profile type iptc", f"\niptc\n{len(metadata.iptc):8d}\n{lines}\n", zip=True)
    for keyword, text in metadata.comments:
        plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        key = re.sub(r"[^\x20-\x7e\xa1-\xff]", " ", keyword).strip()[:79] or "Comment"
        if plain.isascii():
            chunks.add_text(key, plain, zip=len(plain) > 1024)
        else:
            chunks.add_itxt(key, plain, zip=len(plain) > 1024)
    return {"pnginfo": chunks} if chunks.chunks else {}


def _tiff_tags(metadata: Metadata) -> dict[str, Any]:
    tags: dict[int, bytes] = {}
    if metadata.xmp:
        tags[_XMP_TAG] = metadata.xmp
    if metadata.iptc:
        tags[_PHOTOSHOP_TAG] = metadata.iptc
        if fields := resources.iim(metadata.iptc):
            tags[_IIM_TAG] = fields
    return {"tags": tags} if tags else {}
