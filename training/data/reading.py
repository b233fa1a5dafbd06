"""Read many pictures: a few broken ones are left out and counted, more stop the reading."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from imgedit.errors import DataError
from imgedit.progress import with_progress

MAX_BROKEN = 0.01
"""Largest share of the pictures of a set that may be broken."""
_BROKEN = (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for a file that is no whole picture."""


def rgb(path: Path) -> np.ndarray:
    """Read a picture as uint8 `(H, W, 3)` RGB; grey ones three times the same.

    Raises:
        DataError: it is missing or broken.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing or no regular file; get it again")
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except _BROKEN as error:
        raise DataError(f"{path} cannot be read ({error}); get it again") from error


def read(
    paths: Sequence[Path], shape: tuple[int, ...], make: Callable[[np.ndarray], np.ndarray], title: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures one after the other.

    Args:
        paths: files.
        shape: of what `make` returns.
        make: turns RGB `(H, W, 3)` into what is kept of it, uint8.
        title: of the progress bar.

    Returns:
        uint8 `(M, *shape)`; indices `(M,)` of the paths that could be read.

    Raises:
        DataError: more than `MAX_BROKEN` of them are broken; the first is named.
    """
    made = np.empty((len(paths), *shape), np.uint8)
    kept: list[int] = []
    broken: list[str] = []
    for i, path in enumerate(with_progress(paths, title)):
        try:
            made[len(kept)] = make(rgb(path))
            kept.append(i)
        except DataError as error:
            broken.append(str(error))
            if len(broken) > MAX_BROKEN * len(paths):
                raise DataError(
                    f"{len(broken)} of the first {i + 1} pictures cannot be read, such as {broken[0]}"
                ) from error
    if broken:
        say(f"{title}: left out {len(broken)} of {len(paths)} pictures that cannot be read, such as {broken[0]}")
    return made[: len(kept)], np.array(kept, np.int64)


def say(text: str) -> None:
    """Tell a person something about the data, on stderr."""
    Console(stderr=True).print(text, highlight=False, markup=False, soft_wrap=True)
