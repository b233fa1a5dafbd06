"""The records that a manifest holds: files, crop, words, stages (standard library only)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Crop", "Export", "GraphFile", "Guard", "Stage", "Tint", "Word", "word_of"]


@dataclass(frozen=True)
class GraphFile:
    """One ONNX file of a model.

    Attributes:
        file: its name in the model folder.
        sha256: hash of the file, hexadecimal.
        bytes: size of the file.
    """

    file: str
    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: Path) -> GraphFile:
        """Describe the file at `path`; the folder part of the path is left out."""
        with open(path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.name, sha256, path.stat().st_size)


@dataclass(frozen=True)
class Crop:
    """What a model sees: which window around the face, and how many pixels (0 with kind `none`)."""

    kind: str
    height: int
    width: int


@dataclass(frozen=True)
class Tint:
    """A range of mean colours without their lightness.

    Attributes:
        low: least a* and b* (CIELAB, D65).
        high: greatest a* and b*.
    """

    low: tuple[float, float]
    high: tuple[float, float]


@dataclass(frozen=True)
class Guard:
    """When a word is not carried out as it stands.

    Attributes:
        attribute: what the attribute classifier tells of the face.
        above: probability from which the guard holds, 0..1.
        then: `skip`: the word is not carried out, unless it was negated; `below_hairline`: nothing above the hairline
            is changed.
        say: what the user is told of the face, such as "seems to be bald, so there is no hair to move".
    """

    attribute: str
    above: float
    then: str
    say: str


@dataclass(frozen=True)
class Word:
    """What a user may ask of a model.

    Attributes:
        sets: attribute -> wanted value.
        region: part of the face that it may change, one of `schema.REGIONS`.
        also: other spellings.
        tint: the mean colours that a result is held to.
        unless: guards.
        quality: `good` or `experimental`.
        opposite_quality: that of the word with `no-`; None: it is as good as the word.
    """

    sets: dict[str, float]
    region: str = "all"
    also: tuple[str, ...] = ()
    tint: Tint | None = None
    unless: tuple[Guard, ...] = ()
    quality: str = "experimental"
    opposite_quality: str | None = None

    def quality_of(self, is_negated: bool) -> str:
        """Return how good the word is, or what `no-` makes of it."""
        return self.opposite_quality if is_negated and self.opposite_quality is not None else self.quality


@dataclass(frozen=True)
class Stage:
    """One stage of a training; text is empty and `steps` is 0 where nothing is known.

    Attributes:
        name: of the stage.
        method: id of the training method.
        preset: its settings' starting point.
        config: all settings.
        steps: training steps.
        data: the data set, as `--data` took it, without folders.
        init: the stage or model whose weights it began from.
        precision: of the arithmetic.
        note: what cannot be said by the other fields.
    """

    name: str
    method: str
    preset: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    steps: int = 0
    data: str = ""
    init: str = ""
    precision: str = ""
    note: str = ""


@dataclass(frozen=True)
class Export:
    """How the graphs were made.

    Attributes:
        weights: `float32` or `float16`: how large weights are stored.
        torch: version of torch.
        onnx_max_difference: role -> largest difference between torch and ONNX Runtime.
    """

    weights: str = "float32"
    torch: str = ""
    onnx_max_difference: dict[str, float] = field(default_factory=dict)


def word_of(entry: Mapping[str, Any]) -> Word:
    """Turn checked JSON into a word."""
    tint = entry["tint"]
    return Word(
        sets={attribute: float(value) for attribute, value in entry["sets"].items()},
        region=entry["region"],
        also=tuple(entry["also"]),
        tint=None if tint is None else Tint(_pair(tint["low"]), _pair(tint["high"])),
        unless=tuple(Guard(**guard) for guard in entry["unless"]),
        quality=entry["quality"],
        opposite_quality=entry.get("opposite_quality"),
    )


def _pair(values: list[float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
