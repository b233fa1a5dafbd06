"""What may stand in `manifest.json`, schema 2, checked on plain JSON values (standard library only).

Every check raises `ManifestError` with one line that names the field, the value and what would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from imgedit.errors import ManifestError
from imgedit.text import printable

__all__ = [
    "ADDITIONS",
    "CONDITIONINGS",
    "CROPS",
    "KINDS",
    "OUTPUTS",
    "QUALITIES",
    "REGIONS",
    "REMOVALS",
    "RULES",
    "SCHEMA_VERSION",
    "check",
    "check_plain",
    "require",
    "shown",
]

SCHEMA_VERSION = 2
KINDS = (
    *("translate", "swap", "sample", "parse", "detect", "classify"),
    *("mesh", "body", "matte", "rotate", "paint", "frontalize", "recognise"),
)
OUTPUTS = ("image", "grid", "tone", "flow", "mesh", "glasses", "skin", "face_hair", "bangs", "removal", "none")
ADDITIONS = ("glasses", "face_hair", "bangs")
"""Outputs that draw a thing and cannot take it away: their words have no `no-`."""
REMOVALS = ("removal",)
"""Outputs that take a thing away and cannot draw it: their words have only `no-`."""
CROPS = ("face", "head", "inner", "close", "body", "torso", "none")
REGIONS = ("hair", "face", "skin", "all")
CONDITIONINGS = ("target", "difference", "direction", "domains", "none")
RULES = ("skip", "below_hairline")
QUALITIES = ("good", "experimental")
PRECISIONS = ("float32", "float16")

FIELDS = {
    *("id", "version", "title", "method", "kind", "graphs", "crop", "output", "attributes", "classes", "words"),
    *("conditioning", "parts", "licence", "commercial_use", "data_source", "paper", "stages", "export", "metrics"),
    *("golden", "schema_version"),
}
GRAPH_FIELDS = {"file", "sha256", "bytes"}
CROP_FIELDS = {"kind", "height", "width"}
WORD_FIELDS = {"sets", "region", "also", "tint", "unless", "quality"}
WORD_OPTIONS = {"opposite_quality"}
"""Fields that a word may have: manifests that were written before the field came have none."""
TINT_FIELDS = {"low", "high"}
GUARD_FIELDS = {"attribute", "above", "then", "say"}
STAGE_FIELDS = {"name", "method", "preset", "config", "steps", "data", "init", "precision", "note"}
EXPORT_FIELDS = {"weights", "torch", "onnx_max_difference"}

_ID = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_ROLE = re.compile(r"[a-z][a-z0-9_]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.onnx")
_WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME_LIMIT = 100  # characters of ids, roles, words and file names
_SIDE_LIMIT = 4096  # px; a crop larger than this is a damaged manifest, not a model
_DEPTH_LIMIT = 16  # levels of nesting
_INTEGER_LIMIT = 2**53  # beyond it JSON readers disagree
_TINT_LIMIT = 128.0  # a* and b* of CIELAB
_WHERE_LIMIT = 60  # characters of a place in messages
_WHOLE = "the manifest"


_NOTHING = object()


def require(condition: bool, message: str, *, got: object = _NOTHING) -> None:
    """Raise ManifestError with `message`, and with what was there, unless `condition` holds."""
    # Values are shown where they are wrong alone: thousands of them are looked at before the first edit.
    if not condition:
        raise ManifestError(message if got is _NOTHING else f"{message}, got {shown(got)}")


def shown(value: object, limit: int = 80) -> str:
    """Return a value as short printable ASCII, for messages."""
    text = ascii(value) if not isinstance(value, int) or abs(value) < 10**20 else "a huge number"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def check(data: Mapping[str, Any]) -> None:
    """Check the parsed text of a manifest, or what one is to be written from.

    Raises:
        ManifestError: a field is missing or unknown, or its value makes no sense.
    """
    check_plain(data)
    _check_fields(data, _WHOLE, FIELDS)
    version = data["schema_version"]
    require(
        version == SCHEMA_VERSION and not isinstance(version, bool),
        f"schema_version must be {SCHEMA_VERSION}",
        got=version,
    )
    for name in ("version", "title", "method", "licence", "data_source", "paper"):
        require(isinstance(data[name], str), f"{name} must be text", got=data[name])
    for name in ("version", "title", "method"):
        require(bool(data[name]), f"{name} must not be empty")
    require(_matches(_ID, data["id"]), "id must look like method.dataset in a-z, 0-9 and _", got=data["id"])
    for name, allowed in (("kind", KINDS), ("output", OUTPUTS), ("conditioning", CONDITIONINGS)):
        _check_choice(data[name], name, allowed)
    require(
        isinstance(data["commercial_use"], bool),
        "commercial_use must be true or false",
        got=data["commercial_use"],
    )
    for name in ("attributes", "classes"):
        _check_names(data[name], name)
    for name in ("graphs", "words", "parts", "metrics"):
        require(isinstance(data[name], Mapping), f"{name} must be an object", got=data[name])
    require(
        data["kind"] != "translate" or data["output"] != "none",
        "output of a translate model must say what its graph returns, got 'none'",
    )
    _check_graphs(data["graphs"])
    _check_crop(data["crop"])
    _check_words(data["words"], data["attributes"])
    for role, model in data["parts"].items():
        require(_matches(_ROLE, role), "parts: a role must be a-z, 0-9 and _", got=role)
        require(_matches(_ID, model), f"parts: {role} must be the id of a model", got=model)
    _check_stages(data["stages"])
    _check_export(data["export"])
    golden = data["golden"]
    require(golden is None or isinstance(golden, Mapping), "golden must be an object or null", got=golden)
    require(
        golden is None or golden.get("role") in list(data["graphs"]),
        "golden must have a role that is among the graphs",
    )


def check_plain(value: object, where: str = _WHOLE, depth: int = 0) -> None:
    """Refuse what JSON can say and a manifest may not: numbers that are not finite, control characters, deep nests."""
    # Messages are made where they are needed alone: this looks at thousands of values before the first edit.
    if depth > _DEPTH_LIMIT:
        raise ManifestError(f"{where} is nested more than {_DEPTH_LIMIT} deep")
    if isinstance(value, str):
        if not _is_clean(value):
            raise ManifestError(f"{where} holds control characters or broken text: {shown(value)}")
    elif isinstance(value, bool) or value is None:
        pass
    elif isinstance(value, int):
        if abs(value) > _INTEGER_LIMIT:
            raise ManifestError(f"{where} must be a finite number of at most 2^53, got {shown(value)}")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ManifestError(f"{where} must be a finite number, got {value}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not _is_clean(key):
                raise ManifestError(f"{where} has a name with control characters: {shown(key)}")
            check_plain(item, _inside(where, key), depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            check_plain(item, where, depth + 1)
    else:
        raise ManifestError(f"{where} cannot be written as JSON: {shown(value)}")


def _is_clean(text: str) -> bool:
    """Tell whether a text is one line that no terminal acts on and every encoding takes."""
    return text.isprintable() if text.isascii() else printable(text) == text


def _inside(where: str, key: str) -> str:
    """Name a place within another, in few words."""
    name = key if key.isascii() and len(key) <= _WHERE_LIMIT else shown(key, _WHERE_LIMIT)
    return name if where == _WHOLE else f"{where}: {name}" if len(where) <= _WHERE_LIMIT else f"...: {name}"


def _check_fields(data: object, where: str, fields: set[str], options: AbstractSet[str] = frozenset()) -> None:
    """Insist on an object that has these fields, perhaps some of `options`, and no others."""
    require(isinstance(data, Mapping), f"{where} must be an object with {', '.join(sorted(fields))}", got=data)
    names = set(data) if isinstance(data, Mapping) else set()
    if missing := sorted(fields - names):
        raise ManifestError(f"{where} misses {', '.join(missing)}")
    if unknown := sorted(names - fields - options):
        raise ManifestError(f"{where} has unknown fields: {shown(', '.join(unknown))}")


def _check_choice(value: object, where: str, allowed: Sequence[str]) -> None:
    require(isinstance(value, str) and value in allowed, f"{where} must be one of {', '.join(allowed)}", got=value)


def _check_names(names: object, where: str) -> None:
    fits = (
        isinstance(names, list | tuple)
        and all(isinstance(name, str) and 0 < len(name) <= _NAME_LIMIT for name in names)
        and len(set(names)) == len(names)
    )
    require(fits, f"{where} must be a list of different names", got=names)


def _check_graphs(graphs: Mapping[str, Any]) -> None:
    require(bool(graphs), "graphs must name at least one file")
    for role, graph in graphs.items():
        require(_matches(_ROLE, role), "graphs: a role must be a-z, 0-9 and _", got=role)
        _check_fields(graph, f"graph {role!r}", GRAPH_FIELDS)
        file, sha256, size = graph["file"], graph["sha256"], graph["bytes"]
        require(isinstance(file, str) and bool(file), f"graph {role!r}: file must be a name", got=file)
        inside = not any(c in file for c in "/\\:") and ".." not in file
        require(inside, f"graph {role!r} leads out of the model folder: {shown(file)}")
        require(
            _matches(_FILE, file),
            f"graph {role!r} must be an .onnx file named in A-Z, a-z, 0-9, _, . and -",
            got=file,
        )
        require(_matches(_SHA256, sha256), f"graph {role!r}: sha256 must be 64 hexadecimal digits", got=sha256)
        require(_is_count(size) and size > 0, f"graph {role!r}: bytes must be positive", got=size)


def _check_crop(crop: Any) -> None:
    _check_fields(crop, "crop", CROP_FIELDS)
    _check_choice(crop["kind"], "crop kind", CROPS)
    low = 0 if crop["kind"] == "none" else 1
    for side in (crop["height"], crop["width"]):
        require(
            _is_count(side) and low <= side <= _SIDE_LIMIT,
            f"crop sides must be {low}..{_SIDE_LIMIT} px",
            got=side,
        )
    require(
        crop["kind"] in ("torso", "none") or crop["height"] == crop["width"],
        f"a {crop['kind']} crop must be square, got {crop['height']} x {crop['width']}",
    )


def _check_words(words: Mapping[str, Any], attributes: Sequence[str]) -> None:
    seen: set[str] = set()
    for word, entry in words.items():
        _check_fields(entry, f"word {shown(word)}", WORD_FIELDS, WORD_OPTIONS)
        require(
            isinstance(entry["also"], list | tuple),
            f"word {word!r}: also must be a list of other spellings",
            got=entry["also"],
        )
        for spelling in (word, *entry["also"]):
            require(
                _matches(_WORD, spelling) and not spelling.startswith("no-"),
                "a word must be a-z, 0-9 and - and not start with no-",
                got=spelling,
            )
            require(spelling not in seen, f"the word {spelling!r} stands twice")
            seen.add(spelling)
        sets = entry["sets"]
        require(isinstance(sets, Mapping) and bool(sets), f"word {word!r} must name the attributes it sets")
        for attribute, value in sets.items():
            require(
                attribute in attributes, f"word {word!r} sets {shown(attribute)}, which is not among the attributes"
            )
            require(_is_number(value), f"word {word!r}: {attribute} must be a number", got=value)
        _check_choice(entry["region"], f"region of {word!r}", REGIONS)
        _check_choice(entry["quality"], f"quality of {word!r}", QUALITIES)
        if entry.get("opposite_quality") is not None:
            _check_choice(entry["opposite_quality"], f"opposite_quality of {word!r}", QUALITIES)
        _check_tint(entry["tint"], word)
        require(
            isinstance(entry["unless"], list | tuple),
            f"word {word!r}: unless must be a list of guards",
            got=entry["unless"],
        )
        for guard in entry["unless"]:
            _check_guard(guard, word)


def _check_tint(tint: Any, word: str) -> None:
    if tint is None:
        return
    _check_fields(tint, f"tint of {word!r}", TINT_FIELDS)
    low, high = tint["low"], tint["high"]
    fits = all(
        isinstance(end, list | tuple) and len(end) == 2 and all(_is_number(v) and abs(v) <= _TINT_LIMIT for v in end)
        for end in (low, high)
    )
    require(fits, f"tint of {word!r} must be two pairs a*, b* of CIELAB, got {shown(low)} and {shown(high)}")
    require(all(a <= b for a, b in zip(low, high, strict=True)), f"tint of {word!r}: low must not be above high")


def _check_guard(guard: Any, word: str) -> None:
    where = f"guard of {word!r}"
    _check_fields(guard, where, GUARD_FIELDS)
    _check_choice(guard["then"], f"{where}: then", RULES)
    for name in ("attribute", "say"):
        require(
            isinstance(guard[name], str) and bool(guard[name]),
            f"{where}: {name} must be text",
            got=guard[name],
        )
    above = guard["above"]
    require(_is_number(above) and 0 <= above <= 1, f"{where}: above must be from 0 to 1", got=above)


def _check_stages(stages: object) -> None:
    require(isinstance(stages, list | tuple), "stages must be a list", got=stages)
    for i, stage in enumerate(stages if isinstance(stages, list | tuple) else ()):
        where = f"stage {i}"
        _check_fields(stage, where, STAGE_FIELDS)
        for name in STAGE_FIELDS - {"config", "steps"}:
            require(isinstance(stage[name], str), f"{where}: {name} must be text", got=stage[name])
        require(bool(stage["name"]), f"{where}: name must not be empty")
        require(isinstance(stage["config"], Mapping), f"{where}: config must be an object", got=stage["config"])
        require(_is_count(stage["steps"]), f"{where}: steps must be 0 or more", got=stage["steps"])


def _check_export(export: Any) -> None:
    _check_fields(export, "export", EXPORT_FIELDS)
    _check_choice(export["weights"], "export: weights", PRECISIONS)
    require(isinstance(export["torch"], str), "export: torch must be text", got=export["torch"])
    differences = export["onnx_max_difference"]
    require(
        isinstance(differences, Mapping) and all(_is_number(d) and d >= 0 for d in differences.values()),
        "export: onnx_max_difference must be numbers by role",
        got=differences,
    )


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and len(value) <= _NAME_LIMIT and pattern.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
