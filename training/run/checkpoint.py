"""Checkpoints: nested state <-> `tensors.safetensors` + `state.json`, whole or not at all, never pickled.

`state.json` also holds a hash of both files' content, so that a flipped bit is found when they are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from imgedit.errors import ConfigError, OutputError, TrainingError
from imgedit.files import read_file
from imgedit.text import reason
from training.method import Method
from training.run import fit, former
from training.run.fit import STATE, TENSORS

FOLDER = "checkpoints"
CONFIG = "config.json"
"""What a run says of itself, beside `checkpoints/`."""
KEEP = 2
_NAME = re.compile(r"[0-9]{7,}")
_HASH = "$sha256"
_LONGEST = 64 << 20  # bytes of a JSON file; those of real runs have some thousands
_STATE: dict[str, type] = {"method_id": str, "config": dict, "method": dict}
"""What the state of a run must hold; a training that goes on also needs its stream and random numbers."""
_KINDS: dict[type, str] = {str: "text", dict: "a table"}
_CONFIG: dict[str, type] = {"method": str, "config": dict, "data": str, "preset": str, "stages": list, "uses": dict}
"""What `config.json` of a run holds; all but the first two may be missing."""


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
            _remove(leftover)
        temporary.mkdir()
        save_file(tensors, temporary / TENSORS)
        (temporary / STATE).write_text(json.dumps({**tree, _HASH: _digest(temporary / TENSORS, tree)}), "utf-8")
        for name in (TENSORS, STATE):
            _to_disk(temporary / name)
        if target.exists():
            _remove(target)
        os.replace(temporary, target)
        for old in found(run)[:-keep]:
            _remove(old)
    except (OSError, SafetensorError) as error:
        _remove(temporary)
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"cannot write checkpoint {target}: {reason}; the checkpoints before it are whole") from error
    return target


def _digest(tensors: Path, tree: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a checkpoint's content: its tensors' file, then its state as JSON."""
    with open(tensors, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(tree).encode())
    return digest.hexdigest()


