"""The weights of a model, taken back into a network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from imgedit import library
from imgedit.errors import ConfigError
from training import adopt, checkpoint, start
from training import config as configs
from training.export import compare, export


@pytest.mark.parametrize("name", ["stargan_shape.celeba", "stargan_hair.celeba", "cycle_vae.mnist"])
def test_a_network_with_the_weights_of_a_bundled_model_computes_what_its_graphs_do(name: str) -> None:
    model = library.find(name)
    method = checkpoint.new_method(model.manifest.method, model.manifest.training["config"])
    method.load_state_dict(adopt.state(model))
    for role, graph in method.graphs().items():
        assert compare(role, graph, model.graph(role).read_bytes()) < 1e-5


def test_last_weights_are_the_averaged_ones() -> None:
    state = adopt.state(library.find("stargan_shape.celeba"))
    for name, value in state["ema"]["network"].items():
        assert torch.equal(state["generator"][name], value)


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
    found = adopt.state(model)
    for name, value in method.ema.network.state_dict().items():
        expected = value.half().float() if value.numel() >= 256 else value
        assert torch.equal(found["ema"]["network"][name], expected)
        assert torch.equal(found["generator"][name], expected)


def test_a_network_of_another_form_is_refused(tmp_path: Path) -> None:
    _, model = exported("wgan_gp", tmp_path)
    training = {**model.manifest.training, "config": {**model.manifest.training["config"], "z_dim": 7}}
    other = dataclasses.replace(model, manifest=dataclasses.replace(model.manifest, training=training))
    with pytest.raises(ConfigError, match=r"generate of .* was exported from a network of another form"):
        adopt.state(other)


def test_folded_batch_norms_are_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"is folded into another weight.*start from a run folder"):
        adopt.state(library.find("attribute_classifier.celeba"))


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ("cycle_vae.mnist", r"cycle_vae\.mnist is a model of cycle_vae, not of stargan"),
        ("runs/none", r"--init wants a run folder with a checkpoint, or a model; no model 'runs/none'"),
    ],
)
def test_init_says_what_is_wrong(init: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        start._initial(init, "stargan")
