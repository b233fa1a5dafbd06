"""The weights of a model, taken back into a network."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from training_toys import Pictures

from imgedit.errors import ConfigError
from imgedit.models import library
from training import train as start
from training.data.celeba import HAIR
from training.method import METHODS
from training.publish import adopt
from training.publish.export import compare, export
from training.run import checkpoint
from training.run import config as configs

TRAINED = sorted(
    path.parent.name
    for path in library.bundled_folder().glob("*/manifest.json")
    if library.load(path.parent).manifest.method in METHODS
)


def some_pictures(size: int, n: int = 6) -> Pictures:
    return Pictures(n, size, (), None)


@pytest.mark.parametrize("name", TRAINED)
def test_a_method_with_the_weights_of_a_bundled_model_computes_what_its_graphs_do(name: str) -> None:
    model = library.find(name)
    graphs = adopt.method(model).graphs()
    graphs.pop("score", None)  # an export puts the calibration of its rejection into it
    for role, graph in graphs.items():
        assert compare(role, graph, model.read(role)) < 1e-5


def test_last_weights_are_the_averaged_ones() -> None:
    state = adopt.state(library.find("stargan_shape.celeba"), some_pictures(16))
    for name, value in state["ema"]["network"].items():
        assert torch.equal(state["generator"][name], value)


def test_folded_batch_norms_get_the_statistics_of_the_pictures_and_outputs_stay() -> None:
    model = library.find("attribute_classifier.celeba")
    made = adopt.method(model)
    state = adopt.state(model, some_pictures(64))
    network = made.ema.network
    image = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    before = network(image)
    made.load_state_dict(state)
    torch.testing.assert_close(made.ema.network(image), before, rtol=1e-3, atol=1e-4)
    first = network.features[0]
    what_comes = first[0](torch.cat([some_pictures(64).batch(np.arange(6), np.random.default_rng(0)).image]))
    assert first[1].running_mean.abs().max() > 0.01
    torch.testing.assert_close(first[1].running_mean, what_comes.mean((0, 2, 3)), rtol=0.02, atol=0.002)
    torch.testing.assert_close(first[1].running_var, what_comes.var((0, 2, 3), unbiased=False), rtol=0.02, atol=0.002)


def test_a_network_of_hair_is_shown_where_it_is() -> None:
    model = library.find("hair_judge.celeba")
    made = adopt.method(model)
    image, mask = torch.rand(3, 3, 64, 64) * 2 - 1, torch.rand(3, 1, 64, 64)
    before = made.ema.network(image, mask)
    made.load_state_dict(adopt.state(model, Pictures(6, 64, HAIR, "soft")))
    torch.testing.assert_close(made.ema.network(image, mask), before, rtol=1e-3, atol=1e-4)
    assert made.ema.network.classifier.features[0][1].running_mean.abs().max() > 0.01


def test_standardised_norms_compute_the_same_when_they_train() -> None:
    torch.manual_seed(5)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2))
    for norm in (network[1], network[4]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    network.eval()
    pictures = torch.randn(8, 3, 6, 6)
    with torch.no_grad():
        before = network(pictures)
        assert not torch.allclose(copy.deepcopy(network).train()(pictures), before, atol=0.1)
        adopt.standardise(network, [(pictures,)])
        torch.testing.assert_close(network(pictures), before, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network.train()(pictures), before, rtol=1e-4, atol=1e-5)


def exported(method_id: str, folder: Path, *, half: bool = False, **changes: object) -> tuple[Any, library.Model]:
    """A method with new weights, and the model of its run."""
    module = configs.method_module(method_id)
    config = configs.build(module.Config, {**module.Method.tiny(), **changes})
    torch.manual_seed(3)
    method = module.Method(config)
    run = {"method_id": method_id, "config": configs.to_json(config), "method": method.state_dict()}
    checkpoint.save(folder / "run", 0, run)
    export(folder / "run", folder / "model", half=half)
    return method, library.load(folder / "model")


def test_weights_in_half_precision_come_back_widened(tmp_path: Path) -> None:
    method, model = exported("wgan_gp", tmp_path, half=True)
    found = adopt.state(model, some_pictures(16))
    for name, value in method.ema.network.state_dict().items():
        expected = value.half().float() if value.numel() >= 256 else value
        assert torch.equal(found["ema"]["network"][name], expected)
        assert torch.equal(found["generator"][name], expected)


def test_a_network_of_another_form_is_refused(tmp_path: Path) -> None:
    _, model = exported("wgan_gp", tmp_path)
    stage = model.manifest.stages[0]
    stage = dataclasses.replace(stage, config={**stage.config, "z_dim": 7})
    other = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, stages=(stage,)))
    with pytest.raises(ConfigError, match=r"generate of .* was exported from a network of another form"):
        adopt.method(other)


def test_a_weight_that_stands_nowhere_in_the_graphs_is_refused_with_what_to_do() -> None:
    mark = torch.tensor([1.0, 2.0])
    elsewhere = [(np.array([1.0, 3.0], np.float32), np.zeros(2, np.float32))]
    with pytest.raises(ConfigError, match=r"bias of this is folded into another weight; start from a run folder"):
        adopt._stored(mark, elsewhere, "bias of this")


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("cycle_vae.mnist", r"cycle_vae\.mnist is a model of cycle_vae, not of stargan"),
        ("runs/none", r"--init wants a run folder with a checkpoint, or a model; no model 'runs/none'"),
    ],
)
def test_init_says_what_is_wrong(init: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        start._initial(init, "stargan", some_pictures(16))
