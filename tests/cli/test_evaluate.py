"""`imgedit evaluate`: which commands there are, what each refuses, and output that fits 80 columns."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imgedit.models import library
from tests.command_line import app

RESULTS = Path(__file__).parents[2] / "training" / "results"


def run(*words: str, columns: int = 80) -> Result:
    return CliRunner().invoke(app, ["evaluate", *words], env={"COLUMNS": str(columns)})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["runs/hair", "--attributes", "--data", "celeba:x"], "imgedit evaluate faces RUN"),
        (["runs/gan", "--fid", "--data", "mnist:x"], "imgedit evaluate drawn RUN"),
        (["runs/digits", "--data", "mnist:x", "--probe", "--swap"], "imgedit evaluate codes RUN"),
        (["--table", "mnist-gans", "--data", "mnist:x"], "imgedit evaluate tables NAME"),
        (["runs/sweep", "--data", "mnist:x", "--sweep"], "imgedit evaluate tables sweep"),
    ],
)
def test_the_old_form_says_what_it_is_now(old: list[str], new: str) -> None:
    done = run(*old)
    assert (done.exit_code, done.stdout) == (2, "")
    assert new in " ".join(done.stderr.split())


def test_a_model_without_what_to_measure_is_told_what_there_is() -> None:
    done = run("gan_r1.mnist")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "say what to measure before 'gan_r1.mnist': faces, pose" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["faces", "m", "--data", "celeba:x"], "--probe"),
        (["codes", "m", "--data", "mnist:x"], "--judge"),
        (["drawn", "m", "--data", "mnist:x"], "--judge"),
        (["tables", "gaussian-modes", "--runs", "x"], "--gamma"),
        (["tables", "mnist-gans", "--runs", "x"], "--split"),
        (["show", "x"], "--data"),
    ],
)
def test_a_command_has_no_option_that_it_does_not_use(words: list[str], option: str) -> None:
    done = run(*words, option)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"No such option: {option}" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["codes", "cycle_vae.mnist", "--data", "mnist:x", "--swap", "--n", "100"], "--n is the number of training"),
        (["codes", "cycle_vae.mnist", "--data", "mnist:x", "--swap", "--split", "valid"], "--swap shows the test"),
        (["drawn", "gan_r1.mnist", "--data", "gaussians:grid3", "--gamma", "80%"], "--gamma is for pictures"),
        (["tables", "sweep", "--runs", "x", "--minutes", "2"], "--minutes is for --train"),
        (["tables", "sweep", "--runs", "x", "--train"], "--train needs --data"),
        (["tables", "sweep", "--runs", "x"], "no sweep in x; --train makes one"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(words: list[str], said: str) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["faces"],
        ["pose"],
        ["expression"],
        ["codes"],
        ["drawn"],
        ["steps"],
        ["show"],
        ["tables"],
        ["tables", "sweep"],
        ["tables", "face-latents"],
        ["tables", "few-shot"],
    ],
)
def test_help_is_whole_at_80_columns_and_has_an_example(words: list[str]) -> None:
    done = run(*words, "--help")
    assert done.exit_code == 0
    cut = [line for line in done.stdout.splitlines() if line.rstrip().endswith("...") and "Usage" not in line]
    assert cut == []
    assert "Commands:" in done.stdout or f"Example: imgedit evaluate {' '.join(words)}" in done.stdout


@pytest.mark.parametrize("name", ["mnist-gans", "mnist-latents", "sweep"])
@pytest.mark.parametrize("columns", [80, 200])
def test_every_figure_of_a_table_is_printed_at_any_width(name: str, columns: int) -> None:
    done = run("tables", name, "--runs", str(RESULTS / name), columns=columns)
    assert done.exit_code == 0, done.stderr
    cells = [c.strip() for line in (RESULTS / f"{name}.md").read_text(encoding="utf-8").splitlines()
             if line.startswith("| ") and "---" not in line for c in line.split("|")]  # fmt: skip
    assert len(cells) > 50
    assert [cell for cell in cells if cell not in done.stdout] == []
    assert "…" not in done.stdout
    made_by = done.stdout.index("Made by:")
    assert max(len(line) for line in done.stdout[:made_by].splitlines()) <= columns


def test_kept_figures_are_shown_again(tmp_path: Path) -> None:
    result = {
        **dict.fromkeys(("seed", "n"), 7),
        **{"model": "m.d", "kind": "classify", "data": "celeba", "split": "test"},
        "command": "imgedit evaluate faces m.d --data celeba:DIR",
        "metrics": {"mean_accuracy": 0.95, "accuracy": {"Smiling": 0.9}, "recall": {}},
    }
    (tmp_path / "m.json").write_text(json.dumps(result))
    for words in ([str(tmp_path)], [str(tmp_path / "m.json")]):
        done = run("show", *words)
        assert done.exit_code == 0, done.stderr
        assert "m.d: 7 test pictures of celeba, seed 7" in done.stdout
        assert ["Smiling", "90.0"] in [line.split() for line in done.stdout.splitlines()]
        assert "imgedit evaluate faces m.d --data celeba:DIR" in done.stdout
    assert json.loads(run("show", str(tmp_path), "--json").stdout) == [result]


@pytest.mark.parametrize("content", ["", "[]", '{"kind": "sofa"}', '{"kind": "sample", "model": "m", "data": "mnist"}'])
def test_a_file_that_holds_no_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content)
    done = run("show", str(tmp_path / "m.json"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "m.json" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("/dev/zero", "no regular file"),
        ("pipe", "no regular file"),
        ("none.json", "No such file"),
        ("deep", "recursion|Stack overflow"),  # which of them, Python's version says
    ],
)
def test_what_cannot_be_read_is_named_without_numbers_of_the_system(tmp_path: Path, name: str, says: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_text("[" * 100_000)
    done = run("show", str(tmp_path / name))  # a path from the root stays
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert f"{name} cannot be read: " in done.stderr
    assert re.search(says, done.stderr)
    assert "Errno" not in done.stderr


@pytest.mark.parametrize("name", ["hair_judge.celeba", "face_mesh.mediapipe"])
def test_a_model_without_a_code_is_refused_before_anything_heavy_is_loaded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(module: str) -> None:
        raise AssertionError(module)

    monkeypatch.setattr("imgedit.cli.evaluate.training_module", load)
    for model in (name, str(library.find(name).folder)):
        done = run("codes", model, "--data", "celeba:.")
        assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
        assert f"{name} has no latent code" in done.stderr
    with pytest.raises(AssertionError, match=r"codes\.report"):
        CliRunner().invoke(app, ["evaluate", "codes", "cycle_vae.mnist", "--data", "mnist:."], catch_exceptions=False)


@pytest.mark.parametrize("command", ["faces", "codes", "drawn", "pose"])
def test_a_place_for_the_figures_that_cannot_be_written_is_said_before_the_work(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(module: str) -> None:
        raise AssertionError(module)

    monkeypatch.setattr("imgedit.cli.evaluate.training_module", work)
    model = {"faces": ["stargan_hair.celeba"], "codes": ["cycle_vae.mnist"], "drawn": ["gan_r1.mnist"], "pose": []}
    done = run(command, *model[command], "--data", "celeba:.", "--out", str(tmp_path))
    assert (done.exit_code, done.stderr) == (
        1, f"error: {tmp_path}: is a folder, which is never replaced; choose another name\n",
    )  # fmt: skip
