"""Progress goes to people, results to stdout."""

from __future__ import annotations

from pathlib import Path

import pytest

import training
from imgedit.progress import watched


def test_without_a_terminal_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(watched("abc", "Counting")) == ["a", "b", "c"]
    assert capfd.readouterr() == ("", "")


def test_at_a_terminal_the_bar_stands_on_stderr(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes any stream for a terminal
    assert list(watched(range(3), "Counting")) == [0, 1, 2]
    out, err = capfd.readouterr()
    assert out == ""
    assert "Counting" in err


def test_no_other_module_shows_bars_of_its_own() -> None:
    folder = Path(training.__file__).parent
    users = [p.name for p in folder.rglob("*.py") if "import track" in p.read_text(encoding="utf-8")]
    assert users == ["progress.py"]
