"""Photos of every format, layout and orientation become upright RGB."""

from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit import photo
from imgedit.errors import PhotoError
from tests.photos import SRGB, exif_with, picture, saved


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


def test_a_cmyk_photo_becomes_srgb_and_keeps_its_exif_which_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).convert("CMYK").save(path, exif=exif_with(), icc_profile=SRGB)
    with caplog.at_level(logging.WARNING):
        result = photo.read(path)
    assert f"{path}: is CMYK; it is edited and written as sRGB" in caplog.messages
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
    Image.fromarray(picture()).save(tmp_path / "a.png", icc_profile=bytes(profile))
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
