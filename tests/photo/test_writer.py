"""What a written photo keeps of the one that was read, and that nothing is left half-written."""

from __future__ import annotations

import io
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from imgedit import photo
from imgedit.errors import ConfigError, OutputError, PhotoError
from tests.photos import SRGB, exif_with, picture, saved

LOSSLESS = (".png", ".tif", ".bmp", ".tiff")


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_lossless_formats_give_the_same_pixels_back(tmp_path: Path, suffix: str) -> None:
    out = photo.write(photo.read(picture()), picture(), tmp_path / f"b{suffix}")
    assert np.array_equal(photo.read(out).rgb, picture())


def test_a_lossless_webp_stays_lossless_and_a_lossy_one_lossy(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (32, 32, 4), dtype=np.uint8)
    exact = photo.read(saved(tmp_path / "a.webp", noise, lossless=True, exact=True))
    assert exact.lossless
    again = photo.read(photo.write(exact, exact.rgb, tmp_path / "b.webp"))
    assert np.array_equal(again.rgb, noise[..., :3])
    assert not photo.read(saved(tmp_path / "c.webp", noise[..., :3], quality=80)).lossless


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_profile_and_exif_survive(tmp_path: Path, suffix: str) -> None:
    source = photo.read(saved(tmp_path / "a.jpg", picture(), icc_profile=SRGB, exif=exif_with(8), dpi=(200, 200)))
    try:
        again = photo.read(photo.write(source, source.rgb, tmp_path / f"b{suffix}"))
    except OutputError as error:
        if suffix == ".avif" and "this Pillow cannot write" in str(error):
            pytest.skip("this Pillow has no AVIF")
        raise
    assert again.rgb.shape == (36, 24, 3)
    assert again.icc == SRGB
    exif = Image.Exif()
    exif.load(again.exif or b"")
    assert exif[0x010F] == "A camera"
    assert exif.get(0x0112, 1) == 1
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"
    if suffix in (".jpg", ".png", ".tif"):
        assert again.dpi == pytest.approx((200, 200), abs=0.05)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("tiff_lzw", "tiff_lzw"), ("packbits", "packbits"), ("raw", "raw"), ("jpeg", "tiff_adobe_deflate")],
)
def test_a_tiff_keeps_a_compression_without_loss(given: str, kept: str, tmp_path: Path) -> None:
    source = photo.read(saved(tmp_path / "a.tif", picture(), compression=given))
    photo.write(source, source.rgb, tmp_path / "b.tif")
    with Image.open(tmp_path / "b.tif") as image:
        assert image.info["compression"] == kept
    assert np.array_equal(photo.read(tmp_path / "b.tif").rgb, source.rgb)
    photo.write(source, source.rgb, tmp_path / "c.png")
    assert np.array_equal(photo.read(tmp_path / "c.png").rgb, source.rgb)


