"""The mustache: symmetric, off the lips, and written again as they are bundled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.models import library, manifest
from imgedit.render.skin import texture_matrix
from imgedit.vision import geometry, mesh
from training.measure import face_hair


def test_hair_grows_on_both_sides_alike_and_not_on_lips() -> None:
    density = face_hair.density(face_hair.CUTS[0])
    assert density == pytest.approx(density[:, ::-1], abs=0.25)  # lips of the mean face are not quite
    place = geometry.apply(texture_matrix(face_hair.SHAPE, face_hair.SCALE), mesh.template().points[:, :2])

    def at(point: int) -> float:
        x, y = np.rint(place[point]).astype(int)
        return float(density[y, x])

    assert max(at(point) for point in (13, 14, 17, 1, 159, 199)) < 0.2
    assert at(164) > 0.7  # the upper lip's skin


def test_beards_grow_on_chin_and_jaw_and_a_goatee_not_on_the_jaw() -> None:
    place = geometry.apply(texture_matrix(face_hair.SHAPE, face_hair.SCALE), mesh.template().points[:, :2])

    def at(cut: int, point: int) -> float:
        x, y = np.rint(place[point]).astype(int)
        return float(face_hair.density(face_hair.CUTS[cut])[y, x])

    chin, jaw, cheek, lip = 199, 397, 280, 17
    mustache, beard, goatee, stubble = ([at(cut, point) for point in (chin, jaw, cheek, lip)] for cut in range(4))
    assert mustache == pytest.approx([0.0, 0.0, 0.0, 0.0], abs=0.05)
    assert goatee == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=0.35)
    for grown in (beard, stubble):
        assert min(grown[:2]) > 0.6
        assert max(grown[2:]) < 0.4


def test_hair_grows_down_and_outwards_above_the_lip() -> None:
    right, down = face_hair.direction()
    assert np.hypot(right, down) == pytest.approx(1.0, abs=1e-6)
    assert (down > 0).all()
    x, y = np.rint(
        geometry.apply(texture_matrix(face_hair.SHAPE, face_hair.SCALE), np.array([[1.5, 3.0], [-1.5, 3.0]]))
    ).T.astype(int)
    assert right[y[0], x[0]] > 0.4
    assert right[y[1], x[1]] < -0.4


def test_the_bundled_model_is_what_the_script_writes(tmp_path: Path) -> None:
    assert face_hair.main(["-o", str(tmp_path)]) == 0
    written = manifest.verify(tmp_path)
    bundled = library.bundled(face_hair.ID).manifest
    assert (written.graphs, written.words) == (bundled.graphs, bundled.words)
