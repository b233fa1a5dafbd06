"""What is painted between the lips, and where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.render import regions
from imgedit.render.mouth import Mouth, painted_share
from imgedit.vision import expressions, faces, mouths
from imgedit.vision.subject import Networks, Subject, face_subject

PORTRAIT = library.bundled_folder() / "astronaut.jpg"
SIZE = 80
NEUTRAL = 9.0 * expressions.expressions().neutral + np.array([150.0, 200.0, 0.0])
OPEN = expressions.moved(NEUTRAL, expressions.combined({"open": 1.0}))


def red(crop: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Paints everything red."""
    assert crop.shape == masks.shape == (3, SIZE, SIZE)
    return np.stack([np.full((SIZE, SIZE), value, np.float32) for value in (1.0, -1.0, -1.0)])


@pytest.fixture(scope="module")
def subject() -> Subject:
    source = photos.read(PORTRAIT)
    return face_subject(source, faces.search(source.rgb, device="cpu")[0], Networks(Sessions("cpu")))


def test_only_a_mouth_that_opens_or_closes_is_painted() -> None:
    assert painted_share(NEUTRAL, NEUTRAL) == 0.0
    assert painted_share(NEUTRAL, OPEN) == 1.0
    assert painted_share(OPEN, NEUTRAL) == 1.0
    assert painted_share(OPEN, OPEN) == 0.0
    wider = expressions.moved(OPEN, expressions.combined({"open": 0.1}))
    assert painted_share(OPEN, wider) == 0.0  # its own teeth stay
    shares = [painted_share(NEUTRAL, NEUTRAL + t * (OPEN - NEUTRAL)) for t in np.linspace(0, 1, 9)]
    assert shares == sorted(shares)


def test_the_paint_lies_between_the_lips_and_nowhere_else(subject: Subject) -> None:
    own = subject.mesh
    assert own is not None
    closed = expressions.moved(own.points, expressions.to_neutral(own.points) + expressions.combined({"open": -0.3}))
    opened = expressions.moved(closed, expressions.combined({"open": 1.2}))
    region = regions.find(subject, regions.AROUND)
    painted = Mouth(closed, opened, red, SIZE).apply(subject.rgb, subject, region)
    changed = (painted != subject.rgb).any(2)
    height, width = changed.shape
    outer = mouths.polygon_weight(opened[list(mouths.OUTER), :2], (0, 0, width, height), growth=1.0) > 0
    inner = mouths.polygon_weight(opened[list(mouths.INNER), :2], (0, 0, width, height)) > 0.99
    assert not changed[~outer].any()
    assert np.abs(painted[inner].astype(int) - (255, 0, 0)).max() < 20  # its edge is soft
    assert inner.sum() > 100


def test_a_mouth_that_stays_closed_gives_the_photo_back(subject: Subject) -> None:
    own = subject.mesh
    assert own is not None
    region = regions.find(subject, regions.AROUND)
    change = Mouth(own.points, own.points, red, SIZE)
    assert (change.apply(subject.rgb, subject, region) == subject.rgb).all()
    wide = Mouth(NEUTRAL, OPEN, red, SIZE)
    assert painted_share(wide.source, wide.scaled(0.0).target) == 0.0
    assert wide.scaled(1.0).target == pytest.approx(OPEN)


def test_a_mouth_beyond_the_photo_is_left(subject: Subject) -> None:
    away = np.array([-4000.0, 0.0, 0.0])
    region = regions.find(subject, regions.AROUND)
    found = Mouth(NEUTRAL + away, OPEN + away, red, SIZE).apply(subject.rgb, subject, region)
    assert (found == subject.rgb).all()
