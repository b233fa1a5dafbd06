"""HEIC and AVIF, the formats of telephones."""

from __future__ import annotations

import builtins
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from imgedit import photo
from imgedit.errors import OutputError, PhotoError
from imgedit.extras import how_to_install
from imgedit.photo import heif
from tests.photos import SRGB, exif_with


def soft(height: int = 64, width: int = 96) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([80 + y, 60 + x, 200 - x], axis=-1).astype(np.uint8)


def kinds() -> list[object]:
    no_heif = pytest.mark.skipif(not heif.is_here(), reason="pillow-heif is not installed")
    no_avif = pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
    return [pytest.param(".heic", marks=no_heif), pytest.param(".avif", marks=no_avif)]


@pytest.mark.parametrize("suffix", kinds())
def test_pixels_profile_exif_and_xmp_go_in_and_out(tmp_path: Path, suffix: str) -> None:
    from dataclasses import replace

    marked = photo.marked(photo.read(soft()), "blond", [("m", "1")]).metadata
    source = replace(photo.read(soft()), icc=SRGB, exif=exif_with(1), metadata=marked)
    path = photo.write(source, source.rgb, tmp_path / f"a{suffix}")
    again = photo.read(path)
    assert again.format == {".heic": "HEIF", ".avif": "AVIF"}[suffix]
    assert not again.lossless
    assert np.abs(again.rgb.astype(int) - soft()).mean() < 3
    assert again.icc == SRGB
    block = Image.Exif()
    block.load(again.exif or b"")
    assert block[0x010F] == "A camera"
    assert b"compositeWithTrainedAlgorithmicMedia" in (again.metadata.xmp or b"")
    assert photo.default_output(path, ["blond"]).name == f"a.blond{suffix}"
    small = photo.write(source, source.rgb, tmp_path / f"b{suffix}", quality=20)
    assert small.stat().st_size < path.stat().st_size


@pytest.mark.skipif(not heif.is_here(), reason="pillow-heif is not installed")
def test_transparency_of_heic_survives(tmp_path: Path) -> None:
    rgba = np.dstack([soft(), np.full((64, 96), 255, np.uint8)])
    rgba[:32, :, 3] = 0
    source = photo.read(rgba)
    again = photo.read(photo.write(source, source.rgb, tmp_path / "a.heic"))
    assert again.alpha is not None
    assert again.alpha[:24].max() < 20
    assert again.alpha[40:].min() > 235


def test_without_pillow_heif_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: object, **options: object) -> object:
        if name == "pillow_heif":
            raise ImportError(name)
        return real(name, *args, **options)  # type: ignore[arg-type]

    heif.register.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    monkeypatch.setattr(heif, "is_here", lambda: False)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    path = tmp_path / "a.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    with pytest.raises(PhotoError, match="needs the package pillow-heif") as reading:
        photo.read(path)
    with pytest.raises(OutputError, match="needs the package pillow-heif") as writing:
        photo.check_output(tmp_path / "b.heic")
    assert reading.value.hint == writing.value.hint == f"add it with: {how_to_install('pillow-heif')}"
    heif.register.cache_clear()
