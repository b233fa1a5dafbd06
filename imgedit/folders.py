"""Folders of results: made before the work, and removed after it where they are empty."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from imgedit.errors import OutputError

__all__ = ["ResultFolders", "check_folder"]


def check_folder(folder: Path) -> None:
    """Find out before the work whether a folder is there, or can be made with those above it; none is made.

    Raises:
        OutputError: as `ResultFolders.open`.
    """
    try:
        place = folder
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        if place.is_dir():
            code = 0 if place == folder or os.access(place, os.W_OK | os.X_OK) else errno.EACCES
        else:
            code = errno.EEXIST if place == folder else errno.ENOTDIR
        if code:
            raise OSError(code, os.strerror(code))
    except (OSError, ValueError) as error:
        raise _unmade(folder, error) from error


def _unmade(folder: Path, error: Exception) -> OutputError:
    """Return what is said of a folder that cannot be made."""
    if isinstance(error, FileExistsError):
        return OutputError(f"{folder}: is no folder; name a folder, or a file by its ending")
    return OutputError(f"cannot make the folder {folder}: {getattr(error, 'strerror', None) or error}")


class ResultFolders:
    """Makes folders, and removes those of its own that stay empty; for several threads."""

    def __init__(self) -> None:
        self._made: set[Path] = set()
        self._users: Counter[Path] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def open(self, folder: Path) -> Iterator[None]:
        """Make a folder, with those above it, for the time of a block; what was there before is never removed.

        Raises:
            OutputError: it cannot be made.
        """
        try:  # before the folder is made: a signal may come right after
            with self._lock:
                self._users[folder] += 1
                self._make(folder)
            yield
        finally:
            with self._lock:
                self._users[folder] -= 1
                self._remove_empty(folder)

    def _make(self, folder: Path) -> None:
        try:
            self._made.update(one for one in (folder, *folder.parents) if not one.exists())
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:
            raise _unmade(folder, error) from error

    def _remove_empty(self, folder: Path) -> None:
        for one in (folder, *folder.parents):
            if one not in self._made or self._users[one]:
                return
            try:
                one.rmdir()
            except FileNotFoundError:  # it could not be made
                pass
            except (OSError, ValueError):  # it holds something, or no folder can have its name
                return
            self._made.remove(one)
