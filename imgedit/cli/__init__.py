"""The command line; each group of commands in a file of its own, and nothing heavy before a command runs."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

from imgedit import interrupts

__all__ = ["main"]

Handler = Callable[[int, FrameType | None], object] | int
_ENDS = (None, 0, 3)
"""Exit codes of commands that Ctrl-C ends as it should, such as `--watch`: all is done, or some photos failed."""


def main() -> None:
    """Run the command line; it always leaves by `SystemExit`."""
    gc.set_threshold(100_000)  # what imports make stays: looking through it again and again is a tenth of a start
    before = _handlers()
    received = _noted_interrupts(before)
    try:
        from imgedit.cli.app import application

        application(*sys.argv[1:2])(prog_name="imgedit")
    except KeyboardInterrupt as error:  # before a command's own guard stood, or after it
        _leave(interrupts.exit_code(error))
    except SystemExit as end:
        if received.numbers:  # whatever a library made of the Ctrl-C on its way here
            ends = end.code in _ENDS and received.numbers[-1] == signal.SIGINT
            _leave(int(end.code or 0) if ends else 128 + received.numbers[-1])
        raise
    except Exception as error:
        if received.numbers:  # whatever a library made of the Ctrl-C while it loaded
            _leave(128 + received.numbers[-1])
        if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
            raise
        from imgedit.cli.common import message

        message(f"error: standard output cannot be written: {error.strerror}")  # help texts come past `result`
        sys.exit(1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if not _takes_output():  # Python would try again at its end, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _leave(code: int) -> NoReturn:
    """End after Ctrl-C or SIGTERM; where a graph still runs that cannot be stopped, without waiting for it."""
    guard = sys.modules.get("imgedit.models.guard")  # without it there is none
    if guard is not None:
        guard.leave(code)
    sys.exit(code)


def _handlers() -> dict[int, Handler]:
    """Return what Ctrl-C and SIGTERM do, where it is Python's or the system's own way and this thread may change it."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    own = (signal.default_int_handler, signal.SIG_DFL)
    return {number: handler for number, handler in found.items() if handler in own}


def _noted_interrupts(handlers: Iterable[int]) -> interrupts.Received:
    """Return what notes each signal before it raises KeyboardInterrupt; ignored signals stay ignored."""
    received = interrupts.Received()

    def note(number: int, frame: FrameType | None) -> None:
        if received.note(number):
            raise interrupts.interrupt(number)

    for number in handlers:
        signal.signal(number, note)
    return received


def _takes_output() -> bool:
    """Tell whether what was printed arrived (a full disk, a closed pipe)."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True
