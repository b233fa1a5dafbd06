"""Figures of a run: what was measured, means over the rows of attribute edits, and those of some words alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imgedit.errors import TrainingError
from imgedit.models.manifest import Word
from imgedit.text import reason

EVALUATION = "evaluation.json"
"""What `imgedit evaluate` leaves in a run folder."""


def mean_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean over rows of every figure that all of them have (hair colours have some of their own)."""
    shared = [key for key in rows[0] if all(key in row for row in rows)]
    return {key: float(np.mean([row[key] for row in rows])) for key in shared}


def only_asked(metrics: Mapping[str, Any], words: Mapping[str, Word]) -> dict[str, Any]:
    """Return the figures of an evaluation of attributes without those that no word asks for."""
    asked = {attribute for word in words.values() for attribute, value in word.sets.items() if value == 1.0}
    edits = {attribute: row for attribute, row in metrics.get("edits", {}).items() if attribute in asked}
    if not edits:
        return dict(metrics)
    groups = {name: v for name, v in metrics["accuracy_by_group"].items() if name.split(",")[0] in asked}
    return {**metrics, "mean": mean_of(list(edits.values())), "edits": edits, "accuracy_by_group": groups}


def measured(run: Path, steps: int) -> dict[str, Any]:
    """Return the figures that a run was measured with; none where there are none, or where they are of another step.

    Raises:
        TrainingError: its `evaluation.json` is damaged.
    """
    path = run / EVALUATION
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        if not isinstance(found, dict) or not isinstance(found.get("metrics"), dict):
            raise ValueError("no object with metrics")
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(
            f"{path} is damaged ({reason(error)}); measure the run again, or remove the file"
        ) from error
    if found.get("steps", steps) != steps:
        return {}
    told = ("split", "n", "seed", "judge", "hair_judge", "identity_network")
    return {key: found[key] for key in told if key in found} | found["metrics"]


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no figure")
