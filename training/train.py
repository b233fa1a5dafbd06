"""What `imgedit train` does: settings, data, device and run folder, then the loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.devices import core_count
from training import helpers
from training.data import DATASETS
from training.data.sources import load_data as load_data
from training.data.sources import parted
from training.publish import credit, stages
from training.run import checkpoint, former, loop
from training.run import config as configs
from training.run.device import torch_device
from training.run.lock import alone
from training.run.memory import keep_freed_memory


def resolve(
    method_id: str,
    preset: str | None,
    settings: Sequence[str],
    steps: int | None,
    run: Path | None = None,
    uses: Mapping[str, str] | None = None,
) -> Any:
    """Return the config of a new run, or with `run` the one that is stored there.

    `steps` replaces its length, `uses` settings that name folders, which may have moved.

    Raises:
        ConfigError: a setting is wrong, or one differs from that of the run.
        TrainingError: `run` is damaged.
    """
    if run is None:
        config = configs.resolve(method_id, preset, [*settings, *(f"{k}={v}" for k, v in (uses or {}).items())])
    else:
        stored = checkpoint.stored_config(run)
        if not stored:
            raise ConfigError(f"{run} has no run to go on with; leave out --resume to train from the start")
        if stored["method"] != method_id:
            raise ConfigError(f"{run} is a run of {stored['method']}, not of {method_id}")
        if why := stored.get(former.CANNOT_GO_ON):
            raise ConfigError(f"{run} was made by an earlier version, and {why}; start a new run with --init {run}")
        try:
            config = configs.from_json(method_id, stored["config"])
        except ConfigError as error:
            raise ConfigError(f"{run / checkpoint.CONFIG}: {error}", hint=error.hint) from error
        _check_repeated(run, stored, preset, settings)
    length = {} if steps is None else {"steps": steps}
    return configs.build(type(config), {**_values(config), **(uses or {}), **length})


def folder_of(method_id: str, preset: str | None) -> Path:
    """Return the run folder of a training that names none."""
    return Path("runs") / f"{method_id}-{preset or next(iter(configs.method_module(method_id).PRESETS))}"


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
    until: int | None = None,
    sample_every: int = 500,
    checkpoint_every: int = 500,
    threads: int | None = None,
    precision: str | None = None,
    init: str | None = None,
    uses: Mapping[str, str] | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Train a method and return its run folder; the arguments are `imgedit train`'s.

    With `until` it stops before the run's length is reached, at that step; `uses` are further settings, that name
    folders or models, and may differ on `resume`; `about` is what else `config.json` says.

    Raises:
        ImgeditError: see `resolve`, `load_data` and `loop.train`.
        OutputError: another process trains in the run folder.
        ConfigError: with `resume`, the run has no checkpoint, or `data` or `init` is not what it was started with.
    """
    module = configs.method_module(method_id)
    if precision is not None and precision not in loop.PRECISIONS:
        raise ConfigError(f"--precision is one of {', '.join(loop.PRECISIONS)}, got {precision!r}")
    name = preset or next(iter(module.PRESETS))
    run = folder_of(method_id, preset) if run is None else Path(run)
    if resume and not checkpoint.found(run):
        raise ConfigError(f"{run} has no checkpoint to go on from; leave out --resume to train from the start")
    if not resume and checkpoint.found(run):
        with alone(run):  # that another training goes on in it is said first
            loop.check_new(run)
    config = resolve(method_id, preset, settings, steps, run if resume else None, uses)
    stored = checkpoint.stored_config(run) if resume else {"preset": name}
    data = _data_of(run, stored, data)
    precision = precision or stored.get("precision", loop.PRECISIONS[0])
    if threads is not None:
        torch.set_num_threads(min(threads, core_count()))
    where = torch_device(device)
    if where.type == "cpu":
        keep_freed_memory()
    with alone(run):
        dataset = load_data(data, "train", module.Method.data_options(config), method_id)
        _check_channels(dataset, config, data)
        initial = None
        if resume:
            _check_start(run, stored, init, data, len(dataset))
            kept = {key: stored[key] for key in (*_ORIGIN, *_KEPT) if key in stored}
        else:
            kept = {"preset": name, **_origin(init, config)}
            initial = None if init is None else _initial(init, method_id, dataset)
        loop.train(
            method_id,
            config,
            dataset,
            run,
            device=where,
            sample_every=sample_every,
            checkpoint_every=checkpoint_every,
            resume=resume,
            until=until,
            initial=initial,
            helpers=helpers.load(config, where),
            precision=precision,
            about={"data": data, "pictures": len(dataset), **kept, **(about or {})},
        )
    return run


