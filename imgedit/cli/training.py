"""How the commands that train and measure reach `training`, which needs torch: when they run, and not before."""

from __future__ import annotations

import contextlib
import importlib
import shlex
import sys
from collections.abc import Iterator
from types import ModuleType

from imgedit.errors import ImgeditError

__all__ = ["command_line", "torch_extra", "training_module"]


def training_module(name: str) -> ModuleType:
    """Import a module of `training`."""
    with torch_extra():
        return importlib.import_module(name)


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
        raise ImgeditError(f"this command needs {top}: pip install 'imgedit[{extra}]'") from error


def command_line() -> str:
    """Return what was typed, for the record."""
    return shlex.join(["imgedit", *sys.argv[1:]])
