"""No picture is in two splits of a data set: what is chosen or measured was not trained on."""

from __future__ import annotations

import importlib
import itertools
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.data import gaussians, mnist

DATA = Path(os.environ.get("IMGEDIT_DATA", "/nonexistent"))


def write_idx(path: Path, content: np.ndarray) -> None:
    path.write_bytes(struct.pack(f">HBB{content.ndim}I", 0, 8, content.ndim, *content.shape) + content.tobytes())


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST's files with 40 and 10 pictures, each of a grey level of its own."""
    monkeypatch.setattr(mnist, "N_VALID", 6)
    for stem, levels in (("train", np.arange(40)), ("t10k", np.arange(100, 110))):
        images = levels[:, None, None] * np.ones((1, 28, 28))
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte", images.astype(np.uint8))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte", (levels % 10).astype(np.uint8))
    return tmp_path


def test_mnist_parts_its_training_file_and_keeps_the_other_for_the_test(digits: Path) -> None:
    levels = {split: mnist.load(digits, split).images[:, 0, 0, 0].tolist() for split in ("train", "valid", "test")}
    assert levels == {"train": list(range(34)), "valid": list(range(34, 40)), "test": list(range(100, 110))}


def test_points_of_two_splits_are_drawn_apart() -> None:
    index, rng = np.arange(1000), np.random.default_rng(0)
    parts = [gaussians.load(Path("grid3"), split).batch(index, rng).image for split in ("train", "valid", "test")]
    points = [{point.numpy().tobytes() for point in part} for part in parts]
    for a, b in itertools.combinations(points, 2):
        assert len(a) == 1000
        assert not a & b


@pytest.mark.parametrize(
    ("name", "folder", "splits", "options"),
    [
        ("mnist", "mnist", ("train", "valid", "test"), {}),
        ("ar", "ar", ("train", "test"), {"specified": "expression", "size": 32}),
        ("ckplus", "ckplus48", ("train", "test"), {"specified": "expression", "size": 32}),
        ("fei", "fei", ("train", "test"), {"specified": "pose", "size": 28}),
        ("lpc", "lpc_sprites", ("train", "test"), {"specified": "identity", "size": 28}),
        ("umist", "umist", ("train", "test"), {"specified": "pose", "size": 32}),
        ("utkface", "utkface", ("train", "test"), {"specified": "sex", "size": 32}),
    ],
)
def test_no_picture_of_a_real_set_is_in_two_splits(
    name: str, folder: str, splits: tuple[str, ...], options: dict[str, Any]
) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"needs IMGEDIT_DATA with {folder}")
    load = importlib.import_module(f"training.data.{name}").load
    pictures = {split: load(DATA / folder, split, **options).images for split in splits}
    seen = {split: {image.tobytes() for image in images} for split, images in pictures.items()}
    for a, b in itertools.combinations(splits, 2):
        assert len(seen[a] & seen[b]) == 0
