"""A mustache by word, on the bundled portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits.plan import assign
from imgedit.models import library
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "drawn_face_hair.vectors"
WORDS = ("mustache", "beard", "goatee", "stubble")


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model(MODEL, "cpu", mark=False)


def test_a_mustache_is_drawn_above_the_mouth(editor: imgedit.Editor) -> None:
    photo = photos.read(PORTRAIT)
    spots = {}
    for word in ("mustache", "moustache"):
        result = editor.translate_photo(photo, word)
        spots[word] = (result.photo.rgb != photo.rgb).any(2)
        assert "an experimental word" in result.warnings[0]
    np.testing.assert_array_equal(spots["mustache"], spots["moustache"])
    rows, columns = np.nonzero(spots["mustache"])
    assert 128 < rows.min() < rows.max() < 160
    assert 190 < columns.min() < columns.max() < 265


def test_a_face_without_a_mesh_gets_none_and_the_user_is_told(
    editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "mesh", None)
    photo = photos.read(PORTRAIT)
    result = editor.translate_photo(photo, "mustache")
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert any("gets no mustache: no face mesh fits it" in text for text in result.warnings)


def test_a_mustache_is_not_shaved_by_what_draws_it() -> None:
    models = library.available("translate")
    assert assign({"mustache": 1.0}, models)[0].model.id == MODEL
    assert assign({"no-mustache": 1.0}, models)[0].model.id == "stargan_shape.celeba"


def test_every_word_draws_its_own_cut(editor: imgedit.Editor) -> None:
    photo = photos.read(PORTRAIT)
    done = {word: editor.translate_photo(photo, word, force=True).photo.rgb for word in WORDS}
    lowest = {word: int(np.nonzero((rgb != photo.rgb).any(2))[0].max()) for word, rgb in done.items()}
    assert lowest["mustache"] < 160 < min(lowest[word] for word in ("beard", "goatee", "stubble"))
    darker = {word: float((photo.rgb - np.minimum(rgb, photo.rgb)).mean()) for word, rgb in done.items()}
    assert darker["beard"] > darker["goatee"] > darker["mustache"]
    assert darker["beard"] > 1.5 * darker["stubble"]


def test_two_cuts_contradict_each_other(editor: imgedit.Editor) -> None:
    with pytest.raises(imgedit.ConfigError, match="contradict"):
        editor.translate_photo(photos.read(PORTRAIT), ["mustache", "beard"])
