"""What an edit is to do, settled before any work: the protocol of all edits, and which model carries out which word."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import ImageColor

from imgedit.edits.dyes import Dye
from imgedit.errors import ConfigError, UnknownWordError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.manifest import Guard, Manifest, Tint
from imgedit.render.change import Change
from imgedit.vision.people import Where
from imgedit.vision.subject import Subject

__all__ = [
    "FORCE",
    "Edit",
    "ForBodies",
    "ForTurned",
    "Plan",
    "Task",
    "Warn",
    "assign",
    "experimental_notice",
    "experimental_word",
]

_NEAR = 0.75  # similarity (difflib's ratio) from which a known word may be what was meant

Warn = Callable[[str], None]
"""Takes what the user should know of a subject, as the rest of a sentence: `shows hardly any hair, so ...`."""
FORCE = "use force=True"
"""How a warning names what carries an edit out all the same; the command line and the page say their own name of it."""
_EXPERIMENTAL = re.compile(r"gets '(.*)', an experimental word; look at the result$")


def experimental_notice(word: str) -> str:
    """Return the warning of a face that gets an experimental word."""
    return f"gets '{word}', an experimental word; look at the result"


def experimental_word(warning: str) -> str | None:
    """Return the word that a warning calls experimental; None for another warning."""
    found = _EXPERIMENTAL.search(warning)
    return found[1] if found else None


class Plan(Protocol):
    """An edit that was checked and can be carried out on any number of subjects.

    Each edit is one module with a function `prepare(options) -> Plan`, which fails before any work: an unknown word, a
    contradiction, a missing model. The subjects of one photo take turns whenever a graph runs (`models.together`), so a
    plan keeps nothing of one subject for the next.
    """

    @property
    def names(self) -> Sequence[str]:
        """Words that name the edited copy of a photo: `photo.NAME.jpg`."""
        ...

    @property
    def description(self) -> str:
        """What is done, for the mark of the edited photo: `blond, smiling=0.5`."""
        ...

    @property
    def models(self) -> Sequence[Model]:
        """The models that do it."""
        ...

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Find out what is to be changed, by the subject's crops and the networks.

        Args:
            subject: of the photo as it was given, whatever other edits do.
            warn: takes what the user should know.
        """
        ...


@runtime_checkable
class ForTurned(Protocol):
    """A plan that heads which are turned away matter to: where no face is found, it is looked for in more ways."""

    @property
    def is_for_turned(self) -> bool:
        """Whether to look (`imgedit.vision.turned`)."""
        ...


@runtime_checkable
class ForBodies(Protocol):
    """A plan that changes bodies, not faces."""

    @property
    def where(self) -> Where:
        """Where people are looked for."""
        ...


@dataclass(frozen=True)
class Edit:
    """One word that a model knows.

    Attributes:
        word: as the user typed it, normalised; with `no-` when negated.
        values: attribute -> wanted value.
        strength: 0..1.
        region: name of the part that may change.
        tint: the mean colours that the result is held to.
        guards: when it is not carried out as it stands.
        is_experimental: the word is not good enough yet to be relied on.
        dye: the colour of hair that is wanted, where no word names it.
        with_brows: brows follow the colour of the hair.
        with_beard: a beard does.
    """

    word: str
    values: dict[str, float]
    strength: float
    region: str
    tint: Tint | None = None
    guards: tuple[Guard, ...] = ()
    is_experimental: bool = False
    dye: Dye | None = None
    with_brows: bool = False
    with_beard: bool = False


@dataclass(frozen=True)
class Task:
    """The words that one model carries out.

    Attributes:
        model: of kind `translate`.
        edits: what to do with it, at least one.
    """

    model: Model
    edits: tuple[Edit, ...]


