"""Files are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from imgedit.errors import OutputError
from imgedit.files import write_whole


def test_text_and_bytes_are_written_and_replace_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.txt"
    write_whole(target, "é\n")
    assert target.read_bytes() == "é\n".encode()
    write_whole(target, b"second")
    assert target.read_bytes() == b"second"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("stopped", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_was_there_stays_when_writing_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: BaseException
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def stop(*args: Any) -> None:
        raise stopped

    monkeypatch.setattr(os, "replace", stop)
    expected = OutputError if isinstance(stopped, OSError) else KeyboardInterrupt
    with pytest.raises(expected, match="a.txt: cannot be written: No space" if expected is OutputError else None):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_in_the_way_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "file" / "a.txt", "x")
