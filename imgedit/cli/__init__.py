"""The command line; each group of commands in a file of its own, and nothing heavy before a command runs."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; it always leaves by `SystemExit`."""
    try:
        from imgedit.cli.app import app

        app(prog_name="imgedit")
    except KeyboardInterrupt:  # before a command's own guard stood, or after it
        sys.exit(130)
