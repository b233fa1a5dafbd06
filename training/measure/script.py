"""How the commands of this package that are not `imgedit`'s end: lines on stdout, or one line on stderr and a code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

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


def arguments_of(name: str, what: str, model: str) -> argparse.ArgumentParser:
    """Return what reads the arguments of a script that writes a model which can be measured; it may add its own.

    Args:
        name: of the script, in `training.measure`.
        what: it does, for the help.
        model: id of the bundled model, whose folder is the default of `--output`.
    """
    parser = argparse.ArgumentParser(prog=f"python -m training.measure.{name}", description=what)
    bundled = Path(__file__).parents[2] / "imgedit" / "bundled" / model
    parser.add_argument("-o", "--output", type=Path, default=bundled, help="model folder (default: the bundled one)")
    parser.add_argument("--figures", type=Path, help="result of `imgedit evaluate faces` for the manifest")
    return parser
