"""Damaged pictures of every format: read or refused in one line, and what is read can be edited and written.

`pytest --fuzz-seconds 600 tests/photo/test_fuzz.py` looks longer; figures of such runs stand in `tests/README.md`.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image, features

from imgedit import photo
from imgedit.errors import PhotoError
from imgedit.photo import heif
from tests.fuzz import Damage, damaged, damages, explore
from tests.photo.test_exif import block
from tests.photo.test_metadata import FULL
from tests.photo.test_xmp import PACKET
from tests.photos import SRGB, exif_with, picture


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(picture())).save(buffer, kind, **options)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """Small pictures with everything in them that is parsed."""
    grey = Image.fromarray(picture()[..., 0])
    alpha = Image.fromarray(picture(channels=4))
    other = Image.fromarray(255 - picture())
    texts = Image.Exif()
    texts[0x010E], texts[0x013B] = "a description", "somebody"
    found = {
        "jpeg": FULL,
        "jpeg with exif": saved("JPEG", exif=block(6), icc_profile=SRGB, dpi=(72, 72), quality=80),
        "progressive jpeg": saved("JPEG", progressive=True, subsampling=2),
        "grey jpeg": saved("JPEG", grey),
        "cmyk jpeg": saved("JPEG", Image.fromarray(picture()).convert("CMYK"), icc_profile=SRGB),
        "mpo": saved("MPO", save_all=True, append_images=[other]),
        "png": saved("PNG", alpha, exif=exif_with(3), icc_profile=SRGB, dpi=(72, 72)),
        "palette png": saved("PNG", Image.fromarray(picture()).convert("P"), transparency=3),
        "16-bit png": saved("PNG", Image.fromarray(picture()[..., 0].astype(np.uint16) * 257)),
        "tiff": saved("TIFF", exif=exif_with(5), icc_profile=SRGB),
        "deflated tiff": saved("TIFF", alpha, compression="tiff_adobe_deflate"),
        "big tiff": saved("TIFF", big_tiff=True, exif=texts),
        "gif": saved("GIF", save_all=True, append_images=[other], comment=b"mine"),
        "bmp": saved("BMP"),
        "ppm": saved("PPM"),
    }
    edited = replace(photo.read(picture()), metadata=photo.decode(FULL).metadata)
    found |= {f"described {kind}": photo.encode(edited, kind) for kind in ("PNG", "TIFF", "WEBP")}
    wide = photo.read(picture(channels=4).astype(np.uint16) * 257 + 31)
    described = replace(wide, metadata=photo.decode(FULL).metadata, icc=SRGB, exif=exif_with(1))
    found |= {f"deep {kind}": photo.encode(described, kind) for kind in ("PNG", "TIFF")}
    if heif.is_here():
        found["heic"] = photo.encode(replace(edited, icc=SRGB, exif=exif_with(1)), "HEIF")
    if features.check("jpg_2000"):
        found["jpeg 2000"] = saved("JPEG2000", irreversible=False)
    if features.check("webp"):
        found["webp"] = saved("WEBP", alpha, exif=exif_with(8), xmp=PACKET, icc_profile=SRGB, quality=80)
        found["lossless webp"] = saved("WEBP", lossless=True)
    if features.check("avif"):
        found["avif"] = saved("AVIF", exif=exif_with(2), xmp=PACKET, quality=60)
    return found


SEEDS = seeds()
WEBP_SIDE = 16383  # px that the format can hold
PICTURES = st.tuples(st.sampled_from(sorted(SEEDS)), damages(list(SEEDS)))


def check(example: tuple[str, list[Damage]]) -> None:
    name, damage = example
    data = damaged(SEEDS[name], damage, SEEDS)
    refusal = None
    try:
        source = photo.decode(data, "a.jpg")
    except PhotoError as error:
        refusal = str(error)
    if refusal is not None:
        assert refusal.startswith("a.jpg: ")
        assert "\n" not in refusal
        return
    assert source.rgb.shape == (source.height, source.width, 3)
    assert source.rgb.dtype == np.uint8
    assert source.alpha is None or source.alpha.shape == source.rgb.shape[:2]
    seen = photo.srgb(source)
    deep = photo.srgb_deep(source)
    done = photo.with_srgb(source, seen, 255 - seen) if deep is None else photo.with_srgb(source, deep, 255 - deep)
    assert (done.rgb16 is None) == (deep is None)
    edited = photo.marked(done, "blond", [("m.d", "1")])
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        if kind == "WEBP" and max(source.rgb.shape) > WEBP_SIDE:
            continue
        again = photo.decode(photo.encode(edited, kind), "b")
        assert again.rgb.shape == source.rgb.shape
        assert again.metadata.xmp is not None
        assert b"compositeWithTrainedAlgorithmicMedia" in again.metadata.xmp


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:PIL")
def test_a_damaged_picture_is_read_or_refused_in_one_line(
    fuzz_seconds: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imgedit.photo.reader.MAX_PIXELS", 1_000_000)  # a changed header claims any size
    for name in SEEDS:
        check((name, []))
    tried = explore(fuzz_seconds, PICTURES, check)
    with capsys.disabled():
        print(f"\n{tried} damaged pictures tried")  # noqa: T201
