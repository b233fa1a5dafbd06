"""Read manifests of schema 1: turn their values into those of schema 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgedit.models.schema import require, shown

__all__ = ["upgrade"]

FIELDS = {
    *("id", "version", "title", "method", "kind", "graphs", "crop", "attributes", "words", "region", "conditioning"),
    *("licence", "data_source", "paper", "training", "metrics", "golden", "classes", "schema_version"),
}


def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the parsed text of a schema 1 manifest into schema 2; what is kept as it is, is not checked here.

    Schema 1 has no tints and no guards, so words get none. It says nothing of commercial use, so none is allowed.

    Args:
        data: the parsed text.

    Raises:
        ManifestError: a field is missing or unknown, or one that is converted has another form.
    """
    if missing := sorted(FIELDS - data.keys()):
        require(False, f"the manifest misses {', '.join(missing)}")
    if unknown := sorted(data.keys() - FIELDS):
        require(False, f"the manifest has unknown fields: {shown(', '.join(map(str, unknown)))}")
    for name in ("words", "region", "training", "graphs"):
        require(isinstance(data[name], Mapping), f"{name} must be an object, got {shown(data[name])}")
    training = data["training"]
    config = training.get("config", {})
    require(isinstance(config, Mapping), f"training: config must be an object, got {shown(config)}")
    kept = {name: data[name] for name in FIELDS - {"words", "region", "training", "schema_version"}}
    return {
        **kept,
        "output": _output(data["kind"], data["graphs"], config),
        "words": _words(data["words"], data["region"]),
        "parts": {},
        "commercial_use": False,
        "stages": [_stage(training, config, data["method"])] if training else [],
        "export": {
            "weights": training.get("weights", "float32"),
            "torch": training.get("torch", ""),
            "onnx_max_difference": training.get("onnx_max_difference", {}),
        },
        "schema_version": 2,
    }


def _output(kind: object, graphs: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Say what a model returns, by what schema 1 knew it by."""
    if kind == "translate":
        return "grid" if "guide" in graphs else "flow" if config.get("generator") == "flow" else "image"
    return "image" if kind in ("swap", "sample", "frontalize") else "none"


def _words(words: Mapping[str, Any], regions: Mapping[str, Any]) -> dict[str, Any]:
    """Join the words that set the same values: the first is the name, the others are other spellings."""
    for word in regions:
        require(word in words, f"region names {shown(word)}, which is not among the words")
    joined: dict[str, dict[str, Any]] = {}
    for word, sets in words.items():
        region = regions.get(word, "all")
        same = next((w for w in joined.values() if w["sets"] == sets and w["region"] == region), None)
        if same is None:
            joined[word] = {
                **{"sets": sets, "region": region, "also": [], "tint": None, "unless": [], "quality": "experimental"}
            }
        else:
            same["also"].append(word)
    return joined


def _stage(training: Mapping[str, Any], config: Mapping[str, Any], method: object) -> dict[str, Any]:
    """Return the one stage that schema 1 tells of."""
    told = {"config", "steps", "weights", "torch", "onnx_max_difference"}
    note = "; ".join(f"{name}: {value}" for name, value in training.items() if name not in told)
    empty = dict.fromkeys(("preset", "data", "init", "precision"), "")
    return {
        **empty,
        "name": "training",
        "method": method,
        "config": config,
        "steps": training.get("steps", 0),
        "note": note,
    }
