"""Sleeves: splits, arms with their masks, and bodies, from a small set that is written for the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import DataError
from imgedit.vision import arms
from imgedit.vision.body import POINTS, Body
from training.data import grounds, sleeves
from training.methods.sleeve_classifier import CLOTHES

N = 40
PLACES = {
    "nose": (112, 60),
    **{f"left_{part}": (150 + 5 * i, 100 + 55 * i) for i, part in enumerate(("shoulder", "elbow", "wrist"))},
    **{f"right_{part}": (74 - 5 * i, 100 + 55 * i) for i, part in enumerate(("shoulder", "elbow", "wrist"))},
}


def person(seen: float = 1.0) -> Body:
    points = np.array([PLACES.get(name, (112, 200)) for name in POINTS], np.float64)
    return Body(points, np.full(len(POINTS), seen), 0.9, np.ones((256, 256), np.float32), np.eye(2, 3))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of a red person before white; in one of them nobody is seen, in another one no arms."""
    (tmp_path / "images").mkdir()
    lines = ["file_name,sleeve,article"]
    for i in range(N):
        rgb = np.full((224, 224, 3), 255, np.uint8)
        rgb[40:, 60:170] = (180, 40, 30)
        Image.fromarray(rgb).save(tmp_path / "images" / f"{i:03}.png")
        lines.append(f"images/{i:03}.png,{('long', 'short', 'long', 'sleeveless')[i % 4]},{('Tops', 'Shirts')[i % 2]}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))

    def found(paths: list[Path], read: object) -> list[Body | None]:
        return [None if path.stem == "000" else person(0.1 if path.stem == "001" else 1.0) for path in paths]

    monkeypatch.setattr(sleeves, "bodies", found)
    return tmp_path


def test_splits_share_no_picture_and_leave_sleeveless_ones_out(folder: Path) -> None:
    names = {split: [row.name for row in sleeves.listed(folder, split)] for split in ("train", "valid", "test")}
    together = [name for split in names.values() for name in split]
    assert len(together) == len(set(together)) == 3 * N // 4
    assert names["test"] == [f"images/{i:03}.png" for i in (36, 37, 38)]
    assert len(names["train"]) > len(names["valid"]) > 0
    with pytest.raises(DataError, match="no split"):
        sleeves.listed(folder, "other")
    with pytest.raises(DataError, match=r"metadata\.csv"):
        sleeves.listed(folder / "images", "test")


def test_arms_come_with_lines_tube_tones_and_person(folder: Path) -> None:
    found = sleeves.load(folder, "test", size=160, arm_masks=True)
    assert isinstance(found, sleeves.Arms)
    assert len(found) == 6  # both arms of three
    batch = found.batch(np.arange(6), np.random.default_rng(0))
    assert batch.image.shape == batch.require_partner().shape == (6, 3, 160, 80)
    assert batch.require_labels().flatten().tolist() == [0, 0, 1, 1, 0, 0]
    masks = batch.require_mask()
    assert masks.shape == (6, len(sleeves.MASKS), 160, 80)
    assert 0 <= float(masks.min()) <= float(masks.max()) <= 1
    skin, cloth = masks[0, 3:6, 0, 0], masks[0, 6:9, 0, 0]
    for tone in (skin, cloth):
        np.testing.assert_allclose(tone, np.array([180, 40, 30]) / 255, atol=0.1)
    again = found.batch(np.arange(6), np.random.default_rng(1))
    assert bool((again.image == batch.image).all())


def test_training_arms_stand_before_other_grounds_that_are_known(folder: Path) -> None:
    found = sleeves.load(folder, "train", size=160, arm_masks=True)
    assert isinstance(found, sleeves.Arms)
    assert found.weights is not None
    assert found.weights.sum() == pytest.approx(len(found))
    found.person[:] = 0  # nothing but ground
    found.images[:] = 255
    batch = found.batch(np.arange(8), np.random.default_rng(0))
    assert float((batch.image - batch.require_partner()).abs().max()) < 1e-5
    assert len({round(float(ground.mean()), 4) for ground in batch.require_partner()}) == 8


def test_both_lengths_are_drawn_equally_often() -> None:
    weights = sleeves.equal_weights(np.array([1.0, 0.0, 0.0, 0.0]))
    assert weights[0] == pytest.approx(weights[1:].sum())


def test_bodies_are_squares_from_the_shoulders_to_the_hands(folder: Path) -> None:
    found = sleeves.load(folder, "test", size=64)
    assert isinstance(found, sleeves.Bodies)
    batch = found.batch(np.arange(3), np.random.default_rng(0))
    assert batch.image.shape == (3, 3, 64, 64)
    assert batch.require_labels().flatten().tolist() == [0, 1, 0]
    corners = np.array([PLACES["right_shoulder"], PLACES["left_wrist"]], np.float64)
    placed = arms.apply(person().matrix("torso", 64, 64), corners)
    assert placed.min() > 3
    assert placed.max() < 60


def test_bodies_of_another_shape_have_labels_of_garments(folder: Path) -> None:
    found = sleeves.load(folder, "test", size=32, height=64, attributes=("shirt", "short", "top"))
    batch = found.batch(np.arange(3), np.random.default_rng(0))
    assert batch.image.shape == (3, 3, 64, 32)
    assert batch.require_labels().tolist() == [[0, 0, 1], [1, 1, 0], [0, 0, 1]]
    assert CLOTHES == sleeves.CLOTHES
    with pytest.raises(DataError, match=r"'hat'.*known: short, tshirt"):
        sleeves.load(folder, "test", attributes=("hat",))


def test_without_jitter_bodies_are_only_mirrored(folder: Path) -> None:
    found = sleeves.load(folder, "train", size=32, jitter=False)
    plain = sleeves.load(folder, "train", size=32)
    plain.augment = False  # type: ignore[union-attr]
    index = np.arange(len(found))
    shown, stored = (one.batch(index, np.random.default_rng(0)).image for one in (found, plain))
    as_they_are, mirrored = ((shown - x).abs().amax((1, 2, 3)) for x in (stored, stored.flip(3)))
    assert float(as_they_are.minimum(mirrored).max()) == 0
    assert (as_they_are > 0).any()


def test_a_folder_without_seen_arms_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sleeves, "bodies", lambda paths, read: [None for _ in paths])
    with pytest.raises(DataError, match="no test pictures of people"):
        sleeves.load(folder, "test", arm_masks=True)


def test_grounds_are_within_range_and_some_are_plain() -> None:
    drawn = grounds.grounds(40, (24, 12), np.random.default_rng(0), plain=0.5)
    assert drawn.shape == (40, 3, 24, 12)
    assert np.abs(drawn).max() <= 1.0
    plain = drawn.std((2, 3)).max(1) < 1e-5
    assert 8 < plain.sum() < 32
