"""CelebA's two lists: the labels of every picture, and its split. What is not as it must be is named by its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from imgedit.text import reason

LABELS, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"
N_ATTRIBUTES = 40
SPLITS = {"train": 0, "valid": 1, "test": 2}


def labels(folder: Path) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Read `list_attr_celeba.txt`: a count, 40 names, then a row of -1 or 1 for each picture.

    Returns:
        The names of the attributes; file name -> uint8 `(40,)`, 0 or 1.

    Raises:
        DataError: it is missing, or a line is not so.
    """
    path = Path(folder) / LABELS
    lines = list(_lines(path))
    if len(lines) < 2:
        raise DataError(
            f"{path} has {len(lines)} lines; it holds a count, the names of the attributes, and a row a picture"
        )
    (first, count), (second, header) = lines[0], lines[1]
    if len(count) != 1 or not count[0].isdigit():
        raise DataError(f"{path}, line {first}: got {_shown(count)}, the number of pictures was expected")
    names = tuple(header)
    if len(set(names)) != N_ATTRIBUTES or len(names) != N_ATTRIBUTES or not all(_is_name(n) for n in names):
        raise DataError(
            f"{path}, line {second}: got {_shown(header)}, {N_ATTRIBUTES} names of attributes were expected"
        )
    table: dict[str, np.ndarray] = {}
    for number, (name, *values) in lines[2:]:
        if len(values) != len(names) or not set(values) <= {"-1", "1"}:
            raise DataError(f"{path}, line {number}: {_shown([name])} and {len(names)} values of -1 or 1 were expected")
        if name in table:
            raise DataError(f"{path}, line {number}: {_shown([name])} comes twice")
        table[name] = np.array([v == "1" for v in values], np.uint8)
    if len(table) != int(count[0]):
        raise DataError(f"{path} has {len(table)} rows, its first line says {count[0]}; it is cut short or joined")
    return names, table


def partition(folder: Path) -> dict[str, int]:
    """Read `list_eval_partition.txt`: file name -> 0, 1 or 2 (`SPLITS`).

    Raises:
        DataError: it is missing, or a line is not so.
    """
    path = Path(folder) / PARTITION
    table: dict[str, int] = {}
    for number, words in _lines(path):
        if len(words) != 2 or words[1] not in ("0", "1", "2"):
            raise DataError(f"{path}, line {number}: got {_shown(words)}, a file name and 0, 1 or 2 were expected")
        if words[0] in table:
            raise DataError(f"{path}, line {number}: {_shown(words[:1])} comes twice")
        table[words[0]] = int(words[1])
    if not table:
        raise DataError(f"{path} is empty; it holds a file name and 0, 1 or 2 for each picture")
    return table


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield number and words of each line that is not blank."""
    if not path.is_file():
        raise DataError(f"{path} is missing; give the CelebA folder in torchvision's layout")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if words := line.split():
            yield number, words


def _is_name(text: str) -> bool:
    return text.replace("_", "").isalnum() and not text.lstrip("-").isdigit()


def _shown(words: Sequence[str]) -> str:
    text = " ".join(words)
    return repr(text if len(text) <= 40 else text[:37] + "...")