def assign(words: Mapping[str, float], models: Sequence[Model]) -> list[Task]:
    """Find which model carries out which word.

    Args:
        words: as from `parse_words`.
        models: translate models, the preferred first.

    Raises:
        UnknownWordError: no model knows a word.
        ConfigError: two words contradict each other, or a word cannot be negated.
    """
    chosen: dict[str, list[Edit]] = {}
    by_folder = {str(model.folder): model for model in models}
    for word, strength in words.items():
        model, edit = _find(word, strength, models)
        chosen.setdefault(str(model.folder), []).append(edit)
    tasks = [Task(by_folder[folder], tuple(edits)) for folder, edits in chosen.items()]
    _check_contradictions(tasks)
    return tasks


def _find(text: str, strength: float, models: Sequence[Model]) -> tuple[Model, Edit]:
    """Return the first model that knows a word, and the word as that model's edit."""
    is_negated = text.startswith("no-")
    name = text.removeprefix("no-")
    one_way: Model | None = None
    for model in models:
        manifest = model.manifest
        known = manifest.word(name)
        if known is None:
            continue
        if manifest.only_adds if is_negated else manifest.only_removes:
            one_way = one_way or model
            continue
        word = known[1]
        is_experimental = word.quality_of(is_negated) == "experimental"
        if not is_negated:
            values = {attribute: float(value) for attribute, value in word.sets.items()}
            return model, Edit(text, values, strength, word.region, word.tint, word.unless, is_experimental)
        if len(word.sets) > 1:
            others = [
                other
                for other, w in manifest.words.items()
                if w.sets.keys() == word.sets.keys() and w.sets != word.sets
            ]
            raise ConfigError(f"{text!r} leaves open what it should be instead; say one of {', '.join(others)}")
        values = {attribute: _opposite(value, manifest) for attribute, value in word.sets.items()}
        guards = tuple(guard for guard in word.unless if guard.then != "skip")
        return model, Edit(text, values, strength, word.region, guards=guards, is_experimental=is_experimental)
    if one_way is not None:
        way = f"draws {name} and cannot take it away" if is_negated else f"takes {name} away and cannot draw it"
        raise ConfigError(f"{text!r} cannot be done: {one_way.id} {way}")
    raise UnknownWordError(_unknown(text, name, models), hint=_of_colour(name))


def _unknown(text: str, name: str, models: Sequence[Model]) -> str:
    """Say that no model knows a word, and which word may have been meant."""
    words = library.known_words(models)
    spellings = [spelling for word, others in words.items() for spelling in (word, *others)]
    near = difflib.get_close_matches(name, spellings, n=1, cutoff=_NEAR)
    hint = f"; did you mean {'no-' if text != name else ''}{near[0]}?" if near else ""
    return f"no model knows the word {text!r}{hint} (known words: {', '.join(words) or 'none; pull a model first'})"


def _of_colour(name: str) -> str:
    """Return how hair gets a colour that a word names as CSS does, `purple` or `purple-hair`; empty for others."""
    colour = name.removesuffix("-hair").replace("-", "")
    if colour not in ImageColor.colormap:
        return ""
    code = "".join(f"{value:02x}" for value in ImageColor.getrgb(colour)[:3])
    return f'hair gets a colour of your own by --hair-colour "#{code}"'


def _opposite(value: float, manifest: Manifest) -> float:
    """What `no-` makes of a wanted value: the other label, or the other way along a direction."""
    return -value if manifest.conditioning == "direction" else 1.0 - value


def _check_contradictions(tasks: Sequence[Task]) -> None:
    """Raise ConfigError when two words want different values of one attribute, or draw two things in one place."""
    first: dict[str, Edit] = {}
    for task in tasks:
        if task.model.manifest.only_adds and len(task.edits) > 1:
            raise _contradiction(*task.edits[:2])
    for edit in (edit for task in tasks for edit in task.edits):
        for attribute, value in edit.values.items():
            other = first.setdefault(attribute, edit)
            if other.values[attribute] != value:
                raise _contradiction(other, edit)


def _contradiction(one: Edit, other: Edit) -> ConfigError:
    return ConfigError(f"{one.word!r} and {other.word!r} contradict each other; name only one of them")
