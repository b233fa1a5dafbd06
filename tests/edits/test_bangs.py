"""Bangs by word, on the bundled portrait: only where there is hair to comb down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import outputs
from imgedit.edits.plan import assign
from imgedit.models import library
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
DRAWN, MOVED = "drawn_bangs.vectors", "stargan_bangs.celeba"
FREE = {"Bangs": 0.1, "Bald": 0.0, "Wearing_Hat": 0.0}
"""What a classifier sees of a head whose forehead is free."""


@pytest.mark.parametrize("model", [DRAWN, MOVED])
@pytest.mark.parametrize("is_long", [True, False, None])
def test_bangs_are_refused_where_the_hair_is_too_short(
    monkeypatch: pytest.MonkeyPatch, model: str, is_long: bool | None
) -> None:
    editor = imgedit.open_model(model, "cpu", mark=False)
    photo = photos.read(PORTRAIT)
    monkeypatch.setattr(outputs, "is_long", lambda subject: is_long)
    monkeypatch.setattr(Subject, "attributes", FREE)
    result = editor.translate_photo(photo, "bangs")
    told = [text for text in result.warnings if "no hair long enough for 'bangs', which changes nothing" in text]
    assert (len(told), np.array_equal(result.photo.rgb, photo.rgb)) == ((1, True) if is_long is False else (0, False))
    forced = editor.translate_photo(photo, "bangs", force=True)
    assert not np.array_equal(forced.photo.rgb, photo.rgb)


@pytest.mark.parametrize("attribute", ["Bald", "Wearing_Hat"])
def test_bald_heads_and_hats_get_no_bangs(monkeypatch: pytest.MonkeyPatch, attribute: str) -> None:
    monkeypatch.setattr(Subject, "attributes", {**FREE, attribute: 0.9})
    photo = photos.read(PORTRAIT)
    result = imgedit.open_model(DRAWN, "cpu", mark=False).translate_photo(photo, "bangs")
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert any("there is no hair to move" in text for text in result.warnings)


def test_what_is_combed_away_need_not_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = imgedit.open_model(MOVED, "cpu", mark=False)
    monkeypatch.setattr(outputs, "is_long", lambda subject: False)
    monkeypatch.setattr(Subject, "attributes", {**FREE, "Bangs": 0.9})
    photo = photos.read(PORTRAIT)
    assert not np.array_equal(editor.translate_photo(photo, "no-bangs").photo.rgb, photo.rgb)


def test_bangs_are_drawn_and_taken_away_by_what_moves_hair() -> None:
    models = library.available("translate")
    assert assign({"bangs": 1.0}, models)[0].model.id == DRAWN
    assert assign({"no-bangs": 1.0}, models)[0].model.id == MOVED


def test_a_face_without_a_mesh_gets_none_and_the_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "mesh", None)
    monkeypatch.setattr(Subject, "attributes", FREE)
    photo = photos.read(PORTRAIT)
    result = imgedit.open_model(DRAWN, "cpu", mark=False).translate_photo(photo, "bangs")
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert any("gets no 'bangs': no face mesh fits it" in text for text in result.warnings)


def test_bangs_of_dyed_hair_have_its_new_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Subject, "attributes", FREE)
    editor, photo = imgedit.Editor(device="cpu", mark=False), photos.read(PORTRAIT)
    alone, black = (
        editor.translate_photo(photo, words, force=True).photo.rgb for words in ("bangs", ["bangs", "black-hair"])
    )
    drawn = np.abs(alone.astype(int) - photo.rgb).sum(2) > 100
    assert drawn.sum() > 300
    assert black[drawn].mean() < 0.7 * alone[drawn].mean()


@pytest.mark.parametrize(("seen", "is_drawn"), [(0.55, True), (0.69, True), (0.75, False), (0.95, False)])
def test_a_fringe_is_drawn_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch, seen: float, is_drawn: bool) -> None:
    editor, photo = imgedit.open_model(DRAWN, "cpu", mark=False), photos.read(PORTRAIT)
    monkeypatch.setattr(Subject, "attributes", FREE)
    whole = editor.translate_photo(photo, "bangs").photo.rgb
    monkeypatch.setattr(Subject, "attributes", {**FREE, "Bangs": seen})
    result = editor.translate_photo(photo, "bangs")
    np.testing.assert_array_equal(result.photo.rgb, whole if is_drawn else photo.rgb)
    assert any("'bangs' changes nothing" in text for text in result.warnings) != is_drawn
