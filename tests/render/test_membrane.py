"""The membrane: closed forms of Laplace's equation."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.render.membrane import membrane


def test_known_values_are_kept_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    values, known = rng.normal(size=(40, 50, 2)).astype(np.float32), rng.uniform(size=(40, 50)) < 0.2
    assert (membrane(values, known)[known] == values[known]).all()


def test_a_strip_between_two_held_columns_is_a_straight_line() -> None:
    values, known = np.zeros((60, 65, 1), np.float32), np.zeros((60, 65), bool)
    known[:, [0, -1]] = True
    values[:, -1] = 64.0
    assert membrane(values, known)[..., 0] == pytest.approx(np.tile(np.arange(65.0), (60, 1)), abs=2.5)


def test_one_held_value_spreads_everywhere() -> None:
    values, known = np.zeros((48, 48, 1), np.float32), np.zeros((48, 48), bool)
    values[20, 20], known[20, 20] = 3.0, True
    assert membrane(values, known)[20, 20, 0] == 3.0
    assert membrane(np.full_like(values, 3.0), np.ones_like(known)) == pytest.approx(3.0)


def test_damping_pulls_to_nothing_over_its_length() -> None:
    values, known = np.zeros((40, 200, 1), np.float32), np.zeros((40, 200), bool)
    values[:, 0], known[:, 0] = 1.0, True
    damped = membrane(values, known, np.full((40, 200), 1 / 10.0**2, np.float32))[20, :, 0]
    assert damped[[10, 20, 40]] == pytest.approx(np.exp([-1.0, -2.0, -4.0]), abs=0.07)


def test_nothing_known_is_nothing_everywhere() -> None:
    assert not membrane(np.ones((30, 30, 2), np.float32), np.zeros((30, 30), bool)).any()
