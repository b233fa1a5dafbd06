"""Expressions of a mesh: what is carried over, what stays, and that the sliders do what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.vision import expressions, mesh
from imgedit.vision.mesh import Pose

FOUND = expressions.expressions()
FACE = mesh.template().points


AHEAD = Pose(0, 0, 0)


def placed(points: np.ndarray, pose: Pose = AHEAD, scale: float = 9.0) -> np.ndarray:
    """A mesh somewhere in a photo."""
    return np.asarray(scale * points @ mesh.rotation(pose).T + np.array([300.0, 200.0, 0.0]))


def length(points: np.ndarray, start: int, end: int, axis: int) -> float:
    shape, _, _ = expressions.shape_of(points)
    return float(shape[end, axis] - shape[start, axis])


def test_components_are_orthonormal_and_the_transfer_shrinks() -> None:
    flat = FOUND.components.reshape(len(FOUND.components), -1)
    assert flat @ flat.T == pytest.approx(np.eye(len(flat)), abs=2e-3)  # stored in half precision
    assert ((np.diag(FOUND.transfer) > 0.2) & (np.diag(FOUND.transfer) < 1)).all()
    assert (np.linalg.eigvals(FOUND.transfer).real < 1.01).all()


def test_a_shape_is_the_same_in_every_pose_and_size() -> None:
    shape, scale, turn = expressions.shape_of(placed(FACE, Pose(20, -10, 5), 7.0))
    assert shape == pytest.approx(FACE, abs=1e-9)
    assert scale == pytest.approx(7.0)
    assert turn == pytest.approx(mesh.rotation(Pose(20, -10, 5)))


@pytest.mark.parametrize(
    ("slider", "start", "end", "axis", "sign"),
    [
        ("smile", 61, 291, 0, 1),  # the mouth is wider
        ("smile", 61, 0, 1, 1),  # its corner is higher
        ("open", 13, 14, 1, 1),
        ("pucker", 61, 291, 0, -1),
        ("brows", 105, 33, 1, 1),
        ("blink-left", 159, 145, 1, -1),
        ("blink-right", 386, 374, 1, -1),
    ],
)
def test_a_slider_does_what_it_is_called(slider: str, start: int, end: int, axis: int, sign: int) -> None:
    points = placed(FACE, Pose(10, 5, 0))
    before = length(points, start, end, axis)
    for strength in (0.5, 1.0):
        after = length(expressions.moved(points, expressions.combined({slider: strength})), start, end, axis)
        assert sign * (after - before) > 0.2 * strength


def test_one_eye_closes_alone() -> None:
    closed = FOUND.sliders["blink-left"]
    assert np.abs(closed[[374, 386, 61, 291, 1, 152]]).max() < 1e-3
    mirrored = FOUND.sliders["blink-right"][mesh.template().mirror] * [-1.0, 1.0, 1.0]
    assert closed == pytest.approx(mirrored, abs=0.02)


def test_between_takes_over_an_expression_whatever_size_and_pose() -> None:
    smile = FOUND.sliders["smile"]
    found = expressions.between(placed(FACE), placed(FACE + smile, Pose(0, 0, 12), 4.0))
    assert np.linalg.norm(found - smile, axis=1).mean() < 0.4 * np.linalg.norm(smile, axis=1).mean()
    assert expressions.between(placed(FACE), placed(FACE)) == pytest.approx(np.zeros_like(FACE), abs=1e-9)


def test_to_neutral_leaves_a_neutral_face_alone() -> None:
    assert np.abs(expressions.to_neutral(placed(FOUND.neutral))).max() < 0.15
    laughing = FOUND.neutral + FOUND.sliders["smile"]
    back = expressions.moved(placed(laughing), expressions.to_neutral(placed(laughing)))
    assert length(back, 13, 14, 1) < 0.6 * length(placed(laughing), 13, 14, 1)


def test_nothing_combined_is_nothing() -> None:
    assert (expressions.combined({}) == 0).all()
    assert expressions.moved(placed(FACE), expressions.combined({"smile": 0.0})) == pytest.approx(placed(FACE))