def _to_disk(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _remove(checkpoint: Path) -> None:
    """Remove the files of a checkpoint, and its folder where nothing else lies in it."""
    with contextlib.suppress(OSError):
        for name in (TENSORS, STATE):
            (checkpoint / name).unlink(missing_ok=True)
        checkpoint.rmdir()


def stored_config(run: Path) -> dict[str, Any]:
    """Return what `config.json` of a run says, in the words of this version; empty where there is none.

    Raises:
        TrainingError: it is damaged.
    """
    path = Path(run) / CONFIG
    try:
        stored = json.loads(read_file(path, _LONGEST).decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingError(f"{path} cannot be read: {reason(error)}") from error
    if not isinstance(stored, dict):
        raise TrainingError(f"{path} is damaged: it is no object")
    for name, kind in _CONFIG.items():
        if not isinstance(stored.get(name, None if name in ("method", "config") else kind()), kind):
            raise TrainingError(f"{path} is damaged: {name} is {str(stored.get(name))[:40]!r}")
    return former.current_run(stored)


def found(run: Path) -> list[Path]:
    """Return the checkpoints of a run that hold both files, oldest first.

    A folder without them is what a power cut may leave; the one before it counts then.
    """
    folder = Path(run) / FOLDER
    names = [p for p in folder.glob("[0-9]*") if _NAME.fullmatch(p.name)]
    return sorted((p for p in names if _has_content(p)), key=lambda p: int(p.name))


def _has_content(checkpoint: Path) -> bool:
    files = (checkpoint / TENSORS, checkpoint / STATE)
    return all(file.is_file() and file.stat().st_size > 0 for file in files)


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
    file = Path(checkpoint) / TENSORS
    try:
        tensors = load_file(file)
    except FileNotFoundError as error:
        raise fit.damaged(file, "it is missing") from error
    except Exception as error:  # safetensors raises its own type, which says nothing of which file it was
        raise fit.damaged(file, f"it is no whole safetensors file ({fit.first_line(error)})") from error
    file = Path(checkpoint) / STATE
    try:
        tree = json.loads(read_file(file, _LONGEST).decode("utf-8"))
    except RecursionError as error:
        raise fit.damaged(file, "it is nested too deep") from error
    except (OSError, ValueError) as error:
        raise fit.damaged(file, reason(error)) from error
    if not isinstance(tree, dict) or "$dict" not in tree:
        raise fit.damaged(file, f"it must hold a state as `imgedit train` writes it, it holds {fit.shown(tree)}")
    wanted = tree.pop(_HASH, None)  # older checkpoints have none
    if wanted is not None and wanted != _digest(Path(checkpoint) / TENSORS, tree):
        raise fit.damaged(file, f"its content and that of {TENSORS} do not have the hash that they were written with")
    return _unpack(tree, tensors, file, "the state")


def without_folder(value: Any) -> Any:
    """Return a setting; of an absolute path, which another machine does not have, only the last part."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def state_without_folders(checkpoint: Path) -> bytes:
    """Return `state.json` of a whole checkpoint with `without_folder` done to its settings."""
    file = Path(checkpoint) / STATE
    content = read_file(file, _LONGEST)
    tree = json.loads(content)
    settings = next(value["$dict"] for key, value in tree["$dict"] if key == "config")
    kept = [[key, without_folder(value)] for key, value in settings]
    if kept == settings:
        return content
    settings[:] = kept
    if tree.pop(_HASH, None) is not None:
        tree[_HASH] = _digest(Path(checkpoint) / TENSORS, tree)
    return json.dumps(tree).encode()


def load_state(checkpoint: Path) -> dict[str, Any]:
    """Read the checkpoint of a run: `step`, `method_id`, `config`, `method`, `stream` and random numbers.

    Raises:
        TrainingError: a file is missing or damaged, or it is no checkpoint of a run.
    """
    state = load(checkpoint)
    for name, kind in _STATE.items():
        value = state.get(name) if isinstance(state, dict) else None
        if not isinstance(value, kind):
            raise fit.damaged(Path(checkpoint) / STATE, f"{name} is {fit.shown(value)}, it must be {_KINDS[kind]}")
    method_id, config = former.current(state["method_id"], state["config"])
    return {**state, "method_id": method_id, "config": config}


def load_method(run: str | Path, device: torch.device | str = "cpu") -> Method:
    """Return the method of a run's newest checkpoint, ready to be sampled, exported or used as a frozen helper.

    Raises:
        TrainingError: the run has no checkpoint, or a damaged one.
        ConfigError: it was made by a method or settings that this version does not know.
    """
    folder = latest(Path(run))
    state = load_state(folder)
    try:
        method = new_method(state["method_id"], state["config"], device)
    except ConfigError as error:
        raise ConfigError(f"{folder / STATE}: {error}", hint=error.hint) from error
    with fit.checked(folder, state["method"], method.state_dict(), "method"):
        method.load_state_dict(state["method"])
    return method


def new_method(method_id: str, settings: Mapping[str, Any], device: torch.device | str = "cpu") -> Method:
    """Return a method with new weights, made by stored settings, and without the helpers that only training needs.

    Raises:
        ConfigError: this version does not know the method or a setting.
    """
    from training.run import config as configs

    module = configs.method_module(method_id)
    return module.Method(configs.from_json(method_id, settings), torch.device(device))


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


def _unpack(value: Any, tensors: Mapping[str, Tensor], file: Path, where: str) -> Any:
    """Return what `_pack` made `value` of; `where` is its place in the file, for messages."""
    if isinstance(value, list):
        return [_unpack(item, tensors, file, f"{where}/{i}") for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$tensor": str(name), "$channels_last": bool(channels_last)} if name in tensors:
            tensor = tensors[name]
            if not channels_last:
                return tensor
            if tensor.ndim == 4:
                return tensor.contiguous(memory_format=torch.channels_last)
        case {"$tensor": str(name)} if name not in tensors:
            raise fit.damaged(file, f"{where} is {fit.shown(name)}, which {TENSORS} does not hold")
        case {"$tuple": list(items)}:
            return tuple(_unpack(item, tensors, file, f"{where}/{i}") for i, item in enumerate(items))
        case {"$dict": list(entries)} if all(_is_entry(entry) for entry in entries):
            return {key: _unpack(item, tensors, file, f"{where}/{key}") for key, item in entries}
    content = fit.shown(json.dumps(value))
    raise fit.damaged(file, f"{where} is {content}, it must be a number, text, a list, a table or a tensor's name")


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str | int)
