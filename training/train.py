"""What `imgedit train` does: settings, data, device and run folder, then the loop."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgedit.errors import ConfigError, DataError, ModelError
from imgedit.models import library
from training.data import DATASETS, MADE
from training.publish import credit
from training.run import checkpoint, loop
from training.run import config as configs
from training.run.memory import keep_freed_memory


def resolve(
    method_id: str, preset: str | None, settings: Sequence[str], steps: int | None, run: Path | None = None
) -> Any:
    """Return the config of a new run, or with `run` the one that is stored there; `steps` replaces its length.

    Raises:
        ConfigError: a setting is wrong, or one is given for a run that has its own.
    """
    if run is not None and (stored := checkpoint.stored_config(run)):
        if stored["method"] != method_id:
            raise ConfigError(f"{run} is a run of {stored['method']}, not of {method_id}")
        if preset is not None or settings:
            raise ConfigError(f"{run} goes on with its own settings; only --steps can be changed on --resume")
        config = configs.from_json(method_id, stored["config"])
    else:
        config = configs.resolve(method_id, preset, settings)
    if steps is not None:
        config = configs.build(type(config), {**_values(config), "steps": steps})
    return config


def begin(
    method_id: str,
    *,
    data: str | None,
    preset: str | None = None,
    settings: Sequence[str] = (),
    run: Path | None = None,
    resume: bool = False,
    device: str = "auto",
    steps: int | None = None,
    sample_every: int = 500,
    checkpoint_every: int = 500,
    threads: int | None = None,
    precision: str | None = None,
    init: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Train a method and return its run folder; the arguments are `imgedit train`'s.

    Raises:
        ImgeditError: see `resolve`, `load_data` and `loop.train`.
    """
    module = configs.method_module(method_id)
    if precision is not None and precision not in loop.PRECISIONS:
        raise ConfigError(f"--precision is one of {', '.join(loop.PRECISIONS)}, got {precision!r}")
    name = preset or next(iter(module.PRESETS))
    run = Path("runs") / f"{method_id}-{name}" if run is None else Path(run)
    config = resolve(method_id, preset, settings, steps, run if resume else None)
    stored = checkpoint.stored_config(run) if resume else {}
    data = stored.get("data") if data is None else data
    precision = precision or stored.get("precision", loop.PRECISIONS[0])
    if data is None:
        raise ConfigError(f"say where the data is: --data NAME:DIR with NAME one of {', '.join(DATASETS)}")
    if threads is not None:
        torch.set_num_threads(threads)
    where = torch_device(device)
    if where.type == "cpu":
        keep_freed_memory()
    dataset = load_data(data, "train", module.Method.data_options(config))
    _check_channels(dataset, config, data)
    initial = None if init is None else _initial(init, method_id, dataset)
    began_from = stored.get(credit.BEGAN_FROM) or (None if init is None else credit.of(init))
    loop.train(
        method_id,
        config,
        dataset,
        run,
        device=where,
        sample_every=sample_every,
        checkpoint_every=checkpoint_every,
        resume=resume,
        initial=initial,
        precision=precision,
        about={"data": data, **({credit.BEGAN_FROM: began_from} if began_from else {}), **(about or {})},
    )
    return run


def load_data(spec: str, split: str, options: Mapping[str, Any]) -> Any:
    """Load one split of `NAME:DIR`.

    Raises:
        ConfigError: the name is unknown.
        DataError: the folder is missing, or not in the set's layout.
    """
    name, colon, folder = spec.partition(":")
    if not colon or name not in DATASETS:
        raise ConfigError(f"--data looks like NAME:DIR with NAME one of {', '.join(DATASETS)}, got {spec!r}")
    if name not in MADE and not Path(folder).is_dir():
        raise DataError(f"no folder {folder!r}; --data {name}:DIR names the folder of the data set")
    try:
        return importlib.import_module(DATASETS[name]).load(Path(folder), split, **options)
    except TypeError as error:  # the method asks for an option, such as attributes, that this set does not have
        raise ConfigError(f"this method cannot be used with {name}: {error}") from error


def _check_channels(dataset: Any, config: Any, data: str) -> None:
    """Raise ConfigError where pictures have another number of channels than a method that has to be told."""
    if not hasattr(config, "channels"):
        return
    found = int(dataset.batch(np.zeros(1, np.int64), np.random.default_rng(0)).image.shape[1])
    if found != config.channels:
        raise ConfigError(
            f"pictures of {data} have {found} channel(s) and this run takes {config.channels}; "
            f"use --set channels={found}"
        )


def torch_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:N` into a device.

    Raises:
        ConfigError: it is not such a name, or the GPU is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise ConfigError(f"--device is auto, cpu, cuda or cuda:N, got {name!r}")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise ConfigError(f"--device {name} is not there: torch sees {torch.cuda.device_count()} GPU(s)")
    return torch.device(name)


def _initial(init: str, method_id: str, dataset: Any) -> Any:
    """Return the state that a run folder or a model holds, for a training on `dataset`."""
    if checkpoint.found(Path(init)):
        state = checkpoint.load(checkpoint.latest(Path(init)))
        if state["method_id"] != method_id:
            raise ConfigError(f"{init} is a run of {state['method_id']}, not of {method_id}")
        return state["method"]
    try:
        model = library.find(init)
    except ModelError as error:
        raise ConfigError(f"--init wants a run folder with a checkpoint, or a model; {error}") from error
    if model.manifest.method != method_id:
        raise ConfigError(f"{init} is a model of {model.manifest.method}, not of {method_id}")
    from training.publish import adopt  # onnx, which a run without a model need not load

    return adopt.state(model, dataset)


def _values(config: Any) -> dict[str, Any]:
    return {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
