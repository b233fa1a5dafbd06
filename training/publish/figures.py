"""Figures of attribute edits: means over their rows, and those of some words alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imgedit.models.manifest import Word


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
