"""How the commands of this package that are not `imgedit`'s end: lines on stdout, or one line on stderr and a code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from imgedit.errors import DataError, ImgeditError
from imgedit.text import reason


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


def figures_of(path: Path | None) -> dict[str, Any]:
    """Return what a manifest tells of a result of `imgedit evaluate faces`; nothing without one.

    Raises:
        DataError: the file is no such result.
    """
    if path is None:
        return {}
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        about = {key: result[key] for key in ("split", "n", "seed", "judge", "identity_network")}
        return about | dict(result["metrics"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no result of `imgedit evaluate faces`: {reason(error)}") from error


def draw_model(
    arguments: list[str] | None,
    name: str,
    what: str,
    model: str,
    export: Callable[[Path, Mapping[str, Any]], None],
    words: Iterable[str],
) -> int:
    """Run a script that draws a model and needs no data; returns the exit code.

    Args:
        arguments: of the command; None: those that were typed.
        name: as `arguments_of`.
        what: as `arguments_of`.
        model: as `arguments_of`.
        export: writes the model folder, with figures for its manifest.
        words: of the model, which are printed.
    """
    options = arguments_of(name, what, model).parse_args(arguments)

    def lines() -> Iterator[str]:
        export(options.output, figures_of(options.figures))
        yield ", ".join(words)

    return printed(lines)
