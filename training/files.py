"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from imgedit.errors import OutputError


def write_whole(target: Path, content: str | bytes) -> None:
    """Write a file beside its place and move it there; its folder is made, and a file that exists is replaced.

    Raises:
        OutputError: it cannot be written; what was there before stays.
    """
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
