"""Bangs, on the bundled portrait: only where there is hair to comb down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import outputs

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@pytest.mark.parametrize("is_long", [True, False, None])
def test_bangs_are_refused_where_the_hair_is_too_short(monkeypatch: pytest.MonkeyPatch, is_long: bool | None) -> None:
    editor = imgedit.open_model("stargan_bangs.celeba", "cpu", mark=False)
    photo = photos.read(PORTRAIT)
    monkeypatch.setattr(outputs, "is_long", lambda subject: is_long)
    monkeypatch.setattr("imgedit.vision.subject.Subject.attributes", {"Bangs": 0.1, "Bald": 0.0, "Wearing_Hat": 0.0})
    result = editor.translate_photo(photo, "bangs")
    told = [text for text in result.warnings if "no hair long enough for 'bangs', which changes nothing" in text]
    assert (len(told), np.array_equal(result.photo.rgb, photo.rgb)) == ((1, True) if is_long is False else (0, False))
    forced = editor.translate_photo(photo, "bangs", force=True)
    assert not np.array_equal(forced.photo.rgb, photo.rgb)


def test_what_is_combed_away_need_not_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = imgedit.open_model("stargan_bangs.celeba", "cpu", mark=False)
    monkeypatch.setattr(outputs, "is_long", lambda subject: False)
    monkeypatch.setattr("imgedit.vision.subject.Subject.attributes", {"Bangs": 0.9, "Bald": 0.0, "Wearing_Hat": 0.0})
    photo = photos.read(PORTRAIT)
    assert not np.array_equal(editor.translate_photo(photo, "no-bangs").photo.rgb, photo.rgb)
