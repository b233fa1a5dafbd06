"""What every command prints: one line of JSON, names that split no line, nothing that a terminal would obey."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from imgedit.cli.common import message, result

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
