"""Words of a user: how they are spelled, and how strongly each is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from imgedit.errors import ConfigError

__all__ = ["Words", "normalise", "parse_strength", "parse_words"]

_KIND = re.compile(r"(?!inf|nan)[A-Za-z][A-Za-z _-]+")

Words = str | Iterable[str] | Mapping[str, float]
"""One word, several, or word -> strength."""


def normalise(word: str) -> str:
    """Bring a word to the manifest's spelling: lower case, `-` for spaces and underscores."""
    return re.sub(r"[\s_-]+", "-", word.strip().lower()).strip("-")


def parse_words(words: Words) -> dict[str, float]:
    """Read `blond`, `word=0.5`, `no-word` and `glasses=round`, which is `round-glasses`, into word -> strength.

    Args:
        words: one word, several, or a mapping of word to strength.

    Raises:
        ConfigError: there is no word, a strength is not in 0..1, a word is empty or stands twice.
    """
    items: list[tuple[str, float]] = []
    if isinstance(words, Mapping):
        items = [(_text(name), parse_strength(value, f"the strength of {name!r}")) for name, value in words.items()]
    else:
        if not isinstance(words, str | Iterable):
            raise ConfigError(f"{words!r} is no edit word; name one, such as blond")
        for text in map(_text, [words] if isinstance(words, str) else words):
            name, equals, value = text.partition("=")
            if _KIND.fullmatch(value):
                name, equals = f"{value}-{name}", ""
            items.append((name, parse_strength(value if equals else 1.0, f"the strength of {name!r}")))
    parsed: dict[str, float] = {}
    for name, strength in items:
        word = normalise(name)
        if not word:
            raise ConfigError(f"{name!r} is no edit word; name one, such as blond")
        if "," in word:
            hint = "such as --attr blond --attr smiling"
            raise ConfigError(f"{name!r} holds several words; name each of them alone", hint=hint)
        if word in parsed:
            raise ConfigError(f"{word!r} is named twice; name it once")
        parsed[word] = strength
    if not parsed:
        raise ConfigError("no edit word was given; name one, such as blond")
    return parsed


def _text(word: object) -> str:
    if not isinstance(word, str):
        raise ConfigError(f"{word!r} is no edit word; name one, such as 'blond'")
    return word


def parse_strength(value: object, name: str = "the strength") -> float:
    """Read a strength, 0..1.

    Args:
        value: a number or its text.
        name: what messages call it.

    Raises:
        ConfigError: it is no number from 0 to 1.
    """
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name} must be a number from 0 to 1, got {value!r}") from error
    if not 0.0 <= number <= 1.0:  # false for nan too
        raise ConfigError(f"{name} must be from 0 to 1, got {value}")
    return number
