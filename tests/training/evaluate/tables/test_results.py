"""The measured figures that stand in the repository, and the Markdown that commands make of them."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imgedit.models import library
from tests.command_line import app
from training.method import METHODS
from training.recipes import recipe as recipes

ROOT = Path(__file__).parents[4]
RESULTS = ROOT / "training" / "results"
FIGURES = sorted(RESULTS.glob("**/*.json"))
DOCUMENTS = sorted(path for path in RESULTS.glob("*.md") if path.name != "README.md")


def command_of(document: Path) -> list[str]:
    """Return the command in the last line of a document, without `imgedit`."""
    program, *words = shlex.split(document.read_text(encoding="utf-8").splitlines()[-1])
    assert program == "imgedit"
    return words


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_is_what_its_command_prints(document: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = command_of(document)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["imgedit", *words])
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr
    assert done.stdout == document.read_text(encoding="utf-8")
    assert "Left out" not in done.stdout


def test_every_folder_of_figures_has_a_document_and_the_index_names_it() -> None:
    folders = {path.name for path in RESULTS.iterdir() if path.is_dir()}
    assert folders == {path.stem for path in DOCUMENTS}
    index = (RESULTS / "README.md").read_text(encoding="utf-8")
    for document in DOCUMENTS:
        assert f"({document.name})" in index
        assert f"imgedit {shlex.join(command_of(document))}" in index
        assert f"training/results/{document.stem}" in command_of(document)


@pytest.mark.parametrize(
    "path", [p for p in FIGURES if p.parent.name in ("faces", "codes", "drawn")], ids=lambda p: p.stem
)
def test_a_bundled_model_carries_the_figures_of_its_results(path: Path) -> None:
    kept = json.loads(path.read_text(encoding="utf-8"))
    if not (library.bundled_folder() / path.stem).is_dir():
        assert path.stem in recipes.names()
        pytest.skip("its recipe says why it is not bundled")
    stated = dict(library.find(path.stem).manifest.metrics)
    for key in ("split", "n", "seed", "judge", "hair_judge", "identity_network"):
        assert stated.pop(key, None) == kept.get(key), key
    assert stated == kept["metrics"]


@pytest.mark.parametrize("path", FIGURES, ids=lambda path: path.relative_to(RESULTS).as_posix())
def test_figures_name_their_command_and_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    kept = json.loads(text)
    assert kept["command"].startswith(("imgedit evaluate ", "imgedit benchmark "))
    assert kept.get("method", "gan") in METHODS
    assert '"/' not in text
    assert ":/" not in text
    assert " /" not in kept["command"]
