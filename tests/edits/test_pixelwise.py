"""Pictures that are drawn value by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from imgedit.edits import sample as samples
from imgedit.edits.pixelwise import draw_values, uniform_of
from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.manifest import Crop
from tests import toy_models as models
from training.evaluate.drawn.subject import PixelGenerator
from training.methods import pixel_vae
from training.publish import export
from training.run import config as configs


def test_normal_numbers_become_uniform_ones() -> None:
    numbers = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    share, _ = np.histogram(uniform_of(numbers), 10, (0.0, 1.0))
    assert np.abs(share / 20_000 - 0.1).max() < 0.01
    assert uniform_of(np.array([0.0, -9.0, 9.0], np.float32)) == pytest.approx([0.5, 0.0, 1.0])


def test_values_come_in_reading_order_and_see_those_before_them() -> None:
    """Each value repeats the one before it; the first is drawn."""
    shapes = []

    def probability(image, condition):
        assert image.shape[2] == condition.shape[2]  # the rows down to the value alone
        shapes.append(image.shape)
        n, channels, rows, width = image.shape
        flat = image.transpose(0, 2, 3, 1).reshape(n, -1)
        before = np.concatenate([np.full((n, 1), np.nan), flat[:, :-1]], 1).reshape(n, rows, width, channels)
        level = np.rint(before.transpose(0, 3, 1, 2) + 1.0)  # three levels: -1, 0, 1
        found = np.stack([np.where(np.isnan(level), 1 / 3, level == k) for k in range(3)], 1)
        return found.astype(np.float32)

    uniform = np.random.default_rng(0).uniform(0.01, 0.99, (6, 3, 4, 2))
    uniform[:, 0, 0, 0] = [0.1, 0.2, 0.5, 0.6, 0.7, 0.9]
    drawn = draw_values(probability, np.zeros((6, 5, 3, 4), np.float32), uniform)
    assert drawn.shape == (6, 2, 3, 4)
    for picture, value in zip(drawn, (-1, -1, 0, 0, 1, 1), strict=True):
        assert (picture == value).all()
    assert [shape[2] for shape in shapes] == [1] * 8 + [2] * 8 + [3] * 8


def test_a_graph_that_returns_something_else_is_named() -> None:
    with pytest.raises(ModelError, match=r"'pixels' returned \(2, 1, 1, 1, 4\)"):
        draw_values(
            lambda image, condition: np.ones((2, 1, *image.shape[1:]), np.float32),
            np.zeros((2, 1, 3, 4), np.float32), np.zeros((2, 3, 4, 1)),
        )  # fmt: skip


def exported(folder: Path) -> tuple[pixel_vae.Method, Model]:
    """Return a tiny PixelVAE and the model that it exports."""
    torch.manual_seed(0)
    method = pixel_vae.Method(configs.build(pixel_vae.Config, pixel_vae.Method.tiny()))
    with torch.no_grad():
        for parameter in method.ema_decoder.network.parameters():
            parameter.mul_(2.0)  # so that what is drawn is no mere noise
    folder.mkdir()
    for role, graph in method.graphs().items():
        (folder / f"{role}.onnx").write_bytes(export.to_onnx(graph))
    return method, models.save_model(folder, id="pixel_vae.test", kind="sample", crop=Crop("none", 8, 8))


@torch.no_grad()
def test_a_model_of_the_released_networks_draws_what_its_run_draws(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = configs.resolve("pixel_vae", "paper", ["pixel_layers=2", "pixel_width=4", "z_dim=3"])
    method = pixel_vae.Method(config)
    (tmp_path / "model").mkdir()
    for role, graph in method.graphs().items():
        (tmp_path / "model" / f"{role}.onnx").write_bytes(export.to_onnx(graph))
    model = models.save_model(tmp_path / "model", id="pixel_vae.test", kind="sample", crop=Crop("none", 28, 28))
    run, onnx = PixelGenerator(method), samples.OnnxGenerator(model, "cpu")
    z = np.random.default_rng(0).standard_normal((2, onnx.z_dim)).astype(np.float32)
    drawn = onnx.generate(z)
    assert set(np.unique(drawn).tolist()) == {-1.0, 1.0}
    np.testing.assert_allclose(drawn, run.generate(z), atol=1e-6)


@torch.no_grad()
def test_a_model_draws_what_its_run_draws(tmp_path: Path) -> None:
    method, model = exported(tmp_path / "model")
    run, onnx = PixelGenerator(method), samples.OnnxGenerator(model, "cpu")
    assert run.z_dim == onnx.z_dim == 4 + 8 * 8
    z = np.random.default_rng(0).standard_normal((5, onnx.z_dim)).astype(np.float32)
    drawn = onnx.generate(z)
    assert drawn.shape == (5, 1, 8, 8)
    assert set(np.unique(drawn).tolist()) <= {float(np.float32(k * 2 / 3 - 1)) for k in range(4)}
    np.testing.assert_allclose(drawn, run.generate(z), atol=1e-6)
    with pytest.raises(ModelError, match="discriminator"):
        run.score(drawn)


def test_the_same_seed_gives_the_same_pictures_in_any_batch(tmp_path: Path) -> None:
    _, model = exported(tmp_path / "model")
    pictures = samples.sample(model.folder, 6, seed=3, device="cpu")
    assert pictures.shape == (6, 8, 8, 1)
    assert np.array_equal(pictures[:2], samples.sample(model.folder, 2, seed=3, device="cpu"))
    assert not np.array_equal(pictures, samples.sample(model.folder, 6, seed=4, device="cpu"))
