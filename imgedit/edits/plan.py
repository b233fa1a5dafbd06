"""What a user asks for in words, and how a model does it on crops; graphs are known by role, never by method.

Strength. `f(S)` be a model's output with the words S set. Words of strengths s1 <= s2 <= ... add up to
`x + s1 (f(all) - x) + (s2 - s1) (f(words at least s2) - x) + ...`: with one strength this is the plain blend, with
strength 0 a word is as if it had not been said, and the network only ever sees the whole labels that it was trained on.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError, ModelError, UnknownWordError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.manifest import Manifest
from imgedit.render.flow import N_PLANES
from imgedit.render.tints import TINTS, Tint

__all__ = [
    "Edit",
    "Plan",
    "levels",
    "no_hair_to_move",
    "normalise",
    "parse_words",
    "plan",
    "still_wanted",
    "target_vector",
    "tint_of",
    "translate_fields",
    "translate_grids",
    "translate_image",
    "wears_hat",
]

_UNSURE, _CERTAIN = 0.5, 0.9
"""Probabilities that the face has what a word asks for, at which the edit begins to fade and is gone."""

_HAT = 0.5
"""Probability from which a face wears a hat: 34 of the 36 such faces of CelebA's validation split do (47 wear one)."""

_NO_HAIR = {"Bald": (0.3, "to be bald"), "Wearing_Hat": (_HAT, "to wear a hat")}
"""Attribute -> the probability from which hair is not moved, and what the user is told."""

Run = Callable[[Mapping[str, Any]], Mapping[str, NDArray[Any]]]
"""Runs one graph: named inputs to named outputs, as `runtime.Session.run` does."""


@dataclass(frozen=True)
class Edit:
    """One word that a model knows.

    Attributes:
        word: as the user typed it, normalised; with `no-` when negated.
        values: attribute -> wanted value.
        strength: 0..1.
        region: part of the face that may change, `hair`, `face` or `all`.
    """

    word: str
    values: dict[str, float]
    strength: float
    region: str


@dataclass(frozen=True)
class Plan:
    """The edits that one model carries out.

    Attributes:
        model: the translate model.
        edits: what to do with it, at least one.
    """

    model: Model
    edits: tuple[Edit, ...]

    @property
    def is_colour(self) -> bool:
        """Whether the model returns a colour grid rather than an image."""
        return self.model.has("guide")

    @property
    def region(self) -> str:
        """The smallest region that holds every edit's region."""
        regions = {edit.region for edit in self.edits}
        return regions.pop() if len(regions) == 1 else ("all" if "all" in regions else "face")


def normalise(word: str) -> str:
    """Bring a word to the manifest's spelling: lower case, `-` for spaces and underscores."""
    return re.sub(r"[\s_-]+", "-", word.strip().lower()).strip("-")


def parse_words(words: str | Iterable[str] | Mapping[str, float]) -> dict[str, float]:
    """Read `blond`, `word=0.5` and `no-word` into word -> strength.

    Args:
        words: one word, several, or a mapping of word to strength.

    Raises:
        ConfigError: nothing is asked, a strength is not in 0..1, a word is empty or stands twice.
    """
    items: list[tuple[str, float]] = []
    if isinstance(words, Mapping):
        items = [(name, _strength(name, value)) for name, value in words.items()]
    else:
        for text in [words] if isinstance(words, str) else words:
            name, equals, value = text.partition("=")
            items.append((name, _strength(name, value if equals else 1.0)))
    parsed: dict[str, float] = {}
    for name, strength in items:
        word = normalise(name)
        if not word:
            raise ConfigError(f"{name!r} is no edit word; name one, such as blond")
        if "," in word:
            raise ConfigError(f"{name!r} holds several words; give each its own, such as --attr blond --attr smiling")
        if word in parsed:
            raise ConfigError(f"{word!r} is asked for twice; name it once")
        parsed[word] = strength
    if not parsed:
        raise ConfigError("no edit word was given; name one, such as blond")
    return parsed


def plan(words: Mapping[str, float], models: Sequence[Model]) -> list[Plan]:
    """Find who carries out which word; image edits come first, colour edits last.

    Args:
        words: as from `parse_words`.
        models: translate models, the preferred first.

    Raises:
        UnknownWordError: no model knows a word.
        ConfigError: two words contradict each other, or a word cannot be negated.
    """
    chosen: dict[str, list[Edit]] = {}
    by_id = {str(model.folder): model for model in models}
    for word, strength in words.items():
        model, edit = _find(word, strength, models)
        chosen.setdefault(str(model.folder), []).append(edit)
    plans = [Plan(by_id[key], tuple(edits)) for key, edits in chosen.items()]
    _check_contradictions([edit for p in plans for edit in p.edits])
    return sorted(plans, key=lambda p: p.is_colour)


