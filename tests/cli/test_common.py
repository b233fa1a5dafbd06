"""What every command prints: one line of JSON, names that split no line, nothing that a terminal would obey."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import imgedit
from imgedit.cli.common import guarded, message, result
from imgedit.errors import ImgeditError
from tests.command_line import app

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"

STRANGE = ["two\nlines.jpg", "\x1b[2Jgone.jpg", "gpj.\u202eexe", "写真 é.jpg", os.fsdecode(b"caf\xe9.jpg")]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("name", STRANGE)
def test_json_is_ascii_in_one_line_and_gives_the_name_back(
    name: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    result({"photo": name})
    out = capfdbinary.readouterr().out
    assert out.isascii()
    assert out.count(b"\n") == 1
    assert json.loads(out) == {"photo": name}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (STRANGE[0], rb"two\nlines.jpg"),
        (STRANGE[1], rb"\x1b[2Jgone.jpg"),
        (STRANGE[2], rb"gpj.\u202eexe"),
        (STRANGE[3], "写真 é.jpg".encode()),
        (STRANGE[4], b"caf\xe9.jpg"),
    ],
)
def test_a_name_is_one_line_of_a_list(name: str, shown: bytes, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    result(name)
    assert capfdbinary.readouterr().out == shown + b"\n"


@pytest.mark.parametrize("name", STRANGE)
def test_a_terminal_gets_no_byte_that_it_would_obey(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(buffer, "utf-8", write_through=True))
    result(name)
    text = buffer.getvalue().decode()
    assert text.count("\n") == 1
    assert text.removesuffix("\n").isprintable()


@pytest.mark.parametrize("name", STRANGE)
def test_a_message_is_one_line_that_is_only_shown(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    message(f"error: {name}: is a folder")
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert err.removesuffix("\n").isprintable()
    other = name.replace("\n", " ")  # another file
    message(f"error: {other}: is a folder")
    assert (capfd.readouterr().err == err) == (other == name)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("is_sound", [True, False])
def test_where_stderr_cannot_be_written_the_work_goes_on_and_the_exit_code_stays(
    tmp_path: Path, is_sound: bool
) -> None:
    photos = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for path in photos:
        path.write_bytes(PORTRAIT.read_bytes())
    photos[0].write_bytes(photos[0].read_bytes() if is_sound else b"no photo")
    words = ["pose", "--yaw", "-55", *photos, "-o", tmp_path / "out", "--device", "cpu"]  # it warns
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "imgedit", *words], stdout=subprocess.PIPE, stderr=full, text=True, check=False,
            timeout=120,
        )  # fmt: skip
    made = [str(tmp_path / "out" / f"{name}.yaw-35.jpg") for name in ("a", "b")]
    assert (done.returncode, done.stdout.split()) == ((0, made) if is_sound else (3, made[1:]))


def test_a_photo_that_is_taken_for_an_option_is_named_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-dash.jpg").write_bytes(b"x")
    done = CliRunner().invoke(app, ["translate", "--attr", "blond", "-dash.jpg"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such option: -d (the file of this name is ./-dash.jpg)" in done.stderr
    done = CliRunner().invoke(app, ["translate", "--attr", "blond", "-other.jpg"])
    assert (done.exit_code, "(the file" in done.stderr) == (2, False)


LONG = "x" * 5000


@pytest.mark.parametrize(
    "words",
    [
        ["translate", "--attr", LONG, "photo.jpg"],
        ["translate", "--attr", f"blond={LONG}", "photo.jpg"],
        ["translate", "--attr", "blond", "--face", LONG, str(PORTRAIT)],
        ["translate", "--attr", "blond", "--device", LONG, str(PORTRAIT)],
        ["translate", "--attr", "blond", LONG],
        ["translate", "--attr", "blond", str(PORTRAIT), "-o", f"{LONG}.jpg"],
        ["faces", f"--{LONG}"],
        ["sample", LONG, "-o", "new"],
        ["sample", "gan_r1.mnist", "-o", LONG],
        ["pull", LONG],
        ["pull", f"a/{LONG}"],
        ["evaluate", "show", LONG],
        ["evaluate", "faces", LONG, "--data", "celeba:."],
        ["export", LONG, "-o", "new"],
        ["train", LONG],
        ["train", "--recipe", LONG],
        ["train", "gan", "--set", f"{LONG}=1", "--dry-run"],
        ["train", "gan", "--data", f"mnist:{LONG}"],
        ["train", "gan", "--data", "mnist:.", "--run", LONG],
        [LONG],
    ],
)
def test_a_value_of_5000_letters_is_shortened_in_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code in (1, 2)
    assert done.stdout == ""
    assert "xxx" in done.stderr
    assert len(done.stderr) < 2000
    assert done.stderr.startswith("Usage:") or done.stderr.count("\n") == 1


def test_what_the_system_says_of_a_file_is_known_and_all_else_is_a_bug(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(error: BaseException) -> None:
        raise error

    with pytest.raises(typer.Exit) as end:
        guarded(fail)(OSError(errno.EIO, "Input/output error", "/mnt/disk/photo.jpg"))
    assert end.value.exit_code == 1
    assert capfd.readouterr().err == "error: /mnt/disk/photo.jpg: Input/output error\n"
    with pytest.raises(OSError, match="no file at all"):
        guarded(fail)(OSError("no file at all"))


def test_errors_and_messages_are_shortened_wherever_they_come_from(capfd: pytest.CaptureFixture[str]) -> None:
    assert len(str(ImgeditError(f"no model {LONG!r}"))) < 300
    message(f"warning: {LONG}: has several pictures")
    err = capfd.readouterr().err
    assert err.startswith("warning: xxx")
    assert err.endswith("xxx: has several pictures\n")
    assert len(err) < 320