@pytest.mark.parametrize("given", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("has_folders", [False, True])
def test_a_tiff_keeps_its_compression_beside_exif(tmp_path: Path, given: str, channels: int, has_folders: bool) -> None:
    exif = Image.Exif()
    for tag, value in ((0x010E, "a description"), (0x013B, "König"), (0x8298, "a copyright")):
        exif[tag] = value.encode("latin-1")
    if has_folders:
        exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
        exif.get_ifd(0x8825)[1] = "N"
    array = picture(200, 150, channels).squeeze()
    path = saved(tmp_path / "a.tif", array, compression=given, icc_profile=SRGB, dpi=(200, 200))
    source = photo.marked(replace(photo.read(path), exif=exif.tobytes()), "blond", [("m", "1")])
    out = photo.write(source, source.rgb, tmp_path / "b.tif")
    with Image.open(out) as image:
        assert image.info["compression"] == given
        assert np.array_equal(np.asarray(image), array)
        found = image.getexif()
        assert (found[0x010E], found[0x013B], found[0x8298]) == ("a description", "König", "a copyright")
        if has_folders:
            assert found.get_ifd(0x8769) == {0x9003: "2024:05:06 07:08:09"}
            assert found.get_ifd(0x8825) == {1: "N"}
    again = photo.read(out)
    assert (again.icc, again.dpi, again.metadata) == (SRGB, (200.0, 200.0), source.metadata)
    if channels < 4:  # OpenCV multiplies 8-bit colours with alpha
        stored = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(stored if channels == 1 else stored[..., ::-1], array)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_photo_with_exif_becomes_a_compressed_tiff(tmp_path: Path, suffix: str) -> None:
    source = photo.read(saved(tmp_path / f"a{suffix}", picture(), exif=exif_with(1)))
    with Image.open(photo.write(source, source.rgb, tmp_path / "b.tif")) as image:
        assert image.info["compression"] == "tiff_adobe_deflate"


def test_a_tiff_keeps_its_description_but_not_its_layout_as_exif(tmp_path: Path) -> None:
    exif = exif_with()
    path = saved(tmp_path / "a.tif", picture(), exif=exif)
    source = photo.read(path)
    block = Image.Exif()
    block.load(source.exif or b"")
    assert block[0x010F] == "A camera"
    assert not {0x0100, 0x0111, 0x0117} & set(block)
    assert np.array_equal(photo.read(photo.write(source, source.rgb, tmp_path / "b.tif")).rgb, picture())


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_alpha_survives_where_the_format_has_it(tmp_path: Path, suffix: str) -> None:
    rgba = picture(channels=4)
    source = photo.read(rgba)
    again = photo.read(photo.write(source, source.rgb, tmp_path / f"b{suffix}"))
    assert again.alpha is not None
    assert np.array_equal(again.alpha, rgba[..., 3])


@pytest.mark.parametrize(("suffix", "is_said"), [(".jpg", True), (".webp", True), (".png", False), (".tiff", False)])
def test_16_bits_that_a_format_cannot_hold_are_dropped_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, is_said: bool
) -> None:
    source = photo.read(np.full((8, 8, 3), 1234, np.uint16))
    with caplog.at_level(logging.WARNING):
        photo.write(source, source.rgb, tmp_path / f"b{suffix}")
    assert ("8 bits a channel" in caplog.text) == is_said


def test_transparent_parts_become_white_in_jpeg_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:8, :, 3] = 255
    source = photo.read(rgba)
    with caplog.at_level(logging.WARNING):
        again = photo.read(photo.write(source, source.rgb, tmp_path / "b.jpg"))
    assert "become white" in caplog.text
    assert again.rgb[12:].min() > 250
    assert again.rgb[:4].max() < 5


def test_a_crop_of_another_size_is_written_without_alpha(tmp_path: Path) -> None:
    out = photo.write(photo.read(picture(channels=4)), picture(8, 8), tmp_path / "crop.png")
    assert photo.read(out).alpha is None


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_keeps_its_quantization_and_subsampling(tmp_path: Path, subsampling: int, progressive: bool) -> None:
    options = {"quality": 83, "subsampling": subsampling, "progressive": progressive}
    source = photo.read(saved(tmp_path / "a.jpg", picture(64, 64), **options))
    again = photo.read(photo.write(source, source.rgb, tmp_path / "b.jpg"))
    assert again.jpeg == source.jpeg
    assert again.jpeg is not None
    assert again.jpeg.subsampling == subsampling
    better = photo.read(photo.write(source, source.rgb, tmp_path / "c.jpg", quality=98))
    assert better.jpeg is not None
    assert sum(better.jpeg.tables[0]) < sum(again.jpeg.tables[0])


@pytest.mark.parametrize("factor", ["440", "411"])
def test_a_subsampling_that_is_not_written_becomes_444_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, factor: str
) -> None:
    chosen = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{factor}")
    assert cv2.imwrite(str(tmp_path / "a.jpg"), picture(64, 64), [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, chosen])
    source = photo.read(tmp_path / "a.jpg")
    assert source.jpeg is not None
    again = photo.read(photo.write(source, source.rgb, tmp_path / "b.jpg"))
    assert again.jpeg == replace(source.jpeg, subsampling=0)
    assert "b.jpg: its chroma subsampling cannot be written and becomes 4:4:4" in caplog.text
    caplog.clear()
    photo.write(source, source.rgb, tmp_path / "c.png")
    photo.write(source, source.rgb, tmp_path / "d.jpg", quality=90)
    assert caplog.text == ""


