"""Older skin: what the regression finds again, where skin may change, and lines where they are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.models import library
from imgedit.models.runtime import Session
from imgedit.models.sessions import Sessions
from imgedit.render.skin import BANDS, texture_matrix
from imgedit.vision import geometry, mesh
from training.measure import age


def at(point: int, shape: tuple[int, int] = age.SHAPE) -> tuple[int, int]:
    x, y = geometry.apply(texture_matrix(shape, age.SCALE), mesh.template().points[point, :2])
    return round(float(y)), round(float(x))


def test_what_a_label_adds_is_found_beside_what_goes_with_it() -> None:
    rng = np.random.default_rng(0)
    young = rng.random(400) < 0.7
    male = rng.random(400) < np.where(young, 0.2, 0.8)  # goes with age, and has a picture of its own
    of_young, of_male = rng.normal(size=(2, 5, 6))
    pictures = [y * of_young + m * of_male + 0.01 * rng.normal(size=(5, 6)) for y, m in zip(young, male, strict=True)]
    terms = np.column_stack([np.ones(400), young, male]).astype(float)
    assert age.coefficient(iter(pictures), terms) == pytest.approx(of_young, abs=0.01)


def test_the_shading_is_symmetric_and_without_broad_light() -> None:
    shape = (110, 98)
    y, x = np.mgrid[0:110, 0:98].astype(float)
    fine = 0.1 * np.exp(-((x - 30) ** 2 + (y - 60) ** 2) / 8.0)
    found = age.shading(fine + 0.3 + 0.002 * y)
    assert found.shape == age.SHAPE
    assert found[:, ::-1] == pytest.approx(found, abs=2e-3)
    assert shape[0] * age.SCALE / 6.0 == pytest.approx(age.SHAPE[0], rel=0.01)
    inner = found[80:280, 90:240]
    assert abs(float(inner.mean())) < 0.02
    assert found.min() < -0.02  # the spot, on both sides


def test_eyes_brows_and_lips_keep_their_skin_and_cheeks_do_not() -> None:
    weight = age.weight()
    for point in (159, 386, 105, 334, 13, 17, 2):
        assert weight[at(point)] < 0.3, point
    for point in (50, 280, 151, 205, 425):
        assert weight[at(point)] > 0.9, point
    assert weight[0].max() == 0.0


def test_lines_are_dark_valleys_with_brighter_shoulders() -> None:
    lines = age.lines()
    matrix = texture_matrix(age.SHAPE, age.SCALE)
    for line in age.LINES:
        x, y = np.rint(geometry.apply(matrix, np.array(line.points[len(line.points) // 2]))).astype(int)
        assert lines[y, x] < -0.2 * line.depth
    assert lines.max() > 0.03
    assert abs(lines[at(50)]) < 0.02  # the cheek has none


def test_the_graph_gives_maps_and_factors_back() -> None:
    lines = age.lines()
    found = Session(age.graph({"lines": lines}, {"older": age.OLDER}).SerializeToString(), "cpu").run({})
    assert found["lines"] == pytest.approx(lines, abs=np.abs(lines).max() / 200)
    assert found["older"] == pytest.approx(age.OLDER)
    assert found["grey"] == pytest.approx([age.GREY])


def test_the_bundled_maps_are_those_of_the_script() -> None:
    model = library.bundled(age.ID)
    found = Sessions("cpu").open(model, "age").run({})
    assert found["older"].shape == found["younger"].shape == (len(BANDS) + 1,)
    assert found["lines"] == pytest.approx(age.lines(), abs=0.01)
    assert found["weight"] == pytest.approx(age.weight(), abs=0.01)
    assert found["grey"] == pytest.approx([age.GREY])
    assert model.manifest.words == age.words()


def test_a_folder_without_celeba_is_an_error_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert age.main([str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err
