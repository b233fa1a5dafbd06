"""`python -m imgedit` is `imgedit`."""

from __future__ import annotations

from imgedit.cli import main

if __name__ == "__main__":
    main()
