"""The classifier that is trained after a game for its rejection sampling, and its way into a model."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from training_toys import Pictures

from imgedit.errors import ModelError
from imgedit.models.runtime import Session
from training.evaluate import result as results
from training.evaluate.drawn import density_ratio, rejection, subject
from training.methods import gan
from training.publish import export
from training.run import config as configs
from training.run import loop


class Shades:
    """Pictures of one shade each, N(-0.3, 0.2) where real ones are N(0, 0.2); its own score knows nothing."""

    z_dim = 1

    def generate(self, z: Any) -> Any:
        return np.clip(0.2 * z[:, :, None, None] - 0.3, -1, 1) * np.ones((1, 1, 8, 8), np.float32)

    def score(self, image: Any) -> Any:
        return np.zeros(len(image), np.float32)


def real(n: int, seed: int = 0) -> Any:
    shade = np.clip(np.random.default_rng(seed).normal(0, 0.2, (n, 1, 1, 1)), -1, 1)
    return (shade * np.ones((1, 1, 8, 8))).astype(np.float32)


def test_a_classifier_learns_the_ratio_of_the_two_densities() -> None:
    network = density_ratio.train(Shades(), real(2000), steps=250)
    judged = density_ratio.ScoredGenerator(Shades(), network)
    rule, about = rejection.fit(judged, real(1000, 1), n_burn_in=2000).rejection("80%")
    at = np.linspace(-0.5, 0.2, 8)
    logits = rule.a * judged.score((at[:, None, None, None] * np.ones((1, 1, 8, 8))).astype(np.float32)) + rule.b
    # The log of N(x; 0, 0.2) / N(x; -0.3, 0.2) is 7.5 x + 1.125.
    assert np.abs(logits - (7.5 * at + 1.125)).max() < 1.0
    assert about["log_loss"] < 0.53  # 0.49 is the least possible; a coin has 0.69


def test_the_same_seed_trains_the_same_classifier_and_leaves_torch_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, again, other = (density_ratio.train(Shades(), real(100), seed=s, steps=3).state_dict() for s in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(first[k], again[k]) for k in first)
    assert not torch.equal(first["body.0.weight"], other["body.0.weight"])


def test_generated_pictures_are_rounded_as_stored_ones_are() -> None:
    levels = (np.arange(256) / 127.5 - 1).astype(np.float32).reshape(256, 1, 1, 1)
    np.testing.assert_allclose(density_ratio.as_stored(levels + 0.3 / 127.5), levels, atol=1e-6)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    config = configs.build(gan.Config, {**gan.Method.tiny(), "steps": 2})
    quiet = Console(file=io.StringIO())
    loop.train("gan", config, Pictures(8, 8, channels=1), folder, sample_every=0, tensorboard=False, console=quiet)
    return folder


def measure(run: Path) -> dict[str, Any]:
    """Keep a classifier and figures that name it, as `imgedit evaluate drawn RUN` does."""
    opened = subject.open_gan(str(run), "cpu")
    generator = opened.generators["averaged"]
    network = density_ratio.train(generator, real(50), steps=2)
    scored = density_ratio.ScoredGenerator(generator, network)
    _, about = rejection.fit(scored, real(50), n_burn_in=100).rejection("80%")
    assert opened.run is not None
    about[density_ratio.NAME] = density_ratio.keep(network, opened.run, 1, opened.size)
    results.write({"steps": 2, "metrics": {"rejection": about}}, str(run))
    return about


def test_an_exported_gan_scores_by_the_classifier_that_was_measured(run: Path, tmp_path: Path) -> None:
    image = real(3)
    scores = []
    for name in ("before", "after"):
        manifest = export.export(run, tmp_path / name)
        scores.append(Session(tmp_path / name / "score.onnx", "cpu").run({"image": image})["logit"])
        if name == "before":
            assert manifest.metrics == {}
            about = measure(run)
    assert manifest.metrics["rejection"] == about
    assert manifest.graphs["score"].sha256 == about[density_ratio.NAME]["sha256"]
    assert not np.allclose(scores[0], scores[1])


def test_figures_of_another_step_stay_behind(run: Path, tmp_path: Path) -> None:
    measure(run)
    figures = json.loads((run / "evaluation.json").read_text())
    assert figures["steps"] == 2
    (run / "evaluation.json").write_text(json.dumps({**figures, "steps": 1}))
    manifest = export.export(run, tmp_path / "model")
    assert manifest.metrics == {}
    assert manifest.graphs["score"].sha256 != figures["metrics"]["rejection"][density_ratio.NAME]["sha256"]


@pytest.mark.parametrize("damage", ["other", "missing"])
def test_a_classifier_that_is_not_the_measured_one_is_refused(run: Path, tmp_path: Path, damage: str) -> None:
    measure(run)
    if damage == "other":
        (run / "density_ratio.onnx").write_bytes(b"something else")
    else:
        (run / "density_ratio.onnx").unlink()
    with pytest.raises(ModelError, match=r"is not what evaluation\.json names; run `imgedit evaluate drawn"):
        export.export(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()
