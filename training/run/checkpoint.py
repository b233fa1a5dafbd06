"""Checkpoints: nested state <-> `tensors.safetensors` + `state.json`, whole or not at all, never pickled."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from imgedit.errors import OutputError, TrainingError

FOLDER = "checkpoints"
TENSORS = "tensors.safetensors"
STATE = "state.json"
CONFIG = "config.json"
"""What a run says of itself, beside `checkpoints/`."""
KEEP = 2


def save(run: Path, step: int, state: Mapping[str, Any], keep: int = KEEP) -> Path:
    """Write `run/checkpoints/NNNNNNN`, then remove all but the newest `keep`.

    A checkpoint is made in a folder of another name and renamed, so an interruption leaves no half of one.

    Args:
        run: the run folder.
        step: number of steps done.
        state: nested dicts, lists and tuples of tensors, numbers, text and None; keys are text or whole numbers.
        keep: how many checkpoints stay.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = Path(run) / FOLDER
    target, temporary = folder / f"{step:07d}", folder / f".{step:07d}.part"
    tensors: dict[str, Tensor] = {}
    tree = _pack(state, "", tensors)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.part"):
            shutil.rmtree(leftover)
        temporary.mkdir()
        save_file(tensors, temporary / TENSORS)
        (temporary / STATE).write_text(json.dumps(tree), encoding="utf-8")
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
        for old in found(run)[:-keep]:
            shutil.rmtree(old)
    except OSError as error:
        raise OutputError(f"cannot write checkpoint {target}: {error.strerror or error}") from error
    return target


def stored_config(run: Path) -> dict[str, Any]:
    """Return what `config.json` of a run says; empty where there is none.

    Raises:
        TrainingError: it is damaged.
    """
    path = Path(run) / CONFIG
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error


def found(run: Path) -> list[Path]:
    """Return the checkpoints of a run, oldest first."""
    return sorted(p for p in (Path(run) / FOLDER).glob("[0-9]*") if p.is_dir())


def latest(run: Path) -> Path:
    """Return the newest checkpoint of a run.

    Raises:
        TrainingError: there is none.
    """
    checkpoints = found(run)
    if not checkpoints:
        raise TrainingError(f"{run} has no checkpoint; give the folder that `imgedit train --run` wrote")
    return checkpoints[-1]


def load(checkpoint: Path) -> Any:
    """Read what `save` wrote; tensors arrive on the CPU, with the memory format that they had.

    Raises:
        TrainingError: a file is missing or damaged.
    """
    try:
        tensors = load_file(Path(checkpoint) / TENSORS)
        return _unpack(json.loads((Path(checkpoint) / STATE).read_text(encoding="utf-8")), tensors)
    except Exception as error:  # safetensors raises its own type, which says nothing of which file it was
        raise TrainingError(
            f"checkpoint {checkpoint} is damaged ({error}); remove it to go on from the one before"
        ) from error


def load_method(run: str | Path, device: torch.device | str = "cpu") -> Any:
    """Return the method of a run's newest checkpoint, ready to be sampled, exported or used as a frozen part.

    Raises:
        TrainingError: the run has no checkpoint, or a damaged one.
        ConfigError: it was made by a method or settings that this version does not know.
    """
    folder = latest(Path(run))
    state = load(folder)
    method = new_method(state["method_id"], state["config"], device)
    try:
        method.load_state_dict(state["method"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise TrainingError(f"{folder} was made by another version: {str(error).splitlines()[0]}") from error
    return method


def new_method(method_id: str, settings: Mapping[str, Any], device: torch.device | str = "cpu") -> Any:
    """Return a method with new weights, made by stored settings.

    Its `for_inference(config)`, where it has one, first drops what only training needs, such as a teacher.

    Raises:
        ConfigError: this version does not know the method or a setting.
    """
    from training.run import config as configs

    module = configs.method_module(method_id)
    config = configs.from_json(method_id, settings)
    if hasattr(module.Method, "for_inference"):
        config = module.Method.for_inference(config)
    return module.Method(config, torch.device(device))


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON, its tensors moved into `tensors` under their path."""
    if isinstance(value, Tensor):
        # A copy: safetensors refuses tensors that share memory, such as tied weights.
        tensors[name] = value.detach().to("cpu", memory_format=torch.contiguous_format, copy=True).contiguous()
        channels_last = value.ndim == 4 and not value.is_contiguous()
        return {"$tensor": name, "$channels_last": channels_last}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {"$dict": [[key, _pack(item, f"{name}/{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        items = [_pack(item, f"{name}/{i}", tensors) for i, item in enumerate(value)]
        return {"$tuple": items} if isinstance(value, tuple) else items
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__} at {name}")


def _unpack(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        tensor = tensors[value["$tensor"]]
        return tensor.contiguous(memory_format=torch.channels_last) if value["$channels_last"] else tensor
    if "$tuple" in value:
        return tuple(_unpack(item, tensors) for item in value["$tuple"])
    return {key: _unpack(item, tensors) for key, item in value["$dict"]}
