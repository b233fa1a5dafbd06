"""MNIST (LeCun et al. 1998): 60,000 + 10,000 handwritten digits, 28x28 grey, from the four original idx files."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from imgedit.text import reason
from training.data.grouped import Grouped

DIGITS = tuple("0123456789")
N_VALID = 5_000
"""The last pictures of the training file, which `train` leaves out and `valid` is."""


def load(
    folder: Path,
    split: str,
    *,
    size: int = 28,
    specified: str = "identity",
    pairs: bool = False,
    holdout: Sequence[int] = (),
    shots: int = 0,
    limit: int | None = None,
) -> Grouped:
    """Load one split.

    Args:
        folder: the folder with the idx files, packed with gzip or not.
        split: `train` (55,000), `valid` (the last 5,000 of the training file) or `test` (10,000).
        size: side of the pictures, px: 28, or 32 with two black pixels round them.
        specified: the only factor is `identity`, the digit.
        pairs: also draw partners of the same digit.
        holdout: digits to leave out of `train` and `valid` (for few-shot measurements).
        shots: so many pictures of each of these digits, the first ones, stay in `train`.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: a file is missing or damaged, or an option cannot be met.
    """
    if specified != "identity":
        raise DataError(f"mnist has one factor, identity (the digit); got specified={specified!r}")
    if size not in (28, 32):
        raise DataError(f"mnist pictures are 28 px, or 32 with a border; got size={size}")
    stem = "t10k" if split == "test" else "train"
    images = read_idx(Path(folder) / f"{stem}-images-idx3-ubyte")
    digits = read_idx(Path(folder) / f"{stem}-labels-idx1-ubyte").astype(np.int64)
    if images.ndim != 3 or images.shape[1:] != (28, 28) or digits.shape != images.shape[:1]:
        raise DataError(f"{folder} holds pictures {images.shape} and labels {digits.shape}; MNIST has (N, 28, 28)")
    part = {"train": slice(None, -N_VALID), "valid": slice(-N_VALID, None), "test": slice(None)}[split]
    images, digits = images[part], digits[part]
    if holdout and split != "test":
        kept = ~np.isin(digits, holdout)
        if split == "train":
            for digit in holdout:
                kept[np.flatnonzero(digits == digit)[:shots]] = True
        images, digits = images[kept], digits[kept]
    images, digits = images[:limit], digits[:limit]
    if size == 32:
        images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    return Grouped(images[..., None], digits, DIGITS, pairs=pairs)


def read_idx(path: Path) -> np.ndarray:
    """Read an idx file of bytes, `path` or `path` with `.gz`.

    Raises:
        DataError: it is missing or damaged.
    """
    packed = path.with_name(path.name + ".gz")
    try:
        content = path.read_bytes() if path.is_file() else gzip.decompress(packed.read_bytes())
        zeros, kind, n_axes = struct.unpack(">HBB", content[:4])
        shape = struct.unpack(f">{n_axes}I", content[4 : 4 + 4 * n_axes])
        if zeros != 0 or kind != 8:
            raise ValueError("not an idx file of bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape).copy()
    except FileNotFoundError as error:
        raise DataError(f"{path}[.gz] is missing; give the folder with MNIST's four idx files") from error
    except (OSError, EOFError, ValueError, struct.error) as error:
        raise DataError(f"{path} is damaged ({reason(error)}); get it again") from error
