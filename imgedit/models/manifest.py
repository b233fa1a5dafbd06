"""What a model folder says about itself: `manifest.json`, schema 2 (standard library only).

A model is a folder that holds this file and the ONNX graphs it names. Reading it checks everything that can be checked
without opening a graph; the hashes are compared by `verify`, and by `library.Model.read` of what it reads. Schema 1 is
read too and converted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

from imgedit.errors import ManifestError
from imgedit.files import read_file, write_whole
from imgedit.models import schema, schema1
from imgedit.models.records import Crop, Export, GraphFile, Guard, Stage, Tint, Word, word_of
from imgedit.models.schema import SCHEMA_VERSION

__all__ = [
    "FILE",
    "SCHEMA_VERSION",
    "Crop",
    "Export",
    "GraphFile",
    "Guard",
    "Manifest",
    "Stage",
    "Tint",
    "Word",
    "kind_of",
    "read",
    "read_graph",
    "verify",
]

FILE = "manifest.json"
SIZE_LIMIT = 1_000_000
"""Bytes that a `manifest.json` may have; those of the bundled models have less than 10,000."""


@dataclass(frozen=True)
class Manifest:
    """Everything that imgedit knows about a model.

    Attributes:
        id: `method.dataset`, such as `stargan_hair.celeba`.
        version: the model's own version.
        title: one line for people.
        method: id of the training method.
        kind: what the model does, one of `schema.KINDS`.
        graphs: role -> file.
        crop: what the model sees.
        output: what an edit gets from it, one of `schema.OUTPUTS`.
        attributes: names of the entries of the edit vector, or of the classifier's output, in order.
        classes: names of the parser's output channels, in order; of sliders, the first those of the attributes.
        words: word -> what it means.
        conditioning: meaning of the edit vector, one of `schema.CONDITIONINGS`.
        parts: role -> id of another model that this one is used with.
        licence: terms of the weights.
        commercial_use: whether these terms allow commercial use.
        data_source: what it was trained on.
        paper: what to cite.
        stages: all stages of the training; the last one made the weights.
        export: how the graphs were made.
        metrics: measured figures.
        golden: one input and output by hash: role, seed, input_sha256, output_sha256, decimals, mean.
        schema_version: version of this format.
    """

    id: str
    version: str
    title: str
    method: str
    kind: str
    graphs: dict[str, GraphFile]
    crop: Crop
    output: str = "none"
    attributes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    words: dict[str, Word] = field(default_factory=dict)
    conditioning: str = "none"
    parts: dict[str, str] = field(default_factory=dict)
    licence: str = ""
    commercial_use: bool = False
    data_source: str = ""
    paper: str = ""
    stages: tuple[Stage, ...] = ()
    export: Export = field(default_factory=Export)
    metrics: dict[str, Any] = field(default_factory=dict)
    golden: dict[str, Any] | None = None
    schema_version: int = SCHEMA_VERSION
    is_checked: InitVar[bool] = False  # by `schema.check`

    def __post_init__(self, is_checked: bool) -> None:
        if not is_checked:
            schema.check(dataclasses.asdict(self))

    @property
    def trained(self) -> Stage | None:
        """The stage that made the weights; None where nothing is known of the training."""
        return self.stages[-1] if self.stages else None

    @property
    def only_adds(self) -> bool:
        """Whether the model can do what its words say, and cannot undo it."""
        return self.output in schema.ADDITIONS

    @property
    def only_removes(self) -> bool:
        """Whether the model takes a thing away and cannot draw it, so that its words have only `no-`."""
        return self.output in schema.REMOVALS

    @property
    def qualities(self) -> dict[str, str]:
        """What may be asked, each word and what `no-` makes of it -> `good` or `experimental`."""
        found: dict[str, str] = {}
        for name, word in self.words.items():
            if not self.only_removes:
                found[name] = word.quality
            if not self.only_adds and len(word.sets) == 1:  # of several values `no-` leaves open what to be instead
                found[f"no-{name}"] = word.quality_of(is_negated=True)
        return found

    def word(self, name: str) -> tuple[str, Word] | None:
        """Return a word by any of its spellings, with the one that is its name; None where the model has no such."""
        if name in self.words:
            return name, self.words[name]
        return next(((word, entry) for word, entry in self.words.items() if name in entry.also), None)

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        data = dataclasses.asdict(self)
        for entry in data["words"].values():
            if entry["opposite_quality"] is None:  # readers from before the field came refuse it
                del entry["opposite_quality"]
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

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
        if version not in (1, SCHEMA_VERSION) or not isinstance(version, int) or isinstance(version, bool):
            raise ManifestError(
                f"{where} has schema_version {schema.shown(version)}, this imgedit reads 1 and {SCHEMA_VERSION};"
                " update one of them"
            )
        try:
            if version == 1:
                schema.check_plain(data)
                data = schema1.upgrade(data)
            schema.check(data)
        except ManifestError as error:
            raise ManifestError(f"{where}: {error}") from error
        return cls(**_arguments(data), is_checked=True)

    def write(self, folder: Path) -> Path:
        """Write `manifest.json` into `folder`, whole or not at all, and return its path.

        Raises:
            OutputError: it cannot be written.
        """
        target = Path(folder) / FILE
        write_whole(target, self.to_json())
        return target


def kind_of(folder: Path) -> str | None:
    """Return the kind that a manifest names, without checking anything; None where nothing can be told."""
    try:
        kind = json.loads(read_file(Path(folder) / FILE, SIZE_LIMIT))["kind"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return kind if isinstance(kind, str) else None


def read(folder: Path) -> Manifest:
    """Read and check the manifest of a model folder, and that its graphs are there with the right size.

    Raises:
        ManifestError: the manifest or a graph is missing, damaged, or leads out of the folder.
    """
    folder = Path(folder)
    path = folder / FILE
    try:
        text = read_file(path, SIZE_LIMIT).decode("utf-8")
    except FileNotFoundError as error:
        is_run = (folder / "checkpoints").is_dir()
        hint = f"it is a training run; export it first: imgedit export {folder} -o DIR" if is_run else ""
        raise ManifestError(f"{folder} is no model: it has no {FILE}", hint=hint) from error
    except (OSError, ValueError) as error:
        raise ManifestError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    manifest = Manifest.from_json(text, where=str(path))
    inside = os.path.join(os.path.realpath(folder), "")
    for role, graph in manifest.graphs.items():
        file = folder / graph.file
        try:
            is_inside = os.path.realpath(file).startswith(inside)
            found = file.stat()
        except FileNotFoundError as error:
            raise ManifestError(f"{path}: graph {role!r} is missing: {graph.file}; get the model again") from error
        except (OSError, RuntimeError) as error:  # RuntimeError: links that lead in a circle
            raise ManifestError(f"{path}: graph {role!r} cannot be read: {graph.file}") from error
        if not is_inside:
            raise ManifestError(f"{path}: graph {role!r} leads out of the model folder: {graph.file}")
        if not stat.S_ISREG(found.st_mode):
            raise ManifestError(f"{path}: graph {role!r} is no regular file: {graph.file}")
        if found.st_size != graph.bytes:
            raise ManifestError(
                f"{file} has {found.st_size} bytes, the manifest says {graph.bytes}; get the model again"
            )
    return manifest


def verify(folder: Path) -> Manifest:
    """Read a model folder's manifest and compare the hash of every graph.

    Raises:
        ManifestError: as `read`, or a file differs from its hash.
    """
    manifest = read(folder)
    for graph in manifest.graphs.values():
        read_graph(folder, graph)
    return manifest


def read_graph(folder: Path, graph: GraphFile) -> bytes:
    """Return the bytes of a graph, after comparing them with its hash.

    Raises:
        ManifestError: the file cannot be read or is not the one that the manifest names.
    """
    file = Path(folder) / graph.file
    try:
        content = read_file(file, graph.bytes)
    except (OSError, ValueError) as error:
        raise ManifestError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != graph.sha256:
        raise ManifestError(
            f"{file} is damaged: its SHA-256 starts with {found[:12]}, the manifest says {graph.sha256[:12]};"
            " get the model again"
        )
    return content


def _arguments(data: Mapping[str, Any]) -> dict[str, Any]:
    """Turn checked JSON into `Manifest`'s arguments."""
    return {
        **data,
        "graphs": {role: GraphFile(**graph) for role, graph in data["graphs"].items()},
        "crop": Crop(**data["crop"]),
        "attributes": tuple(data["attributes"]),
        "classes": tuple(data["classes"]),
        "words": {word: word_of(entry) for word, entry in data["words"].items()},
        "stages": tuple(Stage(**stage) for stage in data["stages"]),
        "export": Export(**data["export"]),
    }
