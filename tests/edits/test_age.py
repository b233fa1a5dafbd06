"""Younger and older, on the bundled portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import outputs
from imgedit.pixels import to_lab
from imgedit.render import regions
from imgedit.vision.hair import hair_of
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "age_skin.celeba"


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model(MODEL, "cpu", mark=False)


def detail(rgb: np.ndarray, where: np.ndarray) -> float:
    """How much neighbouring pixels of a part of the portrait differ in lightness."""
    lightness = to_lab(rgb)[..., 0]
    return float(np.abs(np.diff(lightness, axis=1))[where[:, 1:] & where[:, :-1]].mean())


def test_older_skin_has_more_detail_and_younger_less_and_only_the_older_hair_changes(editor: imgedit.Editor) -> None:
    photo = photos.read(PORTRAIT)
    prepared = editor.prepare(photo, "largest")
    subject = prepared.subjects[0]
    roi = regions.find(subject, "skin").roi
    skin = np.zeros(photo.rgb.shape[:2], bool)
    skin[roi[1] : roi[3], roi[0] : roi[2]] = regions.find(subject, "skin").weight > 0.9
    older = editor.translate_photo(photo, "no-young", force=True).photo.rgb
    younger = editor.translate_photo(photo, "young", force=True).photo.rgb
    assert detail(younger, skin) < 0.97 * detail(photo.rgb, skin) < 0.93 * detail(older, skin)
    x0, y0, x1, y1 = roi
    beyond = np.ones(photo.rgb.shape[:2], bool)
    beyond[y0:y1, x0:x1] = regions.find(subject, "skin").weight == 0
    np.testing.assert_array_equal(younger[beyond], photo.rgb[beyond])
    crop = subject.networks.parser.crop
    hair = hair_of(subject)[: crop.height] > 0.9
    chroma = []
    for rgb in (photo.rgb, older):
        seen = editor.prepare(photos.read(rgb), "largest").subjects[0].pixels(crop.kind, crop.height, crop.width)
        chroma.append(float(np.hypot(*to_lab(seen)[hair].mean(0)[1:])))
    assert chroma[1] < chroma[0] - 1.5


def test_a_hood_gets_no_grey(editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def found(subject: object, target: object, region: str, strength: float) -> None:
        asked.append(strength)

    monkeypatch.setattr(outputs, "find_tone", found)
    photo = photos.read(PORTRAIT)
    editor.translate_photo(photo, "no-young=0.5", force=True)
    assert asked == [pytest.approx(0.5 * 0.15)]
    monkeypatch.setattr(outputs.regions, "coverage", lambda subject, name: 0.0 if name.startswith("hair") else 1.0)
    editor.translate_photo(photo, "no-young", force=True)
    assert len(asked) == 1


def test_a_face_without_a_mesh_keeps_its_age_and_the_user_is_told(
    editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Subject, "mesh", None)
    photo = photos.read(PORTRAIT)
    result = editor.translate_photo(photo, "no-young", force=True)
    np.testing.assert_array_equal(result.photo.rgb, photo.rgb)
    assert "keeps its age: no face mesh fits it" in result.warnings[0]
