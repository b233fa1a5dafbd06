"""Files that are no photos, or only partly, are named in one line."""

from __future__ import annotations

import io
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgedit import photo
from imgedit.errors import PhotoError
from tests.photos import picture, saved


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunks + b"\0\0\0\0IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))


def jpeg_bytes() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "zero bytes"),
        (b"hello, I am a text\n" * 50, "is not a photo"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a photo"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "HEIF.*JPEG or PNG"),
        (jpeg_bytes()[:1500], "damaged or cut off"),
        (jpeg_bytes()[:30], "damaged or cut off|is not a photo"),
        (png_header(20, 20), "damaged or cut off"),
        (png_header(30_000, 30_000), "30000x30000 = 900 megapixels, more than 200"),
        (png_header(0, 20), "damaged|no pixels|not a photo"),
    ],
)
def test_a_bad_file_is_named_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad one.jpg"
    path.write_bytes(content)
    with pytest.raises(PhotoError, match=message) as caught:
        photo.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_photo_cut_anywhere_is_read_or_refused_but_never_a_crash(tmp_path: Path) -> None:
    whole = {name: io.BytesIO() for name in ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP")}
    for name, buffer in whole.items():
        Image.fromarray(picture()).save(buffer, name)
        data = buffer.getvalue()
        for cut in range(1, len(data), max(1, len(data) // 25)):
            path = tmp_path / "cut"
            path.write_bytes(data[:cut])
            try:
                photo.read(path)
            except PhotoError:
                continue


def test_missing_files_and_folders_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no such file"):
        photo.read(tmp_path / "none.jpg")
    with pytest.raises(PhotoError, match="is a folder"):
        photo.read(tmp_path)
    with pytest.raises(PhotoError, match="cannot be read"):
        photo.read("x" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/null"), Path("/dev/zero")):
        with pytest.raises(PhotoError, match=r"no regular file .* or - to read"):
            photo.read(path)


def test_a_file_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", picture())

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("imgedit.photo.sources.os.open", refuse)
    with pytest.raises(PhotoError, match="no permission to read"):
        photo.read(path)


@pytest.mark.parametrize("source", [None, 3, b"photo.jpg", ["photo.jpg"]])
def test_what_is_neither_path_nor_picture_is_said(source: Any) -> None:
    with pytest.raises(PhotoError, match="give a path, a Pillow image or an array"):
        photo.read(source)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", np.full((4, 4), 0.5, np.float32))
    with pytest.raises(PhotoError, match="floating-point"):
        photo.read(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".gif", ".jpg", ".webp", ".bmp"])
def test_a_photo_over_pillows_own_limit_and_under_ours_is_read_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = saved(tmp_path / f"a{suffix}", picture())
    with Image.open(path) as opened:
        for limit in (10, 36 * 24 - 1):  # Pillow refuses twice its limit, and warns of less
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
            assert photo.read(path).width == photo.read(opened).width == 36
            assert limit == Image.MAX_IMAGE_PIXELS


def test_pillows_own_limit_holds_again_once_the_last_of_several_threads_has_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png", picture())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with ThreadPoolExecutor(8) as pool:
        assert {one.width for one in pool.map(photo.read, [path] * 200)} == {36}
    assert Image.MAX_IMAGE_PIXELS == 10


def test_bytes_that_are_no_picture_are_named_as_the_caller_names_them() -> None:
    with pytest.raises(PhotoError, match="upload 3: is not a photo"):
        photo.decode(b"no picture", "upload 3")
