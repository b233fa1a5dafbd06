"""The folder in which a pull is made, and the last step that puts it in its place."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgedit.errors import OutputError

__all__ = ["replace", "staging"]

_PULL = ".pull-"
_MAX_AGE = 3600.0  # seconds after which a folder that is being filled has no process any more


def replace(target: Path, whole: Path, old: Path) -> None:
    """Put a folder in its place; the old one steps aside first, since no rename replaces a folder that is not empty.

    Raises:
        OutputError: it cannot be moved; the old version is back in its place.
    """
    try:
        if os.path.lexists(target):
            target.rename(old)
        try:
            whole.rename(target)
        except OSError:
            if os.path.lexists(old):
                old.rename(target)
            raise
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error


@contextmanager
def staging(root: Path, advice: str = "set IMGEDIT_HOME elsewhere") -> Iterator[Path]:
    """A folder inside another, so that the last step is a rename; always removed.

    Args:
        root: the folder around it, which is made when missing.
        advice: what the user can do where it cannot be written.

    Raises:
        OutputError: it cannot.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(prefix=_PULL, dir=root))
    except OSError as error:
        raise OutputError(f"cannot write to {root}: {error.strerror or error}; {advice}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed pulls left."""
    for folder in root.glob(f"{_PULL}*"):
        with contextlib.suppress(OSError):
            newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - newest > _MAX_AGE and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)
