"""Which words the page offers: in groups of which one can be chosen, those that are good first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from imgedit.edits.plan import Edit, assign
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.library import Model

__all__ = ["Choice", "Group", "groups"]

_TITLES = {
    "tone": "Hair colour",
    "grid": "Hair colour",
    "glasses": "Glasses",
    "skin": "Age",
    "face_hair": "Facial hair",
}
"""What a model's output is called above its words; a group of others is called by its first word."""
_LABELS = {"young": "younger", "no-young": "older"}
"""Words that read better otherwise on a button."""


@dataclass(frozen=True)
class Choice:
    """One word.

    Attributes:
        word: as `imgedit.translate` takes it, with `no-` where the face is to lose something.
        is_experimental: not good enough yet to be relied on.
    """

    word: str
    is_experimental: bool

    @property
    def label(self) -> str:
        """What the page calls it: `black hair`, `platinum (experimental)`."""
        text = _LABELS.get(self.word, self.word.replace("-", " "))
        return f"{text} (experimental)" if self.is_experimental else text


@dataclass(frozen=True)
class Group:
    """Words of which one at a time can be chosen: they contradict each other.

    Attributes:
        title: of the group.
        choices: the good ones first.
        is_hair: whether they are colours of hair, in place of which any colour can be picked.
    """

    title: str
    choices: tuple[Choice, ...]
    is_hair: bool = False

    @property
    def is_experimental(self) -> bool:
        """Whether none of its words can be relied on."""
        return all(choice.is_experimental for choice in self.choices)


def groups(models: Sequence[Model]) -> list[Group]:
    """Return the words that translate models know, and what `no-` makes of them, in groups; the good ones first.

    Args:
        models: the preferred first, as of `imgedit.edits.plan.assign`.
    """
    found = {text: one for word in library.known_words(models) for text in (word, f"no-{word}")
             if (one := _settled(text, models)) is not None}  # fmt: skip
    group_of = {word: {word} for word in found}
    for first, second in combinations(found, 2):
        if group_of[first] is not group_of[second] and _contradict(first, second, models):
            merged = group_of[first] | group_of[second]
            group_of.update(dict.fromkeys(merged, merged))
    made = []
    for word in found:
        members = group_of[word]
        if word == next(name for name in found if name in members):
            made.append(_group([(name, *found[name]) for name in found if name in members]))
    return sorted(made, key=lambda group: (group.is_experimental, not group.is_hair))


def _group(members: Sequence[tuple[str, Model, Edit]]) -> Group:
    output = members[0][1].manifest.output
    choices = [Choice(word, edit.is_experimental) for word, _, edit in members]
    title = _TITLES.get(str(output), choices[0].word.replace("-", " ").capitalize())
    is_hair = output == "tone"
    return Group(title, tuple(sorted(choices, key=lambda choice: choice.is_experimental)), is_hair)


def _settled(text: str, models: Sequence[Model]) -> tuple[Model, Edit] | None:
    """Return which model carries a word out and how; None where the word cannot be said, such as `no-blond`."""
    try:
        (task,) = assign({text: 1.0}, models)
    except ConfigError:
        return None
    return task.model, task.edits[0]


def _contradict(one: str, other: str, models: Sequence[Model]) -> bool:
    try:
        assign({one: 1.0, other: 1.0}, models)
    except ConfigError:
        return True
    return False
