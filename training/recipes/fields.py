"""Which fields a recipe file may have, and of what type; `training.recipes.recipe` says what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from imgedit.errors import ConfigError

_PLACE = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*", re.ASCII)  # a folder within that of the recipe

Test = tuple[Callable[[Any], bool], str]

TEXT: Test = (lambda value: isinstance(value, str), "text")
TEXTS: Test = (
    lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value),
    "a list of texts",
)
NAMED_TEXTS: Test = (
    lambda value: isinstance(value, dict) and all(isinstance(v, str) for v in value.values()),
    "a table of texts",
)
NUMBERS: Test = (
    lambda value: isinstance(value, dict) and all(type(v) in (int, float) for v in value.values()),
    "a table of numbers",
)
TABLE: Test = (lambda value: isinstance(value, dict), "a table")
COUNT: Test = (lambda value: type(value) is int and value > 0, "a whole number from 1")
SWITCH: Test = (lambda value: isinstance(value, bool), "true or false")
PLACE: Test = (
    lambda value: isinstance(value, str) and len(value) <= 100 and _PLACE.fullmatch(value) is not None,
    "a folder's name of letters, digits, _, . and -",
)

RECIPE = {
    **{"model": TEXT, "note": TEXT, "converted": TEXT, "data": NAMED_TEXTS},
    **{"stages": (lambda value: isinstance(value, list), "a list"), "export": TABLE, "figures": TABLE},
}
STAGE = {
    **{"name": PLACE, "method": TEXT, "data": TEXT, "preset": TEXT, "settings": TABLE, "uses": NAMED_TEXTS},
    **{"init": TEXT, "precision": TEXT, "until": COUNT, "note": TEXT},
}
INCLUDED = {"recipe": TEXT}
EXPORT = {"half": SWITCH, "words": TEXTS}
FIGURES = {"command": TEXT, "at_least": NUMBERS, "at_most": NUMBERS}


def check(content: Mapping[str, Any], where: str) -> None:
    """Check the types of everything in a recipe file.

    Args:
        content: the file's content.
        where: what messages call it.

    Raises:
        ConfigError: a field is unknown, or not of its type.
    """
    _check(content, RECIPE, where)
    _check(content.get("export", {}), EXPORT, f"{where}: export")
    _check(content.get("figures", {}), FIGURES, f"{where}: figures")
    for number, stage in enumerate(content.get("stages", ()), start=1):
        if not isinstance(stage, dict):
            raise ConfigError(f"{where}: a stage must be a table, got {stage!r}")
        name = stage.get("name")
        label = f"stage {name}" if isinstance(name, str) and name else f"stage number {number}"
        _check(stage, INCLUDED if "recipe" in stage else STAGE, f"{where}: {label}")


def _check(content: Mapping[str, Any], fields: Mapping[str, Test], where: str) -> None:
    if unknown := sorted(content.keys() - fields):
        raise ConfigError(f"{where}: unknown {', '.join(unknown)}; known: {', '.join(fields)}")
    for name, value in content.items():
        is_fitting, wanted = fields[name]
        if not is_fitting(value):
            raise ConfigError(f"{where}: {name} must be {wanted}, got {value!r}")
