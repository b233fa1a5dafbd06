"""Alignments that are compared: each brings its own landmarks to its own template."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.models import library
from imgedit.vision import geometry
from training.measure import alignment

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


@pytest.fixture(scope="module")
def found() -> alignment.Found:
    seen = alignment.find(Editor([], "cpu"), photos.read(PORTRAIT).rgb)
    assert seen is not None
    return seen


@pytest.mark.parametrize("way", alignment.WAYS)
def test_the_landmarks_come_to_the_template(found: alignment.Found, way: str) -> None:
    template = geometry.FACE_TEMPLATE + np.array([0.5, -1.0])
    wanted = template if way == "mesh, own template" else geometry.FACE_TEMPLATE
    landmarks = found[0].landmarks if way == "detector" else found[1].landmarks
    matrix = alignment.matrix(found, way, "face", 178, template)
    placed = geometry.apply(matrix, landmarks) + geometry.FACE[:2]
    assert placed.mean(0) == pytest.approx(wanted.mean(0), abs=1e-6)
    assert np.abs(placed - wanted).max() < 8.0


def test_a_template_of_its_own_moves_the_crop_by_what_it_differs(found: alignment.Found) -> None:
    same = alignment.matrix(found, "mesh, own template", "face", 178, geometry.FACE_TEMPLATE)
    np.testing.assert_allclose(same, alignment.matrix(found, "mesh", "face", 178, geometry.FACE_TEMPLATE), atol=1e-6)


def test_a_picture_without_a_face_gives_none() -> None:
    assert alignment.find(Editor([], "cpu"), np.full((80, 80, 3), 90, np.uint8)) is None


def test_classes_of_yaw_are_disjoint_and_hold_all() -> None:
    yaws = np.array([0.0, 11.9, 12.0, 30.0, 80.0])
    classes = dict(alignment._classes_of_yaw(yaws))
    assert [int(chosen.sum()) for chosen in classes.values()] == [2, 1, 2, 5]
