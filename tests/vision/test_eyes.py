"""The window around the eyes, and dark glasses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imgedit.vision import eyes, geometry, mesh
from imgedit.vision.mesh import Points, Pose

SIDE = 200


def face(yaw: float = 0.0, roll: float = 0.0) -> Points:
    points = mesh.template().points @ mesh.rotation(Pose(yaw, 0.0, roll)).T
    return np.asarray(points * (0.5 * SIDE / np.ptp(points[:, 1])) + [SIDE / 2, SIDE / 2, 0.0])


@pytest.mark.parametrize("pose", [(0.0, 0.0), (25.0, 0.0), (0.0, 20.0), (-15.0, -30.0)])
def test_the_eyes_lie_level_in_the_middle_of_the_window(pose: tuple[float, float]) -> None:
    points = face(*pose)
    place = geometry.apply(eyes.window(points, (96, 192)), points[[33, 133, 362, 263], :2])
    assert abs(float(place[:, 1].max() - place[:, 1].min())) < 4.0
    assert (place > [20, 30]).all()
    assert (place < [172, 60]).all()


def test_the_window_is_as_wide_as_the_face() -> None:
    points = face()
    ears = geometry.apply(eyes.window(points, (96, 192)), points[[127, 356], :2])[:, 0]
    assert 10 < ears[0] < ears[1] < 182


def test_dark_glasses_are_told_from_bare_eyes() -> None:
    points = face()
    rgb = np.full((SIDE, SIDE, 3), 180, np.uint8)
    assert eyes.lightness_of_lenses(rgb, points) == pytest.approx(1.0)
    one, both = rgb.copy(), rgb.copy()
    for lids, shaded in (((33, 160, 158, 133, 153, 144), (one, both)), ((362, 385, 387, 263, 373, 380), (both,))):
        x, y = np.rint(points[list(lids), :2].mean(0)).astype(int)
        for picture in shaded:
            cv2.circle(picture, (int(x), int(y)), 14, (20, 20, 20), -1)
    assert eyes.lightness_of_lenses(one, points) > 0.8  # a half of the face lies in the shade
    assert eyes.lightness_of_lenses(both, points) < 0.3 < eyes.DARK_LENSES


@pytest.mark.parametrize("pose", [(0.0, 0.0), (20.0, 15.0)])
def test_frames_may_be_anywhere_but_in_the_eyes_on_the_tip_of_the_nose_and_below_the_cheekbones(
    pose: tuple[float, float],
) -> None:
    points = face(*pose)
    matrix = eyes.window(points, (96, 192))
    free = eyes.where_frames_may_be(points, matrix, (96, 192))

    def at(*named: int) -> float:
        x, y = np.rint(geometry.apply(matrix, points[list(named), :2].mean(0)[None])[0]).astype(int)
        return float(free[y, x])

    assert at(159, 145) == at(386, 374) == 0.0  # pupils
    assert at(4) == 0.0
    assert at(168) == at(70) == at(107) == at(127) == 1.0  # bridge, brows, temple
    assert at(119) == at(348) == 1.0  # under the eyes
    assert free[-3:].max() == 0.0
