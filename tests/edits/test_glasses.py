"""Glasses by words, on the bundled portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits.plan import assign
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "drawn_glasses.vectors"


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model(MODEL, "cpu", mark=False)


def test_every_shape_is_drawn_around_the_eyes_alone(editor: imgedit.Editor) -> None:
    photo = photos.read(PORTRAIT)
    done = {word: editor.translate_photo(photo, word) for word in editor.models[0].manifest.words}
    for word, result in done.items():
        y, x = np.nonzero((result.photo.rgb != photo.rgb).any(2))
        assert len(y) > 300, word
        assert 170 < x.min() < x.max() < 290, word
        assert 80 < y.min() < y.max() < 140, word
        is_weak = word in ("aviator-glasses", "half-rim-glasses")
        assert [f"gets {word!r}, an experimental word" in said for said in result.warnings] == is_weak * [True], word
    np.testing.assert_array_equal(done["eyeglasses"].photo.rgb, done["square-glasses"].photo.rgb)
    pictures = [done[word].photo.rgb.tobytes() for word in editor.models[0].manifest.classes]
    assert len(set(pictures)) == 4


def test_a_face_without_a_mesh_gets_none_and_the_user_is_told(
    editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "mesh", None)
    photo = photos.read(PORTRAIT)
    result = editor.translate_photo(photo, "round-glasses")
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert "gets no round-glasses: no face mesh fits it" in result.warnings[0]


def test_glasses_are_not_taken_off_by_what_draws_them() -> None:
    models = library.available("translate")
    assert assign({"eyeglasses": 1.0}, models)[0].model.id == MODEL
    assert assign({"no-eyeglasses": 1.0}, models)[0].model.id == "glasses_remover.celeba"
    with pytest.raises(ConfigError, match="'no-eyeglasses' cannot be done: drawn_glasses"):
        assign({"no-eyeglasses": 1.0}, [library.bundled(MODEL)])


@pytest.mark.parametrize("other", ["square-glasses", "eyeglasses", "no-glasses"])
def test_two_frames_contradict_each_other(other: str) -> None:
    with pytest.raises(ConfigError, match=f"'round-glasses' and '{other}' contradict"):
        assign({"round-glasses": 1.0, other: 1.0}, library.available("translate"))


def test_shapes_are_words_of_their_own() -> None:
    words = library.known_words(library.available("translate"))
    assert words["eyeglasses"] == ["glasses"]
    assert {"round-glasses", "square-glasses", "aviator-glasses", "half-rim-glasses"} <= words.keys()
