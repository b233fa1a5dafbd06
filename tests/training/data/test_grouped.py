"""Pictures in classes and their partners."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.errors import DataError
from training.data.grouped import Grouped

LABELS = np.array([1, 0, 1, 2, 0, 1])


def made(**options: bool) -> Grouped:
    """Six pictures: red is the number of the picture, green the column."""
    images = np.zeros((6, 2, 2, 3), np.uint8)
    images[..., 0] = np.arange(6)[:, None, None]
    images[..., 1] = np.arange(2)
    return Grouped(images, LABELS, "abc", **options)


def numbers(images: object) -> list[int]:
    return [round((float(x) + 1) * 127.5) for x in images[:, 0, 0, 0]]  # type: ignore[index]


def test_a_partner_is_another_picture_of_the_class_and_every_other_one_comes_up() -> None:
    data, rng = made(pairs=True), np.random.default_rng(0)
    drawn: dict[int, set[int]] = {i: set() for i in range(6)}
    for _ in range(50):
        for i, partner in enumerate(numbers(data.batch(np.arange(6), rng).require_partner())):
            drawn[i].add(partner)
    assert drawn == {0: {2, 5}, 1: {4}, 2: {0, 5}, 3: {3}, 4: {1}, 5: {0, 2}}


def test_without_pairs_there_is_no_partner() -> None:
    with pytest.raises(DataError, match="pairs"):
        made().batch(np.arange(6), np.random.default_rng(0)).require_partner()


def test_a_subset_keeps_classes_and_draws_partners_inside_itself() -> None:
    part = made(pairs=True).subset(np.array([0, 2, 3]))
    assert part.classes == ("a", "b", "c")
    batch = part.batch(np.arange(3), np.random.default_rng(0))
    assert numbers(batch.require_partner()) == [2, 0, 3]
    assert batch.require_specified().tolist() == [1, 1, 2]


def test_no_pictures_is_an_error() -> None:
    with pytest.raises(DataError, match="no pictures"):
        Grouped(np.zeros((0, 2, 2, 3), np.uint8), np.zeros(0, np.int64), "a")
