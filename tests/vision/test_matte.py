"""The person matte, and what it takes away from the hair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgedit
from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.errors import EditWarning
from imgedit.models import library
from imgedit.vision import colours, hair, matte
from imgedit.vision.subject import Subject

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MATTE = library.bundled("person_matte.mediapipe")


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Editor([], "cpu").prepare(photos.read(PORTRAIT), "largest").subjects[0]


def test_the_portraits_person_is_told_from_her_ground(subject: Subject) -> None:
    found = matte.person(subject, MATTE, "head", 240, 240)
    assert found.shape == (240, 240)
    assert found[100:180, 90:150].min() > 0.9  # the face
    assert found[:20, :20].max() < 0.1  # the sky behind her
    lower = matte.person(subject, MATTE, "head", 240, 240, down=72)
    assert abs(found[72:] - lower[:-72]).mean() < 0.1


def test_a_window_beyond_the_photo_is_looked_at_without_its_mirror_image() -> None:
    whole = photos.read(PORTRAIT)
    face = Editor([], "cpu").prepare(whole, "largest").subjects[0].place
    x0, y0, x1, y1 = (round(float(value)) for value in face.box)  # type: ignore[attr-defined]
    tight = photos.read(np.ascontiguousarray(whole.rgb[y0 - 40 : y1 + 20, x0 - 30 : x1 + 30]))
    found = matte.person(Editor([], "cpu").prepare(tight, "largest").subjects[0], MATTE, "head", 240, 240)
    assert found[100:180, 95:145].min() > 0.9


def scene(ground: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probability of hair, picture and matte: hair in the middle, and a lock that the matte cuts off."""
    rng = np.random.default_rng(0)
    picture = np.full((96, 96, 3), ground, np.uint8)
    picture[20:70, 30:60] = (70, 40, 30)
    picture[30:60, 60:70] = (70, 40, 30)
    picture = np.clip(picture + rng.normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
    probability = np.zeros((96, 96), np.float32)
    probability[20:70, 20:70] = 1.0  # too far to the left
    person = np.zeros((96, 96), np.float32)
    person[20:70, 30:60] = 1.0
    return probability, picture, person


def test_ground_that_the_parser_takes_for_hair_is_ground_and_a_lock_that_stands_off_stays() -> None:
    left = hair._apart_from_ground(*scene(200))
    assert left[30:60, 35:55].min() == 1.0
    assert left[30:60, 63:68].min() > 0.9  # the lock
    assert left[30:60, 20:27].max() == 0.0  # bright ground


def test_where_colours_do_not_tell_the_matte_does() -> None:
    probability, picture, person = scene(200)
    picture[:] = picture[40, 40]  # hair and ground of one colour
    left = hair._apart_from_ground(probability, picture, person)
    assert left[30:60, 35:55].min() == 1.0
    assert left[30:60, 20:27].max() == 0.0


def test_the_parser_names_its_matte_and_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = Editor(["no models"], "cpu")  # type: ignore[list-item]
    assert editor.networks.parser.matte is not None
    assert editor.networks.parser.matte.id == MATTE.id
    one = editor.prepare(photos.read(PORTRAIT), "largest").subjects[0]
    whole = hair.hair_of(one)
    monkeypatch.setattr(hair, "person", lambda subject, model, kind, h, w, down=0: np.zeros((h, w), np.float32))
    again = editor.prepare(photos.read(PORTRAIT), "largest").subjects[0]
    assert hair.hair_of(again).sum() < 0.2 * whole.sum()


def test_colours_are_found_again() -> None:
    rng = np.random.default_rng(1)
    red, blue = (rng.normal(mean, 2.0, (400, 3)).astype(np.float32) for mean in ((40, 60, 30), (40, 10, -60)))
    both = colours.fit_several(np.concatenate([red, blue]), 1.0, 2)
    means = sorted(tuple(np.round(one.mean, -1)) for one in both)
    assert len(both) == 2
    assert np.array(means) == pytest.approx(np.array([(40, 10, -60), (40, 60, 30)]), abs=10.1)
    assert colours.nearest(both, red).mean() < colours.fit(blue, 1.0).surprise(red).mean()
    assert len(colours.fit_several(red[:30], 1.0, 4)) == 1  # too few for groups
    again = colours.fit_several(np.concatenate([red, blue]), 1.0, 2)
    assert all((a.mean == b.mean).all() for a, b in zip(both, again, strict=True))


def test_an_image_of_the_portrait_is_dyed_inside_the_person(subject: Subject) -> None:
    with Image.open(PORTRAIT) as image:
        before = np.asarray(image.convert("RGB"))
    with pytest.warns(EditWarning, match="an experimental word"):
        after = Editor(None, "cpu", mark=False).translate(before, "blond")
    changed = abs(after.astype(int) - before).max(2) > 25
    assert changed[:, :60].sum() == 0
    assert changed.sum() > 4000