def target_vector(
    current: Mapping[str, float] | None, wanted: Mapping[str, float], manifest: Manifest
) -> NDArray[np.float32]:
    """Build the edit vector of a model.

    Args:
        current: probability of each attribute in the crop; not needed when `wanted` names all of them.
        wanted: attribute -> value.
        manifest: whose attributes and conditioning.

    Returns:
        `(K,)`: the whole wanted vector for `target`, wanted minus current for `difference`, and for `direction` the
        wanted values alone.

    Raises:
        ModelError: the classifier does not know an attribute of the model.
    """
    names = manifest.attributes
    if manifest.conditioning == "direction":
        return np.array([wanted.get(name, 0.0) for name in names], np.float32)
    needed = [n for n in names if manifest.conditioning == "difference" or n not in wanted]
    lacking = [n for n in needed if current is None or n not in current]
    if lacking:
        raise ModelError(f"{manifest.id} needs to know {', '.join(lacking)} of the face, and no classifier tells")
    present = {n: float(round(current[n])) for n in needed} if current else {}
    target = np.array([wanted.get(name, present.get(name, 0.0)) for name in names], np.float32)
    if manifest.conditioning == "difference":
        target -= np.array([present[name] for name in names], np.float32)
    return target


def levels(edits: Sequence[Edit]) -> list[tuple[float, dict[str, float]]]:
    """Split words of different strengths into runs of a model: weight, wanted values; weights add to the highest."""
    runs: list[tuple[float, dict[str, float]]] = []
    below = 0.0
    for strength in sorted({edit.strength for edit in edits if edit.strength > 0}):
        wanted = {name: value for edit in edits if edit.strength >= strength for name, value in edit.values.items()}
        runs.append((strength - below, wanted))
        below = strength
    return runs


def still_wanted(edits: Sequence[Edit], current: Mapping[str, float]) -> tuple[Edit, ...]:
    """Weaken the edits that ask for what is there: hair that is blond should not change when it is made blond.

    Args:
        edits: words with their strengths.
        current: probability of each attribute in the crop; one that is not known weakens nothing.

    Returns:
        The same words; the strength falls from all where the classifier doubts that the face has every wanted value to
        0 where it is certain.
    """
    result = []
    for edit in edits:
        present = {name: current.get(name, _UNSURE) for name in edit.values}
        holds = min(present[name] if wanted > 0.5 else 1.0 - present[name] for name, wanted in edit.values.items())
        left = min(max((_CERTAIN - holds) / (_CERTAIN - _UNSURE), 0.0), 1.0)
        result.append(replace(edit, strength=edit.strength * left))
    return tuple(result)


def no_hair_to_move(edits: Sequence[Edit], current: Mapping[str, float]) -> str | None:
    """Say why hair that is asked for cannot come from this head; None where it can.

    The parser takes the ground around a bare head for hair now and then, or the rim of a hat.
    """
    if not any(value > 0.5 for edit in edits for value in edit.values.values()):
        return None
    return next((why for name, (limit, why) in _NO_HAIR.items() if current.get(name, 0.0) > limit), None)


def wears_hat(current: Mapping[str, float]) -> bool:
    """Tell whether a face wears a hat, which is not to be dyed."""
    return current.get("Wearing_Hat", 0.0) > _HAT


def tint_of(edits: Sequence[Edit]) -> Tint | None:
    """Return the tint that the strongest of some edits asks for; None where it names no hair colour."""
    strongest = max(edits, key=lambda edit: edit.strength)
    return next((TINTS[name] for name, value in strongest.values.items() if value == 1.0 and name in TINTS), None)


def translate_image(
    run: Run, crop: NDArray[np.float32], edits: Sequence[Edit], current: Mapping[str, float] | None, manifest: Manifest
) -> NDArray[np.float32]:
    """Edit a crop with an image model and return the delta.

    Args:
        run: the `translate` graph.
        crop: `(3, H, W)`, [-1, 1], RGB.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        `(H, W, 3)`, edited minus crop, -2..2.
    """
    delta = np.zeros_like(crop)
    for weight, outputs in _answers(run, {"image": crop[None]}, edits, current, manifest):
        image = next(value for name, value in outputs.items() if name != "mask")[0]
        if image.shape != crop.shape:
            raise ModelError(f"{manifest.id} returned an image of shape {image.shape}, not {crop.shape}")
        delta += np.float32(weight) * (np.clip(image, -1.0, 1.0) - crop)
    return np.ascontiguousarray(delta.transpose(1, 2, 0))


