"""Folders of results: there while they are needed, and gone where nothing came of the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgedit.errors import OutputError
from imgedit.folders import ResultFolders, check_folder


def test_a_folder_that_stays_empty_is_removed_with_those_above_it_that_were_made(tmp_path):
    folder = tmp_path / "there" / "new" / "deep"
    (tmp_path / "there").mkdir()
    with ResultFolders().open(folder):
        assert folder.is_dir()
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]
    with pytest.raises(KeyboardInterrupt), ResultFolders().open(folder):
        raise KeyboardInterrupt
    assert list(tmp_path.rglob("*")) == [tmp_path / "there"]


def test_a_folder_that_holds_something_stays(tmp_path):
    with ResultFolders().open(tmp_path / "a" / "b"):
        (tmp_path / "a" / "result.jpg").write_bytes(b"photo")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "result.jpg"]


def test_a_folder_is_not_removed_while_another_result_is_to_go_into_it(tmp_path):
    folders = ResultFolders()
    with folders.open(tmp_path / "a"):
        with folders.open(tmp_path / "a"), folders.open(tmp_path / "a" / "b"):
            pass
        assert [path.name for path in tmp_path.rglob("*")] == ["a"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["file", "file/new", "file/new/deep"])
def test_a_folder_that_cannot_be_made_is_foretold_in_the_same_words(below, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError) as made, ResultFolders().open(tmp_path / below):
        pass
    with pytest.raises(OutputError) as foretold:
        check_folder(tmp_path / below)
    assert str(foretold.value) == str(made.value)
    check_folder(tmp_path / "new" / "deep")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file: is no folder; name a folder"), ResultFolders().open(tmp_path / "file"):
        pass
    for name in ("file/new", "x" * 300, "a\0b"):
        with pytest.raises(OutputError, match="cannot make the folder"), ResultFolders().open(tmp_path / name):
            pass


def test_a_signal_that_comes_while_the_folder_is_made_leaves_none(tmp_path, monkeypatch):
    mkdir = Path.mkdir

    def stopped(self, *args, **kwargs):
        mkdir(self, *args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "mkdir", stopped)
    with pytest.raises(KeyboardInterrupt), ResultFolders().open(tmp_path / "a" / "b"):
        pass
    assert list(tmp_path.iterdir()) == []
