"""`python -m imgedit` is `imgedit`; both start here."""

from __future__ import annotations

import signal

# Until `main` stands guard there is nothing to clean up: Ctrl-C ends the process as any other, without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from imgedit.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
