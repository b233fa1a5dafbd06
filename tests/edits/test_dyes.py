"""Hair colours that no word names, on the bundled portrait."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import imgedit
from imgedit import photo as photos
from imgedit.edits import dyes, translate
from imgedit.edits.tones import HairColours, curve_of, find_brow_tone, target_of
from imgedit.errors import ConfigError, NoFaceError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_lab
from imgedit.render.tone import log_luminance
from imgedit.vision import geometry
from imgedit.vision.brows import brows_of
from imgedit.vision.hair import hair_of
from tests.command_line import app

pytestmark = pytest.mark.filterwarnings("ignore:.*an experimental word")

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "hair_tones.celebamask_hq"


@pytest.fixture(scope="module")
def tones() -> dict[str, np.ndarray]:
    return dict(Sessions("cpu").open(library.bundled(MODEL), "tones").run({}))


def hair_in(rgb: np.ndarray) -> np.ndarray:
    """Return the colours of the portrait's hair in an edited copy, L*a*b*."""
    editor = imgedit.open_model(MODEL, "cpu", mark=False)
    before = editor.prepare(photos.read(PORTRAIT), "largest").subjects[0]
    crop = before.networks.parser.crop
    after = editor.prepare(photos.read(rgb), "largest").subjects[0]
    return to_lab(after.pixels(crop.kind, crop.height, crop.width))[hair_of(before)[: crop.height] > 0.9]


@pytest.mark.parametrize("colour", ["#7a3b2e", "2E4FA0", "#ec8"])
def test_hair_takes_a_colour_and_keeps_its_detail(colour: str) -> None:
    rgb = photos.read(PORTRAIT).rgb
    after = hair_in(imgedit.translate(rgb, hair_colour=colour, face="largest", device="cpu", mark=False))
    dye = dyes.read_colour(colour)
    wanted = to_lab(np.array([[dye.rgb]], np.uint8))[0, 0]
    found = np.median(after, axis=0)
    assert abs(found[0] - wanted[0]) < 12  # the light of this photo is not quite the usual one
    hue = np.degrees(np.arctan2(found[2], found[1]) - np.arctan2(wanted[2], wanted[1]))
    assert abs((hue + 180) % 360 - 180) < 12
    assert np.corrcoef(after[:, 0], hair_in(rgb)[:, 0])[0, 1] > 0.8


def test_a_colour_in_usual_light_is_that_colour_and_darker_in_less(tones: dict[str, np.ndarray]) -> None:
    hair = np.column_stack([np.linspace(10, 30, 1001), np.zeros(1001), np.zeros(1001)]).astype(np.float32)
    dye = dyes.read_colour("#7a3b2e")
    wanted = to_lab(np.array([[dye.rgb]], np.uint8))[0, 0]
    usual, dim = (
        curve_of(hair, np.array([lightness, 15.0, 19.0], np.float32), dye.target(tones)) for lightness in (66.0, 30.0)
    )
    assert usual.target == pytest.approx(float(log_luminance(wanted[0])), abs=1e-4)
    assert usual.tint_at(wanted[0]) == pytest.approx(wanted[1:], abs=0.5)
    skins = log_luminance(np.array([66.0, 30.0], np.float32))
    assert usual.target - dim.target == pytest.approx(0.5 * float(skins[0] - skins[1]), abs=1e-4)
    assert np.hypot(*usual.tint[0]) < 0.7 * np.hypot(*wanted[1:])  # shadows have less chroma


