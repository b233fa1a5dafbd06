"""What every evaluation returns and keeps: a dictionary that is one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgedit.files import write_whole
from training.evaluate.subject import is_run
from training.publish.figures import EVALUATION
from training.run import checkpoint

TEST = "test"
"""The split that figures are reported on."""


def header(model: str, kind: str, data: str, *, command: str, seed: int, split: str = TEST) -> dict[str, Any]:
    """Return what stands above every result; of a run also `steps`: its figures are not those of later weights.

    Args:
        model: run folder, model folder or id.
        kind: of the model (`latent` where a code is measured).
        data: `NAME:DIR`; the folder is not kept.
        command: what was typed.
        seed: of every random choice.
        split: of the data set.
    """
    steps = {"steps": int(checkpoint.latest(Path(model)).name)} if is_run(model) else {}
    name = data.partition(":")[0]
    return {
        "model": Path(model).name,
        "kind": kind,
        "command": command,
        "data": name,
        "split": split,
        "seed": seed,
    } | steps


def write(result: Mapping[str, Any], model: str | Path, out: Path | None = None) -> None:
    """Write a result to `out` and, if the model is a run, to its `evaluation.json`, which an export reads.

    Figures of another split than the test split go to `out` alone: no model card may take them for a measurement.

    Raises:
        OutputError: a file cannot be written.
    """
    targets = [] if out is None else [out]
    if is_run(model) and result.get("split", TEST) == TEST:
        targets.append(Path(model) / EVALUATION)
    for target in targets:
        write_whole(target, (json.dumps(result, indent=2) + "\n").encode())
