"""`imgedit train`, `export` and `evaluate` as commands."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from imgedit.errors import ConfigError, DataError
from imgedit.extras import how_to_add
from tests.command_line import app
from training import train as start
from training.method import METHODS
from training.run import checkpoint


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def masks(tmp_path: Path) -> str:
    """Make a CelebAMask-HQ of twenty random pictures."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / "hq" / name).mkdir(parents=True)
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)).save(tmp_path / f"hq/images/{i}.jpg")
        Image.fromarray(np.repeat(np.arange(16, dtype=np.uint8), 16 * 256).reshape(256, 256)).save(
            tmp_path / f"hq/masks/{i}.png"
        )
    return f"celebamask_hq:{tmp_path / 'hq'}"


TINY = ("--set", "size=32", "--set", "export_size=32", "--set", "width=4", "--set", "batch_size=2")


def test_train_resume_export_evaluate_from_the_command_line(masks: str, tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    begun = run("train", "face_parser", "--data", masks, *TINY, "--steps", "2", "--run", folder, "--threads", "1")
    assert begun.exit_code == 0, begun.output
    assert begun.stdout.splitlines()[-1] == folder
    again = run("train", "face_parser", "--resume", "--run", folder, "--steps", "3")
    assert again.exit_code == 0, again.output
    assert checkpoint.latest(Path(folder)).name == "0000003"
    early = run("export", folder, "-o", str(tmp_path / "early"))
    assert early.exit_code == 0, early.output
    assert "no figures of these weights" in early.stderr
    measured = run("evaluate", "faces", folder, "--data", masks, "--json")
    assert measured.exit_code == 0, measured.output
    figures = json.loads(measured.stdout)
    assert figures["n"] == 2
    assert json.loads((tmp_path / "run" / "evaluation.json").read_text()) == figures
    exported = run("export", folder, "-o", str(tmp_path / "model"))
    assert exported.exit_code == 0, exported.output
    assert exported.stderr == ""
    manifest = json.loads((tmp_path / "model" / "manifest.json").read_text())
    assert manifest["id"] == "face_parser.celebamask_hq"
    assert manifest["metrics"]["mean_iou"] == figures["metrics"]["mean_iou"]
    shown = run("evaluate", "faces", str(tmp_path / "model"), "--data", masks, "-o", str(tmp_path / "f.json"))
    assert shown.exit_code == 0
    assert "mean iou" in shown.stdout
    assert json.loads((tmp_path / "f.json").read_text())["metrics"] == figures["metrics"]


def test_help_names_every_method() -> None:
    text = run("train", "--help").stdout
    assert [name for name in METHODS if name not in text] == []


def test_dry_run_prints_the_resolved_settings_and_nothing_else() -> None:
    result = run("train", "hair_grid", "--preset", "hair", "--set", "size=32", "--steps", "7", "--dry-run")
    assert result.exit_code == 0
    assert result.stderr == ""
    printed = json.loads(result.stdout)
    assert printed["method"] == "hair_grid"
    assert (printed["config"]["size"], printed["config"]["steps"]) == (32, 7)
    assert printed["config"]["lambda_curve"] == 40.0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train", "stargna", "--dry-run"), 2, "unknown method 'stargna' (did you mean 'stargan'?)"),
        (("train", "stargan", "--set", "sizes=3", "--dry-run"), 2, "did you mean 'size'?"),
        (("train", "stargan"), 2, "--data NAME:DIR"),
        (("train", "stargan", "--data", "faces:here"), 2, "one of ar, celeba, celeba_eyes, "),
        (("train", "stargan", "--data", "celeba:/no/such"), 1, "no folder '/no/such'"),
        (("train", "face_parser", "--data", "celebamask_hq:.", "--device", "tpu"), 2, "got 'tpu'"),
        (("train", "face_parser", "--data", "celebamask_hq:.", "--precision", "half"), 2, "fp32, bf16, got 'half'"),
        (("export", "/no/such", "-o", "model"), 1, "has no checkpoint"),
        (("evaluate", "faces", "mtcnn.facenet", "--data", "celeba:."), 2, "is of kind detect"),
    ],
)
def test_wrong_use_is_one_line_and_an_exit_code(words: tuple[str, ...], code: int, message: str) -> None:
    result = run(*words)
    assert result.exit_code == code
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr


