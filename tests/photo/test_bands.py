"""JPEGs in bands: the pixels are those of a JPEG that Pillow writes at once, and so is what they say of themselves."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgedit.photo import bands
from tests.photos import SRGB


def noise(width: int, height: int) -> Image.Image:
    """Neighbours differ, so that a band that was coded on its own, but read with another, would show."""
    coarse = np.random.default_rng(1).integers(0, 256, (height // 3 + 1, width // 3 + 1, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BILINEAR)


def at_once(image: Image.Image, options: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize(("width", "height"), [(301, 203), (64, 64), (33, 48 * 9), (500, 7)])
def test_a_jpeg_in_bands_has_the_pixels_of_one_that_is_written_at_once(
    mode: str, subsampling: int, width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bands, "_BAND", 20 * width)  # bands of 16 rows
    image = noise(width, height).convert(mode)
    options = {"quality": 90, "subsampling": subsampling}
    found = bands.encode((width, height), lambda top, end: image.crop((0, top, width, end)), options)
    with Image.open(io.BytesIO(at_once(image, options))) as wanted, Image.open(io.BytesIO(found)) as read:
        assert (read.size, read.mode) == (wanted.size, wanted.mode)
        assert np.array_equal(np.asarray(read), np.asarray(wanted))


def test_a_jpeg_in_bands_says_what_one_says_that_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bands, "_BAND", 1)
    image, exif = noise(40, 100), Image.Exif()
    exif[0x010E] = "a picture"
    options = {
        "qtables": [[3 + i // 8 for i in range(64)], [300] * 64], "subsampling": 2, "exif": exif.tobytes(),
        "icc_profile": SRGB, "comment": b"mine", "dpi": (300, 300),
    }  # fmt: skip
    found = bands.encode(image.size, lambda top, end: image.crop((0, top, 40, end)), options)
    assert found.count(b"mine") == found.count(b"a picture") == found.count(b"ICC_PROFILE") == 1
    with Image.open(io.BytesIO(at_once(image, options))) as wanted, Image.open(io.BytesIO(found)) as read:
        assert np.array_equal(np.asarray(read), np.asarray(wanted))
        assert read.quantization == wanted.quantization
        assert read.info == wanted.info
