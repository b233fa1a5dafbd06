"""sRGB pixels of photos in wide profiles, and the way back, against the formulas of the colour spaces."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import imgedit
from imgedit import photo
from imgedit.photo import Photo, is_grey, srgb, with_srgb
from tests.photos import SRGB, picture

# Red, green and blue in CIE xy; the exponent, or None for sRGB's curve (SMPTE EG 432-1; Adobe RGB (1998), 4.3.4).
SPACES = {
    "sRGB": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), None),
    "Display P3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), None),
    "Adobe RGB": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), 563 / 256),
}
NO_JPEG2000 = pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
D65 = (0.3127, 0.3290)
D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def xyz(point: tuple[float, float]) -> np.ndarray:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_d50(name: str) -> np.ndarray:
    """Matrix of linear RGB to XYZ under D50, as ICC asks for."""
    *primaries, _ = SPACES[name]
    columns = np.stack([xyz(p) for p in primaries], axis=1)
    columns = columns * np.linalg.solve(columns, xyz(D65))
    ratio = (BRADFORD @ D50) / (BRADFORD @ xyz(D65))
    return np.linalg.inv(BRADFORD) @ np.diag(ratio) @ BRADFORD @ columns


def decoded(values: np.ndarray, name: str) -> np.ndarray:
    exponent = SPACES[name][3]
    if exponent:
        return values**exponent
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encoded(values: np.ndarray, name: str) -> np.ndarray:
    values, exponent = np.clip(values, 0, 1), SPACES[name][3]
    if exponent:
        return values ** (1 / exponent)
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


def convert(rgb: np.ndarray, source: str, target: str) -> np.ndarray:
    linear = decoded(rgb / 255.0, source) @ (np.linalg.inv(to_d50(target)) @ to_d50(source)).T
    return encoded(linear, target) * 255.0


def profile(name: str) -> bytes:
    """A matrix profile, version 2.4 (ICC.1:2001-04, 6.3.1.2)."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    exponent = SPACES[name][3]
    if exponent:
        curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256)) + b"\0\0"
    else:
        table = np.rint(decoded(np.linspace(0, 1, 1024), name) * 65535).astype(">u2")
        curve = b"curv\0\0\0\0" + struct.pack(">I", 1024) + table.tobytes()
    matrix = to_d50(name)
    tags = {}
    for i, letter in enumerate(b"rgb"):
        tags[bytes([letter]) + b"XYZ"] = b"XYZ \0\0\0\0" + b"".join(map(fixed, matrix[:, i]))
        tags[bytes([letter]) + b"TRC"] = curve
    return _packed(name, b"XYZ ", tags)


def table_profile(name: str, nodes: int = 33) -> bytes:
    """A profile of the same colours whose ways to CIELAB and back are tables of 16 bits (ICC.1:2001-04, 6.5.7)."""
    steps = np.linspace(0.0, 1.0, nodes)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    there = to_lab(decoded(grid, name) @ to_d50(name).T)
    lightness, a, b = grid[:, 0] * 65535 / 65280 * 100, grid[:, 1] * 65535 / 256 - 128, grid[:, 2] * 65535 / 256 - 128
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=1)
    light = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    back = encoded(light @ np.linalg.inv(to_d50(name)).T, name) * 65535

    return _packed(name, b"Lab ", {b"A2B0": _table(there, 3, nodes), b"B2A0": _table(back, 3, nodes)})


def ink_profile(nodes: int = 6) -> bytes:
    """A profile of CMYK whose inks take away light in proportion: (1 - c)(1 - k) of sRGB's linear red, and so on."""
    steps = np.linspace(0.0, 1.0, nodes)
    inks = np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 4)
    light = (1 - inks[:, :3]) * (1 - inks[:, 3:])
    return _packed("inks", b"Lab ", {b"A2B0": _table(to_lab(light @ to_d50("sRGB").T), 4, nodes)}, b"prtr", b"CMYK")


def to_lab(light: np.ndarray) -> np.ndarray:
    """CIELAB of XYZ under D50, as numbers of 16 bits (ICC.1:2001-04, annex A)."""
    ratio = light / D50
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)
    return np.stack([lab[:, 0] / 100 * 65280, (lab[:, 1] + 128) * 256, (lab[:, 2] + 128) * 256], axis=1)


