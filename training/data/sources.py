"""Open a data set by its name: `NAME:DIR`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError, DataError
from training.data import DATASETS, MADE
from training.data.unpaired import Unpaired

_SHOWS = {
    "attributes": "labels of attributes",
    "glasses_masks": "pictures with and without glasses",
    "side_masks": "masks of what the side shows",
    "poses": "poses",
    "share": "masks of the parts of a face",
    "specified": "classes",
    "height": "pictures higher than wide",
}
"""Option of a data set's `load` -> what a set that takes it has; others are called by their name."""


def load_data(spec: str, split: str, options: Mapping[str, Any], method: str = "this method") -> Any:
    """Load one split of `NAME:DIR`.

    Args:
        spec: `NAME:DIR`.
        split: of the set.
        options: what a method asks of the set (`Method.data_options`); `domains`, which any set with labels can be
            parted into, is done here (`Unpaired`).
        method: its name, for messages.

    Raises:
        ConfigError: the name is unknown, or the set does not have what the method needs.
        DataError: the folder is missing, or not in the set's layout.
    """
    domains = options.get("domains")
    options = {option: value for option, value in options.items() if option != "domains"}
    name, folder = parted(spec)
    load = _load_of(name)
    if lacking := _lacking(load, options):
        able = [other for other in DATASETS if not _lacking(_load_of(other), options)]
        has = ", ".join(dict.fromkeys(_SHOWS.get(option, option) for option in lacking))
        raise ConfigError(f"{method} cannot be used with {name}, which has no {has}; sets that do: {', '.join(able)}")
    if name not in MADE and not Path(folder).is_dir():
        raise DataError(f"no folder {folder!r}; --data {name}:DIR names the folder of the data set")
    loaded = load(Path(folder), split, **options)
    return Unpaired(loaded, domains) if domains else loaded


def parted(spec: str) -> tuple[str, str]:
    """Return the name and the folder of `NAME:DIR`.

    Raises:
        ConfigError: it is not so, or the name is unknown.
    """
    name, colon, folder = spec.partition(":")
    if not colon or name not in DATASETS:
        raise ConfigError(f"--data looks like NAME:DIR with NAME one of {', '.join(DATASETS)}, got {spec!r}")
    return name, folder


def _load_of(name: str) -> Any:
    return importlib.import_module(DATASETS[name]).load


def _lacking(load: Any, options: Mapping[str, Any]) -> list[str]:
    """Return the options that a set does not take; those with words of their own first."""
    known = inspect.signature(load).parameters
    lacking = [option for option in options if option not in known]
    return sorted(lacking, key=lambda option: option not in _SHOWS)[:1]
