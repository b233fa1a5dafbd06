"""Moving a photo's pixels with a mesh, by closed forms: nothing, shifts, turns, and what is in front."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imgedit.render.mesh_fields import rasterize, visibility
from imgedit.render.regions import Region
from imgedit.render.warp import Warp, warp_points
from imgedit.vision import mesh
from imgedit.vision.mesh import Points, Pose

MIDDLE = (250.0, 240.0)
SIZE = 480
HALF = np.array([0.5, 0.5, 0.0])


def face(scale: float = 9.0, middle: tuple[float, float] = MIDDLE, pose: Pose = Pose(0, 0, 0)) -> Points:  # noqa: B008
    """The mean face in a photo: 18 units high, so 160 px at a scale of 9."""
    return scale * mesh.template().points @ mesh.rotation(pose).T + np.array([*middle, 0.0])


def waves(size: int = SIZE, length: float = 40.0) -> np.ndarray:
    """A smooth picture whose colour tells x in red and y in green."""
    x, y = np.meshgrid(np.arange(size), np.arange(size))
    k = 2.0 * np.pi / length
    rgb = np.stack(
        [x * 200.0 / size + 20.0, y * 200.0 / size + 20.0, 128.0 + 60.0 * (np.sin(x * k) + np.sin(y * k))], 2
    )
    return np.asarray(np.rint(rgb), np.uint8)


def test_points_that_stay_change_nothing() -> None:
    rgb = waves()
    assert (warp_points(rgb, face(), face()) == rgb).all()


def test_points_that_hardly_move_change_hardly_anything() -> None:
    rgb, points = waves(), face()
    assert np.abs(warp_points(rgb, points, points + 1e-3).astype(int) - rgb).max() <= 1


@pytest.mark.parametrize("shift", [(6.0, 0.0), (0.0, -5.0), (4.0, 7.0)])
def test_a_shift_of_all_points_shifts_the_face(shift: tuple[float, float]) -> None:
    rgb, points = waves(), face()
    moved = warp_points(rgb, points, points + np.array([*shift, 0.0]))
    expected = cv2.warpAffine(rgb, np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (SIZE, SIZE))
    inside = np.s_[190:290, 205:295]
    assert np.abs(moved[inside].astype(int) - expected[inside]).mean() < 1.5
    assert np.abs(moved[inside].astype(int) - rgb[inside]).mean() > 2.0


def test_pixels_beyond_the_ring_stay_bit_for_bit() -> None:
    rgb, points = waves(), face(scale=5.0)
    moved = warp_points(rgb, points, mesh_turned(points, Pose(15, 5, 0)))
    x, y = np.meshgrid(np.arange(SIZE) - MIDDLE[0], np.arange(SIZE) - MIDDLE[1])
    beyond = np.hypot(x, y) > 2.5 * 5.0 * 9.0
    assert beyond.any()
    assert (moved[beyond] == rgb[beyond]).all()
    assert (moved != rgb).any()


def mesh_turned(points: Points, pose: Pose) -> Points:
    middle = points.mean(0)
    return np.asarray((points - middle) @ mesh.rotation(pose).T + middle)


def test_there_and_back_is_nearly_the_photo() -> None:
    rgb, points = waves(), face()
    turned = mesh_turned(points, Pose(8, 0, 0))
    back = warp_points(warp_points(rgb, points, turned), turned, points)
    inside = np.s_[190:290, 215:285]
    assert np.abs(back[inside].astype(int) - rgb[inside]).mean() < 4.0


def test_roll_takes_the_head_above_the_face_along_and_turns_clockwise() -> None:
    rgb, points = waves(), face()
    moved = warp_points(rgb, points, mesh_turned(points, Pose(0, 0, 10)))
    crown = np.s_[138:142, 248:252]  # above the forehead, whose top is in row 165
    # Clockwise: what is above the middle goes right, so the crown shows what was left of it.
    lies = np.tan(np.radians(10.0)) * (points[list(mesh.OVAL), 1].mean() - 140.0) * 200.0 / SIZE
    assert rgb[crown][..., 0].mean() - moved[crown][..., 0].mean() == pytest.approx(lies, abs=2.5)


def test_a_large_photo_changes_as_its_small_copy_does() -> None:
    points = face(scale=5.0)
    target = mesh_turned(points, Pose(12, 0, 0))
    small = waves(length=160.0)
    factor = 5
    large = np.asarray(cv2.resize(small, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
    scaled, goal = ((p + HALF) * factor - HALF for p in (points, target))
    reduced = cv2.resize(warp_points(large, scaled, goal), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    assert np.abs(reduced.astype(int) - warp_points(small, points, target)).mean() < 0.5


def test_a_region_without_weight_is_not_touched_and_half_weight_moves_half_as_far() -> None:
    rgb, points = waves(), face()
    target = points + np.array([8.0, 0.0, 0.0])
    weight = np.zeros((SIZE, SIZE), np.float32)
    weight[:, :250] = 1.0
    moved = warp_points(rgb, points, target, region=Region((0, 0, SIZE, SIZE), weight))
    assert (moved[:, 260:] == rgb[:, 260:]).all()
    half = warp_points(rgb, points, target, region=Region((0, 0, SIZE, SIZE), np.full((SIZE, SIZE), 0.5, np.float32)))
    other = warp_points(rgb, points, points + np.array([4.0, 0.0, 0.0]))
    assert np.abs(half[200:280, 210:290].astype(int) - other[200:280, 210:290]).mean() < 1.5


def test_a_share_of_a_warp_goes_a_share_of_the_way() -> None:
    points = face()
    whole = Warp(points, points + np.array([8.0, 2.0, 0.0]))
    assert whole.scaled(0.5).target == pytest.approx(points + np.array([4.0, 1.0, 0.0]))
    assert whole.scaled(0.0).target == pytest.approx(points)


def test_of_two_triangles_on_one_place_the_nearer_wins() -> None:
    corner = np.array([[2.0, 2.0], [27.0, 2.0], [2.0, 27.0]])
    points = np.vstack([np.column_stack([corner, np.full(3, depth)]) for depth in (5.0, -5.0)])
    values = np.repeat([[1.0], [2.0]], 3, axis=0)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        drawn, known = rasterize(points, values, np.array(order), (30, 30))
        assert known[8, 8]
        assert not known[29, 29]
        assert (drawn[known] == 2.0).all()


def test_values_change_linearly_within_a_triangle() -> None:
    points = np.array([[0.0, 0.0, 0.0], [30.0, 0.0, 0.0], [0.0, 30.0, 0.0]])
    drawn, known = rasterize(points, points[:, :2], np.array([[0, 1, 2]]), (31, 31))
    y, x = np.nonzero(known)
    assert drawn[known] == pytest.approx(np.column_stack([x, y]), abs=1e-3)


def test_points_that_are_turned_away_are_not_visible() -> None:
    points = mesh.template().points
    ahead, behind = visibility(points), visibility(points @ mesh.rotation(Pose(180, 0, 0)).T)
    assert np.median(ahead) > 0.7
    assert behind == pytest.approx(-ahead, abs=1e-9)
    right = visibility(points @ mesh.rotation(Pose(50, 0, 0)).T)  # looks to the right: its right cheek turns away
    cheek = int(np.argmin(np.abs(points - [6.5, 1.0, -1.0]).sum(1)))
    assert right[cheek] < right[mesh.template().mirror[cheek]]
