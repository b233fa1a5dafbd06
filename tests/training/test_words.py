"""Words and regions that a manifest gets from attributes."""

from __future__ import annotations

from training.data.celeba import HAIR
from training.words import WORDS, words_of


def test_a_hair_colour_clears_the_other_colours_of_the_model() -> None:
    words, region = words_of(("Blond_Hair", "Black_Hair", "Smiling"))
    assert words["blond"] == words["blonde"] == {"Blond_Hair": 1.0, "Black_Hair": 0.0}
    assert words["smiling"] == {"Smiling": 1.0}
    assert (region["blond"], region["smiling"]) == ("hair", "face")
    assert region.keys() == words.keys()


def test_edits_of_the_whole_head_may_act_everywhere() -> None:
    assert set(words_of(("Bangs", "Male", "Young"))[1].values()) == {"all"}


def test_an_attribute_without_words_goes_by_its_name() -> None:
    assert words_of(("Wearing_Hat",)) == ({"wearing-hat": {"Wearing_Hat": 1.0}}, {"wearing-hat": "face"})


def test_no_word_means_two_attributes() -> None:
    spellings = [word for words in WORDS.values() for word in words]
    assert len(spellings) == len(set(spellings))
    assert set(HAIR) <= set(WORDS)
