"""Options that hold for every photo: which faces, what is written of what the photo says, and what without a face."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo
from imgedit.photo import heif
from imgedit.vision import faces
from imgedit.vision.faces import Face
from tests.command_line import app
from tests.photos import SRGB

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
EDIT = ("translate", "--attr", "blond", "--device", "cpu")


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def portrait(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 12.0)
    path = tmp_path / "a.jpg"
    with Image.open(PORTRAIT) as image:
        image.resize((256, 256)).save(
            path, quality=87, subsampling=2, exif=exif, icc_profile=SRGB, comment=b"by the sea", dpi=(144, 144)
        )
    return path


@pytest.fixture
def wood(tmp_path):
    path = tmp_path / "wood.jpg"
    Image.new("RGB", (200, 160), (30, 90, 60)).save(path, quality=71)
    return path


def test_strip_leaves_place_and_time_out_and_the_mark_and_the_profile_in(portrait, tmp_path):
    assert run(*EDIT, portrait, "-o", tmp_path / "all.jpg")[0] == 0
    assert run(*EDIT, portrait, "--strip", "-o", tmp_path / "bare.jpg")[0] == 0
    with Image.open(tmp_path / "all.jpg") as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N"
    bare = photo.read(tmp_path / "bare.jpg")
    assert bare.exif is None
    assert bare.metadata.comments == ()
    assert bare.icc == SRGB
    assert bare.dpi == (144.0, 144.0)
    assert b"blond" in bare.metadata.xmp  # that it was edited, and nothing else
    assert b"A camera" not in (tmp_path / "bare.jpg").read_bytes()
    assert run(*EDIT, portrait, "--strip", "--no-mark", "-o", tmp_path / "none.jpg")[0] == 0
    assert photo.read(tmp_path / "none.jpg").metadata.xmp is None


def test_a_jpeg_keeps_its_tables_and_quality_changes_them(portrait, tmp_path):
    source = photo.read(portrait)
    assert run(*EDIT, portrait, "-o", tmp_path / "same.jpg")[0] == 0
    same = photo.read(tmp_path / "same.jpg").jpeg
    assert (same.tables, same.subsampling) == (source.jpeg.tables, 2)
    for quality in (30, 95):
        assert run(*EDIT, portrait, "--quality", quality, "-o", tmp_path / f"q{quality}.jpg")[0] == 0
    sums = [sum(photo.read(tmp_path / f"q{q}.jpg").jpeg.tables[0]) for q in (30, 95)]
    assert sums[0] > sum(source.jpeg.tables[0]) > sums[1]


def test_a_photo_without_a_face_fails_is_left_out_or_is_copied(wood, tmp_path):
    out = tmp_path / "out.jpg"
    code, _, err = run(*EDIT, wood, "-o", out)
    assert (code, out.exists()) == (4, False)
    assert err.startswith(f"error: {wood}: no face was found in this 200x160 px photo")
    code, told, err = run(*EDIT, wood, "-o", out, "--no-face", "skip", "--json")
    assert (code, out.exists()) == (0, False)
    assert json.loads(told)["written"] == []
    assert json.loads(told)["no_face"].endswith("it is left out")
    assert f"warning: {wood}: no face was found" in err
    assert "it is left out" in err
    assert set(json.loads(told)["seconds"]) == {"read", "faces", "write"}
    code, told, err = run(*EDIT, wood, "-o", out, "--no-face", "copy")
    assert (code, told) == (0, f"{out}\n")
    assert out.read_bytes() == wood.read_bytes()
    assert "it is copied as it is" in err
    assert run(*EDIT, wood, "-o", tmp_path / "b.png", "--no-face", "copy")[0] == 0
    assert np.array_equal(photo.read(tmp_path / "b.png").rgb, photo.read(wood).rgb)
    assert run(*EDIT, wood, "--no-face", "keep")[0] == 2


def test_faces_are_chosen_once(portrait):
    code, _, err = run(*EDIT, portrait, "--face", "0", "--face", "1")
    assert code == 2
    assert "it is given twice" in err


def test_in_a_folder_photos_without_faces_are_no_failures(portrait, wood, tmp_path):
    code, out, err = run(*EDIT, portrait.parent, "-o", tmp_path / "out", "--no-face", "copy")
    assert code == 0
    assert sorted(out.split()) == [str(tmp_path / "out" / name) for name in ("a.blond.jpg", "wood.blond.jpg")]
    assert err.count("it is copied as it is") == 1
    assert err.count(f"{wood}: no face was found") == err.count(str(wood)) == 1


def test_faces_smaller_than_wanted_are_left_alone(portrait, tmp_path):
    told = json.loads(run("faces", portrait, "--json")[1])
    x0, y0, x1, y1 = told["faces"][0]["box"]
    side = ((x1 - x0) * (y1 - y0)) ** 0.5
    assert run(*EDIT, portrait, "--min-face", side - 2, "-o", tmp_path / "b.jpg")[0] == 0
    code, _, err = run(*EDIT, portrait, "--min-face", side + 2, "-o", tmp_path / "c.jpg")
    assert code == 4
    assert f"no face of at least {side + 2:g} px was found; the largest has {side:.0f} px" in err


def face(x, y, side, score=1.0):
    box = np.array([x, y, x + side, y + side], np.float32)
    return Face(box, np.full((5, 2), x, np.float32), score)


def test_faces_are_chosen_by_size_side_place_and_number():
    found = [face(100, 0, 50), face(0, 100, 40), face(300, 80, 30), face(200, 200, 20)]
    wanted = {"largest": 0, "smallest": 3, "left": 1, "right": 2, "2": 2, "nearest:310,100": 2, "nearest:120,0": 0}
    for which, index in wanted.items():
        assert faces.pick(found, which) == [found[index]], which
    assert faces.pick(found, "all", min_side=35) == found[:2]
    assert faces.pick(found, "smallest", min_side=25) == [found[2]]
    for wrong in ("nearest:", "nearest:1", "nearest:a,b", "nearest:nan,1", "nearest:1,2,3"):
        with pytest.raises(imgedit.ConfigError, match="nearest:X,Y"):
            faces.pick(found, wrong)


def test_all_of_twenty_faces_are_chosen():
    found = [face(60 * (i % 5), 60 * (i // 5), 40) for i in range(20)]
    assert faces.pick(found, "all") == found


def test_all_of_twenty_faces_in_one_photo_are_edited(tmp_path):
    with Image.open(PORTRAIT) as image:
        head = np.asarray(image.crop((120, 20, 330, 230)).resize((128, 128)))
    path = tmp_path / "class.png"
    Image.fromarray(np.tile(head, (4, 5, 1))).save(path)
    code, out, _ = run("express", "--brows", 1, "--device", "cpu", "--json", path)
    assert code == 0
    assert len(json.loads(out)["faces"]) == 20
    before, after = (photo.read(name).rgb.astype(int) for name in (path, json.loads(out)["written"][0]))
    changed = (np.abs(after - before).max(axis=2) > 8).reshape(4, 128, 5, 128).sum(axis=(1, 3))
    assert changed.min() > 50


@pytest.mark.parametrize("with_package", [True, False])
def test_what_a_photo_that_failed_needs_is_said_of_one_and_of_many(with_package, portrait, tmp_path, monkeypatch):
    monkeypatch.setattr(heif, "is_here", lambda: with_package)
    monkeypatch.setattr(heif, "register", lambda: with_package)
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    one, many = run(*EDIT, tmp_path / "b.heic")[2], run(*EDIT, tmp_path, "-o", tmp_path / "out")[2]
    for err in (one, many):
        assert ("; add it with: " in err) == (not with_package)
        assert ("-m pip install pillow-heif\n" in err) == (not with_package)


def test_a_png_of_16_bits_stays_one(portrait, tmp_path):
    wide = photo.read(portrait).rgb.astype(np.uint16) * 257 + 37
    source = photo.write(photo.read(np.minimum(wide, 65535)), np.minimum(wide, 65535), tmp_path / "deep.png")
    assert run(*EDIT, source, "-o", tmp_path / "out.tif")[0] == 0
    done = photo.read(tmp_path / "out.tif")
    assert done.rgb16 is not None
    same = (done.rgb16 == photo.read(source).rgb16).all(axis=2)
    assert same[:, :10].all()
    assert (~same).sum() > 100
    assert run(*EDIT, source, "--crop-only", "--compare", "-o", tmp_path / "crop.png")[0] == 0
    crop, both = (photo.read(tmp_path / name).rgb16 for name in ("crop.png", "crop.compare.png"))
    assert np.array_equal(both[:, 256:], crop)
    assert (both[:, :256] % 257 != 0).mean() > 0.9
    interpolate = ("interpolate", "--attr", "blond", "--steps", 2, "--strip", source, "-o", tmp_path / "strip.png")
    assert run(*interpolate)[0] == 0
    assert np.array_equal(photo.read(tmp_path / "strip.png").rgb16[:, :256], photo.read(source).rgb16)


@pytest.mark.skipif(not heif.is_here(), reason="pillow-heif is not installed")
def test_a_photo_of_a_telephone_is_edited(portrait, tmp_path):
    source = photo.read(portrait)
    photo.write(source, source.rgb, tmp_path / "phone.heic")
    code, out, _ = run(*EDIT, tmp_path / "phone.heic")
    assert (code, out) == (0, f"{tmp_path / 'phone.blond.heic'}\n")
    assert photo.read(tmp_path / "phone.blond.heic").format == "HEIF"


def test_help_lists_shared_options_under_headings():
    out = run("translate", "--help")[1]
    heads = [line for line in out.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert heads == ["Arguments:", "Options:", "Faces:", "Files:", "What is written:", "Running:"]
    longest = max(len(part.splitlines()) for part in out.split("\n\n"))
    assert longest <= 12  # lines of a section


def test_one_photo_goes_into_a_folder_or_by_a_template_as_many_do(portrait, tmp_path):
    for out in ("new", "new/{stem}_{edit}{ext}"):
        assert run(*EDIT, portrait, "-o", tmp_path / out, "--quiet")[::2] == (0, "")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.blond.jpg", "a_blond.jpg"]
    code, told, _ = run(*EDIT, portrait, "-o", tmp_path / "other", "--dry-run")
    assert (code, told) == (0, f"{portrait} -> {tmp_path}/other/a.blond.jpg\n")


def test_a_photo_that_fails_leaves_no_folder_behind(wood, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for out in (tmp_path / "new", tmp_path / "new" / "{stem}" / "x{ext}", kept, kept / "new" / "{stem}{ext}"):
        assert run(*EDIT, wood, "-o", out)[0] == 4
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["kept"]
    assert list(kept.iterdir()) == []
