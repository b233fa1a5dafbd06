"""Two trainings never share a run folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import imgedit
from imgedit.errors import OutputError
from tests.command_line import app
from training import train as start
from training.run.lock import alone

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no locks of folders there")

ROOT = Path(imgedit.__file__).parent.parent
HOLD = """
import sys, time
from pathlib import Path
from training.run.lock import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_in_use_is_refused_until_its_process_ends_however_it_ends(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "one"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)], env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(OutputError, match="is in use by another training"), alone(run):
            pass
        with alone(tmp_path / "runs" / "two"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with alone(run):
            assert run.is_dir()
    finally:
        process.kill()
        process.wait()
        process.communicate()


def test_a_folder_that_was_made_for_nothing_is_removed_and_one_that_holds_something_stays(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone(tmp_path / "new"):
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()
    for name in ("kept", "empty"):
        with alone(tmp_path / name):
            if name == "kept":
                (tmp_path / name / "config.json").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "kept"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "file/run", "x" * 300):
        with pytest.raises(OutputError, match="cannot be made"), alone(tmp_path / name):
            pass


def test_the_command_holds_its_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [
        "train",
        "gan",
        "--data",
        "gaussians:ring8",
        "--preset",
        "points",
        "--run",
        str(run),
        "--sample-every",
        "0",
        "--set",
        "steps=10000000",  # still at it when the other one comes
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "imgedit", *words], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        limit = time.monotonic() + 180
        while not (run / "config.json").exists():
            assert process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)  # it needs no processor to hold its folder
        done = CliRunner().invoke(app, words, catch_exceptions=False)
    finally:
        process.kill()
        process.wait()
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"error: {run} is in use by another training; wait for it, or name another with --run\n"


def test_a_training_that_has_saved_is_in_use_too_and_nobody_is_told_to_resume_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start.checkpoint, "found", lambda run: [run / "checkpoints" / "0000500"])
    with alone(tmp_path), pytest.raises(OutputError, match="is in use by another training"):
        start.begin("gan", data="gaussians:ring8", preset="points", run=tmp_path)
    with pytest.raises(OutputError, match="already holds a run; add --resume"):
        start.begin("gan", data="gaussians:ring8", preset="points", run=tmp_path)
