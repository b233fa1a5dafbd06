"""Bodies: where the network is shown the person, what is read off it, and who is found in a photo."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.errors import ConfigError, ModelError, NoPersonError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.vision import body, geometry, people
from imgedit.vision.body import POINTS, Body, BodyReader, Window
from imgedit.vision.faces import Face

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return photos.read(PORTRAIT).rgb


@pytest.fixture(scope="module")
def reader() -> BodyReader:
    return BodyReader(library.bundled(body.MODEL), Sessions("cpu"))


@pytest.fixture(scope="module")
def astronaut(rgb: np.ndarray, reader: BodyReader) -> Body:
    found = reader(rgb, [body.whole((512, 512))])
    assert found is not None
    return found


def drawn(**places: tuple[float, float]) -> Body:
    """A body whose points are where they are named, all seen, in a photo of 256 px."""
    points = np.array([places.get(name, (128.0, 128.0)) for name in POINTS])
    mask = np.zeros((256, 256), np.float32)
    mask[40:200, 60:180] = 1.0
    return Body(points, np.ones(len(POINTS)), 0.9, mask, np.eye(2, 3))


def test_a_window_takes_its_corners_to_the_crops_corners_and_turns_clockwise() -> None:
    upright = Window(50.0, 30.0, 20.0).matrix(40)
    corners = np.array([[40.0, 20.0], [60.0, 20.0], [60.0, 40.0]]) - 0.0
    np.testing.assert_allclose(geometry.apply(upright, corners), [[-0.5, -0.5], [39.5, -0.5], [39.5, 39.5]])
    turned = Window(50.0, 30.0, 20.0, math.pi / 2).matrix(40)  # a person who lies with the head to the right
    np.testing.assert_allclose(geometry.apply(turned, np.array([[60.0, 30.0]])), [[19.5, -0.5]], atol=1e-9)


def test_the_portraits_shoulders_and_nose_are_where_they_are(astronaut: Body) -> None:
    right, left = astronaut.point("right_shoulder"), astronaut.point("left_shoulder")
    assert right[0] < astronaut.point("nose")[0] < left[0]  # the person's right is on the viewer's left
    np.testing.assert_allclose(astronaut.point("nose"), (222.0, 115.0), atol=25.0)
    assert astronaut.sees("nose") > 0.9
    assert astronaut.sees("left_wrist") < 0.5  # below the picture


def test_the_mask_tells_the_person_from_the_ground(astronaut: Body) -> None:
    matte = astronaut.matte(np.eye(2, 3), (512, 512))
    assert matte[90:140, 200:245].min() > 0.9
    assert matte[:40, :60].max() < 0.1


def test_a_point_beyond_the_photo_is_not_seen(rgb: np.ndarray, reader: BodyReader) -> None:
    found = reader(rgb[:200], [body.whole((200, 512))])
    assert found is not None
    beyond = (found.points[:, 1] > 199.5) & (np.arange(len(POINTS)) < 13)
    assert beyond.any()
    assert (found.visibility[beyond] == 0).all()


def test_nobody_is_seen_in_a_plain_picture(reader: BodyReader) -> None:
    assert reader(np.full((64, 64, 3), 128, np.uint8), [body.whole((64, 64))]) is None
    assert reader(np.zeros((64, 64, 3), np.uint8), [Window(0.0, 0.0, math.nan)]) is None


def test_the_same_person_is_found_in_a_larger_photo(rgb: np.ndarray, reader: BodyReader, astronaut: Body) -> None:
    wide = np.full((700, 900, 3), 90, np.uint8)
    wide[150:662, 300:812] = rgb
    found = people.find(wide, [], people.where([300, 150, 812, 662]), reader)
    assert len(found) == 1
    shoulders = [POINTS.index("left_shoulder"), POINTS.index("right_shoulder")]
    apart = found[0].points[shoulders] - astronaut.points[shoulders] - (300, 150)
    assert np.linalg.norm(apart, axis=1).max() < 20.0


def test_a_body_belongs_to_the_face_that_it_was_looked_for_by(rgb: np.ndarray, reader: BodyReader) -> None:
    own = Face(np.array([172, 62, 272, 192], np.float32), np.zeros((5, 2), np.float32), 1.0)
    found = people.find(rgb, [own], people.BY_FACES, reader)
    assert [one.face for one in found] == [own]
    other = Face(np.array([20, 300, 60, 350], np.float32), np.zeros((5, 2), np.float32), 1.0)
    assert people.find(rgb, [other], people.BY_FACES, reader) == []


def test_windows_around_a_face_hold_it_near_their_top_and_the_body_below() -> None:
    for window in body.around_face(np.array([100.0, 50.0, 140.0, 100.0])):
        assert window.x == 120.0
        assert window.y - window.side / 2 < 50.0
        assert window.y + window.side / 2 > 100.0 + 3 * 50.0


def test_a_bodys_square_crop_is_the_window_at_any_size_and_no_other_crop_is_there() -> None:
    person = drawn()
    np.testing.assert_allclose(person.matrix("body", 128, 128)[:, :2], 0.5 * np.eye(2))
    np.testing.assert_allclose(
        geometry.apply(person.matrix("body", 128, 128), np.array([[255.5, -0.5]])), [[127.5, -0.5]]
    )
    for kind, height in (("face", 128), ("body", 64)):
        with pytest.raises(ModelError, match=kind):
            person.matrix(kind, height, 128)


def test_what_is_told_of_a_body_is_its_box_and_its_points() -> None:
    told = drawn(nose=(10.25, 20.0)).to_json()
    assert told["box"] == [60, 40, 179, 199]
    assert told["points"]["nose"] == [10.25, 20.0, 1.0]
    assert set(told["points"]) == set(POINTS) - {"middle", "top"}
    assert str(drawn(nose=(10.25, 20.0))) == "the person at 10, 20"


@pytest.mark.parametrize("box", [(1, 2, 3), (5, 0, 5, 9), (0, 9, 5, 1), (0, 0, math.inf, 1)])
def test_a_box_that_is_none_is_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="X0,Y0,X1,Y1"):
        people.where(box)
    with pytest.raises(ConfigError, match="contradict"):
        people.where((0, 0, 1, 1), whole=True)


def test_a_photo_without_anybody_says_where_was_looked() -> None:
    plain = photos.read(np.full((80, 90, 3), 128, np.uint8))
    editor = Editor([], "cpu")
    with pytest.raises(NoPersonError, match="90x80 px"):
        editor.prepare_bodies(plain)
    with pytest.raises(NoPersonError, match="in the box"):
        editor.prepare_bodies(plain, where=people.where((0, 0, 50, 50)))
    assert NoPersonError.exit_code == 4
