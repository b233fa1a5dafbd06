"""The bytes that photos are read from: files and standard input, and what is said where they cannot be read."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imgedit.errors import PhotoError

__all__ = ["MAX_BYTES", "check_no_address", "check_source", "limited", "opened_file", "standard_input"]

MAX_BYTES = 2 << 30
"""Largest file that is read; 200 megapixels with four 16-bit channels are 1.6 GB."""
_PART = 1 << 20  # bytes read at once from a pipe
_ADDRESS = re.compile(r"(https?|ftps?|sftp|file|s3|gs):/", re.IGNORECASE)


def check_source(source: str | os.PathLike[str]) -> None:
    """Find out before the work whether a file is there and may be read; whether it is a photo is not looked at.

    Args:
        source: The file; `-` for standard input, which is not touched.

    Raises:
        PhotoError: It cannot be read.
    """
    if str(source) != "-":
        with opened_file(source):
            pass


@contextmanager
def opened_file(source: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """Open a regular file and say what is wrong where that, or reading it, fails."""
    path = Path(source)
    try:
        with open(path, "rb", opener=_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PhotoError(
                    f"{path}: is no regular file but a pipe or device; give a file, or - to read from a pipe"
                )
            yield file, status
    except FileNotFoundError as error:
        check_no_address(source)
        raise PhotoError(f"{path}: no such file; check the name") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{path}: is a folder; give a photo") from error
    except PermissionError as error:
        if path.is_dir():  # Windows
            raise PhotoError(f"{path}: is a folder; give a photo") from error
        raise PhotoError(f"{path}: no permission to read it") from error
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _at_once(path: str, flags: int) -> int:
    """Open a file without waiting; without O_NONBLOCK the opening of a pipe waits for somebody who writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def check_no_address(source: str | os.PathLike[str]) -> None:
    """Refuse what names no file of this machine.

    Raises:
        PhotoError: It is the address of something on the network.
    """
    text = os.fspath(source)
    if _ADDRESS.match(text):
        raise PhotoError(f"{text}: is an address, and nothing is fetched from the network; download the photo first")


def standard_input() -> bytes:
    """Return the bytes of standard input.

    Raises:
        PhotoError: It is closed or cannot be read, or as `limited`.
    """
    if sys.stdin is None:
        raise PhotoError("standard input is closed; give a file or pipe a photo in")
    try:
        return limited(sys.stdin.buffer, "standard input")
    except OSError as error:
        raise PhotoError(f"standard input cannot be read: {error.strerror or error}") from error


def limited(file: BinaryIO, name: str) -> bytes:
    """Read a file to its end; a film or a device without end is refused before it fills the memory.

    Raises:
        PhotoError: It has more than `MAX_BYTES`.
    """
    too_large = f"{name}: has more than {MAX_BYTES / 1e9:.1f} GB, which no photo has; give a photo"
    try:
        status = os.fstat(file.fileno())
    except OSError:  # not a file of the system
        return file.read()
    if stat.S_ISREG(status.st_mode):
        if status.st_size > MAX_BYTES:
            raise PhotoError(too_large)
        return file.read()
    data = bytearray()
    while part := file.read(_PART):
        data += part
        if len(data) > MAX_BYTES:
            raise PhotoError(too_large)
    return bytes(data)
