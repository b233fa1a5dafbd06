from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError
from imgedit.models.sessions import Sessions
from imgedit.photo import Photo
from imgedit.render import regions
from imgedit.render.regions import Region
from imgedit.vision.geometry import HEAD
from imgedit.vision.hair import HAIRLINE
from imgedit.vision.subject import Networks, Subject
from tests import toy_models as models

EYE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_window_weight_is_one_inside_and_zero_at_the_border():
    weight = regions.window_weight(EYE, (100, 100), (-10, -10, 110, 110))
    assert (weight[25:95, 25:95] == 1).all()
    assert (weight[:10] == 0).all()
    assert (weight[:, -10:] == 0).all()
    assert np.abs(np.diff(weight, axis=0)).max() < 0.2


def test_shares_of_neighbours_add_up_to_one_and_the_nearer_face_owns_most():
    other = np.array([[1.0, 0.0, -70.0], [0.0, 1.0, 0.0]])
    area = (0, 0, 180, 100)
    one, two = (regions.ownership([EYE, other], i, (100, 100), area) for i in (0, 1))
    np.testing.assert_allclose(one + two, 1.0, atol=1e-5)
    assert one[50, 20] > 0.99
    assert two[50, 150] > 0.99
    assert one[50, 85] == pytest.approx(0.5, abs=0.05)


def test_where_two_regions_meet_their_weights_are_multiplied() -> None:
    a = Region((0, 0, 10, 10), np.full((10, 10), 0.5, np.float32))
    b = Region((4, 2, 20, 8), np.full((6, 16), 0.4, np.float32))
    both = regions.intersect(a, b)
    assert both.roi == (4, 2, 10, 8)
    np.testing.assert_allclose(both.weight, np.full((6, 6), 0.2), atol=1e-6)  # the smaller one would be 0.4


def test_regions_that_do_not_meet_give_an_empty_one() -> None:
    a = Region((0, 0, 4, 4), np.ones((4, 4), np.float32))
    b = Region((6, 6, 9, 9), np.ones((3, 3), np.float32))
    assert regions.intersect(a, b).weight.size == 0


class Place:
    """A subject whose windows are the photo's upper left corner."""

    def matrix(self, kind: str, height: int, width: int) -> np.ndarray:
        return EYE


def half_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int = 96) -> Subject:
    """A subject of whom the parser sees hair in the left half of its window, and cloth below."""
    model = models.parser(tmp_path / "parser", size=size)
    subject = Subject(
        Photo(np.full((120, 120, 3), 90, np.uint8)), Place(), Networks(Sessions("cpu"), parser=str(model.folder))
    )
    maps = np.zeros((len(models.CLASSES), size, size), np.float32)
    maps[models.CLASSES.index("hair"), : size - 20, : size // 2] = 1.0
    maps[models.CLASSES.index("cloth"), size - 20 :] = 1.0
    maps[models.CLASSES.index("skin"), : size - 20, size // 2 :] = 1.0
    monkeypatch.setattr(Subject, "parsed", lambda self, down=0: maps)
    return subject


def test_regions_of_a_subject_are_found_by_name_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = half_parsed(tmp_path, monkeypatch)
    hair, face, everything = (regions.find(subject, name) for name in ("hair", "face", "all"))
    assert regions.find(subject, "hair") is hair
    inner = (slice(15, 60), slice(15, 40))
    assert hair.weight[inner].min() > 0.95
    assert hair.weight[15:60, 56:].max() < 0.05
    assert face.weight[15:60, 15:80].min() > 0.95
    assert face.weight[90:].max() < 0.1  # clothes are no part of the person
    assert everything.weight[15:80, 15:80].min() == 1.0
    assert (
        regions.coverage(subject, "all") > regions.coverage(subject, "face") > regions.coverage(subject, "hair") > 0.2
    )


@pytest.mark.parametrize("name", ["hair", "face", "all"])
def test_below_the_hairline_a_region_keeps_what_it_has_there_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    subject = half_parsed(tmp_path, monkeypatch)
    whole, below = (regions.find(subject, name + limit).weight for limit in ("", regions.BELOW_HAIRLINE))
    row = round((HAIRLINE - HEAD[1]) * 96 / HEAD[2])
    assert below[: row - 4].max() < 0.05
    np.testing.assert_allclose(below[row + 6 : 70, 12:36], whole[row + 6 : 70, 12:36], atol=0.05)


def test_an_unknown_region_names_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'arms'; known: hair, brows, beard, face, skin, all"):
        regions.find(half_parsed(tmp_path, monkeypatch), "arms")
