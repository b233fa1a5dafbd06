"""Files that hold the labels or the pictures of a set: `metadata.csv` (Hugging Face ImageFolder) and `.npz`."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from imgedit.text import reason


def rows(folder: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read the rows of `folder/metadata.csv`, in the order of their file names.

    Raises:
        DataError: it is missing, empty, or lacks one of the columns.
    """
    path = folder / "metadata.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            found = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is missing or damaged ({reason(error)})") from error
    if not found or any(row.get(c) is None for row in found for c in columns):
        raise DataError(f"{path} must have rows with the columns {', '.join(columns)}")
    return sorted(found, key=lambda row: row["file_name"])


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Read an `.npz` of plain arrays.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is missing or damaged ({reason(error)})") from error
