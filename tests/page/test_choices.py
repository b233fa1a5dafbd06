"""Which words the page offers, and in which groups."""

from __future__ import annotations

from imgedit.models import library
from imgedit.page.choices import groups


def offered():
    return groups([model for model in library.available("translate") if model.is_bundled])


def test_every_word_is_offered_once_and_as_good_as_its_model_says():
    models = [model for model in library.available("translate") if model.is_bundled]
    choices = {choice.word: choice.is_experimental for group in offered() for choice in group.choices}
    words = [choice.word for group in offered() for choice in group.choices]
    known = {word for model in models for word in model.manifest.words}
    assert len(words) == len(set(words))
    assert {word for word in words if not word.startswith("no-")} == known
    assert {word for word, is_experimental in choices.items() if is_experimental} == library.experimental_words(models)


def test_words_that_contradict_each_other_stand_together():
    by_word = {choice.word: group for group in offered() for choice in group.choices}
    assert by_word["blond"] is by_word["platinum"] is by_word["red-hair"]
    assert by_word["round-glasses"] is by_word["no-eyeglasses"]
    assert by_word["young"] is by_word["no-young"] is not by_word["blond"]
    assert (by_word["blond"].title, by_word["blond"].is_hair) == ("Hair colour", True)
    assert [group.is_hair for group in offered()].count(True) == 1


def test_what_is_good_comes_first_and_what_is_experimental_says_so():
    found = offered()
    assert [group.is_experimental for group in found] == sorted(group.is_experimental for group in found)
    assert {group.title for group in found if group.is_experimental} == {"Facial hair", "Smiling", "Bangs"}
    for group in found:
        assert [c.is_experimental for c in group.choices] == sorted(c.is_experimental for c in group.choices)
    labels = {choice.word: choice.label for group in found for choice in group.choices}
    assert labels["platinum"] == "platinum (experimental)"
    assert labels["black-hair"] == "black hair"
    assert (labels["young"], labels["no-young"]) == ("younger", "older")


def test_what_cannot_be_said_is_not_offered():
    words = {choice.word for group in offered() for choice in group.choices}
    assert not words & {"no-blond", "no-round-glasses"}  # no-eyeglasses says the same
