"""The command line; each group of commands in a file of its own, and nothing heavy before a command runs."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from types import FrameType

__all__ = ["main"]


def main() -> None:
    """Run the command line; it always leaves by `SystemExit`."""
    interrupted = _noted_interrupts()
    try:
        from imgedit.cli.app import app

        app(prog_name="imgedit")
    except KeyboardInterrupt:  # before a command's own guard stood, or after it
        sys.exit(130)
    except SystemExit as end:
        if interrupted and end.code:  # whatever a library made of the Ctrl-C on its way here
            sys.exit(130)
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        from imgedit.cli.common import message

        message(f"error: standard output cannot be written: {error.strerror}")  # help texts come past `result`
        sys.exit(1)
    finally:
        if not _takes_output():  # Python would try again at its end, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _noted_interrupts() -> list[int]:
    """Return a list that Ctrl-C adds to before it raises KeyboardInterrupt; ignored signals stay ignored."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    is_ours = threading.current_thread() is threading.main_thread()
    if is_ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
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
