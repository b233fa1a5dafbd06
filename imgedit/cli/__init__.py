"""The command line; each group of commands in a file of its own, and nothing heavy before a command runs."""

from __future__ import annotations

import errno
import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; it always leaves by `SystemExit`."""
    try:
        from imgedit.cli.app import app

        app(prog_name="imgedit")
    except KeyboardInterrupt:  # before a command's own guard stood, or after it
        sys.exit(130)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        from imgedit.cli.common import message

        message(f"error: standard output cannot be written: {error.strerror}")  # help texts come past `result`
        sys.exit(1)
    finally:
        if not _takes_output():  # Python would try again at its end, and complain
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _takes_output() -> bool:
    """Tell whether what was printed arrived (a full disk, a closed pipe)."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        return False
    return True
