"""The frozen classifiers that a training is handed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn
from training_toys import Pictures

from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.runtime import Session
from training import helpers
from training.methods import attribute_classifier
from training.methods.attribute_classifier import ATTRIBUTES
from training.networks.teacher import FrozenClassifier
from training.run import checkpoint, loop
from training.run import config as configs


class Mean(nn.Module):
    """Logits that are the mean red, green and blue; a closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[2:] == (8, 8)
        return self.gain * image.mean((2, 3))


def colours() -> FrozenClassifier:
    return FrozenClassifier(Mean(), ("red", "green", "blue"), 8, "face", name="colours")


def trained(method_id: str, attributes: tuple[str, ...], mask: str | None, run: Path) -> Path:
    module = configs.method_module(method_id)
    config = configs.build(module.Config, {**module.Method.tiny(), "steps": 1})
    quiet = Console(file=io.StringIO())
    data = Pictures(4, config.size, attributes, mask)
    loop.train(method_id, config, data, run, sample_every=0, tensorboard=False, console=quiet)
    return run


def test_a_classifier_returns_the_attributes_asked_for_and_resizes_pictures() -> None:
    classifier = colours().selecting(("blue", "red"), "face")
    image = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    for side in (8, 16, 5):
        torch.testing.assert_close(classifier(image.expand(1, 3, side, side)), torch.tensor([[0.3, 0.1]]))


def test_without_leaves_all_other_attributes_in_their_order() -> None:
    rest = colours().without(("green",), "face")
    image = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    torch.testing.assert_close(rest(image), torch.tensor([[0.1, 0.3]]))


def test_gradients_reach_the_picture_and_not_the_classifier() -> None:
    classifier = colours().selecting(("red",), "face")
    image = torch.zeros(1, 3, 8, 8, requires_grad=True)
    classifier(image).sum().backward()
    assert image.grad is not None
    torch.testing.assert_close(image.grad[0, 0], torch.full((8, 8), 1 / 64))
    assert all(not p.requires_grad and p.grad is None for p in classifier.parameters())
    assert not classifier.network.training


def test_a_classifier_that_cannot_help_says_why() -> None:
    with pytest.raises(ConfigError, match="'colours' does not know 'Freckles'; known: red, green, blue"):
        colours().selecting(("Freckles",), "face")
    with pytest.raises(ConfigError, match="'colours' knows the face window, not close"):
        colours().without(("red",), "close")


def test_a_loaded_helper_is_the_averaged_network_of_the_run(tmp_path: Path) -> None:
    run = trained("attribute_classifier", ATTRIBUTES, None, tmp_path / "run")
    classifier = helpers.classifier(run).selecting(("Smiling", "Bangs"), "face")
    method = checkpoint.load_method(run)
    assert isinstance(method, attribute_classifier.Method)
    image = torch.rand(2, 3, 16, 16) * 2 - 1
    columns = [ATTRIBUTES.index("Smiling"), ATTRIBUTES.index("Bangs")]
    assert torch.equal(classifier(image), method.ema.network(image)[:, columns])
    assert classifier.name == str(run)


def test_the_bundled_classifier_says_what_its_graph_says() -> None:
    name = "attribute_classifier.celeba"
    classifier = helpers.classifier(name).selecting(("Smiling", "Bangs"), "face")
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    found = Session(library.find(name).read("classify"), "cpu").run({"image": image.numpy()})["probability"]
    columns = [ATTRIBUTES.index("Smiling"), ATTRIBUTES.index("Bangs")]
    torch.testing.assert_close(classifier(image).sigmoid(), torch.from_numpy(found[:, columns]), rtol=1e-4, atol=1e-5)


def test_what_does_not_classify_faces_is_refused_by_name(tmp_path: Path) -> None:
    parser = trained("face_parser", (), "classes", tmp_path / "parser")
    with pytest.raises(ConfigError, match="is of face_parser; give a run or a model of attribute_classifier"):
        helpers.classifier(parser)
    with pytest.raises(ConfigError, match="is no run folder with a checkpoint, and no model"):
        helpers.classifier(tmp_path / "nothing")


def test_settings_without_helpers_load_none() -> None:
    assert helpers.load(attribute_classifier.Config()) == {}
