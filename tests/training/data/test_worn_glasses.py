"""Eyes with drawn and with real glasses, from small sets that are written for the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import DataError
from imgedit.vision import mesh
from training.data import meshes, worn_glasses
from training.data.spectacles import any_shape, drawn


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty pictures of CelebA-HQ, of which every fifth wears glasses by its mask."""
    place = tmp_path / "celebamask_hq"
    for name in ("images", "masks"):
        (place / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(20):
        skin = np.clip(rng.normal((195.0, 165.0, 150.0), 4.0, (128, 128, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(skin).save(place / "images" / f"{i:05}.jpg")
        mask = np.zeros((128, 128), np.uint8)
        mask[50:60, 40:90] = 3 if i % 5 == 4 else 1
        Image.fromarray(mask).save(place / "masks" / f"{i:05}.png")
    points = mesh.template().points
    points = points * (70.0 / np.ptp(points[:, 1])) + [64.0, 64.0, 0.0]
    monkeypatch.setattr(meshes, "meshes", lambda paths, frame: np.array([points] * len(paths), np.float32))
    return tmp_path


def test_bare_eyes_get_frames_and_the_mask_says_where(folder: Path) -> None:
    found = worn_glasses.load(folder, "train", size=32)
    assert len(found) == 15 * worn_glasses.EACH  # 18 pictures of the training split, three of them with glasses
    assert len(found.real) == 3
    batch = found.batch(np.arange(12), np.random.default_rng(0))
    assert batch.image.shape == (12, 3, 32, 64)
    assert batch.require_partner().shape == (12, 6, 32, 64)
    mask = batch.require_mask()
    assert mask.shape == (12, 2, 32, 64)
    assert 0.0 <= float(mask.min()) <= float(mask.max()) <= 1.0
    assert float(mask.mean()) > 0.02
    assert 0.01 < float(mask[:, 1].mean()) < float(mask[:, 0].mean())  # frames, without shadows and lenses


def test_drawn_glasses_change_only_what_the_mask_says(folder: Path) -> None:
    found = worn_glasses.load(folder, "test", size=32)
    batch = found.batch(np.arange(len(found)), np.random.default_rng(0))
    difference = (batch.require_partner()[:, :3] - batch.image).abs().mean(1, keepdim=True)
    mask, frames = batch.require_mask().chunk(2, 1)
    assert float((difference * (mask == 0)).max()) < 40 / 127.5
    assert float(difference[mask > 0.9].mean()) > 5 * float(difference[mask == 0].mean())
    assert float(mask[frames > 0.4].mean()) > 0.7


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_pictures_are_grey_with_and_without_glasses(
    folder: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(worn_glasses, "_GREY", share)
    monkeypatch.setattr(worn_glasses, "_JPEG", 0.0)
    batch = worn_glasses.load(folder, "train", size=32).batch(np.arange(12), np.random.default_rng(0))
    for picture in (batch.image, batch.require_partner()[:, :3]):
        assert bool((picture.amax(1) == picture.amin(1)).all()) == (share == 1.0)


def test_a_jpeg_s_faults_are_small_and_grow(folder: Path) -> None:
    image = worn_glasses.load(folder, "test", size=32).batch(np.array([0]), np.random.default_rng(0)).image[0]
    off = [float((worn_glasses._as_jpeg(image, quality) - image).abs().mean()) for quality in (90, 25)]
    assert 0.0 < off[0] < off[1] < 0.1


def test_without_augmentation_a_picture_is_always_the_same(folder: Path) -> None:
    found = worn_glasses.load(folder, "test", size=32)
    first, again = (found.batch(np.array([0]), np.random.default_rng(seed)) for seed in (0, 1))
    assert bool((first.image == again.image).all())
    assert bool((first.require_partner() == again.require_partner()).all())


def test_a_set_without_glasses_is_refused(folder: Path) -> None:
    for path in (folder / "celebamask_hq" / "masks").iterdir():
        Image.fromarray(np.ones((128, 128), np.uint8)).save(path)
    with pytest.raises(DataError, match="18 train pictures without and 0 with glasses"):
        worn_glasses.load(folder, "train", size=32)


def test_frames_are_of_many_shapes_and_all_can_be_drawn() -> None:
    rng = np.random.default_rng(3)
    shapes = [any_shape(rng) for _ in range(300)]
    assert {len(shape.bars) for shape in shapes} == {1, 2}
    assert min(shape.rim[0] for shape in shapes) < 0.5
    assert max(shape.rim[0] for shape in shapes) > 5.0
    assert any(shape.rim[1] == 0.0 for shape in shapes)
    for shape in shapes:
        assert all(np.isfinite(value).all() for value in drawn(shape).values())
