"""The classifier that is shown the hair alone."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from training_toys import Pictures

from imgedit.errors import ConfigError
from imgedit.vision import geometry
from tests import toy_models as models
from training import helpers
from training.data.celeba import HAIR
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.subject import open_model
from training.methods.hair_classifier import Method, cut, hair_alone
from training.publish import export
from training.run import checkpoint, loop
from training.run import config as configs


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny training whose masks come from a parser to which all that is dark is hair."""
    monkeypatch.setenv("IMGEDIT_HOME", str(tmp_path / "home"))  # a model names its parser by its id
    models.parser(tmp_path / "home" / "models" / "face_parser.test")
    config = configs.build(
        configs.method_module("hair_classifier").Config,
        {**Method.tiny(), "steps": 30, "lr": 1e-2, "ema_decay": 0.5, "mask_model": "face_parser.test"},
    )
    data = Pictures(4, config.size, HAIR, "soft")
    quiet = Console(file=io.StringIO())
    loop.train("hair_classifier", config, data, tmp_path / "run", sample_every=0, tensorboard=False, console=quiet)
    return tmp_path / "run"


def test_all_but_the_hair_has_the_mean_colour_of_the_rest_of_the_face() -> None:
    image = torch.full((1, 3, 20, 20), -0.5)
    image[..., 8:16, 6:14] = 0.2  # the middle of the face
    image[..., :8, :] = 0.9
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., :12, :] = 1.0  # hair, down to half of the middle
    seen = hair_alone(image, mask)
    torch.testing.assert_close(seen[..., :12, :], image[..., :12, :])
    torch.testing.assert_close(seen[..., 12:, :], torch.full((1, 3, 8, 20), 0.2))


def test_a_face_that_is_hair_all_over_stays_as_it_is() -> None:
    image = torch.rand(2, 3, 20, 20) * 2 - 1
    torch.testing.assert_close(hair_alone(image, torch.ones(2, 1, 20, 20)), image)


def test_the_judge_shows_the_hair_that_the_parser_finds(run: Path) -> None:
    frame = np.full((218, 178, 3), 200, np.uint8)
    frame[:110] = (60, 40, 20)
    with open_model(str(run)) as model:
        (found,) = FaceClassifier(model, "cpu").probabilities([frame])
    x, y, side = geometry.FACE
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, "face", 16)
    image = torch.from_numpy(geometry.cut(frame, matrix, 16).astype(np.float32).transpose(2, 0, 1) / 127.5 - 1.0)
    rows = (np.arange(16) + 0.5) * side / 16 + y
    hair = torch.from_numpy((rows < 110).astype(np.float32)).expand(1, 1, 16, 16).transpose(2, 3)
    network = checkpoint.load_method(run).ema.network.eval()
    with torch.no_grad():
        wanted = network(image[None], hair).softmax(1)[0]
        unlike = network(image[None], 1.0 - hair).softmax(1)[0]
    assert x == 0
    assert np.abs(found - wanted.numpy()).max() < 0.4 * np.abs(found - unlike.numpy()).max()


def test_its_card_says_what_it_is_for(run: Path, tmp_path: Path) -> None:
    assert export.export(run, tmp_path / "model", model_id="hair_judge.toy").parts == {"mask": "face_parser.test"}
    card = (tmp_path / "model" / "README.md").read_text()
    assert "--hair-judge hair_judge.toy" in card
    assert "imgedit attributes" not in card


def test_as_a_teacher_it_needs_the_mask_and_knows_no_other_attribute(run: Path) -> None:
    classifier = helpers.classifier(run)
    teacher = classifier.selecting(("Gray_Hair", "Black_Hair"), "face")
    image, mask = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 1, 32, 32)
    assert teacher(image, mask).shape == (2, 2)
    with pytest.raises(ValueError, match="give it the mask"):
        teacher(image)
    with pytest.raises(ConfigError, match="does not know 'Smiling'"):
        classifier.selecting(("Smiling",), "face")


def test_a_cut_mask_is_the_hair_in_one_box() -> None:
    torch.manual_seed(0)
    mask = torch.rand(64, 1, 20, 20) * 0.5 + 0.5
    left = cut(mask, 1.0)
    sizes = set()
    for before, after in zip(mask, left, strict=True):
        where = after[0] > 0
        rows, columns = where.any(1).nonzero()[:, 0], where.any(0).nonzero()[:, 0]
        box = (0, slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        assert torch.equal(after[box], before[box])
        assert int(where.sum()) == after[box].numel()
        assert float(after.mean()) > 0.02
        sizes.add(after[box].numel())
    assert len(sizes) > 20


def test_some_masks_stay_whole_and_so_does_hair_that_no_box_holds() -> None:
    torch.manual_seed(0)
    mask = torch.ones(400, 1, 20, 20)
    assert torch.equal(cut(mask, 0.0), mask)
    assert 0.3 < float((cut(mask, 0.5) == mask).all(3).all(2).float().mean()) < 0.7
    speck = torch.zeros(50, 1, 20, 20)
    speck[..., 10, 10] = 1.0
    assert torch.equal(cut(speck, 1.0), speck)
