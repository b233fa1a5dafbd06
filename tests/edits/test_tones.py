"""Hair colours by the tones of real hair, on the bundled portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import translate
from imgedit.edits.tones import find_tone
from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_lab
from imgedit.vision.hair import hair_of

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "hair_tones.celebamask_hq"


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model(MODEL, "cpu", mark=False)


@pytest.fixture(scope="module")
def tones() -> dict[str, np.ndarray]:
    return Sessions("cpu").open(library.bundled(MODEL), "tones").run({})


def test_every_colour_has_lightness_and_tint_of_its_own(editor: imgedit.Editor) -> None:
    prepared = editor.prepare(photos.read(PORTRAIT), "largest")
    subject = prepared.subjects[0]
    crop = subject.networks.parser.crop
    hair = hair_of(subject)[: crop.height] > 0.9
    mean = {}
    for word in ("black-hair", "blond", "brown-hair", "grey-hair"):
        plan = translate.prepare(word, editor.models, force=True)
        after = editor.prepare(editor.apply(prepared.photo, editor.run(prepared, plan)), "largest").subjects[0]
        mean[word] = to_lab(after.pixels(crop.kind, crop.height, crop.width))[hair].mean(0)
    assert mean["black-hair"][0] < mean["brown-hair"][0] < mean["blond"][0]
    assert mean["grey-hair"][0] > mean["brown-hair"][0]
    chroma = {word: float(np.hypot(*lab[1:])) for word, lab in mean.items()}
    assert chroma["grey-hair"] < 6 < chroma["brown-hair"]
    assert chroma["blond"] > 12


def test_the_statistics_are_those_of_four_colours(tones: dict[str, np.ndarray]) -> None:
    assert tones["tint"].shape == (4, 20, 2)
    black, blond, brown, grey = tones["ratio"]
    assert black < brown < blond
    assert brown < grey < 0.5
    assert (tones["low"] < tones["ratio"]).all()
    assert (tones["ratio"] < tones["high"]).all()


def test_a_face_without_skin_to_go_by_is_left_alone(editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgedit.edits.tones._SKIN", 2.0)
    before = photos.read(PORTRAIT)
    done = editor.translate_photo(before, "blond", face="largest")
    np.testing.assert_array_equal(done.photo.rgb, before.rgb)
    assert "too little skin or hair" in done.warnings[0]


def test_statistics_of_another_shape_are_an_error(editor: imgedit.Editor, tones: dict[str, np.ndarray]) -> None:
    subject = editor.prepare(photos.read(PORTRAIT), "largest").subjects[0]
    with pytest.raises(ModelError, match="no entry for a colour"):
        find_tone(subject, tones, 4, "hair", 1.0)


def test_the_colours_are_those_that_a_user_gets_unasked() -> None:
    plan = translate.prepare({"blond": 1.0})
    assert [model.id for model in plan.models] == [MODEL]
