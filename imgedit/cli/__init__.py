"""The command line; each group of commands in a file of its own, and nothing heavy before a command runs."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

__all__ = ["main"]

Handler = Callable[[int, FrameType | None], object] | int
_ENDS = (None, 0, 3)
"""Exit codes of commands that Ctrl-C ends as it should, such as `--watch`: all is done, or some photos failed."""


def main() -> None:
    """Run the command line; it always leaves by `SystemExit`."""
    gc.set_threshold(100_000)  # what imports make stays: looking through it again and again is a tenth of a start
    before = _handler()
    interrupted = _noted_interrupts(before)
    try:
        from imgedit.cli.app import application

        application(*sys.argv[1:2])(prog_name="imgedit")
    except KeyboardInterrupt:  # before a command's own guard stood, or after it
        _leave()
    except SystemExit as end:
        if interrupted:  # whatever a library made of the Ctrl-C on its way here
            _leave(int(end.code or 0) if end.code in _ENDS else 130)
        raise
    except Exception as error:
        if interrupted:  # whatever a library made of the Ctrl-C while it loaded
            _leave()
        if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
            raise
        from imgedit.cli.common import message

        message(f"error: standard output cannot be written: {error.strerror}")  # help texts come past `result`
        sys.exit(1)
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)
        if not _takes_output():  # Python would try again at its end, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _leave(code: int = 130) -> NoReturn:
    """End after Ctrl-C; where a graph still runs that cannot be stopped, without waiting for it."""
    guard = sys.modules.get("imgedit.models.guard")  # without it there is none
    if guard is not None:
        guard.leave(code)
    sys.exit(code)


def _handler() -> Handler | None:
    """Return what Ctrl-C does, if it is Python's or the system's own way and this thread may change it."""
    if threading.current_thread() is not threading.main_thread():
        return None
    handler = signal.getsignal(signal.SIGINT)
    return handler if handler in (signal.default_int_handler, signal.SIG_DFL) else None


def _noted_interrupts(handler: Handler | None) -> list[int]:
    """Return a list that Ctrl-C adds to before it raises KeyboardInterrupt; ignored signals stay ignored."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    if handler is not None:
        signal.signal(signal.SIGINT, note)
    return noted


def _takes_output() -> bool:
    """Tell whether what was printed arrived (a full disk, a closed pipe)."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True
