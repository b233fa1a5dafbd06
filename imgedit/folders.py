"""Folders of results: made before the work, and removed after it where they are empty."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from imgedit.errors import OutputError

__all__ = ["ResultFolders"]


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
        except FileExistsError as error:
            raise OutputError(f"{folder}: is no folder; name a folder, or a file by its ending") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"cannot make the folder {folder}: {reason}") from error

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
