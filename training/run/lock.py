"""A run folder belongs to one training at a time."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

from imgedit.errors import OutputError


@contextlib.contextmanager
def alone(run: Path) -> Iterator[None]:
    """Hold a run folder; the system lets go of it however the process ends.

    A folder that is missing is made, and removed again where nothing was put into it.

    Where the system or the disk knows no locks, nothing is held.

    Raises:
        OutputError: another process trains in it, or it cannot be made.
    """
    try:
        is_new = not run.exists()
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{run}: cannot be made: {error.strerror or error}") from error
    try:
        with _held(run):
            yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                run.rmdir()


@contextlib.contextmanager
def _held(run: Path) -> Iterator[None]:
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:  # Windows
        yield
        return
    number = os.open(run, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(
                f"{run} is in use by another training; wait for it, or name another with --run"
            ) from error
        except OSError:
            pass
        yield
    finally:
        os.close(number)
