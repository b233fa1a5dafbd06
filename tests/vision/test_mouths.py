"""The window of a mouth and its masks, by geometry."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.vision import expressions, geometry, mesh, mouths
from imgedit.vision.mesh import Pose

FACE = mesh.template().points
SIZE = 80


def placed(pose: Pose, scale: float = 9.0) -> np.ndarray:
    return np.asarray(scale * FACE @ mesh.rotation(pose).T + np.array([300.0, 200.0, 0.0]))


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(0, 0, 30), Pose(15, 5, -10)])
def test_the_window_is_upright_around_the_mouth_and_of_the_faces_size(pose: Pose) -> None:
    points = placed(pose)
    matrix = mouths.window(points, SIZE)
    assert geometry.crop_scale(matrix) == pytest.approx(SIZE / (9.0 * mouths.SIDE), rel=1e-6)
    corners = geometry.apply(matrix, points[[61, 291], :2])
    assert corners[0, 0] < SIZE / 2 < corners[1, 0]
    assert abs(corners[1, 1] - corners[0, 1]) < 3.0
    assert corners.mean(0) == pytest.approx([SIZE / 2, SIZE / 2 - 5], abs=6)


def test_the_window_stays_when_the_mouth_opens() -> None:
    points = placed(Pose(0, 0, 0))
    opened = expressions.moved(points, expressions.combined({"open": 1.0}))
    assert mouths.window(opened, SIZE) == pytest.approx(mouths.window(points, SIZE), abs=1.5)
    assert mouths.opening(opened) > mouths.opening(points) + 1.0


def test_the_hole_holds_the_inner_mask_and_the_outer_mask_too() -> None:
    points = expressions.moved(placed(Pose(5, 0, 3)), expressions.combined({"smile": 1.0}))
    found = mouths.contours(points, mouths.window(points, SIZE), SIZE)
    assert (found.hole >= found.inner).all()
    assert (found.outer >= found.inner - 0.3).all()
    assert 0 < found.inner.sum() < found.hole.sum()
    grown = mouths.contours(points, mouths.window(points, SIZE), SIZE, growth=2 * mouths.GROWTH)
    assert grown.hole.sum() > found.hole.sum()


def test_the_weight_of_a_polygon_is_its_area() -> None:
    corners = np.array([[10.25, 8.5], [30.75, 8.5], [30.75, 20.0], [10.25, 20.0]])
    weight = mouths.polygon_weight(corners, (4, 2, 44, 32))
    assert weight.shape == (30, 40)
    assert weight.sum() == pytest.approx(20.5 * 11.5, rel=0.05)
    assert weight.max() == 1.0
    assert weight[:5].sum() == 0
    grown = mouths.polygon_weight(corners, (4, 2, 44, 32), growth=3.0)
    assert grown.sum() == pytest.approx(20.5 * 11.5 + 3.0 * 2 * (20.5 + 11.5) + np.pi * 9, rel=0.05)
