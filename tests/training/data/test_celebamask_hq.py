"""CelebAMask-HQ: classes, split and the warp that keeps picture and mask together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import DataError
from training.data import celebamask_hq
from training.data.celebamask_hq import CLASSES
from training.methods.face_parser import Config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(10):
        mask = np.zeros((256, 256), np.uint8)
        mask[40 : 100 + i, 60:200] = 13
        image = np.where(mask[..., None] == 13, 255, 0).repeat(3, -1).astype(np.uint8)
        Image.fromarray(image).save(tmp_path / "images" / f"{i:05d}.jpg", quality=95)
        Image.fromarray(mask).save(tmp_path / "masks" / f"{i:05d}.png")
    return tmp_path


def test_last_tenth_is_the_test_split(folder: Path) -> None:
    assert len(celebamask_hq.load(folder, "train")) == 9
    assert len(celebamask_hq.load(folder, "test")) == 1


def test_unaugmented_mask_lies_on_the_picture(folder: Path) -> None:
    batch = celebamask_hq.load(folder, "test", size=64).batch(np.array([0]), np.random.default_rng(0))
    assert batch.mask is not None
    hair = batch.mask[0] == CLASSES.index("hair")
    bright = batch.image[0, 0] > 0
    assert (hair & bright).sum() / (hair | bright).sum() > 0.95


def test_augmented_mask_follows_the_picture(folder: Path) -> None:
    data = celebamask_hq.load(folder, "train", size=64)
    batch = data.batch(np.arange(9), np.random.default_rng(3))
    assert batch.mask is not None
    for image, mask in zip(batch.image, batch.mask, strict=True):
        hair = mask == CLASSES.index("hair")
        inside, outside = image.mean(0)[hair].mean(), image.mean(0)[~hair].mean()
        assert inside - outside > 0.2


def test_grounds_are_shown_in_other_light(folder: Path) -> None:
    lightest = {}
    for relit in (0.0, 1.0):
        data = celebamask_hq.load(folder, "train", size=64, relit=relit)
        batch = data.batch(np.tile(np.arange(9), 3), np.random.default_rng(3))
        mask = batch.require_mask()
        ground = [float(i.mean(0)[m == 0].median()) for i, m in zip(batch.image, mask, strict=True)]
        lightest[relit] = sorted(ground)[-6:]
    assert max(lightest[0.0]) < 0.0  # the ground is black
    assert min(lightest[1.0]) > 0.0
    assert len(celebamask_hq.load(folder, "test", relit=1.0)) == 1


def test_a_share_of_grounds_beyond_all_of_them_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"relit must be from 0 to 1, got 1\.5"):
        Config(relit=1.5)


def test_missing_mask_and_empty_folder_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "masks" / "00003.png").unlink()
    with pytest.raises(DataError, match=r"00003\.png is missing"):
        celebamask_hq.load(folder, "train")
    with pytest.raises(DataError, match="no pictures"):
        celebamask_hq.load(tmp_path / "empty", "train")


def test_people_stand_before_other_grounds_and_keep_their_masks(folder: Path) -> None:
    index = np.tile(np.arange(9), 4)
    plain, composed = (
        celebamask_hq.load(folder, "train", size=64, composed=share).batch(index, np.random.default_rng(3))
        for share in (0.0, 1.0)
    )
    light = []
    for batch in (plain, composed):
        mask = batch.require_mask()
        assert (mask == CLASSES.index("hair")).any()
        ground = [float(i.mean(0)[m == 0].median()) for i, m in zip(batch.image, mask, strict=True)]
        light.append(sum(value > -0.3 for value in ground))
    assert light[0] == 0  # the set's own grounds here are black
    assert light[1] >= 4


def test_pictures_that_are_not_augmented_keep_their_ground(folder: Path) -> None:
    plain, composed = (
        celebamask_hq.load(folder, "test", size=64, composed=share).batch(np.array([0]), np.random.default_rng(0))
        for share in (0.0, 1.0)
    )
    assert (plain.image == composed.image).all()
