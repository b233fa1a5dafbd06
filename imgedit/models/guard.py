"""Work that can be left: Ctrl-C, SIGTERM and the clock end the waiting, whatever the work itself does."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

from imgedit.errors import ModelError

__all__ = ["TIME_LIMIT", "in_time", "leave"]

T = TypeVar("T")

TIME_LIMIT = 600.0
"""Seconds that a run of a graph from elsewhere, or its loading, may take; the bundled models take under one."""
_PATIENCE = 0.5  # seconds that work which was told to stop is waited for
_left: list[threading.Event] = []  # of work that still ran when it was left


def in_time(work: Callable[[], T], stop: Callable[[], object], name: str) -> T:
    """Do work in a thread that Ctrl-C and the clock can leave behind.

    Args:
        work: in a library that cannot be interrupted.
        stop: asks the work to end early; called when it is left.
        name: what messages call it.

    Returns:
        What the work returns; what it raises is raised here.

    Raises:
        ModelError: it took longer than `TIME_LIMIT`.
        KeyboardInterrupt: the user left it.
    """
    done = threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # goes on in the thread that waits
            errors.append(error)
        finally:
            done.set()

    start = time.monotonic()
    threading.Thread(target=run, daemon=True, name=name).start()
    try:
        while not done.wait(0.1):
            if time.monotonic() - start > TIME_LIMIT:
                raise ModelError(f"{name} took more than {TIME_LIMIT:.0f} s, which no model may; get another model")
    except BaseException:
        stop()
        if not done.wait(_PATIENCE):
            _left.append(done)
        raise
    if errors:
        raise errors[0]
    return results[0]


def leave(code: int) -> NoReturn:
    """End the program, at once where work that was left behind still runs.

    A thread that comes back from such work into a Python that is ending aborts the process.

    Args:
        code: of the exit.

    Raises:
        SystemExit: nothing runs any more.
    """
    if all(done.is_set() for done in _left):
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
