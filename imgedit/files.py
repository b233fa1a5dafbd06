"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from imgedit.errors import OutputError

__all__ = ["write_whole"]


def write_whole(target: Path, content: str | bytes) -> None:
    """Write a file beside its place and move it there; its folder is made, and a file that exists is replaced.

    Raises:
        OutputError: it cannot be written; what was there before stays.
    """
    temporary = target.with_name(f".imgedit-{secrets.token_hex(6)}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
