"""Files that are there whole or not at all, and never replace another unasked.

A file is written beside its place under a temporary name, flushed to the disk and then moved there:

- A new name is taken by a hard link, which fails where the name exists: of two runs, one gets it. A file system
  without hard links gets an empty file first (exclusive as well) and then the move.
- A file that is replaced keeps its mode and, where the system lets us, its owner. A symbolic link stays one: the file
  behind it is replaced.
- A file with further hard links is the one exception to "whole or absent", since no move can change all its names at
  once: its content is exchanged in place, after the new content lies on the disk beside it. An error puts the old
  content back. A process that is killed in that moment leaves the new content in the temporary file.
- Pipes, devices and folders are refused.

Temporary files that a killed process left are removed once they are an hour old.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgedit.errors import OutputError

__all__ = ["check_replaceable", "check_writable", "read_file", "write_all", "write_whole"]

_PREFIX, _SUFFIX = ".imgedit-", ".tmp"
_MAX_AGE = 3600.0  # seconds after which a temporary file has no process any more
_swept: set[Path] = set()


def read_file(path: Path, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes; devices, pipes and endless files are refused.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no regular file, or larger, or its name cannot be one.
    """
    # Without O_NONBLOCK the opening of a pipe waits for somebody who writes to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it has more than {limit} bytes")
    return content


def write_whole(
    target: Path, content: str | bytes, *, overwrite: bool = True, mode: int | None = None, flush: bool = True
) -> None:
    """Write a file, whole or not at all; its folder is made.

    Args:
        target: The file.
        content: Text is written as UTF-8.
        overwrite: Replace a file that exists.
        mode: Permissions that a new file has at most, None for those of any new file. One that is replaced keeps its
            own.
        flush: Wait until the content is on the disk. Without it a power cut may leave an empty file.

    Raises:
        OutputError: It cannot be written; what was there before stays.
    """
    data = content.encode() if isinstance(content, str) else content
    write_all([(target, data)], overwrite=overwrite, mode=mode, flush=flush)


def write_all(
    files: Sequence[tuple[Path, bytes]], *, overwrite: bool = False, mode: int | None = None, flush: bool = True
) -> None:
    """Write several files, all or none; arguments as `write_whole`.

    Raises:
        OutputError: One of them cannot be written; all are as they were before.
    """
    undo: list[Callable[[], None]] = []
    with contextlib.ExitStack() as stack:
        staged = [stack.enter_context(_staged(target, data, mode, overwrite, flush)) for target, data in files]
        try:
            for one in staged:
                with _named(one.target):
                    undo.append(one.publish(overwrite))
        except BaseException:
            for step in reversed(undo):
                with contextlib.suppress(OSError):
                    step()
            raise
    if flush:
        for folder in {one.place.parent for one in staged}:
            _flush_folder(folder)


def check_writable(target: Path) -> None:
    """Find out before the work whether a file can be written or replaced; its folder may be missing.

    Raises:
        OutputError: As `check_replaceable`, or what would hold it is no folder or closed.
    """
    check_replaceable(target)
    with _named(target):
        place = Path(os.path.realpath(target)).parent
        while _status(place) is None:
            place = place.parent
        if not os.access(place, os.W_OK | os.X_OK):
            raise OutputError(f"{target}: cannot be written: no permission to write into {place}")


def check_replaceable(target: Path) -> None:
    """Refuse to replace what is no file.

    Raises:
        OutputError: There is a pipe, a device, a folder or a link that leads to itself.
    """
    with _named(target):
        status = _status(Path(os.path.realpath(target)))
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise OutputError(f"{target}: is {_kind(status.st_mode)}, which is never replaced; choose another name")


