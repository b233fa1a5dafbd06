"""The tables of unpaired translation: what is measured of a run, and how it is printed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training import train
from training.data.batch import Batch
from training.evaluate import layout
from training.evaluate.tables import comparison, translation, translation_hair, translation_sleeves
from training.method import METHODS
from training.run import loop

DATA = Path(os.environ.get("IMGEDIT_DATA", ""))
TABLES = {
    "translation-hair": (translation_hair.TranslationHair, "celeba"),
    "translation-sleeves": (translation_sleeves.TranslationSleeves, "sleeve_models"),
}


def figures(wanted: float) -> dict[str, Any]:
    keys = ("n", "wanted", "kept", "below", "identity_distance", "psnr", "ssim", "frechet", "frechet_before")
    cost = {"gmac": 0.25, "parameters": 2e6, "ms_torch": 30.0, "ms_onnx": 10.0}
    ways = {way: {**dict.fromkeys(keys, 0.5), "wanted": wanted, "n": 20.0} for way in ("there", "back")}
    return {"metrics": {"ways": ways, "cost": cost}, "minutes": 9.0}


class Noise:
    """Pictures of two domains, of noise."""

    attributes = ("short",)
    weights = None

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def __len__(self) -> int:
        return 8

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        images = torch.from_numpy(rng.uniform(-1, 1, (2, len(index), 3, *self.size)).astype(np.float32))
        mask = torch.ones(len(index), 2, *self.size)
        return Batch(images[0], torch.zeros(len(index), 1), mask, partner=images[1])


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_run_of_a_method_that_there_is(name: str) -> None:
    table, _ = TABLES[name]
    assert comparison.COMPARISONS[name] == table.__module__
    assert list(table.rows) == list(table.runs)
    for training in table.runs.values():
        assert training.method in METHODS
        config = train.resolve(training.method, training.preset, training.settings, None)
        assert config.attributes


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_means_over_seeds_a_row_for_each_way(name: str) -> None:
    table, data = TABLES[name]
    one = table(data, comparison.Options())
    result = one.result({"cyclegan": {0: figures(0.8), 1: figures(0.9)}})
    (row,) = result["rows"]
    assert row["method"] == "CycleGAN"
    assert row["ways"]["there"]["wanted"] == pytest.approx({"mean": 0.85, "spread": 0.0707}, abs=1e-3)
    text = layout.markdown(one.blocks(result))
    assert text.count("| CycleGAN | ") == 3  # both ways, and the costs
    assert "85.0 ± 7.1" in text
    assert "200 test pictures each way" in " ".join(text.split())


def test_distance_grows_with_what_differs() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 256, (40, 2, 2, 3), dtype=np.uint8) for _ in range(2))

    def look(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1)[:, :4].astype(np.float64)

    near, far = (translation.distance(look, first, other) for other in (second, second // 4))
    assert near < far
    assert translation.distance(look, first, first) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("translation-hair", "cyclegan"),
        ("translation-hair", "cyclegan_grid"),
        ("translation-sleeves", "cyclegan"),
        ("translation-sleeves", "cyclegan_paint"),
    ],
)
@pytest.mark.skipif(not (DATA / "celeba").is_dir(), reason="needs IMGEDIT_DATA")
def test_an_untrained_run_is_measured(name: str, run: str, tmp_path: Path) -> None:
    table, data = TABLES[name]
    training = table.runs[run]
    settings = (*training.settings, "steps=1", "width=4", "n_blocks=1", "d_width=4")
    config = train.resolve("cyclegan", training.preset, settings, None)
    size = (config.rows, config.size)
    loop.train("cyclegan", config, Noise(size), tmp_path / f"{run}-0", about={"data": data}, tensorboard=False)
    where = f"{data}:{DATA / data}"
    result = comparison.compare(name, tmp_path, where, comparison.Options(n=2, device="cpu"), seeds=1)
    (row,) = result["rows"]
    for way in row["ways"].values():
        assert way["n"]["mean"] == 2
        assert 0 <= way["wanted"]["mean"] <= 1
        assert way["psnr"]["mean"] > 5
        assert way["frechet"]["mean"] > 0
    assert row["cost"]["parameters"]["mean"] > 1000
    shutil.rmtree(tmp_path / f"{run}-0" / "checkpoints")
    again = comparison.compare(name, tmp_path, None, comparison.Options(n=2, device="cpu"), seeds=1)
    assert again["rows"] == result["rows"]  # from the figures that are kept
