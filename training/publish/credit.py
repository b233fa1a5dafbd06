"""What a model owes to data: the set that it was trained on, and those of the weights that its training began from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgedit.models import library
from training.data.facts import FACTS
from training.method import Method
from training.run import checkpoint

BEGAN_FROM = "began_from"
"""Key of a run's `config.json`: `data_source` and `licence` of what `--init` named."""
CREDITS = ("data_source", "licence")


def dataset_of(run: Path) -> str:
    """Return the name of the data set that a run is trained on; `own` where it does not say."""
    name = str(checkpoint.stored_config(run).get("data", "")).partition(":")[0]
    return name or "own"


def fields_of(run: Path, method: Method) -> dict[str, Any]:
    """Return a method's manifest fields, completed by what the run's data set and its first weights tell.

    Methods that train on any data set (of kind `swap` and `sample`) take crop, source and terms from the set; others
    know their own.

    Args:
        run: the run folder.
        method: its method.
    """
    fields: dict[str, Any] = method.manifest_fields()
    facts = FACTS.get(dataset_of(run))
    if fields["kind"] in ("swap", "sample") and facts is not None:
        crop = {**fields["crop"], "kind": facts.crop if fields["kind"] == "swap" else "none"}
        fields |= {"crop": crop, "data_source": facts.source, "licence": facts.licence}
        fields["commercial_use"] = facts.commercial_use
    first = checkpoint.stored_config(run).get(BEGAN_FROM, {})
    # What is not known of the first weights is not allowed.
    fields["commercial_use"] = fields.get("commercial_use", False) and (
        not first or first.get("licence") == fields["licence"]
    )
    return fields | joined(fields, first)


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