def test_the_colours_of_other_hair_are_taken_beside_its_own_skin(tones: dict[str, np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    hair = np.column_stack([rng.normal(30, 4, 4000), rng.normal(20, 1, 4000), rng.normal(22, 1, 4000)])
    skin = np.array([60.0, 15.0, 19.0], np.float32)
    target = dyes.PhotoDye("anna", HairColours(hair.astype(np.float32), skin)).target(tones)
    brighter = np.array([80.0, 15.0, 29.0], np.float32)
    own = np.column_stack([rng.normal(60, 6, 4000), np.zeros((4000, 2))]).astype(np.float32)
    curve = curve_of(own, brighter, target)
    ratio = float(log_luminance(np.float32(np.median(hair[:, 0]))) - log_luminance(skin[0]))
    assert curve.target == pytest.approx(ratio + float(log_luminance(brighter[0])), abs=0.01)
    assert curve.tint_at(np.float32(30.0)) == pytest.approx([20.0, 22.0 + 0.5 * 10.0], abs=0.5)


def test_hair_like_that_of_the_same_photo_changes_little() -> None:
    rgb = photos.read(PORTRAIT).rgb
    same = imgedit.translate(rgb, hair_like=PORTRAIT, face="largest", device="cpu", mark=False)
    assert np.abs(hair_in(same).mean(0) - hair_in(rgb).mean(0)).max() < 2.5


def test_what_is_no_colour_and_who_shows_no_hair_is_said(tmp_path: Path) -> None:
    for wrong in ("red", "#12345", "#12345g", ""):
        with pytest.raises(ConfigError, match="six digits from 0 to f"):
            dyes.read_colour(wrong)
    wall = np.full((300, 300, 3), 180, np.uint8)
    with pytest.raises(NoFaceError, match="the other picture: "):
        dyes.read_hair(wall, device="cpu")
    grey = np.repeat(photos.read(PORTRAIT).rgb.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    with pytest.raises(ConfigError, match="is a grey photo, which does not tell a hair's colour"):
        dyes.read_hair(grey, device="cpu")
    with pytest.raises(ConfigError, match="contradict each other"):
        dyes.read("#123456", grey)


def test_a_face_without_hair_gives_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgedit.edits.tones._SURE", 2.0)
    with pytest.raises(ConfigError, match="shows too little hair or skin to take colours from"):
        dyes.read_hair(PORTRAIT, device="cpu")


def test_a_dye_excludes_words_of_hair_and_goes_with_others() -> None:
    dye = dyes.read_colour("#123456")
    with pytest.raises(ConfigError, match="'blond' and 'hair-123456' contradict each other"):
        translate.prepare("blond", dye=dye)
    plan = translate.prepare("smiling=0.5", dye=dye)
    assert plan.description == "smiling=0.5, hair-123456"
    assert [guard.then for guard in plan.tasks[1].edits[0].guards] == ["below_hairline"]  # hats stay
    with pytest.raises(ConfigError, match="needs a model of real hair"):
        translate.prepare((), [library.bundled("stargan_hair.celeba")], dye=dye)


def test_the_command_dyes_and_names_the_file(tmp_path: Path) -> None:
    copy = tmp_path / "a.jpg"
    copy.write_bytes(PORTRAIT.read_bytes())
    words = ["translate", str(copy), "--device", "cpu", "--face", "largest"]
    done = CliRunner().invoke(app, [*words, "--hair-colour", "#7a3b2e", "--json"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["words"], told["dye"]) == ({}, "hair-7a3b2e")
    assert (tmp_path / "a.hair-7a3b2e.jpg").is_file()
    done = CliRunner().invoke(app, [*words, "--hair-like", str(PORTRAIT)])
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "a.hair-like-astronaut.jpg").is_file()
    done = CliRunner().invoke(app, ["translate", "-", "--hair-like", "-", "-o", "x.jpg"])
    assert done.exit_code == 2
    assert "stdin holds one picture" in done.stderr


def test_brows_follow_the_hair_when_asked_and_nothing_else_of_the_face_does() -> None:
    rgb = photos.read(PORTRAIT).rgb
    settings = {"face": "largest", "device": "cpu", "mark": False, "hair_colour": "#2e4fa0"}
    without, both = (imgedit.translate(rgb, brows=brows, **settings) for brows in (False, True))
    editor = imgedit.open_model(MODEL, "cpu", mark=False)
    subject = editor.prepare(photos.read(PORTRAIT), "largest").subjects[0]
    crop = subject.networks.parser.crop
    brows = brows_of(subject) > 0.6
    assert 100 < brows.sum() < 1500

    def seen(picture: np.ndarray) -> np.ndarray:
        matrix = subject.matrix(
            crop.kind, crop.height, crop.width
        )  # the face may be found a little beside, once edited
        return to_lab(geometry.cut(picture, matrix, (crop.height, crop.width)))

    assert np.median(seen(both)[brows][:, 2]) < np.median(seen(rgb)[brows][:, 2]) - 8  # bluer
    assert np.abs(np.median(seen(without)[brows], 0) - np.median(seen(rgb)[brows], 0)).max() < 3
    changed = np.abs(both.astype(int) - without).max(2) > 0
    ys, xs = np.nonzero(changed)
    eyes = subject.place.landmarks[:2]
    assert ys.max() < eyes[:, 1].max()  # above the eyes
    assert xs.min() > eyes[0, 0] - 40
    assert xs.max() < eyes[1, 0] + 40


def test_brows_are_darkened_but_a_little(tones: dict[str, np.ndarray]) -> None:
    subject = imgedit.open_model(MODEL, "cpu").prepare(photos.read(PORTRAIT), "largest").subjects[0]
    found = find_brow_tone(subject, target_of(tones, 0), 1.0)
    assert found is not None
    assert (found.region, found.amount) == ("brows", pytest.approx(0.85))
    assert found.curve.middle - found.curve.target <= 0.5 + 1e-6


def test_brows_without_a_colour_to_follow_are_an_error_and_faint_ones_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match="brows follow a colour of the hair, and none is asked for"):
        translate.prepare("smiling", brows=True)
    monkeypatch.setattr("imgedit.vision.brows._FEWEST", 10**6)
    with (
        pytest.warns(imgedit.EditWarning, match="hardly any brows, so they keep their colour"),
        pytest.warns(imgedit.EditWarning, match="'red-hair', an experimental word"),
    ):
        imgedit.translate(photos.read(PORTRAIT).rgb, "red-hair", brows=True, face="largest", device="cpu")


def test_a_colour_of_ones_own_is_experimental() -> None:
    editor = imgedit.open_model(device="cpu")
    plan = translate.prepare([], editor.models, dye=dyes.read_colour("#7a3b2e"))
    result = editor.edit_photo(photos.read(PORTRAIT), plan)
    assert any(
        text.endswith("gets 'hair-7a3b2e', an experimental word; look at the result") for text in result.warnings
    )