@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_has_the_standard_huffman_codes_and_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, progressive: bool
) -> None:
    """With codes of its own, and if it were progressive, libjpeg would keep the whole picture."""
    source = photo.read(saved(tmp_path / "a.jpg", picture(64, 64), quality=83, progressive=progressive))
    own = photo.write(source, source.rgb, tmp_path / "b.jpg")
    monkeypatch.setattr("imgedit.photo.writer._OPTIMIZED", 64 * 64 - 1)
    standard = photo.write(source, source.rgb, tmp_path / "c.jpg")
    assert progressive or standard.stat().st_size > own.stat().st_size
    again = photo.read(standard)
    assert (again.rgb == photo.read(own).rgb).all()
    assert source.jpeg is not None
    assert again.jpeg == replace(source.jpeg, progressive=False)


@pytest.mark.parametrize("channels", [3, 1])
def test_a_large_comparison_is_written_in_bands_and_shows_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    given = picture(99, 64) if channels == 3 else picture(99, 64)[..., 0]
    source = photo.read(saved(tmp_path / "a.jpg", given, quality=83, icc_profile=SRGB))
    edited = source.rgb.copy()
    edited[30:71, 8:50] //= 2
    after, before = replace(source, rgb=edited), photo.Before.of(source.rgb, edited)
    at_once = photo.encode(after, before=before)
    monkeypatch.setattr("imgedit.photo.writer._OPTIMIZED", 64 * 99)
    monkeypatch.setattr("imgedit.photo.bands._BAND", 16 * 128)
    found = photo.encode(after, before=before)
    assert found.count(b"\xff\xd0") == 1  # the first restart marker
    assert np.array_equal(photo.decode(found).rgb, photo.decode(at_once).rgb)
    assert (photo.decode(found).mode, photo.decode(found).icc) == (source.mode, source.icc)


def test_a_grey_jpeg_is_written_in_colour(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = photo.read(saved(tmp_path / "a.jpg", picture(64, 64)[..., 0], quality=90))
    coloured = source.rgb.copy()
    coloured[:, :32] = (200, 40, 40)
    again = photo.read(photo.write(source, coloured, tmp_path / "b.jpg"))
    assert np.abs(again.rgb[:, :24].astype(int) - (200, 40, 40)).max() < 12
    assert caplog.text == ""


def test_an_exif_block_too_long_for_jpeg_is_dropped_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = photo.read(saved(tmp_path / "a.png", picture(), exif=exif_with(text="x" * 70_000)))
    with caplog.at_level(logging.WARNING):
        again = photo.read(photo.write(source, source.rgb, tmp_path / "b.jpg"))
    assert again.exif is None
    assert "too long" in caplog.text


def test_an_existing_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "b.png"
    out.write_text("mine")
    source = photo.read(picture())
    with pytest.raises(OutputError, match=r"exists already$"):
        photo.write(source, source.rgb, out)
    assert out.read_text() == "mine"
    photo.write(source, source.rgb, out, overwrite=True)
    assert np.array_equal(photo.read(out).rgb, picture())
    assert os.listdir(tmp_path) == ["b.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none/b.png", "does not exist; make it first"),
        ("b.xyz", r"unknown ending '\.xyz'; known: \.jpg"),
        ("b", "unknown ending ''"),
        ("folder.png", "is a folder"),
        ("x" * 300 + ".png", "cannot be written"),
    ],
)
def test_an_impossible_output_is_named_and_nothing_is_left(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder.png").mkdir()
    source = photo.read(picture())
    with pytest.raises(OutputError, match=message) as caught:
        photo.write(source, source.rgb, tmp_path / name)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["folder.png"]


def test_a_closed_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="no permission to write into"):
        photo.check_output(tmp_path / "b.png")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_write_leaves_neither_file_nor_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    source = photo.read(picture())
    expected = OutputError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        photo.write(source, source.rgb, tmp_path / "b.png")
    assert os.listdir(tmp_path) == []


