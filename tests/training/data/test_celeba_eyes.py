"""Windows of eyes with labels, cut along meshes, from a small CelebA that is written for the test."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from imgedit.errors import DataError
from imgedit.vision import eyes, geometry, mesh
from training.data import celeba_eyes, meshes
from training.data.sources import load_data
from training.methods import local_edits
from training.methods.attribute_classifier import ATTRIBUTES
from training.run import config as configs

N_WITH, N_DARK = 2, 1


@pytest.fixture
def points() -> mesh.Points:
    points = mesh.template().points
    return points * (70.0 / np.ptp(points[:, 1])) + [89.0, 109.0, 0.0]


@pytest.fixture
def folder(tmp_path: Path, points: mesh.Points, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight training pictures: the first two wear glasses, the third dark ones, and of the fourth there is no mesh."""
    place = tmp_path / "img_align_celeba"
    place.mkdir()
    y, x = np.mgrid[0:218, 0:178]
    skin = np.stack([80 + x / 2.0, 80 + y / 2.0, np.full_like(x, 120.0, float)], -1).astype(np.uint8)
    rows, parts = [], []
    for i in range(8):
        image = skin.copy()
        if i == N_WITH:
            image[: int(points[list(eyes._AROUND[0]), 1].max()) + 12] = 10
        Image.fromarray(image).save(place / f"{i:06}.png")
        shown = {"Eyeglasses": i < N_WITH + N_DARK, "Male": i in (1, 7)}
        rows.append(" ".join([f"{i:06}.png", *("1" if shown.get(name) else "-1" for name in ATTRIBUTES)]))
        parts.append(f"{i:06}.png 0")
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(["8", " ".join(ATTRIBUTES), *rows]) + "\n")
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    found = np.array([points] * 8, np.float32)
    found[3] = np.nan
    monkeypatch.setattr(meshes, "meshes", lambda paths, frame: found[: len(paths)])
    return tmp_path


def test_faces_without_a_mesh_and_dark_glasses_are_left_out(folder: Path) -> None:
    data = celeba_eyes.load(folder, "train", size=64, height=32)
    assert data.names == [f"{i:06}.png" for i in (0, 1, 4, 5, 6, 7)]
    assert data.labels[:, 0].tolist() == [1, 1, 0, 0, 0, 0]
    assert data.augment


def test_the_window_is_that_of_the_remover_of_glasses(folder: Path, points: mesh.Points) -> None:
    data = celeba_eyes.load(folder, "train", size=64, height=32)
    to_photo = geometry.invert(eyes.window(points, (32, 64)))
    x, y = geometry.apply(to_photo, np.array([[31.0, 15.0]]))[0]
    np.testing.assert_allclose(data.images[0, 15, 31], [80 + x / 2, 80 + y / 2, 120], atol=1.5)


def test_every_combination_of_groups_is_drawn_equally_often(folder: Path) -> None:
    data = celeba_eyes.load(folder, "train", size=32, height=16, groups=("Eyeglasses", "Male"))
    weights = data.weights / data.weights.sum()
    assert data.labels.shape == (6, 1)
    np.testing.assert_allclose(weights, [1 / 4, 1 / 4, 1 / 12, 1 / 12, 1 / 12, 1 / 4])
    alone = celeba_eyes.load(folder, "train", size=32, height=16).weights
    np.testing.assert_allclose(alone / alone.sum(), [1 / 4, 1 / 4, 1 / 8, 1 / 8, 1 / 8, 1 / 8])


def test_the_preset_for_eyes_learns_on_them(folder: Path) -> None:
    config = configs.resolve("local_edits", "eyes")
    data = load_data(f"celeba_eyes:{folder}", "train", local_edits.Method.data_options(config))
    batch = data.batch(np.arange(3), np.random.default_rng(0))
    assert batch.image.shape == (3, 3, config.height, config.size)
    method = local_edits.Method(dataclasses.replace(config, width=4, d_width=4, d_warmup=0))
    before = method.generator.leave.weight.detach().clone()
    method.step(iter([batch]))
    assert not torch.equal(method.generator.leave.weight, before)
    assert method.graphs()["translate"].inputs["image"].shape == (1, 3, config.height, config.size)
    assert method.manifest_fields()["crop"] == {"kind": "none", "height": config.height, "width": config.size}


def test_what_cannot_be_loaded_is_said(folder: Path) -> None:
    with pytest.raises(DataError, match="unknown CelebA attribute 'Glasses'; known: 5_o_Clock_Shadow, "):
        celeba_eyes.load(folder, "train", attributes=("Glasses",))
    with pytest.raises(DataError, match="no test pictures of eyes"):
        celeba_eyes.load(folder, "test")
