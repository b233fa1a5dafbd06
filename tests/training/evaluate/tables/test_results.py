"""The measured figures that stand in the repository, and the tables of training/README.md made of them."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from training.evaluate.tables import sweep, tables
from training.method import METHODS

ROOT = Path(__file__).parents[4]
RESULTS = ROOT / "training" / "results"
TABLES = {
    "mnist-gans": ("mnist-gans", "mnist:-"),
    "mnist-latents": ("mnist-latents", "mnist:-"),
    "grid3": ("gaussian-modes", "gaussians:grid3"),
    "grid5": ("gaussian-modes", "gaussians:grid5"),
}
FIGURES = sorted(RESULTS.glob("*/*/*.json"))


def test_every_folder_of_results_belongs_to_a_table() -> None:
    assert {path.name for path in RESULTS.iterdir()} == {*TABLES, "sweep"}


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}")
def test_figures_name_their_method_and_no_machine(path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["method"] in METHODS
    assert kept["command"].startswith("imgedit evaluate --table ")
    assert '"/' not in path.read_text(encoding="utf-8")
    assert ":/" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", sorted(TABLES))
def test_every_run_makes_a_row_and_the_recipes_have_the_table(folder: str, tmp_path: Path) -> None:
    runs = tmp_path / folder
    shutil.copytree(RESULTS / folder, runs)
    name, data = TABLES[folder]
    result, text = tables.run(name, data, runs, tables.Options(device="cpu"), console=Console(file=io.StringIO()))
    assert result["notes"] == []
    readme = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) > 2
    assert [line for line in table if line not in readme] == []


def test_the_sweep_is_whole_and_the_recipes_have_its_table(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "sweep", tmp_path / "sweep")
    kept = json.loads((tmp_path / "sweep" / sweep.RESULT).read_text(encoding="utf-8"))
    # Every run has its figures, so that nothing is trained, and no data are read.
    found = sweep.run(tmp_path / "sweep", "mnist:-", minutes=kept["minutes"], seeds={16: 3}, command=kept["command"])
    assert found == kept
    assert ":/" not in json.dumps(kept)
    readme = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    assert [line for line in sweep.table(found).splitlines() if line.startswith("|") and line not in readme] == []
