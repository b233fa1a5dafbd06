"""Mouths and their masks, from two small sets that are written for the test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import DataError
from imgedit.vision import expressions, mesh
from imgedit.vision import mouths as mouth
from training.data import meshes, mouths

CLOSED = expressions.expressions().neutral
OPEN = expressions.moved(CLOSED, expressions.combined({"open": 0.8}))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten grey pictures of CelebA-HQ, of which every other one's mesh has an open mouth."""
    images = tmp_path / "celebamask_hq" / "images"
    images.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(10):
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(images / f"{i:05}.jpg")

    def found(paths: list[Path], frame: object) -> np.ndarray:
        shapes = [OPEN if int(path.stem) % 2 else CLOSED for path in paths]
        return np.array([3.0 * shape + [32.0, 30.0, 0.0] for shape in shapes], np.float32)

    monkeypatch.setattr(meshes, "meshes", found)
    return tmp_path


def test_closed_mouths_are_opened_and_all_have_masks(folder: Path) -> None:
    found = mouths.load(folder, "train", size=32)
    assert len(found) == 9
    assert found.weights is not None
    assert sorted(set(found.weights)) == [0.25, 1.0]
    assert len(found.opened) == 3 * 5
    assert mouths.are_open(found.opened_points).all()
    batch = found.batch(np.array([0, 1, 2, 3]), np.random.default_rng(0))
    assert batch.image.shape == batch.require_partner().shape == (4, 3, 32, 32)
    masks = batch.require_mask()
    assert masks.shape == (4, 6, 32, 32)
    assert 0 <= float(masks.min()) <= float(masks.max()) <= 1
    own, wanted = masks[:, :3], masks[:, 3:]
    for outer, inner, hole in (*own, *wanted):
        assert bool((hole >= inner - 1e-6).all())
        assert float(outer.sum()) > float(inner.sum())
    assert float(wanted[:, 1].sum()) > float(own[[0, 2], 1].sum())  # opened, and closed


def test_without_augmentation_a_picture_is_always_the_same(folder: Path) -> None:
    found = mouths.load(folder, "train", size=32)
    found.augment = False
    first, again = (found.batch(np.array([1]), np.random.default_rng(seed)) for seed in (0, 1))
    assert bool((first.image == again.image).all())
    assert bool((first.require_mask() == again.require_mask()).all())


def test_the_mesh_is_taken_into_the_crop(folder: Path) -> None:
    found = mouths.load(folder, "train", size=32)
    middle = found.points[:, [13, 14], :2].mean(1)
    assert middle == pytest.approx(np.full_like(middle, 15.5), abs=4)
    assert mouth.opening(found.points[1].astype(float)) == pytest.approx(mouth.opening(OPEN), abs=0.02)
    assert found.points.shape[1] == mesh.N_POINTS


def test_a_folder_without_either_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected celeba or celebamask_hq"):
        mouths.load(tmp_path, "train")


def test_hq_pictures_lie_around_the_middle_of_the_head_window() -> None:
    from imgedit.vision import geometry

    matrix = meshes.frame_of_hq((256, 256))
    assert geometry.crop_scale(matrix) == pytest.approx(153 / 256)
    x0, y0, side = geometry.HEAD
    middle = geometry.apply(matrix, np.array([127.5, 127.5]))
    assert middle == pytest.approx([x0 + (side - 1) / 2, y0 + (side - 1) / 2])
