"""Which photos are edited: files, folders, patterns and the photo from standard input."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path

from imgedit.errors import ConfigError, PhotoError
from imgedit.photo import SUFFIXES
from imgedit.text import reason

__all__ = ["READABLE", "STDIN", "Files", "Job", "collect", "in_folder", "is_batch", "is_there"]

READABLE = frozenset({*SUFFIXES, ".gif", ".ppm", ".pgm", ".pbm", ".qoi", ".mpo", ".heic", ".heif", ".avif"})
"""Endings of the files that are taken for photos in a folder."""
STDIN = "-"
"""Names the photo from standard input."""
_LISTED = 3  # names in a message

Files = Callable[[Path], Sequence[Path]]
"""Names the files that a result consists of, by the path that it was given."""


@dataclass(frozen=True)
class Job:
    """One photo of many.

    Attributes:
        source: the photo.
        below: its path below the folder that was named; its name where it was named itself.
        target: where its result goes.
        problem: why it cannot be edited, where that is known before: a folder that may not be read.
        is_named: it was named itself, and not found in a folder or by a pattern.
    """

    source: Path
    below: Path
    target: Path = Path()
    problem: str = ""
    is_named: bool = True


def is_batch(photos: Sequence[str]) -> bool:
    """Tell whether what was named may be more than one photo: several names, a folder, or a pattern."""
    return len(photos) > 1 or _is_folder(photos[0]) or _is_pattern(photos[0])


def collect(photos: Sequence[str], *, recursive: bool = False) -> list[Job]:
    """Return the photos of names: files, folders (the photos in them, by name), and patterns such as `*.jpg`.

    Args:
        photos: what was named; `-` is the photo from standard input, which is called `stdin`.
        recursive: also the photos of folders in folders.

    Raises:
        ConfigError: `-` is named twice.
        PhotoError: there are no photos in the folders.
    """
    found: dict[Path, Job] = {}
    if list(photos).count(STDIN) > 1:
        raise ConfigError("stdin holds one photo; name it once")
    for named in photos:
        if named == STDIN:
            found[Path(STDIN)] = Job(Path(STDIN), Path("stdin"))
            continue
        is_pattern = _is_pattern(named)
        for path in sorted(glob.glob(named, recursive=True)) if is_pattern else [named]:
            itself = Job(Path(path), Path(Path(path).name), is_named=not is_pattern)
            in_it = in_folder(Path(path), recursive) if _is_folder(path) else [itself]
            for job in in_it:
                found.setdefault(job.source, job)
    if not found:
        deeper = "" if recursive else "; -r looks in its folders too"
        raise PhotoError(f"no photos in {', '.join(photos[:_LISTED])}{deeper}")
    return list(found.values())


def is_there(target: Path, files: Files) -> bool:
    """Tell whether all files are there that a result consists of; `files` as `run`."""
    return all(os.path.lexists(path) for path in files(target))


def _is_folder(name: str | Path) -> bool:
    try:
        return str(name) != "" and Path(name).is_dir()  # an empty name would be the folder that one is in
    except (OSError, ValueError):
        return False


def _is_pattern(name: str) -> bool:
    """Tell whether a name has wildcards, is no file and fits some; shells that know patterns expand them before."""
    try:
        return glob.has_magic(name) and not os.path.lexists(name) and next(glob.iglob(name, recursive=True), "") != ""
    except (ValueError, OSError):
        return False


def in_folder(folder: Path, recursive: bool) -> list[Job]:
    """Return the photos in a folder by name, and what is to fail: links to nowhere, folders that cannot be read."""
    found = []

    def closed(error: OSError) -> None:
        path = Path(error.filename)
        below = path.relative_to(folder) if path != folder else Path(folder.name)
        found.append(Job(path, below, problem="no permission to read it" if error.errno == EACCES else reason(error)))

    for place, folders, names in os.walk(folder, onerror=closed):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in READABLE and (os.path.isfile(path) or not os.path.exists(path)):
                found.append(Job(path, path.relative_to(folder), is_named=False))
    return sorted(found, key=lambda job: job.source)
