"""A kept result as text, whatever was measured."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imgedit.errors import DataError
from imgedit.files import read_file
from training.evaluate.layout import Block, Title, Verbatim

_REPORTS = {
    "latent": "training.evaluate.codes.report",
    "sample": "training.evaluate.drawn.report",
    "translate": "training.evaluate.faces.report",
    "classify": "training.evaluate.faces.report",
    "parse": "training.evaluate.faces.report",
    "paint": "training.evaluate.faces.report",
    "pose": "training.evaluate.faces.pose",
    "spill": "training.evaluate.faces.spill",
    "words": "training.evaluate.faces.words",
    "sleeves": "training.evaluate.bodies.sleeves",
    "speed": "training.evaluate.speed",
    "benchmark": "training.evaluate.benchmark",
    "steps": "training.evaluate.steps",
    "expression": "training.evaluate.faces.expression",
    "rotation": "training.evaluate.faces.rotation",
    "verdict": "training.evaluate.faces.verdict",
    "verification": "training.evaluate.faces.verification",
}
"""Kind of a result -> the module whose `blocks` lays it out."""
_LIMIT = 64 << 20  # bytes of a result


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return a result as text and tables."""
    found: list[Block] = importlib.import_module(_REPORTS[result["kind"]]).blocks(result)
    return found


def kept(paths: Sequence[Path]) -> list[tuple[Path, dict[str, Any]]]:
    """Read results, such as a run's `evaluation.json` or what `--out` wrote; of a folder all its `*.json`, in order.

    Raises:
        DataError: a file cannot be read, or is no result; or there is none.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise DataError(f"no results (*.json) in {', '.join(map(str, paths))}")
    return [(file, _read(file)) for file in files]


def sections(results: Sequence[tuple[Path, Mapping[str, Any]]], command: str) -> list[Block]:
    """Return kept results one after the other, each with the command that made it.

    Raises:
        DataError: a result lacks figures that its kind has.
    """
    found: list[Block] = []
    for path, result in results:
        try:
            found += [Title(result["model"]), *blocks(result), "Measured by:", Verbatim([result["command"]])]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError(f"{path} is no result of `imgedit evaluate`: it lacks {error}") from error
    return [*found, "Printed by:", Verbatim([command])]


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(read_file(path, _LIMIT).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(result, dict) or result.get("kind") not in _REPORTS:
        raise DataError(f"{path} is no result of `imgedit evaluate`")
    return result