_ORIGIN = ("init", credit.BEGAN_FROM, stages.BEFORE, stages.USES)
_KEPT = ("preset", stages.STAGE, "note", "started_from")
"""What stays in `config.json` when a run goes on."""


def _origin(init: str | None, config: Any) -> dict[str, Any]:
    """Return what a new run builds on, for its `config.json`."""
    before, name, uses = stages.before(init, configs.to_json(config))
    origin: dict[str, Any] = {"init": name, stages.BEFORE: before, stages.USES: uses}
    if init is not None:
        origin |= {"started_from": init, credit.BEGAN_FROM: credit.of(init)}
    return origin


def _data_of(run: Path, stored: Mapping[str, Any], data: str | None) -> str:
    """Return the data set of a run: what is named, or what it has.

    Raises:
        ConfigError: neither is there, or they are two sets.
    """
    own = stored.get("data")
    if data is None:
        if not isinstance(own, str):
            raise ConfigError(f"say where the data is: --data NAME:DIR with NAME one of {', '.join(DATASETS)}")
        return own
    name = parted(data)[0]
    if isinstance(own, str) and own.partition(":")[0] != name:
        raise ConfigError(f"{run} is trained on {own}, so it does not go on with {data}; start a new run for that")
    return data


def _check_start(run: Path, stored: Mapping[str, Any], init: str | None, data: str, n_pictures: int) -> None:
    """Complain of an `--init` or a folder of data that is not the one that the run began with.

    Runs that were made before these were recorded say nothing of them, and are believed.
    """
    began = stored.get("started_from", init if credit.BEGAN_FROM in stored else None)
    if init is not None and init != began and (began is None or Path(init).resolve() != Path(began).resolve()):
        began = stored.get("started_from", "new weights")
        raise ConfigError(f"{run} began with {began}, not with {init}; it goes on without --init")
    if stored.get("pictures", n_pictures) != n_pictures:
        raise ConfigError(
            f"{data} has {n_pictures} pictures to train on, {run} began with {stored['pictures']} of {stored['data']}; "
            "start a new run for other data"
        )


def _check_repeated(run: Path, stored: Mapping[str, Any], preset: str | None, settings: Sequence[str]) -> None:
    """Complain of a preset or a setting that differs from that of the run; to say them again is harmless."""
    method_id, began = stored["method"], stored.get("preset", preset)
    if preset is not None and preset != began:
        raise ConfigError(f"{run} goes on with its own settings: it has the preset {began}, not {preset}")
    wanted = configs.to_json(configs.resolve(method_id, preset or began, settings))
    for setting in settings:
        field = setting.partition("=")[0].strip()
        if wanted[field] != stored["config"].get(field):
            raise ConfigError(
                f"{run} goes on with its own settings, {field}={stored['config'].get(field)}, got {setting!r}; "
                "only --steps can be changed on --resume"
            )


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


def _initial(init: str, method_id: str, dataset: Any) -> Any:
    """Return the state that a run folder or a model holds, for a training on `dataset`."""
    if checkpoint.found(Path(init)):
        state = checkpoint.load_state(checkpoint.latest(Path(init)))
        if state["method_id"] != method_id:
            raise ConfigError(f"{init} is a run of {state['method_id']}, not of {method_id}")
        return state["method"]
    try:
        model = library.find(init)
    except ModelError as error:
        raise ConfigError(f"--init wants a run folder with a checkpoint, or a model; {error}") from error
    trained = model.manifest.trained
    found = former.current(model.manifest.method, trained.config if trained is not None else {})[0]
    if found != method_id:
        raise ConfigError(f"{init} is a model of {found}, not of {method_id}")
    from training.publish import adopt  # onnx, which a run without a model need not load

    return adopt.state(model, dataset)


def _values(config: Any) -> dict[str, Any]:
    return {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
