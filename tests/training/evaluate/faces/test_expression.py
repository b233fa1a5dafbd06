"""The evaluation of expressions: what a mouth's distance is, how figures are laid out, and what data it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError, DataError
from imgedit.vision import expressions, mesh
from imgedit.vision.mesh import Pose
from training.evaluate import layout, report
from training.evaluate.faces import expression

FACE = mesh.template().points


def result() -> dict[str, object]:
    smile = {
        "accuracy": 0.815,
        "kept": 0.965,
        "kept_apart_from_the_smile": 0.972,
        "same_person": 0.995,
        "identity_distance": 0.25,
        "changed": 0.0625,
    }
    keys = ("mouth_before", "yaw_before", "cosine_a", "cosine_a_least", "cosine_b", "changed", "same_person")
    swap = {**dict.fromkeys(keys, 0.5), "mouth_after": 0.21, "yaw_after": 3.4, "nearer_to_b": 0.0, "failures": 3}
    return {
        "model": "m",
        "kind": "expression",
        "data": "celeba, celebamask_hq",
        "split": "test",
        "seed": 0,
        "metrics": {
            "smile": {**smile, "n": 7, "strength": 1.5, "judge": "j"},
            "swap": {**swap, "n": 9, "processor_seconds_1080p": 0.31},
        },
    }


def test_every_figure_is_said() -> None:
    text = layout.plain(report.blocks(result()), 100)
    assert "7 test faces of celeba without a smile, given one of strength 1.5; judge j" in text
    assert "9 pairs a, b of test pictures" in text
    for figure in ("81.5", "96.5", "97.2", "99.5", "0.250", "6.2", "0.210", "0.42", "3.4", "0.31"):
        assert figure in text.split()


def test_what_comes_with_a_smile_is_told_apart() -> None:
    names = ("Smiling", "Male", "Mouth_Slightly_Open", "High_Cheekbones", "Young")
    before = np.array([[0.1, 0.9, 0.2, 0.3, 0.8], [0.1, 0.2, 0.2, 0.3, 0.8]])
    after = np.array([[0.9, 0.8, 0.9, 0.6, 0.7], [0.9, 0.7, 0.9, 0.3, 0.9]])
    found = expression.kept(before, after, names)
    assert found["kept"] == pytest.approx(4 / 8)  # the smile itself does not count
    assert found["kept_apart_from_the_smile"] == pytest.approx(3 / 4)


def test_a_mouths_distance_knows_neither_size_nor_pose() -> None:
    placed = 7.0 * FACE @ mesh.rotation(Pose(20, -10, 30)).T + np.array([100.0, 50.0, 3.0])
    assert expression.mouth_distance(FACE, placed) == pytest.approx(0.0, abs=1e-9)
    laughing = expressions.moved(FACE, expressions.combined({"smile": 1.0}))
    half = expressions.moved(FACE, expressions.combined({"smile": 0.5}))
    whole = expression.mouth_distance(FACE, laughing)
    assert whole > 0.3
    assert expression.mouth_distance(FACE, half) == pytest.approx(whole / 2, rel=0.1)


def test_other_data_or_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="celeba:DIR and celebamask_hq:DIR"):
        expression.evaluate(["mnist:x"])
    with pytest.raises(ConfigError, match="--split"):
        expression.evaluate([f"celeba:{tmp_path}"], split="train")
    with pytest.raises(DataError, match="no pictures"):
        expression.evaluate([f"celebamask_hq:{tmp_path}"])