@dataclass(frozen=True)
class _Staged:
    """A file's new content, complete on the disk under a temporary name.

    Attributes:
        target: What the user named.
        place: The file itself, behind symbolic links.
        temporary: Where the content lies.
        existing: What is in its place now.
    """

    target: Path
    place: Path
    temporary: Path
    existing: os.stat_result | None

    def publish(self, overwrite: bool) -> Callable[[], None]:
        """Give the content its name and return what takes that back."""
        if not overwrite:
            self._take_name()
            return self.place.unlink
        if self.existing is None:
            os.replace(self.temporary, self.place)
            return self.place.unlink
        if self.existing.st_nlink > 1:
            old = self.place.read_bytes()
            try:
                _exchange(self.place, self.temporary.read_bytes())
            except BaseException:
                _exchange(self.place, old)
                raise
            return lambda: _exchange(self.place, old)
        kept = self.temporary.with_name(f"{self.temporary.stem}-old{_SUFFIX}")
        kept.unlink(missing_ok=True)
        try:
            os.link(self.place, kept)
        except OSError:  # a file system without hard links
            old = self.place.read_bytes()
            os.replace(self.temporary, self.place)
            return lambda: _exchange(self.place, old)
        os.replace(self.temporary, self.place)
        return lambda: os.replace(kept, self.place)

    def _take_name(self) -> None:
        try:
            os.link(self.temporary, self.place)
        except FileExistsError:
            raise OutputError(f"{self.target}: exists already", hint="use --overwrite or another name") from None
        except OSError:  # a file system without hard links
            try:
                os.close(os.open(self.place, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except FileExistsError:
                raise OutputError(f"{self.target}: exists already", hint="use --overwrite or another name") from None
            try:
                os.replace(self.temporary, self.place)
            except BaseException:
                self.place.unlink()
                raise


@contextlib.contextmanager
def _staged(target: Path, data: bytes, mode: int | None, overwrite: bool, flush: bool) -> Iterator[_Staged]:
    """Write the content under a temporary name; whatever happens, that name is gone afterwards."""
    if overwrite:
        check_replaceable(target)
        place = Path(os.path.realpath(target))
    else:
        place = target
    temporary = place.with_name(f"{_PREFIX}{os.urandom(6).hex()}{_SUFFIX}")
    try:
        with _named(target):
            place.parent.mkdir(parents=True, exist_ok=True)
            _sweep(place.parent)
            existing = _status(place) if overwrite else None
            _write(temporary, data, mode, existing, flush)
        yield _Staged(target, place, temporary, existing)
    finally:
        for leftover in (temporary, temporary.with_name(f"{temporary.stem}-old{_SUFFIX}")):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def _write(path: Path, data: bytes, mode: int | None, existing: os.stat_result | None, flush: bool) -> None:
    """Make a file that only its owner can read until it is complete."""
    with open(path, "xb") as file:
        final = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & (0o777 if mode is None else mode)
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), 0o600)
        file.write(data)
        if existing is not None:
            final = stat.S_IMODE(existing.st_mode) & 0o777
            if hasattr(os, "fchown"):
                final = _own(file.fileno(), existing, final)
        if hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), final)
        file.flush()
        if flush:
            os.fsync(file.fileno())


def _own(number: int, existing: os.stat_result, mode: int) -> int:
    """Give a file the owner and group of another; return its mode, less the rights of a group that it cannot have."""
    current = os.fstat(number)
    if (current.st_uid, current.st_gid) == (existing.st_uid, existing.st_gid):
        return mode
    for owner, group in ((existing.st_uid, existing.st_gid), (-1, existing.st_gid)):
        with contextlib.suppress(OSError):
            os.fchown(number, owner, group)
            return mode
    return mode & ~0o070


def _exchange(place: Path, data: bytes) -> None:
    """Write into a file that exists, for all of its names."""
    with open(place, "r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder; looked for once a process."""
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX)):
                continue
            with contextlib.suppress(OSError):
                is_old = time.time() - entry.stat(follow_symlinks=False).st_mtime > _MAX_AGE
                if is_old and entry.is_file(follow_symlinks=False):
                    os.unlink(entry.path)


def _flush_folder(folder: Path) -> None:
    """Bring a new name to the disk, where the system can."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    links = ((stat.S_ISLNK, "a link that leads nowhere"),)
    return next((name for test, name in (*kinds, *links) if test(mode)), "a device")


@contextlib.contextmanager
def _named(target: Path) -> Iterator[None]:
    """Turn what the system says into a sentence with the file's name."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{target}: cannot be written: {reason}") from error
