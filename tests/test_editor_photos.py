"""What an edit does to photos of other kinds: wide profiles, grey ones; and what the edited photo says of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import imgedit
from imgedit import photo
from imgedit.editor import Editor
from imgedit.errors import EditWarning
from imgedit.photo import xmp
from tests import toy_models as models
from tests.command_line import app
from tests.photo.test_colour import convert, profile
from tests.photo.test_grey_profiles import PROFILES
from tests.photo.test_metadata import FULL
from tests.photo.test_xmp import EVENT, IPTC, attribute, history
from tests.test_editor import editor, face_at, scene, two_faces  # noqa: F401

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
ORANGE = np.rint((np.array(models.COLOURS["Blond_Hair"]) + 1) * 127.5)


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB"])
def test_dyed_hair_looks_the_same_in_a_wide_profile_and_the_rest_stays_bit_equal(name, request):
    two, edit = request.getfixturevalue("two_faces"), request.getfixturevalue("editor")
    plain = photo.read(scene(two))
    own = np.rint(convert(plain.rgb.astype(float), "sRGB", name)).astype(np.uint8)
    wide = replace(photo.read(own), icc=profile(name))
    as_srgb, as_wide = (edit.translate_photo(one, "blond").photo for one in (plain, wide))
    dyed = (np.abs(as_srgb.rgb.astype(int) - ORANGE) <= 2).all(2)
    assert dyed.sum() > 500
    assert np.abs(photo.srgb(as_wide)[dyed].astype(int) - ORANGE).max() <= 3
    assert np.abs(as_wide.rgb[dyed].astype(int) - ORANGE).max() >= 5, "the numbers of sRGB were written as they are"
    kept = (as_srgb.rgb == plain.rgb).all(2)
    assert kept.mean() > 0.5
    changed = (as_wide.rgb != own).any(2)
    assert changed[kept].mean() < 0.01  # the feather's outermost pixels
    assert not changed[:20].any()


def test_a_face_is_found_and_classified_by_its_srgb(monkeypatch, request):
    edit = request.getfixturevalue("editor")
    seen = []

    def detect(rgb, **options):
        seen.append(rgb)
        return [face_at(20, 60, 1.0)]

    monkeypatch.setattr("imgedit.vision.faces.detect", detect)
    wide = replace(photo.read(np.full((400, 500, 3), (200, 120, 40), np.uint8)), icc=profile("Adobe RGB"))
    (subject,) = edit.prepare(wide).subjects
    assert np.array_equal(seen[0], photo.srgb(wide))
    assert np.array_equal(subject.rgb, photo.srgb(wide))
    assert np.abs(subject.rgb.astype(int) - wide.rgb).max() > 8


@pytest.fixture
def tinting(tmp_path, request):
    """An editor whose word for a shape adds a strong red."""
    edit = request.getfixturevalue("editor")
    model = models.face(tmp_path / "red", change={"Smiling": (0.6, -0.1, 0.0), "Eyeglasses": (0, 0, 0)})
    return Editor([model, *edit.models], "cpu", parser=str(edit.parser.folder), classifier=str(edit.classifier.folder))


def test_a_grey_photo_stays_grey_under_words_that_change_shape(tinting, two_faces):  # noqa: F811
    grey = scene(two_faces)
    grey[:8, :8] = 40
    out = tinting.translate(grey, "smiling")
    assert (out[..., 0] == out[..., 1]).all()
    assert (out[..., 1] == out[..., 2]).all()
    luma = 0.299 * 0.6 - 0.587 * 0.1  # what the delta adds to the brightness
    difference = out.astype(int)[..., 0] - grey[..., 0]
    assert difference.max() == pytest.approx(luma * 127.5, abs=2)
    coloured = scene(two_faces)
    out = tinting.translate(coloured, "smiling").astype(int) - coloured
    assert out[..., 0].max() == pytest.approx(0.6 * 127.5, abs=2)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_grey_file_stays_a_grey_file(tinting, two_faces, tmp_path, suffix):  # noqa: F811
    grey = scene(two_faces)[..., 1]
    Image.fromarray(grey).save(tmp_path / f"in{suffix}")
    with Image.open(tinting.translate(tmp_path / f"in{suffix}", "smiling")) as image:
        assert image.mode == "L"
        assert (np.asarray(image) != grey).any()


@pytest.mark.parametrize("bits", [8, 16])
def test_a_grey_file_keeps_its_profile_and_looks_as_one_of_srgb(tinting, two_faces, tmp_path, bits):  # noqa: F811
    profile = PROFILES["gamma 1.8"]
    grey = scene(two_faces)[..., 1]
    seen = grey if bits == 8 else grey.astype(np.uint16) * 257
    own = np.rint(((grey / 255.0 + 0.055) / 1.055) ** (2.4 / (461 / 256)) * (2**bits - 1)).astype(seen.dtype)
    Image.fromarray(seen).save(tmp_path / "srgb.png")
    Image.fromarray(own).save(tmp_path / "own.png", icc_profile=profile)
    plain, edited = (photo.read(tinting.translate(tmp_path / f"{name}.png", "smiling")) for name in ("srgb", "own"))
    given = photo.read(tmp_path / "own.png")
    assert (edited.mode, edited.icc) == (given.mode, profile)
    assert np.abs(photo.srgb(edited).astype(int) - plain.rgb).max() <= 3
    assert (plain.rgb != np.repeat(grey[..., None], 3, axis=2)).mean() > 0.02
    before, after = (given.rgb, edited.rgb) if bits == 8 else (given.rgb16, edited.rgb16)
    assert np.array_equal(after[:20], before[:20])


def test_bangs_painted_on_a_grey_photo_are_grey(tmp_path, request, monkeypatch):
    edit = request.getfixturevalue("editor")
    face = face_at(100, 120, 1.0)
    monkeypatch.setattr("imgedit.vision.faces.detect", lambda rgb, **options: [face])
    model = models.bangs(tmp_path / "bangs")
    seen = models.classifier(tmp_path / "seen", {"Bangs": 0.1, "Wearing_Hat": 0.1, "Bald": 0.1})
    other = Editor([model], "cpu", parser=str(edit.parser.folder), classifier=str(seen.folder))
    grey = scene([face])
    grey[:8, :8] = 40
    out = other.translate(grey, "bangs")
    assert (out != grey).any()
    assert (np.ptp(out, axis=2) == 0).all()


def test_a_colour_of_hair_on_a_grey_photo_is_carried_out_and_warned_of(tinting, two_faces):  # noqa: F811
    grey = scene(two_faces)
    grey[:8, :8] = 40
    with pytest.warns(EditWarning, match="is in a grey photo, which blond gives colours") as caught:
        out = tinting.translate(grey, "blond")
    assert len(caught) == 2
    assert np.ptp(out, axis=2).max() > 50


def run(*args):
    done = CliRunner().invoke(app, [str(a) for a in args], catch_exceptions=False, prog_name="imgedit")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def home(tmp_path, monkeypatch):
    models.hair(tmp_path / "home" / "models" / "hair")
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))
    return tmp_path


def packet_of(path: Path) -> bytes:
    return photo.read(path).metadata.xmp or b""


HAIR = ("--model", "stargan_hair.test", "--device", "cpu")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_an_edited_file_says_so_unless_told_not_to(home, suffix):
    path = home / f"in{suffix}"
    Image.open(PORTRAIT).save(path)
    for out, words in (("a", ["blond=0.5"]), ("b", ["blond", "--no-mark"])):
        assert run("translate", path, "-o", home / f"{out}{suffix}", *HAIR, "--attr", *words)[0] == 0
    packet = packet_of(home / f"a{suffix}")
    assert attribute(packet, f"{IPTC}DigitalSourceType") == [xmp.COMPOSITE]
    assert attribute(packet, f"{IPTC}AIPromptInformation") == ["blond=0.5"]
    assert attribute(packet, f"{IPTC}AISystemUsed") == ["imgedit (stargan_hair.test)"]
    assert history(packet)[0][f"{EVENT}softwareAgent"] == f"imgedit {imgedit.__version__}"
    assert packet_of(home / f"b{suffix}") == b""
    both = [photo.read(home / f"{name}{suffix}").rgb.astype(int) for name in "ab"]
    assert (both[0] != both[1]).any()  # other strengths; the mark itself changes no pixel


def test_every_file_of_an_edit_is_marked_and_none_that_was_not_edited(home):
    assert run("translate", PORTRAIT, "-a", "blond", "-o", home / "o.png", "--compare", *HAIR)[0] == 0
    assert run("translate", PORTRAIT, "-a", "blond", "-o", home / "c.png", "--crop-only", "--face", 0, *HAIR)[0] == 0
    assert run("translate", PORTRAIT, "-a", "blond=0", "-o", home / "z.png", *HAIR)[0] == 0
    assert run("interpolate", PORTRAIT, "-a", "blond", "-o", home / "i.png", "--steps", 3, *HAIR)[0] == 0
    assert run("interpolate", PORTRAIT, "-a", "blond", "-o", home / "s.png", "--steps", 3, "--strip", *HAIR)[0] == 0
    marked = {path.name for path in home.glob("*.png") if xmp.COMPOSITE.encode() in packet_of(path)}
    assert marked == {"o.png", "o.compare.png", "c.png", "i-1.png", "i-2.png", "s.png"}
    assert run("interpolate", PORTRAIT, "-a", "blond", "-o", home / "g.gif", "--steps", 3, "--gif", *HAIR)[0] == 0
    with Image.open(home / "g.gif") as image:
        assert xmp.COMPOSITE.encode() in image.info["comment"]


def test_the_rights_of_an_author_survive_an_edit(home):
    data = photo.encode(replace(photo.decode(FULL), rgb=photo.read(PORTRAIT).rgb), "JPEG")
    (home / "in.jpg").write_bytes(data)
    code, out, err = run("translate", home / "in.jpg", "-a", "blond", *HAIR)
    assert code == 0, err
    after, before = photo.read(out.strip()).metadata, photo.decode(FULL).metadata
    assert (after.iptc, after.comments) == (before.iptc, before.comments)
    assert after.xmp is not None
    assert "© Zoë".encode() in after.xmp
    assert xmp.COMPOSITE.encode() in after.xmp


def test_a_swapped_picture_says_that_it_was_generated(tmp_path):
    for name in "ab":
        Image.open(PORTRAIT).save(tmp_path / f"{name}.png")
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    assert run("swap", a, b, "--take", "s", "-o", tmp_path / "o.png", "--device", "cpu")[0] == 0
    assert run("swap", a, b, "--take", "s", "-o", tmp_path / "n.png", "--device", "cpu", "--no-mark")[0] == 0
    assert attribute(packet_of(tmp_path / "o.png"), f"{IPTC}DigitalSourceType") == [xmp.GENERATED]
    assert packet_of(tmp_path / "n.png") == b""
    assert np.array_equal(photo.read(tmp_path / "o.png").rgb, photo.read(tmp_path / "n.png").rgb)


def test_attributes_lists_what_is_sure_and_with_all_the_rest():
    code, out, _ = run("attributes", PORTRAIT, "--device", "cpu", "--face", "largest")
    assert (code, out.count("\n")) == (0, 1)
    values = [float(word) for word in out.split()[3:] if word.replace(".", "").isdigit()]
    assert values
    assert min(values) >= 0.9
    assert "Male" not in out  # 0.87, of the portrait of a woman
    code, out, _ = run("attributes", PORTRAIT, "--device", "cpu", "--face", "largest", "--all")
    told = json.loads(run("attributes", PORTRAIT, "--device", "cpu", "--face", "largest", "--json")[1])
    known = told["faces"][0]["attributes"]
    assert out.splitlines()[1:] == [f"    {n} {v:.2f}" for n, v in sorted(known.items(), key=lambda item: -item[1])]
