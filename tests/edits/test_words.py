from __future__ import annotations

import pytest

from imgedit.edits.words import parse_strength, parse_words
from imgedit.errors import ConfigError


def test_words_are_read_in_every_spelling():
    assert parse_words("Blond") == {"blond": 1.0}
    assert parse_words(["black_hair", "smiling=0.5", "no-Eyeglasses"]) == {
        "black-hair": 1.0, "smiling": 0.5, "no-eyeglasses": 1.0,
    }  # fmt: skip
    assert parse_words(["glasses=round", "glasses=half_rim"]) == {"round-glasses": 1.0, "half-rim-glasses": 1.0}
    assert parse_words({"grey hair": 0.25}) == {"grey-hair": 0.25}


@pytest.mark.parametrize("bad", ["blond=x", "blond=1.5", "blond=-0.1", "blond=nan", "blond=", ["blond", "Blond"], [],
                                 3, None, b"blond", [3], {3: 1.0}])  # fmt: skip
def test_bad_strengths_and_repeated_words_are_usage_errors(bad):
    with pytest.raises(ConfigError):
        parse_words(bad)


def test_a_message_names_the_strength_that_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"^the strength of 'blond' must be from 0 to 1, got 3$"):
        parse_words("blond=3")
    with pytest.raises(ConfigError, match=r"^the strength must be from 0 to 1, got 3$"):
        parse_strength(3)


def test_several_words_in_one_are_refused_without_speaking_of_options() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_words("blond,smiling")
    assert "--" not in str(caught.value)
    assert "--attr" in caught.value.hint
