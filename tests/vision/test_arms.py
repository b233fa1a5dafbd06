"""Arms: windows in which both lie alike, tubes around them, and the colours that are read off them."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.vision import arms, geometry
from imgedit.vision.arms import SIZE, Arm
from imgedit.vision.body import POINTS, Body

HANGING = {
    "right": np.array([[60.0, 50.0], [52.0, 110.0], [50.0, 165.0]]),
    "left": np.array([[140.0, 50.0], [148.0, 110.0], [150.0, 165.0]]),
}
BENT = np.array([[60.0, 50.0], [10.0, 95.0], [62.0, 120.0]])


def arm(name: str, joints: np.ndarray | None = None) -> Arm:
    return Arm(name, HANGING[name] if joints is None else joints, 80.0, 1.0)


def body(hidden: tuple[str, ...] = ()) -> Body:
    places = {
        f"{side}_{part}": HANGING[side][i] for side in HANGING for i, part in enumerate(("shoulder", "elbow", "wrist"))
    }
    places |= {"nose": np.array([100.0, 20.0]), "left_index": np.array([150.0, 185.0])}
    points = np.array([places.get(name, (100.0, 150.0)) for name in POINTS])
    seen = np.array([0.0 if name in hidden else 1.0 for name in POINTS])
    return Body(points, seen, 1.0, np.ones((256, 256), np.float32), np.eye(2, 3))


def test_both_arms_lie_alike_in_their_windows_with_the_body_on_the_right() -> None:
    placed = {name: geometry.apply(arms.window(arm(name)), HANGING[name]) for name in HANGING}
    np.testing.assert_allclose(placed["left"], placed["right"], atol=1e-9)
    shoulder, _, wrist = placed["left"]
    assert wrist[1] > shoulder[1] + 80
    assert wrist[0] == pytest.approx(shoulder[0])
    chest = geometry.apply(arms.window(arm("right")), np.array([[90.0, 100.0]]))[0]
    assert chest[0] > placed["right"][1][0]


@pytest.mark.parametrize("joints", [HANGING["right"], BENT])
def test_the_whole_tube_fits_into_the_window(joints: np.ndarray) -> None:
    one = arm("right", joints)
    place, unit = arms.crop_joints(one, arms.window(one))
    hole = arms.tube(place, unit, SIZE).hole
    assert hole.max() == 1.0
    edge = np.concatenate([hole[0], hole[-1], hole[:, -1]])
    assert edge.max() == 0.0


def test_a_tube_begins_and_ends_where_it_is_told_and_is_wider_away_from_the_body() -> None:
    joints = np.array([[40.0, 10.0], [40.0, 70.0], [40.0, 130.0]])
    hole = arms.tube(joints, 60.0, SIZE, start=0.5, end=1.0, radius=(0.4, 0.2)).hole
    rows = np.flatnonzero(hole.max(1) > 0.5)
    assert (rows[0], rows[-1]) == (40, 130)
    across = np.flatnonzero(hole[41] > 0.5)
    assert 40 - across[0] == pytest.approx(24, abs=1)
    assert across[-1] - 40 == pytest.approx(12, abs=1)


def test_lines_of_the_arm_are_thin_and_meet_at_the_elbow() -> None:
    joints = np.array([[40.0, 10.0], [30.0, 70.0], [40.0, 130.0]])
    upper, fore, _ = arms.tube(joints, 60.0, SIZE)
    assert (upper[40, 35], fore[40].max()) == (1.0, 0.0)
    assert (fore[100, 35], upper[100].max()) == (1.0, 0.0)
    assert (upper[40] > 0).sum() < 14


def test_shoulders_seen_from_the_side_do_not_make_a_narrow_tube() -> None:
    person = body()
    narrow = np.array(person.points)
    narrow[POINTS.index("left_shoulder")] = narrow[POINTS.index("right_shoulder")] + 1.0
    units = [one.unit for one in arms.arms_of(Body(narrow, person.visibility, 1.0, person.mask, person.window))]
    assert min(units) > 60.0


def test_an_arm_is_as_visible_as_the_less_visible_of_elbow_and_wrist() -> None:
    left, right = arms.arms_of(body(hidden=("left_wrist",)))
    assert (left.name, left.visibility, right.visibility) == ("left", 0.0, 1.0)


def test_skin_is_that_of_the_face_else_of_the_hands_else_unknown() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    rgb[10:30, 90:110] = (200, 150, 120)
    rgb[175:195, 140:160] = (90, 60, 50)
    np.testing.assert_array_equal(arms.skin_tone(rgb, body()), (200, 150, 120))
    hands = arms.skin_tone(rgb, body(hidden=("nose", "right_index")))
    np.testing.assert_array_equal(hands, (90, 60, 50))
    assert arms.skin_tone(rgb, body(hidden=("nose", "right_index", "left_index"))) is None


def test_an_arm_is_bare_where_it_has_the_skins_colour_in_whatever_light() -> None:
    tone = np.array([200, 150, 120], np.float32)
    rgb = np.full((200, 200, 3), (30, 60, 160), np.uint8)
    assert arms.bare_share(rgb, arm("left"), tone) == 0.0
    for share in (1.0, 0.75):
        rgb[90:200] = np.rint(share * tone)
        assert arms.bare_share(rgb, arm("left"), tone) > 0.9


def test_cloth_is_the_mean_of_the_upper_arm_above_the_tube() -> None:
    joints = np.array([[40.0, 20.0], [40.0, 80.0], [40.0, 140.0]])
    crop = np.full((*SIZE, 3), 255, np.uint8)
    crop[20:44, 30:50] = (10, 20, 30)
    np.testing.assert_allclose(arms.cloth_tone(crop, joints, 60.0), (10, 20, 30), atol=1.0)
