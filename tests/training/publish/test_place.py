"""An export replaces a model folder and nothing else."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console
from training_toys import Config, Pictures
from typer.testing import CliRunner, Result

from imgedit.models import library
from tests.command_line import app
from training.run import loop

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def run(tmp_path: Path, toy: None) -> Path:
    folder = tmp_path / "runs" / "toy"
    loop.train(
        "toy", Config(), Pictures(10, 8), folder, sample_every=0, tensorboard=False,
        about={"data": "celeba:/somewhere"}, console=Console(file=io.StringIO()),
    )  # fmt: skip
    return folder


def export(run: Path, out: Path | str, *more: str) -> Result:
    return CliRunner().invoke(app, ["export", str(run), "-o", str(out), *more])


def listing(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def users_folder(run: Path, base: Path) -> Path:
    (base / "photos").mkdir()
    (base / "photos" / "one.jpg").write_bytes(b"mine")
    return base / "photos"


def model_with_notes(run: Path, base: Path) -> Path:
    assert export(run, base / "model").exit_code == 0
    (base / "model" / "notes.txt").write_text("mine")
    return base / "model"


def plain_file(run: Path, base: Path) -> Path:
    (base / "thesis.tex").write_text("mine")
    return base / "thesis.tex"


def pretender(run: Path, base: Path) -> Path:
    (base / "web").mkdir()
    (base / "web" / "manifest.json").write_text(json.dumps({"name": "a web page"}))
    return base / "web"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (users_folder, "is no model folder"),
        (lambda run, base: run, "is no model folder"),
        (lambda run, base: run.parent, "is no model folder"),
        (lambda run, base: run / "checkpoints", "lies in the run"),
        (model_with_notes, "also holds 'notes.txt'"),
        (plain_file, "is a file"),
        (pretender, "is no model folder"),
    ],
)
def test_overwrite_replaces_no_other_folder_and_no_file(make, message, run: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = make(run, tmp_path)
    before = listing(tmp_path)
    result = export(run, out, "--overwrite")
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert listing(tmp_path) == before


@pytest.mark.parametrize("inside", ["checkpoints/new", "samples", "new", "checkpoints/0000012/model", "model/x"])
def test_no_model_is_put_into_a_run_but_where_recipes_put_theirs(inside: str, run: Path, tmp_path: Path) -> None:
    before = listing(tmp_path)
    result = export(run, run / inside)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert f"lies in the run {run}" in result.stderr
    assert listing(tmp_path) == before
    assert export(run, run / "model").exit_code == 0


@pytest.mark.parametrize("out", [".", "..", "./", "../here"])
def test_the_current_folder_is_never_replaced(
    out: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    before = listing(tmp_path)
    result = export(run, out, "--overwrite")
    assert result.exit_code == 1
    assert "is the current folder or holds it" in result.stderr
    assert listing(tmp_path) == before


def test_missing_parents_are_made_and_an_empty_folder_is_filled(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / "models" / "new" / "toy.celeba").exit_code == 0
    (tmp_path / "empty").mkdir()
    assert export(run, tmp_path / "empty").exit_code == 0
    for folder in (tmp_path / "models" / "new" / "toy.celeba", tmp_path / "empty"):
        assert library.load(folder).id == "toy.celeba"


def test_a_model_is_replaced_when_asked_and_through_a_link_that_stays(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / "model").exit_code == 0
    (tmp_path / "link").symlink_to("model")
    refused = export(run, tmp_path / "link", "--version", "2")
    assert refused.exit_code == 1
    assert "exists; add --overwrite" in refused.stderr
    assert export(run, tmp_path / "link", "--version", "2", "--overwrite").exit_code == 0
    assert (tmp_path / "link").is_symlink()
    assert library.load(tmp_path / "model").manifest.version == "2"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link", "model", "runs"]


def test_a_neighbour_that_is_named_like_a_temporary_folder_stays(run: Path, tmp_path: Path) -> None:
    for name in (".model.part", ".model.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    for more in ((), ("--overwrite",)):
        assert export(run, tmp_path / "model", *more).exit_code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == [".model.old", ".model.part", "model", "runs"]
    assert (tmp_path / ".model.old" / "mine").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    result = export(run, tmp_path / "closed" / "model")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr
