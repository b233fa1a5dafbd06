"""The frozen classifier of a generator's training."""

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
from training.methods import attribute_classifier
from training.methods.attribute_classifier import ATTRIBUTES
from training.networks.teacher import Teacher, load_teacher
from training.run import checkpoint, loop
from training.run import config as configs

CPU = torch.device("cpu")


class Mean(nn.Module):
    """Logits that are the mean red, green and blue; a closed form."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert image.shape[2:] == (8, 8)
        return self.gain * image.mean((2, 3))


def trained(method_id: str, attributes: tuple[str, ...], mask: str | None, run: Path) -> Path:
    module = configs.method_module(method_id)
    config = configs.build(module.Config, {**module.Method.tiny(), "steps": 1})
    quiet = Console(file=io.StringIO())
    data = Pictures(4, config.size, attributes, mask)
    loop.train(method_id, config, data, run, sample_every=0, tensorboard=False, console=quiet)
    return run


def test_teacher_picks_its_columns_and_resizes_pictures() -> None:
    teacher = Teacher(Mean(), [2, 0], 8)
    image = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    for side in (8, 16, 5):
        torch.testing.assert_close(teacher(image.expand(1, 3, side, side)), torch.tensor([[0.3, 0.1]]))


def test_gradients_reach_the_picture_and_not_the_teacher() -> None:
    teacher = Teacher(Mean(), [0], 8)
    image = torch.zeros(1, 3, 8, 8, requires_grad=True)
    teacher(image).sum().backward()
    assert image.grad is not None
    torch.testing.assert_close(image.grad[0, 0], torch.full((8, 8), 1 / 64))
    assert all(not p.requires_grad and p.grad is None for p in teacher.parameters())
    assert not teacher.network.training


def test_a_loaded_teacher_is_the_averaged_network_of_the_run(tmp_path: Path) -> None:
    run = trained("attribute_classifier", ATTRIBUTES, None, tmp_path / "run")
    teacher = load_teacher(run, ("Smiling", "Bangs"), "face", CPU)
    method = checkpoint.load_method(run)
    image = torch.rand(2, 3, 16, 16) * 2 - 1
    columns = [ATTRIBUTES.index("Smiling"), ATTRIBUTES.index("Bangs")]
    assert torch.equal(teacher(image), method.ema.network(image)[:, columns])
    assert isinstance(method, attribute_classifier.Method)


def test_the_bundled_classifier_teaches_what_its_graph_says() -> None:
    name = "attribute_classifier.celeba"
    teacher = load_teacher(name, ("Smiling", "Bangs"), "face", CPU)
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    found = Session(library.find(name).read("classify"), "cpu").run({"image": image.numpy()})["probability"]
    columns = [ATTRIBUTES.index("Smiling"), ATTRIBUTES.index("Bangs")]
    torch.testing.assert_close(teacher(image).sigmoid(), torch.from_numpy(found[:, columns]), rtol=1e-4, atol=1e-5)


def test_a_run_that_cannot_teach_is_refused_by_name(tmp_path: Path) -> None:
    parser = trained("face_parser", (), "classes", tmp_path / "parser")
    with pytest.raises(ConfigError, match="is neither an attribute_classifier nor a hair_classifier"):
        load_teacher(parser, ("Smiling",), "face", CPU)
    judge = trained("attribute_classifier", ATTRIBUTES, None, tmp_path / "judge")
    with pytest.raises(ConfigError, match="does not know 'Freckles'"):
        load_teacher(judge, ("Freckles",), "face", CPU)
    with pytest.raises(ConfigError, match="knows the face window, not close"):
        load_teacher(judge, ("Smiling",), "close", CPU)
    with pytest.raises(ConfigError, match="is no run folder with a checkpoint, and no model"):
        load_teacher(tmp_path / "nothing", ("Smiling",), "face", CPU)
