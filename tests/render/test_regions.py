from __future__ import annotations

import numpy as np
import pytest

from imgedit.render import regions

EYE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def test_window_weight_is_one_inside_and_zero_at_the_border():
    weight = regions.window_weight(EYE, (100, 100), (-10, -10, 110, 110))
    assert (weight[25:95, 25:95] == 1).all()
    assert (weight[:10] == 0).all()
    assert (weight[:, -10:] == 0).all()
    assert np.abs(np.diff(weight, axis=0)).max() < 0.2


def test_shares_of_neighbours_add_up_to_one_and_the_nearer_face_owns_most():
    other = np.array([[1.0, 0.0, -70.0], [0.0, 1.0, 0.0]])
    area = (0, 0, 180, 100)
    one, two = (regions.ownership([EYE, other], i, (100, 100), area) for i in (0, 1))
    np.testing.assert_allclose(one + two, 1.0, atol=1e-5)
    assert one[50, 20] > 0.99
    assert two[50, 150] > 0.99
    assert one[50, 85] == pytest.approx(0.5, abs=0.05)
