"""Files are there whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imgedit import files
from imgedit.errors import OutputError
from imgedit.files import check_writable, write_all, write_whole


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


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


posix = pytest.mark.skipif(os.name != "posix", reason="POSIX modes and links")


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
def test_a_replaced_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(mode)
    write_whole(target, "new", mode=0o666)
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == mode


@posix
def test_a_new_file_has_the_wanted_mode_or_that_of_any_new_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "private", "x", mode=0o600)
    write_whole(tmp_path / "usual", "x")
    (tmp_path / "other").touch()
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
    assert (tmp_path / "usual").stat().st_mode == (tmp_path / "other").stat().st_mode


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    os.chown(target, 1234, 5678)
    write_whole(target, "new")
    assert (target.stat().st_uid, target.stat().st_gid) == (1234, 5678)


@posix
def test_the_rights_of_a_group_go_where_the_group_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o660)
    owner = target.stat()

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    write_whole(target, "same owner: nothing to give away")
    assert stat.S_IMODE(target.stat().st_mode) == 0o660
    other = SimpleNamespace(st_uid=owner.st_uid + 1, st_gid=owner.st_gid + 1)
    with open(target, "rb") as file:
        assert files._own(file.fileno(), other, 0o660) == 0o600  # type: ignore[arg-type]


@posix
def test_a_symbolic_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    write_whole(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert names(tmp_path) == ["far", "link.txt"]
    assert names(tmp_path / "far") == ["real.txt"]


@posix
def test_all_names_of_a_file_hold_the_new_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("the old one was longer")
    os.link(one, two)
    write_whole(one, "new")
    assert (one.read_text(), two.read_text()) == ("new", "new")
    assert one.stat().st_ino == two.stat().st_ino
    assert names(tmp_path) == ["one", "two"]


@posix
def test_a_failed_exchange_puts_the_old_content_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("old")
    os.link(one, two)
    real, calls = os.fsync, []

    def fail_second(number: int) -> None:
        calls.append(number)
        if len(calls) == 2:  # the first flushes the temporary file
            raise OSError(5, "Input/output error")
        real(number)

    monkeypatch.setattr(os, "fsync", fail_second)
    with pytest.raises(OutputError, match="Input/output"):
        write_whole(one, "new")
    assert (one.read_text(), two.read_text()) == ("old", "old")
    assert names(tmp_path) == ["one", "two"]


@posix
def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "null").symlink_to("/dev/null")
    for name, says in (
        ("pipe", "a pipe"),
        ("folder", "a folder"),
        ("loop", "leads nowhere|link"),
        ("null", "a device"),
    ):
        with pytest.raises(OutputError, match=says):
            write_whole(tmp_path / name, "x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert names(tmp_path) == ["folder", "loop", "null", "pipe"]
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("has_links", [True, False])
def test_of_many_writers_on_one_new_name_exactly_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:

        def refuse(*_: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "a.txt"
    for round_ in range(20):
        start = threading.Barrier(8)

        def write(number: int, start: threading.Barrier = start) -> bool:
            start.wait()
            try:
                write_whole(target, f"{number}" * 1000, overwrite=False)
            except OutputError as error:
                if "exists already" not in str(error) or "--overwrite" not in error.hint:
                    raise
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        assert sum(won) == 1, round_
        assert target.read_text() == f"{won.index(True)}" * 1000
        assert names(tmp_path) == ["a.txt"]
        target.unlink()


def test_a_link_that_leads_nowhere_is_in_the_way_of_a_new_file(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"):
        write_whole(tmp_path / "a", "x", overwrite=False)
    assert names(tmp_path) == ["a"]


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for name in ("fsync", "link", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, name=name, real=real: (steps.append(name), real(*a))[1])
    write_whole(tmp_path / "a", "x", overwrite=False)
    assert steps[:2] == ["fsync", "link"]
    steps.clear()
    write_whole(tmp_path / "a", "y")
    assert steps[:3] == ["fsync", "link", "replace"]  # the link keeps the old content until all is done


def test_what_killed_processes_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    old, new, other = tmp_path / ".imgedit-0123.tmp", tmp_path / ".imgedit-4567.tmp", tmp_path / ".other.tmp"
    for path in (old, new, other):
        path.write_text("x")
    for path in (old, other):
        os.utime(path, (1, 1))
    write_whole(tmp_path / "a", "x")
    assert names(tmp_path) == [".imgedit-4567.tmp", ".other.tmp", "a"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("stopped", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", range(3))
def test_several_files_are_written_all_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool, stopped: BaseException, step: int
) -> None:
    if overwrite:
        (tmp_path / "b").write_text("old b")
        (tmp_path / "c").write_text("old c")
        os.link(tmp_path / "c", tmp_path / "c2")
    before = {path.name: path.read_text() for path in tmp_path.iterdir()}
    real, calls = files._Staged.publish, []

    def publish(self: files._Staged, overwrite: bool) -> Any:
        calls.append(self)
        if len(calls) == step + 1:
            raise stopped
        return real(self, overwrite)

    monkeypatch.setattr(files._Staged, "publish", publish)
    wanted = [(tmp_path / name, name.encode()) for name in "abc"]
    with pytest.raises(OutputError if isinstance(stopped, OSError) else KeyboardInterrupt):
        write_all(wanted, overwrite=overwrite)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == before
    monkeypatch.undo()
    write_all(wanted, overwrite=overwrite)
    assert [(tmp_path / name).read_text() for name in "abc"] == ["a", "b", "c"]
    assert names(tmp_path) == (["a", "b", "c", "c2"] if overwrite else ["a", "b", "c"])


def test_a_disk_with_room_for_one_of_two_files_holds_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, left = os.fsync, [1]

    def fill(number: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(OutputError, match="two: cannot be written: No space"):
        write_all([(tmp_path / "one", b"1"), (tmp_path / "two", b"2")])
    assert names(tmp_path) == []


def test_what_can_be_written_is_found_out_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for fine in (tmp_path / "file", tmp_path / "new", tmp_path / "a" / "b" / "new"):
        check_writable(fine)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "pipe"]
    for name, says in (("pipe", "never replaced"), (".", "never replaced"), ("file/new", "Not a directory"),
                       ("x" * 300, "too long")):  # fmt: skip
        with pytest.raises(OutputError, match=says):
            check_writable(tmp_path / name)
