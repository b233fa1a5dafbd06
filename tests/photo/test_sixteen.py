"""Sixteen bits a channel are read, kept and written, with all that a photo says of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, features

from imgedit import photo
from imgedit.photo import colour, heif, tables
from imgedit.photo.colour import srgb, srgb_deep, with_srgb
from imgedit.photo.profiles import matrix_profile
from imgedit.photo.sixteen import eight_bit
from imgedit.photo.tables import TableProfile
from tests.photo.test_colour import SPACES, convert, profile, table_profile
from tests.photo.test_reader import in_turn
from tests.photos import SRGB, exif_with

SAID = "has more than 8 bits a channel, of which 8 are read, edited and written"
KINDS = [(suffix, n) for suffix in (".png", ".tif") for n in (1, 3, 4)]


def wide(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    """Return noise of 16 bits."""
    return np.random.default_rng(7).integers(0, 65536, (height, width, channels), dtype=np.uint16)


def saved(path: Path, array: np.ndarray) -> Path:
    """Write by OpenCV, which imgedit does not write with."""
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[array.shape[2]]
    assert cv2.imwrite(str(path), array[..., order])
    return path


@pytest.mark.parametrize(("suffix", "n"), KINDS)
def test_every_bit_survives_reading_and_writing(tmp_path: Path, suffix: str, n: int) -> None:
    array = wide(channels=n)
    source = photo.read(saved(tmp_path / f"a{suffix}", array))
    colours = array[..., :3] if n > 1 else np.repeat(array, 3, axis=2)
    assert source.rgb16 is not None
    assert np.array_equal(source.rgb16, colours)
    assert np.array_equal(source.rgb, eight_bit(colours))
    out = photo.write(source, source.rgb, tmp_path / f"b{suffix}")
    stored = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[n]
    assert np.array_equal(stored.reshape(*array.shape)[..., order], array)  # grey stays grey
    again = photo.read(out)
    assert np.array_equal(again.rgb16, source.rgb16)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_of_16_bits_is_read_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    source = photo.read(in_turn(wide(), orientation))
    block = Image.Exif()
    block[0x0112] = orientation
    turned = photo.read(photo.write(source, source.rgb16, tmp_path / f"a{suffix}"))
    path = tmp_path / f"b{suffix}"
    path.write_bytes(photo.encode(replace(turned, exif=block.tobytes()), {".png": "PNG", ".tif": "TIFF"}[suffix]))
    assert np.array_equal(photo.read(path).rgb16, wide())


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_profile_exif_xmp_and_resolution_survive_with_16_bits(tmp_path: Path, suffix: str) -> None:
    packet = photo.marked(photo.read(wide()), "blond", [("m", "1")]).metadata
    source = replace(photo.read(wide()), icc=SRGB, exif=exif_with(1), dpi=(200.0, 200.0), metadata=packet)
    again = photo.read(photo.write(source, source.rgb, tmp_path / f"b{suffix}"))
    assert np.array_equal(again.rgb16, wide())
    assert again.icc == SRGB
    assert again.dpi == pytest.approx((200, 200), abs=0.05)
    assert again.metadata.xmp is not None
    assert b"compositeWithTrainedAlgorithmicMedia" in again.metadata.xmp
    block = Image.Exif()
    block.load(again.exif or b"")
    assert block[0x010F] == "A camera"
    assert block.get_ifd(0x8769)[0x9003] == "2024:05:06 07:08:09"


def test_pixels_that_were_replaced_have_8_bits(tmp_path: Path) -> None:
    source = photo.read(wide())
    other = source.rgb.copy()
    other[0, 0] ^= 1
    again = photo.read(photo.write(source, other, tmp_path / "b.png"))
    assert again.rgb16 is None
    assert np.array_equal(again.rgb, other)


def test_an_array_of_16_bits_comes_back_as_one() -> None:
    for n in (3, 4):
        array = wide(channels=n)
        assert np.array_equal(photo.like(array, photo.read(array)), array)


def test_a_format_of_8_bits_gets_the_rounded_pixels(tmp_path: Path) -> None:
    source = photo.read(wide())
    again = photo.read(photo.write(source, source.rgb, tmp_path / "b.bmp"))
    assert np.array_equal(again.rgb, eight_bit(wide()))


def test_turning_keeps_every_bit() -> None:
    source = photo.read(wide(channels=4))
    turned = photo.turned(source, 1)
    assert np.array_equal(turned.rgb16, np.rot90(wide(channels=4)[..., :3]))
    back = photo.turned(turned, -1)
    assert np.array_equal(photo.like(wide(channels=4), back), wide(channels=4))


@pytest.mark.parametrize("name", list(SPACES))
def test_a_profile_is_carried_out_in_floating_point(name: str) -> None:
    own = matrix_profile(profile(name))
    assert own is not None
    values = np.random.default_rng(0).integers(0, 65536, (4000, 3), dtype=np.uint16)
    wanted = convert(values / 257.0, name, "sRGB")
    apart = np.abs(own.to_srgb(values) - wanted)
    assert apart[wanted > 20].max() < 0.3  # of 255
    assert apart.max() < 1.0  # in the dark, where profiles round their matrix
    inside = convert(np.random.default_rng(1).uniform(60, 180, (2000, 3)), "sRGB", name)
    rgb = convert(inside, name, "sRGB").astype(np.float32)
    assert np.abs(own.from_srgb(rgb) - inside).max() < 0.05


def test_the_way_back_of_a_profile_gives_the_values() -> None:
    own = matrix_profile(profile("Adobe RGB"))
    assert own is not None
    rgb = np.random.default_rng(0).uniform(60, 180, (2000, 3)).astype(np.float32)
    there = own.from_srgb(rgb)
    again = own.to_srgb(np.rint(there * 257).astype(np.uint16))
    assert np.abs(again - rgb).max() < 0.02


def test_what_was_not_edited_stays_bit_equal_in_a_wide_profile() -> None:
    source = replace(photo.read(wide(40, 40)), icc=profile("Display P3"))
    seen = srgb_deep(source)
    assert seen is not None
    assert np.percentile(np.abs(seen - srgb(source)), 99) < 1.5  # what networks see, but for rounding
    edited = seen.copy()
    edited[:10] = np.clip(edited[:10] + 0.25, 0, 255)  # less than a step of 8 bits
    done = with_srgb(source, seen, edited)
    assert done.rgb16 is not None
    assert np.array_equal(done.rgb16[10:], source.rgb16[10:])
    inner = (seen[:10] > 20).all(axis=2) & (seen[:10] < 235).all(axis=2)
    moved = (done.rgb16[:10].astype(int) - source.rgb16[:10])[inner]
    assert (moved >= 0).mean() > 0.9
    assert 20 < np.median(moved) < 120


@pytest.mark.parametrize("name", ["Adobe RGB", "Display P3"])
def test_a_profile_that_is_a_table_is_carried_out_between_the_levels_of_8_bits(name: str) -> None:
    source = replace(photo.read(wide(50, 40)), icc=table_profile(name))
    assert matrix_profile(source.icc) is None
    seen = srgb_deep(source)
    assert seen is not None
    wanted = convert(wide(50, 40) / 257.0, name, "sRGB")
    inside = (wanted > 20).all(axis=2) & (wanted < 235).all(axis=2)
    apart = np.abs(seen - wanted)[inside]
    assert apart.mean() < 0.35  # of 255; with 8 bits about 0.4
    assert np.percentile(apart, 99) < 1.5
    assert np.mean(np.abs(seen[inside] - np.rint(seen[inside])) < 0.01) < 0.1  # no levels of 8 bits


def test_an_edit_in_a_profile_that_is_a_table_keeps_16_bits(tmp_path: Path) -> None:
    ramp = np.linspace(20_000, 40_000, 3 * 64 * 64).reshape(64, 64, 3).astype(np.uint16)
    source = replace(photo.read(ramp), icc=table_profile("Adobe RGB"))
    seen = srgb_deep(source)
    assert seen is not None
    edited = seen.copy()
    edited[:32] += 0.25  # less than a step of 8 bits
    changed = with_srgb(source, seen, edited)
    done = photo.read(photo.write(changed, changed.rgb, tmp_path / "a.png"))
    assert done.icc == source.icc
    assert done.rgb16 is not None
    assert np.array_equal(done.rgb16[32:], ramp[32:])
    moved = done.rgb16[:32].astype(int) - ramp[:32]
    assert moved.min() > 0
    assert 30 < np.median(moved) < 110  # 0.25 of 255 are 64, in a wider space less


def test_the_way_back_of_a_table_gives_the_values() -> None:
    own = colour._deep_profile(table_profile("Adobe RGB"))
    assert isinstance(own, TableProfile)
    rgb = np.random.default_rng(0).uniform(60, 180, (2000, 3)).astype(np.float32)
    again = own.to_srgb(np.rint(own.from_srgb(rgb) * 257).astype(np.uint16))
    assert np.abs(again - rgb).mean() < 0.4


def test_an_interpolated_cube_is_exact_at_its_nodes_and_linear_between() -> None:
    own = tables.table_profile(lambda values: 255 - values, lambda values: values)
    values = np.array([[0, 65535, 257 * 5], [65535, 0, 257 * 7], [100, 30_000, 65_000]], np.uint16)
    assert np.allclose(own.to_srgb(values), 255 - values / 257.0, atol=1e-4)
    rgb = np.array([[0, 255, 1.5], [254.9, 3.25, 77.7]], np.float32)
    assert np.allclose(own.from_srgb(rgb), rgb, atol=1e-4)


def test_a_damaged_profile_is_no_matrix() -> None:
    assert matrix_profile(profile("Display P3").replace(b"rTRC", b"xTRC")) is None


def test_bits_that_are_not_read_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "cmyk.tif", wide(channels=4), photometric="separated")
    assert photo.read(tmp_path / "cmyk.tif").rgb16 is None
    assert f"cmyk.tif: {SAID}" in caplog.text
    caplog.clear()
    cv2.imwrite(str(tmp_path / "rgb.png"), wide())
    Image.fromarray(eight_bit(wide())).save(tmp_path / "rgb8.png")
    for name in ("rgb.png", "rgb8.png"):
        photo.read(tmp_path / name)
    assert caplog.text == ""


@pytest.mark.parametrize(("suffix", "bits"), [(".ppm", 16), (".jp2", 12), (".jp2", 16), (".avif", 10), (".avif", 12)])
def test_a_format_that_is_read_with_8_bits_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, bits: int
) -> None:
    if suffix != ".ppm" and not features.check({".jp2": "jpg_2000", ".avif": "avif"}[suffix]):
        pytest.skip("this Pillow does not read it")
    options = [cv2.IMWRITE_AVIF_DEPTH, bits] if suffix == ".avif" else []
    array = wide(64, 64)  # JPEG 2000 has a smallest size
    try:
        cv2.imwrite(str(tmp_path / f"b{suffix}"), array >> (16 - bits), options)
        cv2.imwrite(str(tmp_path / f"a{suffix}"), eight_bit(array))
    except cv2.error:
        pytest.skip("this OpenCV does not write it")
    photo.read(tmp_path / f"a{suffix}")
    assert caplog.text == ""
    assert photo.read(tmp_path / f"b{suffix}").rgb16 is None
    assert f"b{suffix}: {SAID}" in caplog.text


def test_the_head_of_a_ppm_may_hold_comments(caplog: pytest.LogCaptureFixture) -> None:
    photo.decode(b"P6 # 1 2\n#65535\n2\n1 #9\n#\n 255\n" + bytes(6))
    assert caplog.text == ""
    photo.decode(b"P6 # 1 2\n#255\n2\n1 #9\n#\n 65535\n" + bytes(12))
    assert SAID in caplog.text


@pytest.mark.skipif(not heif.is_here(), reason="pillow-heif is not installed")
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_a_heic_of_more_than_8_bits_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, bits: int
) -> None:
    import pillow_heif

    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", bits == 12)
    mode, pixels = ("RGB", eight_bit(wide())) if bits == 8 else ("RGB;16", wide())
    pillow_heif.from_bytes(mode, (30, 20), pixels.tobytes()).save(tmp_path / "a.heic")
    photo.read(tmp_path / "a.heic")
    assert (f"a.heic: {SAID}" in caplog.text) == (bits > 8)