def test_resume_takes_no_settings_but_steps(masks: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run("train", "face_parser", "--data", masks, *TINY, "--steps", "1", "--run", str(folder))
    with pytest.raises(ConfigError, match="goes on with its own settings"):
        start.resolve("face_parser", None, ["width=8"], None, folder)
    with pytest.raises(ConfigError, match="is a run of face_parser, not of stargan"):
        start.resolve("stargan", None, [], None, folder)
    assert start.resolve("face_parser", None, [], 9, folder).steps == 9


def test_a_resumed_run_keeps_its_precision_unless_another_is_named(masks: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for more, precision in (
        (("--data", masks, *TINY, "--steps", "1", "--precision", "bf16"), "bf16"),
        (("--resume", "--steps", "2"), "bf16"),
        (("--resume", "--steps", "3", "--precision", "fp32"), "fp32"),
    ):
        assert run("train", "face_parser", *more, "--run", str(folder)).exit_code == 0
        assert checkpoint.stored_config(folder)["precision"] == precision


def test_data_names_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="looks like NAME:DIR"):
        start.load_data(str(tmp_path), "train", {})
    with pytest.raises(DataError):
        start.load_data(f"celebamask_hq:{tmp_path}", "train", {})


@pytest.mark.parametrize(
    ("method", "data", "message"),
    [
        (
            "stargan",
            "mnist",
            "stargan cannot be used with mnist, which has no labels of attributes; sets that do: celeba",
        ),
        ("face_parser", "celeba", "which has no masks of the parts of a face; sets that do: celebamask_hq"),
        ("cycle_vae", "celeba", "which has no classes; sets that do: ar, celeba_people, cfp"),
    ],
)
def test_a_set_that_lacks_what_the_method_needs_is_refused_with_those_that_have_it(
    method: str, data: str, message: str, tmp_path: Path
) -> None:
    result = run("train", method, "--data", f"{data}:{tmp_path}", "--run", str(tmp_path / "run"))
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_pictures_of_another_number_of_channels_are_refused_with_the_setting(tmp_path: Path) -> None:
    images = np.zeros((161, 14, 28, 28, 3), np.uint8)
    np.savez(tmp_path / "fei28.npz", images=images)
    with pytest.raises(ConfigError, match=r"have 3 channel\(s\) and this run takes 1; use --set channels=3"):
        start.begin("cycle_vae", data=f"fei:{tmp_path}", run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert start.torch_device("auto") == torch.device("cpu")
    with pytest.raises(ConfigError, match="torch sees 0 GPU"):
        start.torch_device("cuda:1")
    with pytest.raises(ConfigError, match="auto, cpu, cuda or cuda:N, got 'mps'"):
        start.torch_device("mps")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent the POSIX way")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_has_its_exit_code(masks: str, tmp_path: Path, sent: signal.Signals, code: int) -> None:
    folder = tmp_path / "run"
    words = ["train", "face_parser", "--data", masks, *TINY, "--run", str(folder), "--threads", "1", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "imgedit", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        limit = time.monotonic() + 120
        while not (folder / "log.jsonl").exists() or not (folder / "log.jsonl").read_text():
            assert process.poll() is None, process.communicate()[1].decode()
            assert time.monotonic() < limit, "no row in the log after two minutes"
            time.sleep(0.05)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == code
    assert out == b""
    assert b"Traceback" not in err
    rows = (folder / "log.jsonl").read_text().splitlines()
    assert int(checkpoint.latest(folder).name) == json.loads(rows[-1])["step"]


def test_without_the_train_extra_the_command_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from imgedit.cli import main; main()"
    words = ["train", "stargan", "--dry-run"]
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == f"error: this command needs torch; add it with: {how_to_add('train')}\n"
