"""What is measured of sleeves."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError
from imgedit.vision.body import POINTS, Body
from training.evaluate.bodies import sleeves
from training.evaluate.report import blocks

DATA = os.environ.get("IMGEDIT_DATA", "")
JOINTS = {"right": [(40, 40), (40, 70), (40, 100)], "left": [(100, 40), (100, 70), (100, 100)]}


def person() -> Body:
    places: dict[str, tuple[float, float]] = {"left_hip": (90, 110), "right_hip": (50, 110)}
    for side, joints in JOINTS.items():
        places |= dict(zip((f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"), joints, strict=True))
    points = np.array([places.get(name, (70, 20)) for name in POINTS], np.float64)
    return Body(points, np.ones(len(POINTS)), 1.0, np.ones((256, 256), np.float32), np.eye(2, 3))


def test_changes_outside_and_below_the_hips_are_told_apart_from_those_at_the_arms() -> None:
    before = np.full((160, 140, 3), 100, np.uint8)
    inside = np.zeros((160, 140), bool)
    inside[:120] = True
    after = before.copy()
    near = sleeves._near(np.array(JOINTS["right"], float), sleeves.NEAR * 60, (160, 140))
    near |= sleeves._near(np.array(JOINTS["left"], float), sleeves.NEAR * 60, (160, 140))
    after[near] = 140
    assert sleeves.shares(before, after, inside, person()) == (0.0, 0.0)
    after[125:] = 110  # below the hips, and outside
    outside, below = sleeves.shares(before, after, inside, person())
    legs = np.zeros((160, 140), bool)
    legs[111:] = True
    assert outside == pytest.approx(35 / 40)
    assert below == pytest.approx(10 * (35 * 140 / (legs & ~near).sum()) / 40)


def test_pixels_near_an_arm_are_within_a_distance_of_its_line() -> None:
    near = sleeves._near(np.array([[10.0, 10.0], [10.0, 20.0], [20.0, 20.0]]), 3.0, (40, 40))
    assert near[15, 13]
    assert not near[15, 14]
    assert near[20, 23]
    assert not near[25, 10]


@pytest.mark.parametrize(
    ("model", "data", "judge"),
    [
        ("sleeve_painter.sleeve_models", "celeba:DIR", None),
        ("face_mesh.mediapipe", "sleeve_models:DIR", None),
        ("sleeve_judge.sleeve_models", "sleeve_models:DIR", "sleeve_judge.sleeve_models"),
    ],
)
def test_what_cannot_be_measured_is_refused(model: str, data: str, judge: str | None) -> None:
    with pytest.raises(ConfigError):
        sleeves.evaluate(model, data, judge=judge)


@pytest.mark.skipif(not (Path(DATA) / "sleeve_models").is_dir(), reason="needs IMGEDIT_DATA with sleeve_models")
def test_a_few_real_sleeves_are_what_is_wanted_and_nothing_outside_changes() -> None:
    data = f"sleeve_models:{DATA}/sleeve_models"
    result = sleeves.evaluate("sleeve_painter.sleeve_models", data, n=6, device="cpu")
    for way in (result["metrics"]["to_short"], result["metrics"]["to_long"]):
        assert way["wanted"] >= 0.6
        assert way["changed_outside"] == 0.0
        assert way["below_over_arms"] <= 0.25
    assert "6" in str(blocks(result))
    judged = sleeves.evaluate("sleeve_judge.sleeve_models", data, n=10, device="cpu")
    assert judged["metrics"]["accuracy"] >= 0.8
