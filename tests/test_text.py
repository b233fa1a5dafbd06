from __future__ import annotations

import os

import pytest

from imgedit.text import printable


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
