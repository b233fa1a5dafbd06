"""Recipes of toys: trained in order, resumable stage by stage, and said before they start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from imgedit.errors import ConfigError
from tests.command_line import app
from training.recipes import recipe as recipes
from training.run import checkpoint

TINY = "size=32, export_size=32, width=4, batch_size=2, unlabelled='', teacher=''"


@pytest.fixture
def masks(tmp_path: Path) -> str:
    """Make a CelebAMask-HQ of twenty random pictures."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / "hq" / name).mkdir(parents=True)
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)).save(tmp_path / f"hq/images/{i}.jpg")
        bands = np.repeat(np.arange(16, dtype=np.uint8), 16 * 256).reshape(256, 256)
        Image.fromarray(bands).save(tmp_path / f"hq/masks/{i}.png")
    return f"celebamask_hq:{tmp_path / 'hq'}"


def stage(name: str, more: str = "", settings: str = "") -> str:
    return f"""
[[stages]]
name = "{name}"
method = "face_parser"
data = "celebamask_hq"
settings = {{ size = 32, export_size = 32, width = 4, batch_size = 2{settings} }}
{more}
"""


@pytest.fixture
def toy_recipe(tmp_path: Path) -> Path:
    """Write a recipe of three stages; the third goes on from the second."""
    path = tmp_path / "small.toml"
    path.write_text(
        'model = "face_parser.small"\n[data]\ncelebamask_hq = "images and masks"\n'
        + stage("first", settings=", steps = 3")
        + stage("second", settings=", steps = 6, seed = 1", more='until = 4\nnote = "It was stopped."')
        + stage("third", settings=", steps = 2, seed = 2", more='init = "second"\nprecision = "bf16"')
        + "[export]\nhalf = true\n"
        + '[figures]\ncommand = "imgedit evaluate faces {run} --data celebamask_hq:{celebamask_hq}"\n'
        + "at_least = { mean_iou = 0.99 }\n"
    )
    return path


def run(recipe: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["train", "--recipe", str(recipe), "--threads", "1", "--sample-every", "0", *words])


