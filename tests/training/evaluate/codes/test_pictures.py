"""Which pictures of a set stand in grids."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.grouped import Grouped
from training.evaluate.codes.pictures import of_each_class


@pytest.mark.parametrize(
    ("n", "counts"),
    [(2, None), (3, [1, 1, 1]), (7, [3, 2, 2]), (20, [5, 3, 5])],  # the second class has only three
)
def test_grids_show_one_picture_of_each_class_and_more_where_there_are_fewer(n: int, counts: list[int] | None) -> None:
    classes = np.array([0] * 5 + [1] * 3 + [2] * 5)
    images = (np.arange(13) + 20 * classes).astype(np.uint8).reshape(-1, 1, 1, 1)
    found = of_each_class(Grouped(images, classes, ["a", "b", "c"]), n, 0)[:, 0, 0, 0]
    assert len(set(found)) == len(found)  # no picture twice
    shown = found // 20
    assert list(shown) == sorted(shown)
    if counts is None:
        assert len(set(shown)) == n
    else:
        assert list(np.bincount(shown, minlength=3)) == counts
