"""How the commands of this package that are not `imgedit`'s end: lines on stdout, or one line on stderr and a code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from imgedit.errors import ImgeditError


def printed(lines: Callable[[], Iterable[str]]) -> int:
    """Print what `lines` yields and return 0, or say what went wrong and return its exit code."""
    try:
        for line in lines():
            sys.stdout.write(f"{line}\n")
    except ImgeditError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0
