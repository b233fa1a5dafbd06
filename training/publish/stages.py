"""The stages of a training: what led to the weights of a run, oldest first, as a manifest lists them.

A stage is `{name, method, preset, config, steps, data, init, precision, note}`. `init` and settings that name another
run or a model hold the name of its stage, or the model's id; no stage holds a folder of this machine.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imgedit.errors import TrainingError
from imgedit.models import library, records
from imgedit.models.manifest import FILE
from training.run import checkpoint

Stage = dict[str, Any]
STAGE, BEFORE, USES = "stage", "stages", "uses"
"""Keys of a run's `config.json`: its own name as a stage, the stages before it, and setting -> what it names."""


def of(name: str | Path) -> list[Stage]:
    """Return the stages that lead to a run folder's newest checkpoint, or to a model.

    Raises:
        ModelError: there is neither.
        TrainingError: the run is damaged.
    """
    if checkpoint.found(Path(name)):
        return joined(_before(Path(name)), [own(Path(name))])
    model = library.find(str(name)).manifest
    stages = [dataclasses.asdict(stage) for stage in model.stages]
    return stages if (Path(name) / FILE).is_file() else _within(model.id, stages)


def _within(model_id: str, stages: list[Stage]) -> list[Stage]:
    """Return the stages of a model that is known by its id: the last is called so, those before `ID/NAME`."""
    names = {stage["name"]: f"{model_id}/{stage['name']}" for stage in stages[:-1]}
    names |= {stage["name"]: model_id for stage in stages[-1:]}
    uses = [{k: names.get(v, v) if isinstance(v, str) else v for k, v in stage["config"].items()} for stage in stages]
    return [
        {**stage, "name": names[stage["name"]], "init": names.get(stage["init"], stage["init"]), "config": config}
        for stage, config in zip(stages, uses, strict=True)
    ]


def _before(run: Path) -> list[Stage]:
    """Return the stages before a run, as its `config.json` has them."""
    fields = {field.name for field in dataclasses.fields(records.Stage)}
    stages: list[Any] = checkpoint.stored_config(run).get(BEFORE, [])
    for stage in stages:
        if not isinstance(stage, dict) or stage.keys() != fields:
            raise TrainingError(f"{run / checkpoint.CONFIG} is damaged: {str(stage)[:40]!r} is no stage of a training")
    return stages


def own(run: Path) -> Stage:
    """Return what a run itself is as a stage.

    Raises:
        TrainingError: it has no checkpoint, or a damaged one.
    """
    stored, newest = checkpoint.stored_config(run), checkpoint.latest(run)
    state = checkpoint.load_state(newest)
    config = {**state["config"], **stored.get(USES, {})}
    return {
        "name": stored.get(STAGE, run.resolve().name),
        "method": state["method_id"],
        "preset": stored.get("preset", ""),
        "config": {key: last_part(value) for key, value in config.items()},
        "steps": int(newest.name),
        "data": str(stored.get("data", "")).partition(":")[0] or "own",
        "init": stored.get("init", ""),
        "precision": stored.get("precision", "fp32"),
        "note": stored.get("note", ""),
    }


def before(init: str | None, settings: Mapping[str, Any]) -> tuple[list[Stage], str, dict[str, str]]:
    """Return what a new run builds on.

    Args:
        init: run folder or model that its weights start from.
        settings: its config, of which some values may name a run folder.

    Returns:
        The stages before it; the name of the stage or model that `init` is, or nothing; setting -> the name of what it
        names.
    """
    found: list[Stage] = []
    uses: dict[str, str] = {}
    for key, value in settings.items():
        if isinstance(value, str) and value and (checkpoint.found(Path(value)) or (Path(value) / FILE).is_file()):
            stages = of(value)
            found, uses[key] = joined(found, stages), stages[-1]["name"] if stages else last_part(value)
    if init is None:
        return found, "", uses
    stages = of(init)
    return joined(found, stages), stages[-1]["name"] if stages else last_part(init), uses


def joined(first: Sequence[Stage], then: Iterable[Stage]) -> list[Stage]:
    """Return two lists of stages one after the other, what stands in both once."""
    result = list(first)
    return result + [stage for stage in then if stage not in result]


def last_part(value: Any) -> Any:
    """Keep only the last part of a path: a manifest travels, the machine does not."""
    return Path(value).name if isinstance(value, str) and os.sep in value else value
