"""Points on a ring or grid: what is counted of a GAN's, and the table of methods."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from imgedit.errors import ConfigError
from tests.command_line import app
from training import train as start
from training.data import gaussians
from training.evaluate import layout
from training.evaluate.drawn import modes, subject
from training.evaluate.tables import comparison, gaussian_modes
from training.method import METHODS
from training.run import config as configs


class Fixed:
    """A generator that draws points of a given mixture, whatever the noise."""

    z_dim = 2

    def __init__(self, mixture: gaussians.Gaussians) -> None:
        self.points = mixture.points
        self.begun = 0

    def generate(self, z: np.ndarray) -> np.ndarray:
        found = self.points[self.begun : self.begun + len(z)]
        self.begun += len(z)
        return found[:, :, None, None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run of points, 20 steps long."""
    folder = tmp_path_factory.mktemp("runs") / "gan-0"
    return start.begin("gan", data="gaussians:grid3", preset="points", steps=20, run=folder, device="cpu")


def test_true_points_find_every_mode_and_98_9_percent_of_them_are_good(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = subject.GanSubject("truth", 1, {"averaged": Fixed(gaussians.grid(3, 5000, seed=9))}, False)
    monkeypatch.setattr(modes, "open_gan", lambda *args: truth)
    found = modes.evaluate("truth", "gaussians:grid3", n=5000)
    assert found["components"] == 9
    row = found["variants"]["averaged"]
    assert row["modes"] == 9
    assert row["good"] == pytest.approx(1 - np.exp(-4.5), abs=0.005)  # Rayleigh's distribution at three sigma
    assert row["balance"] == pytest.approx(1.0, abs=0.002)


def test_points_of_another_ring_are_not_good(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = subject.GanSubject("wrong", 1, {"averaged": Fixed(gaussians.ring(8, 1000))}, False)
    monkeypatch.setattr(modes, "open_gan", lambda *args: wrong)
    assert modes.evaluate("wrong", "gaussians:grid4", n=1000)["variants"]["averaged"]["good"] < 0.05


def test_the_command_measures_a_run_and_keeps_the_figures(run: Path) -> None:
    args = ["evaluate", "drawn", str(run), "--data", "gaussians:grid3", "--n", "500"]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.stderr
    assert "of 9" in done.stdout
    kept = json.loads((run / "evaluation.json").read_text())
    assert (kept["n"], kept["steps"], kept["metrics"]["components"]) == (500, 20, 9)
    assert set(kept["metrics"]["variants"]) == {"averaged", "last"}


def test_a_model_of_pictures_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"gan_r1\.mnist draws pictures of 28 px, not points"):
        modes.evaluate("gan_r1.mnist", "gaussians:grid3", n=10, device="cpu")


def test_every_row_of_the_table_is_a_method_with_settings_for_points() -> None:
    for name, training in gaussian_modes.GaussianModes.runs.items():
        assert training.method == name in METHODS
        assert configs.resolve(training.method, training.preset, training.settings).size == 1


def measured(counts: list[int]) -> dict[int, dict[str, Any]]:
    row = {"good": 0.5, "balance": 0.25}
    return {
        seed: {"metrics": {"components": 9, "variants": {"averaged": {"modes": n, **row}}}, "minutes": 2.0}
        for seed, n in enumerate(counts)
    }


def test_rows_are_mean_and_spread_over_seeds() -> None:
    table = gaussian_modes.GaussianModes("gaussians:grid3", comparison.Options(n=7))
    result = table.result({"gan": measured([4, 6]), "md_gan": measured([9])})
    assert [row["method"] for row in result["rows"]] == ["vanilla", "MD-GAN"]
    assert result["rows"][0]["modes"] == pytest.approx({"mean": 5.0, "spread": 2**0.5})
    text = " ".join(layout.markdown(table.blocks(result)).split())
    assert "7 points of the averaged generator on grid3 (9 components)" in text
    assert "| vanilla | 2 | 2.0 ± 0.0 | 5.0 ± 1.4 of 9 | 50.0 ± 0.0 | 0.25 ± 0.00 |" in text
    assert "| MD-GAN | 1 | 2.0 | 9.0 of 9 | 50.0 | 0.25 |" in text


def test_the_table_measures_real_runs_and_refuses_pictures(run: Path) -> None:
    options = comparison.Options(n=200, device="cpu", command="imgedit evaluate tables gaussian-modes")
    quiet = Console(file=io.StringIO())
    result = comparison.compare("gaussian-modes", run.parent, "gaussians:grid3", options, console=quiet)
    assert [row["method"] for row in result["rows"]] == ["vanilla"]
    assert comparison.compare("gaussian-modes", run.parent, None, options, console=quiet) == result
    with pytest.raises(ConfigError, match="--data gaussians:LAYOUT such as grid5, got 'mnist:x'"):
        comparison.compare("gaussian-modes", run.parent, "mnist:x", options, console=quiet)
