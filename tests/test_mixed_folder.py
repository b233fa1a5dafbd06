"""A folder as people have it: fifty files of many kinds, some of them broken, edited by one command."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo
from tests.command_line import app
from tests.photos import SRGB

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
SIDE = 240  # px


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 12.0)})
    return exif


def _deep(image: Image.Image) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 257, (*image.size[::-1], 3), np.uint16)
    return np.asarray(image).astype(np.uint16) * 256 + np.minimum(noise, 255)


def _photos(image: Image.Image) -> dict[str, Callable[[Path], object]]:
    """Return what writes each photo that can be edited, by its name."""
    turned = {3: image.rotate(180), 6: image.rotate(90), 8: image.rotate(270)}

    def oriented(value: int) -> Callable[[Path], object]:
        exif = _exif()
        exif[0x0112] = value
        return lambda path: turned[value].save(path, exif=exif)

    def saved(mode: str = "RGB", **options: object) -> Callable[[Path], object]:
        return lambda path: image.convert(mode).save(path, **options)

    def twice(**options: object) -> Callable[[Path], object]:
        return saved(save_all=True, append_images=[turned[3]], **options)

    return {
        "plain.jpg": saved(quality=87, exif=_exif(), icc_profile=SRGB, dpi=(300, 300), comment=b"by the sea"),
        "444.jpg": saved(quality=93, subsampling=0),
        "422.jpg": saved(quality=93, subsampling=1),
        "progressive.jpg": saved(progressive=True),
        "UPPER.JPG": saved(),
        "with space.jpg": saved(),
        "na\u00efve \u6f22\u5b57 \U0001f600.jpg": saved(),
        "{stem}.jpg": saved(),
        "-dash.jpg": saved(),
        "[brackets].jpg": saved(),
        "of two.faces.jpg": lambda path: _side_by_side(image).save(path),
        "grey.jpg": saved("L"),
        "cmyk.jpg": saved("CMYK"),
        "png_inside.jpg": saved(format="PNG"),
        "jpeg_inside.png": saved(format="JPEG"),
        "a.png": saved(exif=_exif(), icc_profile=SRGB),
        "grey.png": saved("L"),
        "palette.png": saved("P"),
        "alpha.png": saved("RGBA"),
        "grey alpha.png": saved("LA"),
        "moving.png": twice(duration=100),
        "deep.png": lambda path: cv2.imwrite(os.fspath(path), _deep(image)[..., ::-1]),
        "deep.tif": lambda path: cv2.imwrite(os.fspath(path), _deep(image)[..., ::-1]),
        "lzw.tif": saved(compression="tiff_lzw"),
        "bare.tif": saved(),
        "cmyk.tif": saved("CMYK"),
        "two.tif": twice(),
        "lossy.webp": saved(quality=80, exif=_exif()),
        "lossless.webp": saved(lossless=True),
        "moving.webp": twice(duration=100),
        "b.bmp": saved(),
        "g.gif": saved(),
        "moving.gif": twice(duration=100),
        "p.ppm": saved(),
        "q.qoi": saved(),
        "j.jp2": saved(),
        "on its side.jpg": turned[6].save,
        "on its head.jpg": turned[3].save,
        **{f"exif{value}.jpg": oriented(value) for value in turned},
        "below/this one/x.jpg": saved(),
        "below/this one/\u00e4.png": saved(),
    }


def _side_by_side(image: Image.Image) -> Image.Image:
    both = Image.new("RGB", (2 * SIDE, SIDE))
    both.paste(image, (0, 0))
    both.paste(image, (SIDE, 0))
    return both


def _broken(whole: bytes) -> dict[str, bytes]:
    """Return the content of files that cannot be edited, by name."""
    ground = io.BytesIO()
    Image.new("RGB", (200, 160), (30, 90, 60)).save(ground, "PNG")
    return {
        "half.jpg": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "text.jpg": b"hello",
        "zeros.png": bytes(5000),
        "head alone.tif": b"II*\0\x08\0\0\0",
        "no face.png": ground.getvalue(),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mixed") / "in"
    with Image.open(PORTRAIT) as image:
        good = _photos(image.convert("RGB").resize((SIDE, SIDE)))
    for name, write in good.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        write(made / name)
    for name, content in _broken((made / "plain.jpg").read_bytes()).items():
        (made / name).write_bytes(content)
    (made / "to nowhere.jpg").symlink_to("nowhere.jpg")
    (made / "to another.jpg").symlink_to("plain.jpg")
    (made / "notes.txt").write_text("not a photo")
    return made


def test_fifty_mixed_files_are_edited_or_told_of(folder: Path, tmp_path: Path) -> None:
    given = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    assert len(given) >= 50
    out = tmp_path / "out"
    args = ["express", "--brows", "1", str(folder), "-r", "-o", str(out), "-j", "2", "--device", "cpu", "--json"]
    done = CliRunner().invoke(app, args, catch_exceptions=False, prog_name="imgedit")
    told = {Path(row["photo"]).relative_to(folder).as_posix(): row for row in map(json.loads, done.stdout.splitlines())}
    assert told.keys() == given - {"notes.txt"}
    broken = {*_broken(b""), "to nowhere.jpg"}
    assert {name for name, row in told.items() if "error" in row} == broken
    assert done.exit_code == 3
    assert all("\n" not in told[name]["error"] for name in broken)
    assert "Traceback" not in done.stderr

    written = sorted(path for row in told.values() for path in row.get("written", ()))
    assert sorted(str(path) for path in out.rglob("*") if path.is_file()) == written
    assert len(written) == len(told) - len(broken)  # none stands for two
    assert all(told[name]["changed"] for name in told.keys() - broken)
    for name in told.keys() - broken:
        before, after = photo.read(folder / name), photo.read(told[name]["written"][0])
        assert after.rgb.shape == before.rgb.shape, name
        assert (after.deep is None) == (before.deep is None), name
        if before.icc is not None and "cmyk" not in name:
            assert after.icc == before.icc, name
    with Image.open(out / "plain.brows+1.jpg") as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N"
        assert image.info["dpi"] == (300, 300)
