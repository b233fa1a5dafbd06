"""The photos that come into a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from imgedit.batch.jobs import Job, in_folder
from imgedit.errors import PhotoError

__all__ = ["watch"]

_PAUSE = 1.0  # seconds between two looks into a folder that is watched


def watch(folder: Path, *, recursive: bool = False, pause: float = _PAUSE) -> Iterator[list[Job]]:
    """Give the photos of a folder, those that are there and then those that come, without end.

    A photo is given once it was the same at two looks, so that none is read while it is written; one that changes later
    is given again.

    Args:
        folder: which.
        recursive: also the photos of its folders.
        pause: seconds between two looks.

    Raises:
        PhotoError: the folder is gone.
    """
    given: dict[Path, tuple[int, int]] = {}
    before: dict[Path, tuple[int, int]] = {}
    while True:
        if not folder.is_dir():
            raise PhotoError(f"{folder} is gone; it is watched no longer")
        now = {job.source: (job, state) for job in in_folder(folder, recursive) if (state := _state(job.source))}
        ready = [job for path, (job, state) in now.items() if before.get(path) == state and given.get(path) != state]
        given |= {job.source: now[job.source][1] for job in ready}
        before = {path: state for path, (_, state) in now.items()}
        if ready:
            yield ready
        time.sleep(pause)


def _state(path: Path) -> tuple[int, int] | None:
    """Return what tells whether a file has changed; None for one that is gone, or empty."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status.st_size else None