def test_standard_output_gets_the_photos_own_format(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    source = photo.read(saved(tmp_path / "a.bmp", picture()))
    photo.write(source, source.rgb, "-")
    data = capfdbinary.readouterr().out
    assert data[:2] == b"BM"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), picture())


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("photo.jpg", ["blond"], "photo.blond.jpg"),
        ("a/my.photo.PNG", ["blond", "smiling"], "a/my.photo.blond.smiling.PNG"),
        ("anim.gif", ["blond"], "anim.blond.png"),
        ("noending", ["no-bangs"], "noending.no-bangs.png"),
        ("scan.JFIF", ["blond"], "scan.blond.JFIF"),
        ("scan.jpe", ["blond"], "scan.blond.jpe"),
        ("-", ["blond"], "-"),
    ],
)
def test_the_edited_copy_is_named_after_the_photo_and_the_words(name: str, words: list[str], expected: str) -> None:
    assert photo.default_output(name, words) == Path(expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP"])
def test_what_is_encoded_to_bytes_is_decoded_from_them(kind: str) -> None:
    again = photo.decode(photo.encode(photo.read(picture()), kind))
    assert np.array_equal(again.rgb, picture())
    assert again.format == kind


def test_encode_keeps_the_photos_own_format_and_writes_what_write_writes(tmp_path: Path) -> None:
    source = photo.read(saved(tmp_path / "a.jpg", picture(), icc_profile=SRGB, exif=exif_with(6), quality=71))
    assert photo.encode(source) == photo.write(source, source.rgb, tmp_path / "b.jpg").read_bytes()
    assert photo.decode(photo.encode(photo.read(picture()))).format == "PNG"


def test_encode_refuses_a_format_that_is_not_written() -> None:
    with pytest.raises(OutputError, match="'GIF'; known: JPEG, PNG"):
        photo.encode(photo.read(picture()), "GIF")


@pytest.mark.parametrize("suffix", [".jfif", ".jpe"])
def test_jpeg_has_more_endings(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(picture(64, 64)).save(path, "JPEG", quality=83)
    source = photo.read(path)
    again = photo.read(photo.write(source, source.rgb, photo.default_output(path, ["blond"])))
    assert again.format == "JPEG"
    assert again.jpeg == source.jpeg


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o400, 0o600), (0o640, 0o640), (0o777, 0o644)])
def test_a_result_permits_no_more_than_the_photo(tmp_path: Path, mode: int, expected: int) -> None:
    path = saved(tmp_path / "a.png", picture())
    path.chmod(mode)
    source = photo.read(path)
    umask = os.umask(0o022)
    try:
        out = photo.write(source, source.rgb, tmp_path / "b.png")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(out.stat().st_mode) == expected
    open_photo = replace(source, permissions=0o664)
    assert photo.permissions(source, open_photo, photo.read(picture())) == (mode & 0o664) | 0o600


@pytest.mark.skipif(os.name != "posix", reason="POSIX links and pipes")
def test_overwriting_follows_a_link_and_refuses_what_is_no_file(tmp_path: Path) -> None:
    source = photo.read(saved(tmp_path / "real.png", picture()))
    (tmp_path / "link.png").symlink_to("real.png")
    (tmp_path / "real.png").chmod(0o600)
    with pytest.raises(OutputError, match="exists already"):
        photo.write(source, source.rgb, tmp_path / "link.png")
    photo.write(source, 255 - source.rgb, tmp_path / "link.png", overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert np.array_equal(photo.read(tmp_path / "real.png").rgb, 255 - picture())
    assert stat.S_IMODE((tmp_path / "real.png").stat().st_mode) == 0o600
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OutputError, match="is a pipe, which is never replaced"):
        photo.check_output(tmp_path / "pipe.png", overwrite=True)


@pytest.mark.parametrize("name", ["https://example.com/a.jpg", "HTTP://example.com/a.jpg", "file:///etc/a.jpg"])
def test_an_address_is_no_file(name: str) -> None:
    for refuse in (photo.read, lambda path: photo.default_output(path, ["blond"])):
        with pytest.raises(PhotoError, match="download the photo first"):
            refuse(name)
        with pytest.raises(PhotoError, match="download the photo first"):
            refuse(Path(name))


def test_a_picture_is_not_printed_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(ConfigError, match="not printed to a terminal; name a file"):
        photo.check_output("-")
    with pytest.raises(ConfigError, match="not printed to a terminal; name a file"):
        photo.write(photo.read(picture()), picture(), "-")
