"""What a model folder says about itself: `manifest.json`, schema 1 (standard library only).

A model is a folder that holds this file and the ONNX graphs it names. Reading it checks everything that can be checked
without running a graph; the hashes, which cost time, are compared by `verify`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from imgedit.errors import ManifestError
from imgedit.files import write_whole

__all__ = ["FILE", "SCHEMA_VERSION", "Crop", "GraphFile", "Manifest", "read", "sha256_of", "verify"]

SCHEMA_VERSION = 1
FILE = "manifest.json"

KINDS = ("translate", "swap", "frontalize", "sample", "parse", "detect", "classify")
CROPS = ("face", "head", "inner", "close", "body", "none")
REGIONS = ("hair", "face", "all")
CONDITIONINGS = ("target", "difference", "direction", "none")
_ID = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_WORD = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIDE_LIMIT = 4096  # px; a crop larger than this is a damaged manifest, not a model


@dataclass(frozen=True)
class GraphFile:
    """One ONNX file of a model.

    Attributes:
        file: name relative to the model folder, with `/`.
        sha256: hash of the file, hexadecimal.
        bytes: size of the file.
    """

    file: str
    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> GraphFile:
        """Describe the file at `path`; the folder part of the path is left out."""
        return cls(path.name, sha256_of(path), path.stat().st_size)


@dataclass(frozen=True)
class Crop:
    """What a model sees: which window around the face, and how many pixels (0 with kind `none`)."""

    kind: str
    height: int
    width: int


@dataclass(frozen=True)
class Manifest:
    """Everything that imgedit knows about a model.

    Attributes:
        id: `method.dataset`, such as `stargan_hair.celeba`.
        version: the model's own version.
        title: one line for people.
        method: id of the training method.
        kind: what the model does, one of `KINDS`.
        graphs: role -> file.
        crop: what the model sees.
        attributes: names of the entries of the edit vector, or of the classifier's output, in order.
        words: what a user may type -> {attribute: value}.
        region: word -> part of the face that it may change, one of `REGIONS`.
        conditioning: meaning of the edit vector, one of `CONDITIONINGS`.
        licence: terms of the weights.
        data_source: what it was trained on.
        paper: what to cite.
        training: the resolved training configuration.
        metrics: measured figures.
        golden: one input and output by hash: role, seed, input_sha256, output_sha256, decimals, mean.
        classes: names of the parser's output channels, in order.
        schema_version: version of this format.
    """

    id: str
    version: str
    title: str
    method: str
    kind: str
    graphs: dict[str, GraphFile]
    crop: Crop
    attributes: tuple[str, ...] = ()
    words: dict[str, dict[str, float]] = field(default_factory=dict)
    region: dict[str, str] = field(default_factory=dict)
    conditioning: str = "none"
    licence: str = ""
    data_source: str = ""
    paper: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    golden: dict[str, Any] | None = None
    classes: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        _check(self)

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: str = FILE) -> Manifest:
        """Read the text of a `manifest.json`.

        Args:
            text: JSON.
            where: what to call it in messages.

        Raises:
            ManifestError: it is not JSON, has an unknown schema, lacks a field, or a field has a wrong value.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{where} is not valid JSON ({error}); get the model again") from error
        if not isinstance(data, dict):
            raise ManifestError(f"{where} must be a JSON object, got {type(data).__name__}")
        version = data.get("schema_version")
        if version != SCHEMA_VERSION or isinstance(version, bool):
            raise ManifestError(
                f"{where} has schema_version {version!r}, this imgedit reads {SCHEMA_VERSION}; update one of them"
            )
        try:
            return cls(**_fields(data))
        except ManifestError as error:
            raise ManifestError(f"{where}: {error}") from error

    def write(self, folder: Path) -> Path:
        """Write `manifest.json` into `folder`, whole or not at all, and return its path.

        Raises:
            OutputError: it cannot be written.
        """
        target = Path(folder) / FILE
        write_whole(target, self.to_json())
        return target


