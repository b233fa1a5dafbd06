"""Text that may come from anywhere (file names, manifests, hubs), made fit for a terminal."""

from __future__ import annotations

import re

__all__ = ["printable", "reason", "shortened"]

# Control characters (C0, DEL, C1), line and paragraph separators, marks that turn the direction of writing, and lone
# surrogates, which stand for bytes that are no text.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_WORD = re.compile(r"\S{301,}")  # longer than any name that a person types; a path may be longer, and loses its middle
_HEAD, _TAIL, _LINE = 160, 80, 1500  # characters


def printable(text: str, *, keep: str = "") -> str:
    r"""Show what a terminal would obey or cannot draw: ESC becomes `\x1b`, a line break `\n`; all else stays.

    Args:
        text: Any text.
        keep: Characters that stay as they are.
    """
    return _UNSAFE.sub(lambda match: match[0] if match[0] in keep else _escape(match[0]), text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8, as Python holds it in a file name
        return f"\\x{code - 0xDC00:02x}"
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def reason(error: BaseException) -> str:
    """Return what an error says, without the numbers and names that the system puts around it."""
    return str(getattr(error, "strerror", None) or error)


def shortened(text: str) -> str:
    """Shorten a message for people: long words lose their middle, and so does what is left if that is too long.

    Args:
        text: Any text; one that fits stays as it is.
    """
    text = _WORD.sub(lambda match: _without_middle(match[0], _HEAD, _TAIL), text)
    return text if len(text) <= _LINE else _without_middle(text, 3 * _LINE // 4, _LINE // 5)


def _without_middle(text: str, head: int, tail: int) -> str:
    return f"{text[:head]}...({len(text) - head - tail} more)...{text[-tail:]}"
