"""What a model owes to data: the set that it was trained on, and those of the weights that its training began from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.vision.geometry import WINDOWS
from training.data import MADE
from training.data.facts import FACTS, UNKNOWN
from training.method import Method
from training.publish.words import words_of
from training.run import checkpoint

BEGAN_FROM = "began_from"
"""Key of a run's `config.json`: `data_source` and `licence` of what `--init` named."""
CREDITS = ("data_source", "licence")


def dataset_of(run: Path) -> str:
    """Return the name of the data set that a run is trained on; `own` where it does not say."""
    name = str(checkpoint.stored_config(run).get("data", "")).partition(":")[0]
    return name or "own"


def without_folder(data: str) -> str:
    """Return a data set as `--data` takes it without its folder; of those that are computed, their layout stays."""
    name = data.partition(":")[0]
    return data if name in MADE else name


def fields_of(run: Path, method: Method) -> dict[str, Any]:
    """Return a method's manifest fields, completed by what the run's data set and its first weights tell.

    Args:
        run: the run folder.
        method: its method.
    """
    fields = completed(method.manifest_fields(), dataset_of(run), checkpoint.stored_config(run).get("config", {}))
    first = checkpoint.stored_config(run).get(BEGAN_FROM, {})
    # What is not known of the first weights is not allowed.
    fields["commercial_use"] = fields["commercial_use"] and (not first or first.get("licence") == fields["licence"])
    return fields | joined(fields, first)


def completed(fields: Mapping[str, Any], dataset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return manifest fields with what a method does not know: sources, terms, words, and the crop of a swap.

    Args:
        fields: of the method.
        dataset: name of the data set that it was trained on.
        settings: of the training, of which some name further data.
    """
    facts = FACTS.get(dataset, UNKNOWN)
    source = facts.source
    for setting, other in _FURTHER.items():
        if settings.get(setting):
            source += f", {FACTS[other].source}"
    result = {"data_source": source, "licence": facts.licence, "commercial_use": facts.commercial_use, **fields}
    if fields["kind"] == "swap":
        result["crop"] = {**fields["crop"], "kind": facts.crop}
    if "parts" in fields:  # which may be named by their folders
        result["parts"] = {role: _id_of(name) for role, name in fields["parts"].items()}
    if fields["kind"] == "translate" and "words" not in fields and fields["crop"]["kind"] in WINDOWS:
        result["words"] = words_of(fields["attributes"])
    return result


def _id_of(name: str) -> str:
    try:
        return library.find(name).id
    except ModelError:  # it was there in training, and need not be here
        return name


_FURTHER = {"unlabelled": "celeba"}
"""Setting that names a folder of further pictures -> their data set."""


def of(name: str) -> dict[str, str]:
    """Return the credits of a run folder or a model, as a run that starts from it keeps them.

    Raises:
        ModelError: there is neither.
        TrainingError: the run's checkpoint is damaged.
    """
    if checkpoint.found(Path(name)):
        fields: Mapping[str, Any] = fields_of(Path(name), checkpoint.load_method(name))
    else:
        fields = vars(library.find(name).manifest)
    return {key: str(fields[key]) for key in CREDITS}


def joined(own: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, str]:
    """Return the credits of weights that saw `own` last and began from weights with the credits `first`, if any."""
    return {key: _both(str(own[key]), str(first.get(key, own[key]))) for key in CREDITS}


def _both(own: str, first: str) -> str:
    if first in own or own in first:
        return max(own, first, key=len)
    return f"{own}; begun from weights with: {first}"
