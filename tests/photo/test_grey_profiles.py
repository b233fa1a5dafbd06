"""Grey photos in profiles of a single channel, against formulas and against LittleCMS's own way from grey to sRGB."""

from __future__ import annotations

import io
import logging
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from imgedit import photo
from imgedit.photo import Photo, srgb, srgb_deep, with_srgb
from imgedit.photo.profiles import for_colours
from tests.photo.test_colour import _packed, encoded

LEVELS = np.arange(256) / 255.0


def curve(values: np.ndarray) -> bytes:
    table = np.rint(values * 65535).astype(">u2").tobytes()
    content = b"curv\0\0\0\0" + struct.pack(">I", len(values)) + table
    return content + b"\0" * (-len(content) % 4)


def grey_profile(content: bytes, space: bytes = b"XYZ ") -> bytes:
    return _packed("grey", space, {b"kTRC": content}, b"prtr", b"GRAY")


def dot_gain(paper: np.ndarray, gain: float = 0.2) -> np.ndarray:
    """Light of a print whose dots grow: the share of ink of half a tone is larger by the gain."""
    ink = 1.0 - paper
    return 1.0 - np.minimum(ink + 4.0 * gain * ink * (1.0 - ink), 1.0)


PROFILES = {
    "gamma 1.8": grey_profile(b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)) + b"\0\0"),
    "dot gain 20 %": grey_profile(curve(dot_gain(LEVELS))),
    "lightness": grey_profile(curve(LEVELS), b"Lab "),
}


def ramp(mode: str = "L") -> Image.Image:
    """All levels of grey, twice; with another transparency in each column."""
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None], 8, axis=0)
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    image = Image.fromarray(grey)
    if mode == "LA":
        image.putalpha(Image.fromarray(255 - grey))
    return image


def in_profile(name: str, mode: str = "L", kind: str = "PNG", **options: Any) -> Photo:
    buffer = io.BytesIO()
    ramp(mode).save(buffer, kind, icc_profile=PROFILES[name], **options)
    return photo.decode(buffer.getvalue())


def of(data: bytes) -> tuple[str, bytes]:
    with Image.open(io.BytesIO(data)) as image:
        return image.mode, image.info.get("icc_profile", b"")


@pytest.mark.parametrize("name", PROFILES)
def test_grey_is_seen_as_littlecms_sees_it(name: str) -> None:
    source = in_profile(name)
    assert (source.mode, source.icc) == ("L", PROFILES[name])
    own = ImageCms.ImageCmsProfile(io.BytesIO(PROFILES[name]))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    way = ImageCms.buildTransform(own, ImageCms.createProfile("sRGB"), "L", "RGB", intent)
    wanted = ImageCms.applyTransform(ramp(), way)
    assert wanted is not None
    difference = np.abs(srgb(source).astype(int) - np.asarray(wanted))
    assert difference.max() <= 1, difference.max(axis=(0, 2))
    assert np.abs(srgb(source).astype(int) - source.rgb).max() > 8  # the numbers themselves are others


@pytest.mark.parametrize(("name", "light"), [("gamma 1.8", LEVELS ** (461 / 256)), ("dot gain 20 %", dot_gain(LEVELS))])
def test_grey_of_16_bits_is_seen_by_the_profiles_own_curve(name: str, light: np.ndarray) -> None:
    seen = srgb_deep(in_profile(name, "I;16"))
    assert seen is not None
    assert np.abs(seen[0, :, 1] - encoded(light, "sRGB") * 255.0).max() <= 0.03  # the tables have 16 bits
    assert not np.ptp(seen, axis=2).any()


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "L"), ("PNG", "LA"), ("PNG", "I;16"), ("TIFF", "L"), ("TIFF", "LA"), ("TIFF", "I;16"), ("JPEG", "L")],
)
def test_an_edit_keeps_the_profile_and_every_other_pixel(name: str, kind: str, mode: str) -> None:
    source = in_profile(name, mode, kind)
    deep = srgb_deep(source)
    seen = srgb(source) if deep is None else deep
    edited = seen.copy()
    edited[2:5, 40:90] = seen[2:5, 40:90] * 0.5 + 30
    result = with_srgb(source, seen, edited)
    pixels, wanted = (result.rgb, source.rgb) if deep is None else (result.rgb16, source.rgb16)
    assert pixels is not None
    assert wanted is not None
    changed = (pixels != wanted).any(axis=2)
    assert changed[2:5, 40:90].mean() > 0.9
    changed[2:5, 40:90] = False
    assert not changed.any()
    assert not np.ptp(pixels, axis=2).any()
    again = photo.decode(photo.encode(result, kind))
    assert of(photo.encode(result, kind)) == of(photo.encode(source, kind)) == (source.mode, PROFILES[name])
    if kind != "JPEG":
        assert np.array_equal(again.rgb, result.rgb)
    if deep is not None:
        assert np.array_equal(again.rgb16, pixels)
    if mode == "LA":
        assert np.array_equal(again.alpha, 255 - np.asarray(ramp()))


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_grey_photo_that_gets_colours_gets_a_profile_of_colours_and_keeps_every_other_pixel(
    name: str, mode: str
) -> None:
    source = in_profile(name, mode)
    deep = srgb_deep(source)
    seen = srgb(source) if deep is None else deep
    edited = seen.copy()
    edited[2:5, 40:90] = (200, 120, 60)
    again = photo.decode(photo.encode(with_srgb(source, seen, edited), "PNG"))
    assert again.icc == for_colours(PROFILES[name])
    assert again.icc is not None
    assert again.icc[16:20] == b"RGB "
    assert np.array_equal(again.rgb[5:], source.rgb[5:])
    shown = srgb(again).astype(int)
    assert np.abs(shown[2:5, 40:90] - (200, 120, 60)).max() <= 2
    assert np.abs(shown[5:] - srgb(source)[5:]).max() <= 2


def test_colours_and_formats_without_grey_say_the_same_in_the_photo_that_python_gets() -> None:
    source = in_profile("gamma 1.8")
    assert photo.to_image(source).info["icc_profile"] == for_colours(source.icc)
    assert of(photo.encode(source, "WEBP"))[1] == for_colours(source.icc)
    bitmap = photo.decode(photo.encode(source, "BMP"))  # holds no profile
    assert np.array_equal(bitmap.rgb, srgb(source))


def test_a_profile_of_colours_comes_back_as_it_is() -> None:
    assert for_colours(None) is None
    colours = for_colours(PROFILES["gamma 1.8"])
    assert for_colours(colours) == colours


NO_SLOPE = b"para\0\0\0\0" + struct.pack(">HH3i", 1, 0, 2 << 16, 0, 1 << 16)  # divides by zero


@pytest.mark.parametrize(
    "content", [curve(LEVELS[::-1]), b"curv", b"text\0\0\0\0none\0\0\0\0", curve(LEVELS)[:40], NO_SLOPE]
)
def test_a_grey_profile_that_cannot_be_used_is_kept_for_grey_and_said(
    content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    profile = grey_profile(content)
    buffer = io.BytesIO()
    ramp().save(buffer, "PNG", icc_profile=profile)
    source = photo.decode(buffer.getvalue())
    with caplog.at_level(logging.WARNING, "imgedit"):
        assert srgb(source) is source.rgb
    assert "taken for sRGB" in caplog.text
    assert of(photo.encode(source, "PNG")) == ("L", profile)
    coloured = source.rgb.copy()
    coloured[0, 0] = (9, 99, 199)
    assert of(photo.encode(replace(source, rgb=coloured), "PNG")) == ("RGB", b"")
