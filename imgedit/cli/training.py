"""How the commands that train and measure reach `training`, which needs torch: when they run, and not before."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

import imgedit
from imgedit.cli.common import result
from imgedit.errors import ConfigError, ImgeditError
from imgedit.extras import how_to_add

__all__ = ["Markdown", "command_line", "print_result", "torch_extra", "training_module"]

Markdown = Annotated[bool, typer.Option("--markdown", help="Print tables as Markdown.")]


def training_module(name: str) -> ModuleType:
    """Import a module of `training`.

    Raises:
        ImgeditError: a package is missing, or another one of that name stands before ours.
    """
    _check_is_ours()
    with torch_extra():
        return importlib.import_module(name)


def _check_is_ours() -> None:
    """Refuse a file or folder `training` that Python would take for ours, before any of it runs.

    `python -m imgedit` looks into the current folder first.
    """
    own = Path(imgedit.__file__).resolve().parent.parent / "training"
    try:
        spec = importlib.util.find_spec("training")
    except (ImportError, ValueError) as error:
        raise ImgeditError(f"the package training cannot be found beside {own}: {error}") from error
    found = None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)
    if found is None:
        raise ImgeditError(f"{own} is missing: this install of imgedit is not whole; install it again")
    if Path(found).resolve() not in (own, own / "__init__.py"):
        raise ImgeditError(
            f"{found} stands before imgedit's own {own}; run this in another folder, or call `imgedit`"
            " instead of `python -m imgedit`"
        )


@contextlib.contextmanager
def torch_extra() -> Iterator[None]:
    """Turn a missing third-party module into a sentence; a missing module of our own stays a bug."""
    try:
        yield
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if top in ("imgedit", "training", ""):
            raise
        extra = "evaluate" if top in ("dlib", "face_recognition_models") else "train"
        raise ImgeditError(f"this command needs {top}; add it with: {how_to_add(extra)}") from error


def command_line() -> str:
    """Return what was typed, for the record."""
    return shlex.join(["imgedit", *sys.argv[1:]])


def print_result(value: object, blocks: Sequence[Any], as_json: bool, markdown: bool) -> None:
    """Print what was measured: as JSON, or as `training.evaluate.layout` lays blocks out.

    Tables fit the terminal, or 80 columns in a pipe.

    Raises:
        ConfigError: both forms are asked for.
    """
    if as_json and markdown:
        raise ConfigError("--json and --markdown are two forms of the same figures; choose one")
    layout = training_module("training.evaluate.layout")
    if as_json:
        text = json.dumps(value, indent=2)
    elif markdown:
        text = layout.markdown(blocks)
    else:
        text = layout.plain(blocks, shutil.get_terminal_size((80, 24)).columns)
    for line in text.rstrip("\n").split("\n"):
        result(line)
