from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import imgedit
from imgedit.text import printable, reason, shortened

ROOT = Path(imgedit.__file__).parent.parent


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07title", r"\x1b]0;owned\x07title"),
        ("two\nlines\r\tand\x85a third\u2028one", r"two\nlines\r\tand\x85a third\u2028one"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        (os.fsdecode(b"caf\xe9.jpg") if os.name == "posix" else "caf\udce9.jpg", r"caf\xe9.jpg"),
        ("plain Zoë – 写真 🙂 [b] \\n", "plain Zoë – 写真 🙂 [b] \\n"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_and_the_rest_stays(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(shown) == shown


def test_characters_may_be_kept() -> None:
    assert printable("a\nb\x00", keep="\n") == "a\nb\\x00"


@pytest.mark.parametrize("value", ["x" * 5000, "x " * 2500, "é" * 340])
def test_values_that_are_too_long_to_read_lose_their_middle(value: str) -> None:
    text = shortened(f"no model knows {value!r} (known: blond)")
    assert text.startswith("no model knows '")
    assert text.endswith("(known: blond)")
    assert " more)..." in text
    assert len(text) < min(1600, len(value) + 40)


def test_paths_of_a_usual_length_stay() -> None:
    text = f"/{'folder/' * 40}photo.jpg: no such file; " + "check the name, " * 40
    assert shortened(text) == text


def test_the_reason_of_an_error_is_without_its_number_and_path() -> None:
    assert reason(FileNotFoundError(2, "No such file or directory", "x.json")) == "No such file or directory"
    assert reason(OSError("cannot identify image file")) == "cannot identify image file"
    assert reason(ValueError("no number")) == "no number"


def test_no_message_shows_what_the_system_says_raw() -> None:
    """A message about an error that may be the system's own goes through `reason`, or takes its `strerror`."""
    told = []
    for path in [*(ROOT / "imgedit").rglob("*.py"), *(ROOT / "training").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and node.name and "OSError" in ast.unparse(node.type or node):
                raised = [n.exc for n in ast.walk(node) if isinstance(n, ast.Raise) and n.exc is not None]
                shown = [v for r in raised for v in ast.walk(r) if isinstance(v, ast.FormattedValue)]
                told += [path.name for v in shown if isinstance(v.value, ast.Name) and v.value.id == node.name]
    assert told == []