def read(folder: Path) -> Manifest:
    """Read and check the manifest of a model folder, and that its graphs are there with the right size.

    Raises:
        ManifestError: the manifest or a graph is missing, damaged, or leads out of the folder.
    """
    folder = Path(folder)
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ManifestError(f"{folder} is no model: it has no {FILE}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    manifest = Manifest.from_json(text, where=str(path))
    root = folder.resolve()
    for role, graph in manifest.graphs.items():
        file = folder / graph.file
        if not file.resolve().is_relative_to(root):
            raise ManifestError(f"{path}: graph {role!r} leads out of the model folder: {graph.file}")
        if not file.is_file():
            raise ManifestError(f"{path}: graph {role!r} is missing: {graph.file}; get the model again")
        size = file.stat().st_size
        if size != graph.bytes:
            raise ManifestError(f"{file} has {size} bytes, the manifest says {graph.bytes}; get the model again")
    return manifest


def verify(folder: Path) -> Manifest:
    """Read a model folder's manifest and compare the hash of every graph.

    Raises:
        ManifestError: as `read`, or a file differs from its hash.
    """
    manifest = read(folder)
    for graph in manifest.graphs.values():
        file = Path(folder) / graph.file
        found = sha256_of(file)
        if found != graph.sha256:
            raise ManifestError(
                f"{file} is damaged: its SHA-256 starts with {found[:12]}, the manifest says {graph.sha256[:12]};"
                " get the model again"
            )
    return manifest


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn parsed JSON into `Manifest`'s arguments; values are checked by `_check`."""
    known = {f.name: f for f in dataclasses.fields(Manifest)}
    # Every field of the schema must stand in the file, so that a manifest is never half written by hand.
    missing = sorted(known.keys() - data.keys())
    if missing:
        raise ManifestError(f"misses {', '.join(missing)}")
    unknown = sorted(data.keys() - known.keys())
    if unknown:
        raise ManifestError(f"has unknown fields: {', '.join(unknown)}")
    fields = dict(data)
    fields["crop"] = _record(Crop, "crop", data["crop"])
    if not isinstance(data["graphs"], dict):
        raise ManifestError("graphs must be an object of role: file")
    fields["graphs"] = {role: _record(GraphFile, f"graph {role!r}", g) for role, g in data["graphs"].items()}
    for name in ("attributes", "classes"):
        if not isinstance(data[name], list):
            raise ManifestError(f"{name} must be a list of names")
        fields[name] = tuple(data[name])
    return fields


def _record(kind: type[Any], name: str, data: object) -> Any:
    wanted = {f.name for f in dataclasses.fields(kind)}
    if not isinstance(data, dict) or data.keys() != wanted:
        raise ManifestError(f"{name} must be an object with {', '.join(sorted(wanted))}")
    return kind(**data)


def _check(m: Manifest) -> None:
    """Raise ManifestError unless every field has a value that makes sense."""
    for name in ("id", "version", "title", "method", "kind", "conditioning", "licence", "data_source", "paper"):
        _require(isinstance(getattr(m, name), str), f"{name} must be text, got {getattr(m, name)!r}")
    _require(m.schema_version == SCHEMA_VERSION, f"schema_version must be {SCHEMA_VERSION}, got {m.schema_version!r}")
    _require(_ID.fullmatch(m.id) is not None, f"id must look like method.dataset in a-z, 0-9 and _, got {m.id!r}")
    for name in ("version", "title", "method"):
        _require(bool(getattr(m, name)), f"{name} must not be empty")
    _require(m.kind in KINDS, f"kind must be one of {', '.join(KINDS)}, got {m.kind!r}")
    _require(
        m.conditioning in CONDITIONINGS,
        f"conditioning must be one of {', '.join(CONDITIONINGS)}, got {m.conditioning!r}",
    )
    for name in ("words", "region", "training", "metrics", "graphs"):
        _require(isinstance(getattr(m, name), dict), f"{name} must be an object")
    for name in ("attributes", "classes"):
        names = getattr(m, name)
        _require(
            all(isinstance(n, str) and n for n in names) and len(set(names)) == len(names),
            f"{name} must be different names, got {list(names)!r}",
        )
    _require(m.golden is None or isinstance(m.golden, dict), "golden must be an object or null")
    _check_graphs(m.graphs)
    _check_crop(m.crop)
    _check_words(m)


def _check_graphs(graphs: Mapping[str, GraphFile]) -> None:
    _require(bool(graphs), "graphs must name at least one file")
    for role, graph in graphs.items():
        _require(isinstance(graph.file, str) and bool(graph.file), f"graph {role!r}: file must be a name")
        path = PurePosixPath(graph.file)
        inside = not path.is_absolute() and ".." not in path.parts and "\\" not in graph.file and ":" not in graph.file
        _require(inside, f"graph {role!r} leads out of the model folder: {graph.file}")
        _require(path.suffix == ".onnx", f"graph {role!r} must be an .onnx file, got {graph.file!r}")
        is_hash = isinstance(graph.sha256, str) and _SHA256.fullmatch(graph.sha256) is not None
        _require(is_hash, f"graph {role!r}: sha256 must be 64 hexadecimal digits, got {graph.sha256!r}")
        _require(
            _is_count(graph.bytes) and graph.bytes > 0, f"graph {role!r}: bytes must be positive, got {graph.bytes!r}"
        )


def _check_crop(crop: Crop) -> None:
    _require(crop.kind in CROPS, f"crop kind must be one of {', '.join(CROPS)}, got {crop.kind!r}")
    low = 0 if crop.kind == "none" else 1
    for side in (crop.height, crop.width):
        _require(
            _is_count(side) and low <= side <= _SIDE_LIMIT, f"crop sides must be {low}..{_SIDE_LIMIT} px, got {side!r}"
        )
    _require(
        crop.kind in ("body", "none") or crop.height == crop.width,
        f"a {crop.kind} crop must be square, got {crop.height} x {crop.width}",
    )


def _check_words(m: Manifest) -> None:
    for word, values in m.words.items():
        _require(
            _WORD.fullmatch(word) is not None and not word.startswith("no-"),
            f"a word must be a-z, 0-9 and - and not start with no-, got {word!r}",
        )
        _require(isinstance(values, dict) and bool(values), f"word {word!r} must name the attributes it sets")
        for attribute, value in values.items():
            _require(attribute in m.attributes, f"word {word!r} sets {attribute!r}, which is not among the attributes")
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            _require(number, f"word {word!r}: {attribute} must be a number, got {value!r}")
    for word, region in m.region.items():
        _require(word in m.words, f"region names {word!r}, which is not among the words")
        _require(region in REGIONS, f"region of {word!r} must be one of {', '.join(REGIONS)}, got {region!r}")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ManifestError(message)
