from __future__ import annotations

import io
import logging
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from imgedit import photo
from imgedit.errors import OutputError, PhotoError

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = (".png", ".tif", ".bmp", ".tiff")


def picture(height: int = 24, width: int = 36, channels: int = 3) -> np.ndarray:
    """Return a picture in which every row and column is different."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [y * 7 + 3, x * 5 + 11, (x + y) * 3, 40 + x * 4]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


def saved(path: Path, array: np.ndarray, **options: Any) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


def exif_with(orientation: int | None = None, text: str = "A camera") -> bytes:
    exif = Image.Exif()
    exif[0x010F] = text
    if orientation is not None:
        exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return exif.tobytes()


def in_turn(upright: np.ndarray, orientation: int) -> np.ndarray:
    """Return the stored pixels that a viewer shows as `upright` (EXIF 2.3, section 4.6.4, orientation)."""
    undo = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(undo[orientation](upright))


# Reading


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp", ".gif"])
def test_lossless_formats_are_read_to_the_pixel(tmp_path: Path, suffix: str) -> None:
    array = picture() if suffix != ".gif" else np.full((5, 6, 3), (10, 200, 30), np.uint8)
    path = saved(tmp_path / f"a{suffix}", array, **({"lossless": True} if suffix == ".webp" else {}))
    result = photo.read(path)
    assert np.array_equal(result.rgb, array)
    assert result.alpha is None
    assert result.path == path
    assert (result.height, result.width) == array.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_every_exif_orientation_is_read_upright_and_reset(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = in_turn(picture(), orientation)
    options = {"lossless": True} if suffix == ".webp" else {}
    path = saved(tmp_path / f"a{suffix}", stored, exif=exif_with(orientation), **options)
    result = photo.read(path)
    assert np.array_equal(result.rgb, picture())
    exif = Image.Exif()
    exif.load(result.exif or b"")
    assert exif.get(0x0112, 1) == 1  # Pillow turns TIFF itself and takes the tag away
    assert exif[0x010F] == "A camera"
    assert exif.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"


def test_resolution_turns_with_the_photo(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.jpg", picture(), exif=exif_with(6), dpi=(100, 300))
    assert photo.read(path).dpi == (300.0, 100.0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK"])
def test_pixel_layouts_are_brought_to_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    result = photo.read(path)
    assert np.array_equal(result.rgb, np.asarray(image.convert("RGB")))
    assert (result.alpha is not None) == (mode in ("LA", "RGBA"))
    assert result.mode == mode


def test_palette_and_colour_key_transparency_become_alpha(tmp_path: Path) -> None:
    indices = np.array([[0, 1], [1, 0]], np.uint8)
    image = Image.fromarray(indices, "L").convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.save(tmp_path / "p.png", transparency=1)
    Image.fromarray(picture(2, 2)).save(tmp_path / "rgb.png", transparency=tuple(picture(2, 2)[0, 1].tolist()))
    palette = photo.read(tmp_path / "p.png")
    assert palette.alpha is not None
    assert np.array_equal(palette.alpha, [[255, 0], [0, 255]])
    assert np.array_equal(palette.rgb[0, 0], [255, 0, 0])
    key = photo.read(tmp_path / "rgb.png").alpha
    assert key is not None
    assert np.array_equal(key, [[255, 0], [255, 255]])


def test_sixteen_bit_grey_is_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257, 32896, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        result = photo.read(saved(tmp_path / name, values))
        assert np.array_equal(result.rgb[0, :, 0], [0, 0, 1, 1, 128, 255])
    assert np.array_equal(photo.read(values).rgb[0, :, 2], [0, 0, 1, 1, 128, 255])


def test_only_the_first_picture_of_an_animation_is_used_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with caplog.at_level(logging.WARNING):
        result = photo.read(tmp_path / "a.gif")
    assert (result.rgb == (255, 0, 0)).all()
    assert "only the first" in caplog.text


def test_a_cmyk_photo_loses_its_profile_and_keeps_its_exif(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).convert("CMYK").save(path, exif=exif_with(), icc_profile=SRGB)
    result = photo.read(path)
    assert result.icc is None
    assert result.exif is not None
    assert result.jpeg is None


def test_profile_resolution_and_exif_are_read(tmp_path: Path) -> None:
    result = photo.read(saved(tmp_path / "a.jpg", picture(), icc_profile=SRGB, dpi=(144, 144), exif=exif_with()))
    assert result.icc == SRGB
    assert result.dpi == (144.0, 144.0)
    assert result.exif is not None
    assert b"A camera" in result.exif
    assert result.format == "JPEG"
    assert result.lossless is False


def test_a_grey_profile_is_not_put_on_colours(tmp_path: Path) -> None:
    profile = bytearray(SRGB)
    profile[16:20] = b"GRAY"
    Image.fromarray(picture()[..., 0]).save(tmp_path / "a.png", icc_profile=bytes(profile))
    assert photo.read(tmp_path / "a.png").icc is None


def test_a_damaged_exif_block_is_dropped_and_the_photo_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path, exif=b"Exif\0\0XX this is no TIFF header at all")
    with caplog.at_level(logging.WARNING):
        result = photo.read(path)
    assert np.array_equal(result.rgb, picture())
    assert result.exif is None
    assert "EXIF" in caplog.text


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture()).save(buffer, "PNG")
    buffer.seek(0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(buffer))
    assert np.array_equal(photo.read("-").rgb, picture())


def test_names_with_spaces_and_other_letters_work(tmp_path: Path) -> None:
    path = saved(tmp_path / "mein Föto 写真.png", picture())
    out = photo.default_output(path, ["blond"])
    assert out.name == "mein Föto 写真.blond.png"
    source = photo.read(str(path))
    assert np.array_equal(photo.read(photo.write(source, source.rgb, out)).rgb, picture())


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (4, 5, 3), (4, 5, 4), (1, 1, 3)])
def test_arrays_are_taken_and_given_back(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    result = photo.read(array)
    assert result.rgb.shape == (*shape[:2], 3)
    assert np.array_equal(result.rgb, np.broadcast_to(array.reshape(*shape[:2], -1)[..., :3], result.rgb.shape))
    back = photo.like(array, result)
    assert isinstance(back, np.ndarray)
    assert back.shape[2] == (4 if shape[-1] == 4 else 3)


def test_a_pillow_image_is_taken_and_given_back_with_its_metadata(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", picture(channels=4), icc_profile=SRGB, exif=exif_with(6), dpi=(72, 72))
    with Image.open(path) as image:
        result = photo.read(image)
        back = photo.like(image, result)
    assert back.mode == "RGBA"
    assert back.size == (24, 36)
    back.save(tmp_path / "b.png", exif=back.info["exif"])
    again = photo.read(tmp_path / "b.png")
    assert np.array_equal(again.rgb, result.rgb)
    assert again.exif == result.exif


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4), np.uint8)],
)
def test_arrays_that_are_no_photos_are_refused(array: np.ndarray) -> None:
    with pytest.raises(PhotoError, match="is no photo; give"):
        photo.read(array)


# Bad files


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


def test_a_file_without_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.png", picture())

    def refuse(self: Path, *_: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PhotoError, match="no permission to read"):
        photo.read(path)


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.tif", np.full((4, 4), 0.5, np.float32))
    with pytest.raises(PhotoError, match="floating-point"):
        photo.read(path)


def test_a_photo_over_pillows_own_limit_and_under_ours_is_read_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "a.png", picture())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert photo.read(path).width == 36
    assert Image.MAX_IMAGE_PIXELS == 10


# Writing


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


def test_a_grey_jpeg_is_written_in_colour(tmp_path: Path) -> None:
    source = photo.read(saved(tmp_path / "a.jpg", picture(64, 64)[..., 0], quality=90))
    coloured = source.rgb.copy()
    coloured[:, :32] = (200, 40, 40)
    again = photo.read(photo.write(source, coloured, tmp_path / "b.jpg"))
    assert np.abs(again.rgb[:, :24].astype(int) - (200, 40, 40)).max() < 12


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
    with pytest.raises(OutputError, match="exists already; use --overwrite"):
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

    monkeypatch.setattr(os, "replace", fail)
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
        ("-", ["blond"], "-"),
    ],
)
def test_the_edited_copy_is_named_after_the_photo_and_the_words(name: str, words: list[str], expected: str) -> None:
    assert photo.default_output(name, words) == Path(expected)
