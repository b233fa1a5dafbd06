"""EXIF blocks keep every byte but the orientation and the thumbnail."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit import photo
from imgedit.photo.exif import with_raw_text

NAME = "Zoë – 写真".encode()
MAKER_NOTE = bytes(range(60))
THUMBNAIL = 0x0201


def directory(order: str, entries: list[tuple[int, int, bytes]], start: int, following: int = 0) -> bytes:
    """One TIFF directory (TIFF 6.0, section 2) of text (2), SHORT (3), LONG (4) and undefined (7) entries."""
    beyond = start + 2 + 12 * len(entries) + 4
    head, tail = struct.pack(f"{order}H", len(entries)), b""
    for tag, kind, value in entries:
        count = {3: len(value) // 2, 4: len(value) // 4}.get(kind, len(value))
        head += struct.pack(f"{order}HHI", tag, kind, count)
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(f"{order}I", beyond + len(tail))
            tail += value + b"\0" * (len(value) % 2)
    return head + struct.pack(f"{order}I", following) + tail


def block(orientation: int, order: str = "<") -> bytes:
    """A camera's block: texts in UTF-8, a maker's note, a thumbnail's directory."""

    def first(sub: int, following: int) -> bytes:
        entries = [
            (0x010E, 2, NAME + b"\0"),
            (0x0112, 3, struct.pack(f"{order}H", orientation)),
            (0x8769, 4, struct.pack(f"{order}I", sub)),
        ]
        return directory(order, entries, 8, following)

    sub_at = 8 + len(first(0, 0))
    sub = directory(order, [(0x9003, 2, b"2024:05:06 07:08:09\0"), (0x927C, 7, MAKER_NOTE)], sub_at)
    next_at = sub_at + len(sub)
    last = directory(order, [(THUMBNAIL, 4, struct.pack(f"{order}I", 0))], next_at)
    mark = {"<": b"II*\0", ">": b"MM\0*"}[order]
    return b"Exif\0\0" + mark + struct.pack(f"{order}I", 8) + first(sub_at, next_at) + sub + last


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_block_comes_back_byte_for_byte_but_for_orientation_and_thumbnail(
    tmp_path: Path, suffix: str, order: str
) -> None:
    path, out = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(path, exif=block(6, order))
    source = photo.read(path)
    assert (source.height, source.width) == (12, 8)
    photo.write(source, source.rgb, out)
    with Image.open(out) as again:
        kept = again.info["exif"].removeprefix(b"Exif\0\0")
        exif = again.getexif()
    given = block(1, order).removeprefix(b"Exif\0\0")
    link = 8 + 2 + 12 * 3  # to the thumbnail
    assert kept[link : link + 4] == bytes(4)
    assert kept[:link] + given[link : link + 4] + kept[link + 4 :] == given
    assert exif[0x0112] == 1
    assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE
    assert not exif.get_ifd(1)


def test_a_tiff_keeps_texts_beyond_ascii(tmp_path: Path) -> None:
    path, out, jpeg = tmp_path / "a.tif", tmp_path / "b.tif", tmp_path / "c.jpg"
    exif = Image.Exif()
    exif[0x010E] = NAME
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(path, exif=exif)
    assert NAME in path.read_bytes()
    source = photo.read(path)
    photo.write(source, source.rgb, out)
    photo.write(source, source.rgb, jpeg)
    assert NAME in out.read_bytes()
    assert NAME in jpeg.read_bytes()


def test_a_block_with_an_orientation_of_an_odd_type_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    odd = block(1).replace(struct.pack("<HH", 0x0112, 3), struct.pack("<HH", 0x0112, 1))  # BYTE
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(path, exif=odd)
    exif = Image.Exif()
    exif.load(photo.read(path).exif or b"")
    assert exif[0x0112] == 1
    assert exif.get_ifd(0x8769)[0x927C] == MAKER_NOTE


def test_a_tiff_without_a_resolution_gets_none(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(tmp_path / "a.tif")
    assert photo.read(tmp_path / "a.tif").dpi is None
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(tmp_path / "b.tif", dpi=(200, 100))
    assert photo.read(tmp_path / "b.tif").dpi == (200, 100)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_bigtiff_gives_a_block_that_every_format_can_hold(tmp_path: Path, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x0112] = NAME, "me", 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    path, out = tmp_path / "big.tif", tmp_path / f"b{suffix}"
    Image.fromarray(np.full((8, 12, 3), 90, np.uint8)).save(
        path, "TIFF", big_tiff=True, exif=with_raw_text(exif.tobytes())
    )
    assert path.read_bytes()[:4] == b"II+\0"
    source = photo.read(path)
    assert (source.width, source.height) == (8, 12)
    photo.write(source, source.rgb, out)
    with Image.open(out) as again:
        read = again.getexif()
        assert read[0x013B] == "me"
        assert read[0x010E].encode("latin-1") == NAME
        assert read.get(0x0112, 1) == 1
        assert read.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jpg"])
def test_a_block_that_cannot_be_written_is_dropped_and_the_photo_written(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = photo.read(np.full((8, 12, 3), 90, np.uint8))
    broken = replace(source, exif=b"Exif\0\0II+\0\x08\0\0\0\x08")
    out = photo.write(broken, broken.rgb, tmp_path / f"b{suffix}")
    assert np.abs(photo.read(out).rgb.astype(int) - 90).max() <= 1
    assert caplog.text.count("dropped") == (suffix != ".jpg")  # on writing TIFF, on reading the others
