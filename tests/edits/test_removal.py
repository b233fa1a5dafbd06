"""Glasses are taken off by word, on the bundled portrait, which gets some first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import outputs, translate
from imgedit.edits.plan import assign
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "glasses_remover.celeba"


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model(MODEL, "cpu", mark=False)


@pytest.fixture(scope="module")
def worn() -> np.ndarray:
    drawing = imgedit.open_model("drawn_glasses.vectors", "cpu", mark=False)
    return drawing.translate_photo(photos.read(PORTRAIT), "square-glasses").photo.rgb


def test_drawn_glasses_are_taken_off_and_the_rest_is_kept(editor: imgedit.Editor, worn: np.ndarray) -> None:
    bare = photos.read(PORTRAIT).rgb
    off = editor.translate_photo(photos.read(worn), "no-glasses").photo.rgb
    frame = np.abs(worn.astype(int) - bare).mean(2) > 25
    before, after = (float(np.abs(one.astype(int) - bare)[frame].mean()) for one in (worn, off))
    assert after < 0.35 * before
    rows, columns = np.nonzero((off != worn).any(2))
    assert 60 < rows.min() < rows.max() < 150  # around the eyes
    assert 150 < columns.min() < columns.max() < 300


def test_half_a_strength_is_half_the_way(editor: imgedit.Editor, worn: np.ndarray) -> None:
    photo = photos.read(worn)
    whole, half = (editor.translate_photo(photo, f"no-glasses={s}", force=True).photo.rgb for s in (1.0, 0.5))
    assert np.abs(2 * (half.astype(int) - worn) - (whole.astype(int) - worn)).max() <= 2


def test_a_face_without_glasses_is_left_alone(editor: imgedit.Editor) -> None:
    photo = photos.read(PORTRAIT)
    result = editor.translate_photo(photo, "no-eyeglasses")
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert any("so already" in text for text in result.warnings)


def test_behind_dark_glasses_nothing_is_invented_unless_it_is_asked_for(
    editor: imgedit.Editor, worn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "lightness_of_lenses", lambda rgb, points: 0.3)
    photo = photos.read(worn)
    result = editor.translate_photo(photo, "no-eyeglasses")
    np.testing.assert_array_equal(result.photo.rgb, worn)
    assert any("dark glasses, behind which the eyes are not seen" in text for text in result.warnings)
    forced = editor.translate_photo(photo, "no-eyeglasses", force=True)
    assert (forced.photo.rgb != worn).any()


def test_a_face_without_a_mesh_keeps_its_glasses_and_the_user_is_told(
    editor: imgedit.Editor, worn: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "mesh", None)
    result = editor.translate_photo(photos.read(worn), "no-eyeglasses", force=True)
    np.testing.assert_array_equal(result.photo.rgb, worn)
    assert any("keeps its glasses: no face mesh fits it" in text for text in result.warnings)


def test_it_is_what_takes_glasses_off_and_cannot_put_them_on() -> None:
    models = library.available("translate")
    assert assign({"no-eyeglasses": 1.0}, models)[0].model.id == MODEL
    assert assign({"eyeglasses": 1.0}, models)[0].model.id == "drawn_glasses.vectors"
    with pytest.raises(ConfigError, match=r"'eyeglasses' cannot be done: glasses_remover.*cannot draw it"):
        translate.prepare("eyeglasses", [library.bundled(MODEL)])
