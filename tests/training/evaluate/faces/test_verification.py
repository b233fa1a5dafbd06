"""Verification of profiles: pairs, thresholds and ranks in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError, DataError
from training.evaluate import layout, report
from training.evaluate.faces import verification
from training.evaluate.faces.verification import accuracy_by_folds, pairs, rank_1

PEOPLE = np.repeat(np.arange(20), 3)


def test_pairs_are_all_of_one_person_and_as_many_of_two() -> None:
    gallery = np.repeat(np.arange(20), 2)
    i, j = pairs(PEOPLE, gallery, seed=0)
    same = PEOPLE[i] == gallery[j]
    assert same.sum() == 20 * 3 * 2
    assert (~same).sum() == same.sum()
    assert len(set(zip(i.tolist(), j.tolist(), strict=True))) == len(i)
    again, other = pairs(PEOPLE, gallery, seed=0)[1], pairs(PEOPLE, gallery, seed=1)[1]
    assert (again == j).all()
    assert not (other == j).all()


def test_a_picture_is_never_paired_with_itself() -> None:
    i, j = pairs(PEOPLE, PEOPLE, seed=0, itself=True)
    assert (i < j).all()
    assert (PEOPLE[i] == PEOPLE[j]).sum() == 20 * 3


def test_the_threshold_of_a_fold_comes_from_the_others() -> None:
    person = np.repeat(np.arange(10), 4)
    same = np.tile([True, True, False, False], 10)
    distance = np.where(same, 0.4, 0.8)
    np.testing.assert_array_equal(accuracy_by_folds(distance, same, person), np.ones(10))
    # Person 9 lives at other distances: right by a threshold of its own, wrong by that of the others.
    distance[36:] = np.where(same[36:], 0.9, 1.4)
    accuracy = accuracy_by_folds(distance, same, person)
    assert accuracy[9] == 0.5
    assert (accuracy[:9] == 1.0).all()


def test_useless_distances_are_right_half_the_time() -> None:
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(50), 40)
    accuracy = accuracy_by_folds(rng.random(2000), rng.random(2000) < 0.5, person)
    assert accuracy.mean() == pytest.approx(0.5, abs=0.04)


def test_rank_1_takes_the_first_picture_of_each_person_as_gallery() -> None:
    gallery = np.array([[0.0, 0.0], [9.0, 9.0], [5.0, 0.0], [0.1, 0.1]])
    of_gallery = np.array([7, 7, 8, 8])
    probes = np.array([[1.0, 0.0], [4.0, 0.0], [9.0, 9.0]])
    assert rank_1(probes, np.array([7, 8, 7]), gallery, of_gallery) == pytest.approx(2 / 3)


def test_every_figure_is_said() -> None:
    row = {"view": "profile", "way": "turned", "pairs": 558, "accuracy": 0.876, "deviation": 0.051, "rank_1": 0.75}
    own = {"view": "frontal", "way": "mesh", "pairs": 90, "accuracy": 0.98, "deviation": 0.01, "rank_1": None}
    metrics = {"people": 60, "profiles": 200, "frontals": 300, "missed_profiles": 4, "missed_frontals": 1}
    rows = [{**row, "seconds": 0.25}, {**own, "seconds": 0.0}]
    result = {
        "model": "m", "kind": "verification", "data": "cfp", "split": "test", "seed": 0, "n": 200,
        "metrics": {**metrics, "found_by_a_further_look": 3, "rows": rows},
    }  # fmt: skip
    other = {"network": "own.cfp", **row, "seconds": 0.25, "accuracy": 0.789}
    result["metrics"]["rows"].append(other)  # type: ignore[index]
    text = layout.markdown(report.blocks(result))
    assert text.index("87.6 ± 5.1") < text.index("own.cfp") < text.index("78.9 ± 5.1")
    for figure in ("87.6 ± 5.1", "75.0", "0.25", "98.0 ± 1.0", "558", "93.41", "94.57", "60 test people"):
        assert figure in text


def test_other_data_and_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cfp:DIR"):
        verification.evaluate("fei:x")
    with pytest.raises(ConfigError, match="test and valid"):
        verification.evaluate(f"cfp:{tmp_path}", split="train")
    with pytest.raises(DataError, match="0 people for test"):
        verification.evaluate(f"cfp:{tmp_path}")
