"""Expressions measured on made-up meshes whose components are known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imgedit.vision import expressions, mesh
from training.measure import expressions as measured

DATA = Path(os.environ.get("IMGEDIT_DATA", "/nonexistent"))
FOUND = expressions.expressions()


def made_up(n_people: int = 40, n_each: int = 8) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces of people that differ by width, and smile and open their mouths at random."""
    rng = np.random.default_rng(0)
    points, people, labels = [], [], []
    for person in range(n_people):
        width = 1.0 + 0.05 * rng.normal()
        for _ in range(n_each):
            smiles, opens = rng.random(2) < 0.5
            shape = FOUND.neutral * [width, 1.0, 1.0] + 0.05 * rng.normal(size=(mesh.N_POINTS, 3))
            shape = shape + (0.5 * smiles + 0.05 * rng.normal()) * FOUND.sliders["smile"]
            shape = shape + (0.4 * opens + 0.05 * rng.normal()) * FOUND.sliders["open"]
            points.append(40.0 * shape + [300.0, 200.0, 0.0])
            people.append(person)
            labels.append((smiles, opens))
    return np.array(points), np.array(people), np.array(labels, bool)


def test_what_smiles_and_open_mouths_move_is_found_again() -> None:
    found = measured.measure(*made_up())
    smile = found["sliders"][0]
    factors = list(measured.SMILE.values())
    wanted = factors[0] * 0.5 * FOUND.sliders["smile"] + factors[1] * 0.4 * FOUND.sliders["open"]
    assert np.linalg.norm(smile - wanted, axis=1).mean() < 0.2 * np.linalg.norm(wanted, axis=1).mean()
    assert found["explained"][:2].sum() > 0.5
    flat = found["components"].reshape(measured.N_COMPONENTS, -1)
    assert flat @ flat.T == pytest.approx(np.eye(len(flat)), abs=1e-9)
    assert found["transfer"][0, 0] > 0.8  # smiles lie within persons


def test_sliders_and_neutral_face_are_symmetric() -> None:
    found = measured.measure(*made_up(12, 5))
    mirror = mesh.template().mirror
    for one in (found["neutral"], found["sliders"][0]):
        assert one[mirror] * [-1.0, 1.0, 1.0] == pytest.approx(one, abs=1e-6)


def test_the_graph_gives_the_constants_back() -> None:
    from imgedit.models.runtime import Session

    found = Session(measured.graph({"neutral": FOUND.neutral}).SerializeToString(), device="cpu").run({})
    assert found["neutral"] == pytest.approx(FOUND.neutral, abs=5e-3)


def test_a_folder_without_celeba_is_an_error_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measured.main([str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err