def translate_grids(
    run: Run, crop: NDArray[np.float32], edits: Sequence[Edit], current: Mapping[str, float] | None, manifest: Manifest
) -> list[tuple[float, NDArray[np.float32]]]:
    """Ask a colour model for its grids, one for each strength among the words.

    Args:
        run: the `translate` graph.
        crop: `(3, H, W)`, [-1, 1], RGB.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        Weight and grid, `(12, D, h, w)`: rows of affine transforms of colours in [-1, 1], channel 4 c + i.
    """
    grids = []
    for weight, outputs in _answers(run, {"image": crop[None]}, edits, current, manifest):
        grid = outputs["grid"][0] if "grid" in outputs else None
        if grid is None or grid.ndim != 4 or grid.shape[0] != 12:
            raise ModelError(f"{manifest.id} returned no grid of shape (N, 12, D, h, w)")
        grids.append((weight, np.ascontiguousarray(grid, dtype=np.float32)))
    return grids


def translate_fields(
    run: Run,
    crop: NDArray[np.float32],
    mask: NDArray[np.float32],
    edits: Sequence[Edit],
    current: Mapping[str, float] | None,
    manifest: Manifest,
) -> list[tuple[float, NDArray[np.float32]]]:
    """Ask a flow model for its fields, one for each strength among the words.

    Args:
        run: the `translate` graph.
        crop: `(3, H, W)`, [-1, 1], RGB.
        mask: `(H, W)`, 0..1, what of the crop may be copied.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        Amount and fields, `(7, h, w)`, as `imgedit.render.flow.apply_fields` takes them.
    """
    found = []
    for amount, outputs in _answers(run, {"image": crop[None], "mask": mask[None, None]}, edits, current, manifest):
        fields = outputs["fields"][0] if "fields" in outputs else None
        if fields is None or fields.ndim != 3 or fields.shape[0] != N_PLANES:
            raise ModelError(f"{manifest.id} returned no fields of shape (N, {N_PLANES}, h, w)")
        found.append((amount, np.ascontiguousarray(fields, dtype=np.float32)))
    return found


def _answers(
    run: Run,
    feeds: Mapping[str, NDArray[np.float32]],
    edits: Sequence[Edit],
    current: Mapping[str, float] | None,
    manifest: Manifest,
) -> Iterator[tuple[float, Mapping[str, NDArray[Any]]]]:
    """Run a model once for each strength among the words; a face that is so already needs no run."""
    for weight, wanted in levels(edits):
        vector = target_vector(current, wanted, manifest)
        if manifest.conditioning == "target" or vector.any():
            yield weight, run({**feeds, "edit": vector[None]})


def _find(word: str, strength: float, models: Sequence[Model]) -> tuple[Model, Edit]:
    """Return the first model that knows a word, and the word as that model's edit."""
    negated = word.startswith("no-")
    name = word.removeprefix("no-")
    for model in models:
        known_word = model.manifest.word(name)
        if known_word is None:
            continue
        entry = known_word[1]
        values = entry.sets
        if negated and len(values) > 1:
            words = model.manifest.words
            others = [w for w, e in words.items() if e.sets.keys() == values.keys() and e.sets != values]
            raise ConfigError(f"{word!r} leaves open what it should be instead; say one of {', '.join(others)}")
        wanted = {a: _opposite(v, model.manifest) if negated else float(v) for a, v in values.items()}
        return model, Edit(word, wanted, strength, entry.region)
    known = library.known_words(models)
    spellings = [w for first, others in known.items() for w in (first, *others)]
    near = difflib.get_close_matches(name, spellings, n=1)
    hint = f"; did you mean {'no-' if negated else ''}{near[0]}?" if near else ""
    listing = ", ".join(known) or "none; pull a model first"
    raise UnknownWordError(f"no model knows the word {word!r}{hint} (known words: {listing})")


def _opposite(value: float, manifest: Manifest) -> float:
    """What `no-` makes of a wanted value: the other label, or the other way along a direction."""
    return -value if manifest.conditioning == "direction" else 1.0 - value


def _check_contradictions(edits: Sequence[Edit]) -> None:
    """Raise ConfigError when two words want different values of one attribute."""
    seen: dict[str, Edit] = {}
    for edit in edits:
        for attribute, value in edit.values.items():
            other = seen.setdefault(attribute, edit)
            if other.values[attribute] != value:
                raise ConfigError(f"{other.word!r} and {edit.word!r} contradict each other; name only one of them")


def _strength(name: str, value: object) -> float:
    """Read a strength."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the strength of {name!r} must be a number from 0 to 1, got {value!r}") from error
    if not 0.0 <= number <= 1.0:  # false for nan too
        raise ConfigError(f"the strength of {name!r} must be from 0 to 1, got {value}")
    return number