def _table(values: np.ndarray, channels: int, nodes: int) -> bytes:
    """A table of 16 bits from some channels to three."""
    head = b"mft2\0\0\0\0" + struct.pack(">4B9i", channels, 3, nodes, 0, 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    line = struct.pack(">2H", 0, 65535)
    data = np.clip(np.rint(values), 0, 65535).astype(">u2").tobytes()
    content = head + struct.pack(">2H", 2, 2) + line * channels + data + line * 3
    return content + b"\0" * (-len(content) % 4)


def _packed(
    name: str, space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", channels: bytes = b"RGB "
) -> bytes:
    """A profile's file."""

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * (4 + 4 + 2 + 1 + 67)
    described += b"\0" * (-len(described) % 4)
    tags = {
        b"desc": described,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": b"XYZ \0\0\0\0" + b"".join(map(fixed, D50)),
        **tags,
    }
    at, table_, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for key, value in tags.items():
        table_ += key + struct.pack(">II", at + len(data), len(value))
        data += value
    header = struct.pack(">I4xI4s4s4s12x4s4x4x4x8x4x", at + len(data), 0x02400000, kind, channels, space, b"acsp")
    header += b"".join(map(fixed, D50))
    return header.ljust(128, b"\0") + table_ + data


def in_space(name: str, rgb: np.ndarray) -> Photo:
    return photo.decode(photo.encode(replace(photo.read(rgb), icc=profile(name)), "PNG"))


INSIDE = np.random.default_rng(0).integers(60, 190, (20, 30, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_pixels_are_seen_as_srgb(name: str) -> None:
    source = in_space(name, INSIDE)
    assert source.icc == profile(name)
    assert np.abs(srgb(source) - convert(INSIDE, name, "sRGB")).max() <= 1.2  # a rounding and a table's
    assert np.abs(srgb(source).astype(int) - INSIDE).max() > 8  # the numbers themselves are others


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_an_orange_is_the_same_orange_in_a_wide_profile(name: str) -> None:
    """The dye that looks right in sRGB, and is far too strong where its numbers are written into a wide profile."""
    orange = np.array([235, 120, 20], np.uint8)
    source = in_space(name, INSIDE)
    seen = srgb(source).copy()
    seen[5:10, 5:10] = orange
    result = with_srgb(source, srgb(source), seen)
    expected = convert(orange.astype(float), "sRGB", name)
    assert np.abs(result.rgb[5:10, 5:10] - expected).max() <= 1.2
    assert np.abs(expected - orange).max() > 10
    again = photo.decode(photo.encode(result, "PNG"))
    assert np.abs(srgb(again)[5:10, 5:10].astype(int) - orange).max() <= 1


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_every_pixel_that_was_not_edited_stays_bit_equal(name: str) -> None:
    everything = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)  # beyond sRGB as well
    source = in_space(name, everything)
    assert np.array_equal(with_srgb(source, srgb(source), srgb(source)).rgb, everything)
    seen = srgb(source).copy()
    seen[10:20, 10:20] ^= 64
    changed = (with_srgb(source, srgb(source), seen).rgb != everything).any(2)
    assert changed[10:20, 10:20].mean() > 0.9
    changed[10:20, 10:20] = False
    assert not changed.any()


def test_a_small_change_of_a_colour_beyond_srgb_is_small() -> None:
    """A matte's border: the pixel comes back to within the change, not to the nearest colour of sRGB."""
    source = in_space("Adobe RGB", np.full((4, 4, 3), (0, 255, 0), np.uint8))
    seen = srgb(source).copy()
    seen[0, 0] = seen[0, 0] - np.array([0, 2, 0], np.uint8)
    result = with_srgb(source, srgb(source), seen).rgb
    assert np.abs(result[0, 0].astype(int) - source.rgb[0, 0]).max() <= 12
    seen[0, 0] = (128, 128, 128)
    grey = with_srgb(source, srgb(source), seen).rgb[0, 0]
    assert np.abs(grey - convert(np.array([128.0] * 3), "sRGB", "Adobe RGB")).max() <= 1.2


def test_cmyk_is_seen_by_its_profile(tmp_path):
    inks = np.random.default_rng(2).integers(0, 6, (20, 30, 4), dtype=np.uint8) * 51  # the table's nodes
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif", icc_profile=ink_profile())
    seen = photo.read(tmp_path / "a.tif").rgb
    light = (1 - inks[..., :3] / 255) * (1 - inks[..., 3:] / 255)
    expected = encoded(light, "sRGB") * 255
    off = np.abs(seen - expected)
    assert off.max() < 8  # LittleCMS lays a table of its own over four channels
    assert off.mean() < 1
    assert np.abs(light * 255 - expected).max() > 50  # Pillow's formula, which knows no profile, is far from it


WITHOUT_PROFILE = ["BMP", pytest.param("JPEG2000", marks=NO_JPEG2000)]


@pytest.mark.parametrize("kind", WITHOUT_PROFILE)
@pytest.mark.parametrize("made", [profile, table_profile])
@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_a_format_without_profiles_gets_srgb_and_it_is_said(
    kind: str, made: Callable[[str], bytes], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    alpha = np.full(INSIDE.shape[:2], 255, np.uint8)
    alpha[:5] = 0
    source = replace(photo.read(np.dstack([INSIDE, alpha])), icc=made(name))
    again = photo.decode(photo.encode(source, kind, name="x"))
    off = np.abs(again.rgb[5:] - convert(INSIDE, name, "sRGB")[5:])
    assert (off.max() <= 1.2) if made is profile else (off.mean() < 0.5)
    assert f"x: {kind} cannot hold a colour profile; the colours are converted to sRGB" in caplog.text
    assert caplog.text.count("profile") == 1
    if kind == "BMP":
        assert (again.rgb[:5] == 255).all()


@pytest.mark.parametrize("kind", WITHOUT_PROFILE)
@pytest.mark.parametrize("icc", [None, SRGB, profile("sRGB")])
def test_srgb_is_written_as_it_is(kind: str, icc: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    again = photo.decode(photo.encode(replace(photo.read(picture()), icc=icc), kind))
    assert np.array_equal(again.rgb, picture())
    assert caplog.text == ""


@NO_JPEG2000
def test_the_profile_of_a_jpeg_2000_is_read() -> None:
    """As other programs write it: the box "colr", 15 bytes long in a header of 45, holds the profile."""
    icc = profile("Display P3")
    data = photo.encode(photo.read(INSIDE), "JPEG2000")
    plain = struct.pack(">I4s3BI", 15, b"colr", 1, 0, 0, 16)
    box = struct.pack(">I4s3B", 11 + len(icc), b"colr", 2, 0, 0) + icc
    assert data.count(plain) == data.count(struct.pack(">I4s", 45, b"jp2h")) == 1
    data = data.replace(struct.pack(">I4s", 45, b"jp2h"), struct.pack(">I4s", 30 + len(box), b"jp2h"))
    source = photo.decode(data.replace(plain, box))
    assert source.icc == icc
    assert np.array_equal(source.rgb, INSIDE)
    again = photo.decode(photo.encode(source))
    assert (again.format, again.icc) == ("JPEG2000", None)
    assert np.abs(again.rgb - convert(INSIDE, "Display P3", "sRGB")).max() <= 1.2


def test_16_bits_in_a_wide_profile_become_8_bits_of_srgb(caplog: pytest.LogCaptureFixture) -> None:
    source = replace(photo.read(INSIDE.astype(np.uint16) * 257), icc=profile("Display P3"))
    again = photo.decode(photo.encode(source, "BMP"))
    assert np.abs(again.rgb - convert(INSIDE, "Display P3", "sRGB")).max() <= 1.2
    assert "8 bits a channel" in caplog.text
    assert "converted to sRGB" in caplog.text


@pytest.mark.parametrize("icc", [None, SRGB, profile("sRGB")])
def test_srgb_costs_nothing(icc: bytes | None) -> None:
    source = replace(photo.read(picture()), icc=icc)
    assert srgb(source) is source.rgb
    other = 255 - source.rgb
    assert with_srgb(source, source.rgb, other).rgb is other


@pytest.mark.parametrize("icc", [b"rubbish", SRGB[:200], profile("Adobe RGB")[:150]])
def test_a_profile_that_does_not_work_is_said_and_ignored(icc: bytes, caplog: pytest.LogCaptureFixture) -> None:
    source = replace(photo.read(picture()), icc=icc)
    with caplog.at_level(logging.WARNING):
        assert srgb(source) is source.rgb
        assert with_srgb(source, source.rgb, 255 - source.rgb).rgb[0, 0, 0] == 255 - source.rgb[0, 0, 0]
    assert caplog.text.count("taken for sRGB") == 1


def test_a_crop_of_another_size_is_converted_whole() -> None:
    source = in_space("Display P3", INSIDE)
    crop = np.full((3, 5, 3), (235, 120, 20), np.uint8)
    result = with_srgb(source, srgb(source), crop)
    assert result.rgb.shape == (3, 5, 3)
    assert np.abs(result.rgb - convert(crop.astype(float), "sRGB", "Display P3")).max() <= 1.2


def test_stripes_leave_no_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    source = in_space("Display P3", INSIDE)
    whole = srgb(source)
    edited = 255 - whole
    result = with_srgb(source, whole, edited).rgb
    monkeypatch.setattr("imgedit.photo.colour._STRIPE", 70)
    assert np.array_equal(srgb(source), whole)
    assert np.array_equal(with_srgb(source, whole, edited).rgb, result)


def test_a_grey_photo_is_known_by_its_pixels() -> None:
    assert is_grey(photo.read(picture()[..., 0]))
    coloured = np.repeat(picture()[..., :1], 3, axis=2)
    assert is_grey(photo.read(coloured))
    coloured[3, 4, 1] ^= 2
    assert is_grey(photo.read(coloured))  # compressed as a coloured one
    coloured[8:20, 8:20] = (150, 120, 110)
    assert not is_grey(photo.read(coloured))


def test_a_grey_photo_that_was_scanned_and_compressed_in_colour_is_grey(tmp_path: Path) -> None:
    with Image.open(Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg") as image:
        grey = np.asarray(image.convert("L"), np.float64)[..., None]
    tone = grey * (1.02, 1.0, 0.97) + np.random.default_rng(0).normal(0.0, 2.0, (*grey.shape[:2], 3))
    Image.fromarray(np.clip(np.rint(tone), 0, 255).astype(np.uint8)).save(tmp_path / "scan.jpg", quality=75)
    scan = photo.read(tmp_path / "scan.jpg")
    assert np.ptp(scan.rgb, axis=2).max() > 8
    assert is_grey(scan)
    coloured = scan.rgb.copy()
    coloured[200:216, 300:316] = (150, 110, 100)  # a small face far away
    assert not is_grey(photo.read(coloured))
