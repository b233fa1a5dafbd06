"""What a picture from the side shows of a face from the front."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from imgedit.errors import DataError
from imgedit.vision import mesh
from training.data import fronts
from training.data.fronts import Fronts, shown

SIZE = 64


def face() -> np.ndarray:
    """The mean face, upright in the middle of a picture."""
    points = mesh.template().points
    return points * (0.7 * SIZE / np.ptp(points[:, 1])) + [SIZE / 2, SIZE / 2, 0.0]


@pytest.mark.parametrize("yaw", [55.0, 80.0])
def test_the_near_half_is_shown_and_the_far_one_is_not(yaw: float) -> None:
    # A face that looks to the viewer's right shows its half on the viewer's left.
    seen = shown(face(), yaw, SIZE)
    assert seen[8:-8, 2:20].all()
    assert not seen[8:-8, -20:-2].any()


def test_the_other_side_is_the_mirror_image() -> None:
    points = face()
    mirrored = points.copy()
    mirrored[:, 0] = SIZE - 1 - points[:, 0]
    mirrored = mirrored[mesh.template().mirror]
    assert (shown(points, 50.0, SIZE) == shown(mirrored, -50.0, SIZE)[:, ::-1]).mean() > 0.99


def test_further_turns_and_stricter_cuts_show_less() -> None:
    shares = [shown(face(), yaw, SIZE)[10:-10, 12:-12].mean() for yaw in (35.0, 55.0, 75.0)]
    assert shares[0] > shares[1] > shares[2]
    assert shown(face(), 45.0, SIZE, 0.05).mean() > shown(face(), 45.0, SIZE, 0.4).mean()


def test_a_batch_has_masks_and_is_mirrored_with_them() -> None:
    image = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    image[:, :, : SIZE // 2] = 255  # bright on the left
    data = Fronts(image, face()[None].astype(np.float32), augment=True)
    batch = data.batch(np.zeros(40, np.int64), np.random.default_rng(0))
    mask = batch.require_mask()
    assert mask.shape == (40, 1, SIZE, SIZE)
    assert set(torch.unique(mask).tolist()) == {0.0, 1.0}
    bright_left = batch.image[:, 0, 0, 0] > 0
    seen_left = mask[:, 0, SIZE // 2, 4] > 0
    assert {(bool(a), bool(b)) for a, b in zip(bright_left, seen_left, strict=True)} == {
        (a, b) for a in (False, True) for b in (False, True)
    }


def test_holes_hide_a_strip_of_the_near_side_along_the_middle() -> None:
    rng = np.random.default_rng(0)
    widths = np.stack([fronts._hole(SIZE, rng)[:, 0] for _ in range(200)])
    assert widths.min() == 0.0
    assert widths.max() <= fronts.HOLE * SIZE
    assert 0.3 < (widths > 0).mean() < 0.7
    assert np.abs(np.diff(widths, axis=1)).max() < 2.0 * fronts.HOLE * SIZE * 8 / (SIZE - 1) + 1e-9  # no islands


def test_without_augmentation_a_batch_is_always_the_same() -> None:
    data = Fronts(np.zeros((8, 16, 16, 3), np.uint8), np.repeat(face()[None], 8, 0).astype(np.float32) / 4, False)
    first, second = (data.batch(np.arange(8), np.random.default_rng(seed)).require_mask() for seed in (0, 1))
    assert torch.equal(first, second)
    assert len(torch.unique(first.flatten(1), dim=0)) > 4


@pytest.mark.skipif("IMGEDIT_DATA" not in os.environ, reason="needs IMGEDIT_DATA with celeba")
def test_real_faces_look_ahead() -> None:
    data = fronts.load(Path(os.environ["IMGEDIT_DATA"]) / "celeba", "test", size=32, limit=12)
    assert 1 <= len(data) <= 12
    for points in data.points.astype(np.float64):
        assert abs(mesh.pose_of(points).yaw) <= fronts.AHEAD[0] + 0.5


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        fronts.load(tmp_path, "train")