def test_all_stages_are_trained_in_order_and_lead_to_a_model_that_names_them(
    toy_recipe: Path, masks: str, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    result = run(toy_recipe, "--data", masks, "--run", str(folder))
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{folder / 'third'}\n"
    assert [checkpoint.latest(folder / n).name for n in ("first", "second", "third")] == [
        "0000003",
        "0000004",
        "0000002",
    ]
    assert f"measure it: imgedit evaluate faces {folder / 'third'} --data {masks}" in result.stderr
    assert f"export it: imgedit export {folder / 'third'} -o models/face_parser.small" in result.stderr
    stored = checkpoint.stored_config(folder / "third")
    assert (stored["init"], stored["precision"], stored["recipe"]) == ("second", "bf16", "small")
    assert [s["name"] for s in stored["stages"]] == ["second"]
    assert (stored["stages"][0]["steps"], stored["stages"][0]["note"]) == (4, "It was stopped.")
    assert str(tmp_path) not in json.dumps(stored["stages"])


def test_a_finished_recipe_says_so_and_what_its_figures_miss(toy_recipe: Path, masks: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    words = ("--data", masks, "--run", str(folder))
    assert run(toy_recipe, *words).exit_code == 0
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*.safetensors")}
    measured = CliRunner().invoke(app, ["evaluate", "faces", str(folder / "third"), "--data", masks, "--json"])
    assert measured.exit_code == 0, measured.output
    again = run(toy_recipe, *words)
    assert again.exit_code == 0, again.output
    assert again.stderr.count(": done") == 3
    found = json.loads(measured.stdout)["metrics"]["mean_iou"]
    assert f"not reached: mean_iou is {found:.4g}, wanted at least 0.99" in again.stderr
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*.safetensors")} == before


def test_the_plan_is_commands_that_train_the_same(toy_recipe: Path, masks: str, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    planned = run(toy_recipe, "--data", masks, "--run", str(folder), "--dry-run")
    assert planned.exit_code == 0, planned.output
    assert not folder.exists()
    for line in planned.stdout.splitlines():
        words = line.split()
        assert words[:2] == ["imgedit", "train"]
        assert CliRunner().invoke(app, [*words[1:], "--threads", "1"]).exit_code == 0
    again = run(toy_recipe, "--data", masks, "--run", str(folder))
    assert again.exit_code == 0, again.output
    assert again.stderr.count(": done") == 3
    done = run(toy_recipe, "--run", str(folder), "--dry-run")
    assert [line.endswith("  # done") for line in done.stdout.splitlines()] == [True] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_recipe_goes_on_to_the_same_weights(
    sent: signal.Signals, toy_recipe: Path, masks: str, tmp_path: Path
) -> None:
    toy_recipe.write_text(toy_recipe.read_text().replace("steps = 6", "steps = 40").replace("until = 4", "until = 30"))
    words = ["train", "--recipe", str(toy_recipe), "--data", masks, "--threads", "1", "--device", "cpu"]
    words += ["--checkpoint-every", "2"]
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    process = subprocess.Popen([sys.executable, "-m", "imgedit", *words, "--run", str(cut)], stderr=subprocess.PIPE)
    try:
        limit = time.monotonic() + 120
        while not checkpoint.found(cut / "second"):
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < limit, "no checkpoint of the second stage after two minutes"
            time.sleep(0.02)
        process.send_signal(sent)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == (130 if sent == signal.SIGINT else -sent)
    assert b"Traceback" not in err
    assert not checkpoint.found(cut / "third")
    first = (cut / "first" / "checkpoints" / "0000003" / checkpoint.TENSORS).stat().st_mtime_ns
    for folder in (cut, whole):
        result = CliRunner().invoke(app, [*words, "--run", str(folder)])
        assert result.exit_code == 0, result.output
    assert (cut / "first" / "checkpoints" / "0000003" / checkpoint.TENSORS).stat().st_mtime_ns == first
    a, b = (checkpoint.load(checkpoint.latest(f / "third"))["method"]["network"] for f in (cut, whole))
    assert all((a[key] == b[key]).all() for key in a)


def test_a_stage_that_was_trained_otherwise_is_refused(toy_recipe: Path, masks: str, tmp_path: Path) -> None:
    words = ("--data", masks, "--run", str(tmp_path / "runs"))
    assert run(toy_recipe, *words).exit_code == 0
    toy_recipe.write_text(toy_recipe.read_text().replace("seed = 1", "seed = 9"))
    changed = run(toy_recipe, *words)
    assert changed.exit_code == 2
    assert "was trained with seed=1, the recipe has 9" in changed.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--data", "celebamask_hq:/no/such"), "no folder '/no/such'"),
        ((), "also needs --data celebamask_hq:DIR (images and masks)"),
        (("--data", "mnist:."), "needs each of celebamask_hq once"),
        (("--data", "celebamask_hq:.", "--data", "celebamask_hq:."), "needs each of celebamask_hq once"),
        (("--steps", "3"), "leave out --steps"),
        (("--set", "lr=1"), "leave out --set"),
        (("--resume",), "leave out --resume"),
    ],
)
def test_wrong_use_is_said_before_any_training(
    words: tuple[str, ...], message: str, toy_recipe: Path, tmp_path: Path
) -> None:
    result = run(toy_recipe, "--run", str(tmp_path / "runs"), *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_training_takes_one_data_set_and_names_a_method() -> None:
    two = CliRunner().invoke(app, ["train", "vae", "--data", "mnist:.", "--data", "fei:."])
    assert two.exit_code == 2
    assert "give --data once" in two.stderr
    none = CliRunner().invoke(app, ["train", "--data", "mnist:."])
    assert none.exit_code == 2
    assert "METHOD, or --recipe NAME" in none.stderr


BROKEN: dict[str, tuple[str, str]] = {
    "no stages": ("model = 'a.b'\n", "has no [[stages]]"),
    "an unknown key": ("modle = 'a'\n" + stage("a"), "unknown modle"),
    "an unknown key of a stage": (stage("a", "foo = 1"), "stage a: unknown foo"),
    "a setting that is not there": (stage("a", settings=", widht = 3"), "has no setting 'widht'"),
    "a value that is refused": (stage("a", settings=", steps = 0"), "steps must be from 1"),
    "an unknown precision": (stage("a", "precision = 'half'"), "precision is one of fp32, bf16"),
    "two stages of one name": (stage("a") + stage("a"), "two stages are called a"),
    "a stage that comes later": (stage("a", "init = 'b'") + stage("b"), "stage a needs b, which does not come before"),
    "data that it does not list": (stage("a").replace('"celebamask_hq"', '"mnist"'), "stage a: no data set mnist"),
    **{f"the name {name!r}": (stage(name), "name must be a folder's name") for name in ("../a", "/a", ".", "a//b", "")},
    **{
        f"a recipe's {line}": (f"{line}\n" + stage("a"), wanted)
        for line, wanted in (
            ("model = 3", "model must be text, got 3"),
            ("note = []", "note must be text"),
            ("converted = true", "converted must be text"),
            ("export = 3", "export must be a table"),
            ("export = { half = 'yes' }", "export: half must be true or false, got 'yes'"),
            ("export = { words = 'blond' }", "export: words must be a list of texts"),
            ("export = { weights = 1 }", "export: unknown weights"),
            ("figures = []", "figures must be a table"),
            ("figures = { command = 1 }", "figures: command must be text"),
            ("figures = { at_least = { fid = 'low' } }", "figures: at_least must be a table of numbers"),
        )
    },
    **{
        f"a stage's {line}": (stage("a", line), wanted)
        for line, wanted in (
            ("uses = 3", "stage a: uses must be a table of texts, got 3"),
            ("uses = { teacher = 3 }", "uses must be a table of texts"),
            ("init = 3", "init must be text"),
            ("until = 'x'", "until must be a whole number from 1, got 'x'"),
            ("until = -3", "until must be"),
            ("until = 1.5", "until must be"),
            ("until = true", "until must be"),
            ("precision = []", "precision must be text"),
            ("note = 3", "note must be text"),
            ("preset = 3", "preset must be text"),
            ("preset = 'nope'", "stage a: face_parser has no preset 'nope'"),
            ("recipe = 'small'", "stage a: unknown"),
        )
    },
    "settings that are no table": (stage("a").replace("settings = {", "settings = 3 # {"), "settings must be a table"),
    "an unknown method": (stage("a").replace('"face_parser"', '"nope"'), "stage a: unknown method 'nope'"),
    "a stage that is no table": ("stages = [3]\n", "a stage must be a table, got 3"),
    "stages that are no list": ("stages = 3\n", "stages must be a list, got 3"),
    "a part that is no name": ("[[stages]]\nrecipe = 3\n", "stage number 1: recipe must be text, got 3"),
    "deep nesting, no TOML": ("x = " + "[" * 100_000, "cannot be read"),
    "no TOML": ("stages = [", "cannot be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_recipe_is_one_line(name: str, tmp_path: Path) -> None:
    text, message = BROKEN[name]
    path = tmp_path / "broken.toml"
    path.write_text(text + ('[data]\ncelebamask_hq = "masks"\n' if "TOML" not in name else ""))
    with pytest.raises(ConfigError) as caught:
        recipes.read(path)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_recipe_that_is_no_file_is_said_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name in ("pipe", "endless", "bytes", "none"):
        result = run(tmp_path / f"{name}.toml", "--dry-run")
        assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
        assert f"{name}.toml cannot be read: " in result.stderr
        assert "Errno" not in result.stderr


def test_another_recipe_can_be_a_part(toy_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "FOLDER", tmp_path)
    path = tmp_path / "larger.toml"
    path.write_text('[[stages]]\nrecipe = "small"\n' + stage("last", "init = 'small'"))
    larger = recipes.read(path)
    assert [step.name for step in larger.stages] == ["small/first", "small/second", "small", "last"]
    assert larger.stages[2].init == "small/second"
    assert list(larger.data) == ["celebamask_hq"]


def test_a_stage_may_start_from_the_model_of_another_and_its_model_names_them_all(masks: str, tmp_path: Path) -> None:
    path = tmp_path / "chain.toml"
    path.write_text(
        'model = "face_parser.chain"\n[data]\ncelebamask_hq = "masks"\n[export]\nhalf = true\n'
        + stage("first", settings=", steps = 2")
        + stage("second", "init = 'model:first'", ", steps = 2, seed = 1")
        + stage("third", "init = 'second'", ", steps = 2, seed = 2")
    )
    folder = tmp_path / "runs"
    planned = run(path, "--run", str(folder), "--data", masks, "--dry-run").stdout.splitlines()
    assert [line.split()[1] for line in planned] == ["train", "export", "train", "train"]
    assert planned[1].endswith("first/model --half")
    result = run(path, "--run", str(folder), "--data", masks)
    assert result.exit_code == 0, result.output
    exported = CliRunner().invoke(app, ["export", str(folder / "third"), "-o", str(tmp_path / "model")])
    assert exported.exit_code == 0, exported.output
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["stages"] == [step.facts() for step in recipes.read(path).stages]
    assert [stage["init"] for stage in manifest["stages"]] == ["", "first", "second"]


def test_a_converted_model_says_how_and_is_not_trained(tmp_path: Path) -> None:
    path = tmp_path / "given.toml"
    path.write_text('model = "mtcnn.other"\nconverted = "by a script"\n')
    result = run(path, "--run", str(tmp_path / "runs"))
    assert result.exit_code == 2
    assert "given is not trained here: by a script" in result.stderr


def test_figures_count_in_the_direction_that_is_meant() -> None:
    wanted: dict[str, Any] = {"at_least": {"edits.Bangs.accuracy": 0.7}, "at_most": {"fid": 14}}
    recipe = recipes.Recipe("r", "a.b", {}, (), figures=wanted)
    assert recipe.missed({"edits": {"Bangs": {"accuracy": 0.7}}, "fid": 14}) == []
    assert recipe.missed({"edits": {"Bangs": {"accuracy": 0.6}}, "fid": 15}) == [
        "edits.Bangs.accuracy is 0.6, wanted at least 0.7",
        "fid is 15, wanted at most 14",
    ]
    assert recipe.missed({}) == ["edits.Bangs.accuracy was not measured", "fid was not measured"]


def test_the_list_has_a_line_a_recipe() -> None:
    result = CliRunner().invoke(app, ["train", "--recipe", "list"])
    assert result.exit_code == 0
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == recipes.names()
    unknown = CliRunner().invoke(app, ["train", "--recipe", "stargan_hare.celeba"])
    assert unknown.exit_code == 2
    assert os.linesep not in unknown.stderr.strip()
