"""Pictures in classes and their partners."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imgedit.errors import DataError
from training.data.grouped import Grouped, Views

LABELS = np.array([1, 0, 1, 2, 0, 1])


def made(**options: Any) -> Grouped:
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


POSES = np.array([0, 1, 2, 0, 2, 2])


def test_a_group_is_of_one_person_and_its_poses_are_drawn_evenly() -> None:
    data, rng = made(views=Views(POSES, group=3)), np.random.default_rng(0)
    others: list[int] = []
    for _ in range(200):
        batch = data.batch(np.array([2, 3]), rng)
        assert numbers(batch.image)[::3] == [2, 3]
        assert batch.require_specified().tolist() == [1] * 3 + [2] * 3
        assert batch.require_pose().tolist() == POSES[numbers(batch.image)].tolist()
        others += numbers(batch.image)[1:3]
    # Class 1 has pictures 0 (pose 0), 2 and 5 (both pose 2): half of the others show pose 0.
    assert np.bincount(others, minlength=6)[[0, 2, 5]] / 400 == pytest.approx([0.5, 0.25, 0.25], abs=0.08)


def test_a_mirrored_picture_has_the_mirrored_pose() -> None:
    data, rng = made(views=Views(POSES, mirror=np.array([2, 1, 0]))), np.random.default_rng(0)
    seen = set()
    for _ in range(20):
        batch = data.batch(np.arange(6), rng)
        mirrored = (batch.image[:, 1, 0, 0] > batch.image[:, 1, 0, 1]).numpy()
        assert batch.require_pose().tolist() == np.where(mirrored, 2 - POSES, POSES).tolist()
        seen |= set(mirrored.tolist())
    assert seen == {False, True}


def test_a_moved_picture_repeats_its_border() -> None:
    images = np.arange(75, dtype=np.uint8).reshape(1, 5, 5, 3)
    data = Grouped(images, np.zeros(1, np.int64), "a", views=Views(np.zeros(1, np.int64), jitter=1))
    rng = np.random.default_rng(0)
    padded = np.pad(images[0], ((2, 2), (2, 2), (0, 0)), mode="edge")
    allowed = [
        padded[2 - down : 7 - down, 2 - right : 7 - right].tobytes() for down in (-1, 0, 1) for right in (-1, 0, 1)
    ]
    found = set()
    for _ in range(60):
        image = data.batch(np.zeros(1, np.int64), rng).image[0].permute(1, 2, 0)
        found.add(((image + 1) * 127.5).round().numpy().astype(np.uint8).tobytes())
    assert found == set(allowed)


def test_without_views_there_is_no_pose_and_a_subset_keeps_them() -> None:
    with pytest.raises(DataError, match="poses"):
        made().batch(np.arange(6), np.random.default_rng(0)).require_pose()
    part = made(views=Views(POSES)).subset(np.array([4, 1]))
    assert part.batch(np.arange(2), np.random.default_rng(0)).require_pose().tolist() == [2, 1]
