"""Runs and models made by an earlier version: what their method and settings are called now.

`stargan` once held four methods, which its setting `generator` told apart. Its runs and models can be exported,
evaluated and started from; a run goes on where this version does all that its settings ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgedit.errors import ConfigError
from imgedit.render.grid import CONTRAST
from imgedit.vision.geometry import FRAME

CANNOT_GO_ON = "cannot_go_on"
"""Key of a run's `config.json` as `current_run` returns it: why `--resume` is refused, where it is."""

_METHODS = {"resnet": "stargan", "compact": "local_edits", "flow": "hair_flow", "bilateral": "hair_grid"}
_RENAMED = {
    "keeper": "preserver",
    "lambda_keep": "lambda_preserve",
    "keep_share": "preserve_weights",
    "teacher_share": "teacher_weights",
}
_SHARED = (
    "attributes", "size", "width", "d_width", "lambda_adv", "lambda_cls", "lambda_rec", "teacher", "lambda_teacher",
    "parts", "groups", "d_warmup", "batch_size", "steps", "lr_g", "lr_d", "decay_from", "seed",
)  # fmt: skip
_KEPT = {
    "stargan": (
        "attributes", "size", "crop", "width", "n_blocks", "d_width", "d_layers", "lambda_cls", "lambda_rec",
        "lambda_gp", "n_critic", "batch_size", "steps", "lr_g", "lr_d", "beta1", "decay_from", "ema_decay", "parts",
        "seed",
    ),
    "local_edits": (
        *_SHARED, "crop", "n_blocks", "lambda_r1", "lambda_change", "lambda_chroma", "lambda_tv",
    ),
    "hair_flow": (*_SHARED, "n_blocks", "lambda_smooth", "mask_model"),
    "hair_grid": (
        *_SHARED, *_RENAMED, "lambda_colour", "lambda_tint", "free_tint", "lambda_smooth", "lambda_curve", "any_hair",
        "mask_model",
    ),
}  # fmt: skip
"""What each method still has as a setting, by its former name."""
_SMALL = {
    "adversarial": "hinge", "n_critic": 1, "d_layers": 4, "diff_augment": True, "beta1": 0.5, "ema_decay": 0.999,
}  # fmt: skip
_LOCAL = {**_SMALL, "conditioning": "difference", "targets": "flip", "conditional": True}
_FIXED: dict[str, dict[str, Any]] = {
    "stargan": {"conditioning": "target", "conditional": False, "mask": False},
    "local_edits": {**_LOCAL, "mask": False, "lambda_colour": 0.0, "lambda_smooth": 0.0},
    "hair_flow": {
        **_LOCAL, "crop": "face", "mask": True, "lambda_r1": 1.0, "lambda_change": 0.0, "lambda_chroma": 0.0,
        "lambda_tv": 0.0, "lambda_colour": 0.0,
    },
    "hair_grid": {
        **_SMALL, "crop": "face", "cells": 1, "depth": 8, "conditioning": "target", "conditional": False, "mask": True,
        "contrast": CONTRAST, "lambda_r1": 1.0, "lambda_change": 0.0, "lambda_chroma": 0.0, "lambda_tv": 0.0,
    },
}  # fmt: skip
"""What each method now always does, in the words of the former settings."""
_FORM = ("conditioning", "conditional", "d_layers", "cells", "depth", "mask")
"""Those of them without which the stored weights do not fit."""
_DEFAULTS: dict[str, Any] = {
    "conditional": False, "any_hair": False, "contrast": 0.0, "crop": "face", "lambda_chroma": 0.0,
}  # fmt: skip
"""What a run does that was made before the setting was."""
_SEEN_IN = {
    "Bangs": (32.0, 40.0, 146.0, 116.0), "Eyeglasses": (40.0, 94.0, 138.0, 140.0),
    "Mustache": (60.0, 134.0, 118.0, 162.0), "Smiling": (42.0, 100.0, 136.0, 182.0),
    "Young": (24.0, 58.0, 154.0, 192.0),
}  # fmt: skip
"""The boxes in which `local` let edits act, once for all trainings; others had the whole frame."""
_MOVED_TO = {**_SEEN_IN, "Bangs": (36.0, 56.0, 142.0, 112.0)}
"""The same of `generator = flow`."""


def current(method_id: str, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a method's id and stored settings as this version knows them.

    Raises:
        ConfigError: no method of this version has networks of that form.
    """
    if not _is_former(method_id, settings):
        return method_id, dict(settings)
    former = {**_DEFAULTS, **settings}
    now = _METHODS[former["generator"]]
    form = {key: value for key, value in _FIXED[now].items() if key in _FORM}
    wrong = [f"{key}={former[key]!r}" for key, value in form.items() if former.get(key, value) != value]
    if wrong:
        raise ConfigError(f"this version's {now} has no {wrong[0]}; the imgedit that made the run or model reads it")
    result = {_RENAMED.get(key, key): former[key] for key in _KEPT[now] if key in former}
    if now in ("local_edits", "hair_flow") and former.get("local"):
        boxes = _SEEN_IN if now == "local_edits" else _MOVED_TO
        whole = (0.0, 0.0, *map(float, FRAME))
        result["boxes"] = [list(boxes.get(attribute, whole)) for attribute in former["attributes"]]
    return now, result


def current_run(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `config.json` of a run says, in this version's words.

    Raises:
        ConfigError: as `current`.
    """
    method_id, settings = stored.get("method"), stored.get("config")
    if not isinstance(method_id, str) or not isinstance(settings, Mapping) or not _is_former(method_id, settings):
        return dict(stored)
    now, config = current(method_id, settings)
    former = {**_DEFAULTS, **settings}
    changed = [k for k, v in _FIXED[now].items() if former.get(k, v) != v]
    if now == "stargan":  # whatever its settings were
        changed = ["gradient penalty", "sampling", "augmentation"]
    why = {CANNOT_GO_ON: f"{now} now has another {', '.join(changed)}"} if changed else {}
    uses = {_RENAMED.get(key, key): name for key, name in stored.get("uses", {}).items()}
    return {**stored, "method": now, "config": config, **({"uses": uses} if uses else {}), **why}


def _is_former(method_id: str, settings: Mapping[str, Any]) -> bool:
    return method_id == "stargan" and settings.get("generator") in _METHODS
