"""Progress goes to people, results to stdout."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import imgedit
import training
from imgedit.progress import amount, status, with_progress


def test_without_a_terminal_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(with_progress("abc", "Counting")) == ["a", "b", "c"]
    assert capfd.readouterr() == ("", "")


def test_at_a_terminal_the_bar_stands_on_stderr(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any stream for a terminal
    assert list(with_progress(range(3), "Counting")) == [0, 1, 2]
    out, err = capfd.readouterr()
    assert out == ""
    assert "Counting" in err


def test_no_other_module_shows_bars_of_its_own() -> None:
    folders = (Path(training.__file__).parent, Path(imgedit.__file__).parent)
    files = [path for folder in folders for path in folder.rglob("*.py")]
    assert [path.name for path in files if "track(" in path.read_text(encoding="utf-8")] == ["progress.py"]


def test_a_status_line_and_a_bar_of_bytes_are_for_terminals_only(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(quiet: bool = False) -> tuple[str, str]:
        with status("Editing [b]x\x1b.jpg", quiet=quiet), amount("Pulling a/b", quiet=quiet) as report:
            report(3_000, 10_000)
            time.sleep(0.2)
        return tuple(capfd.readouterr())

    assert show() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    out, err = show()
    assert out == ""
    assert r"Editing [b]x\x1b.jpg" in err
    assert "3.0/10.0 kB" in err
    assert show(quiet=True) == ("", "")
