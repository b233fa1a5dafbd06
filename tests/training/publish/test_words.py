"""Words and regions that a manifest gets from attributes."""

from __future__ import annotations

import torch

from imgedit.models.manifest import Word
from imgedit.vision.geometry import FACE_TEMPLATE, WINDOWS
from training.data.celeba import HAIR
from training.publish.words import FEATHER, SEEN_IN, WORDS, windows_of, words_of


def test_a_hair_colour_clears_the_other_colours_of_the_model() -> None:
    words = words_of(("Blond_Hair", "Black_Hair", "Smiling"))
    assert words.keys() == {"blond", "black-hair", "smiling"}
    assert words["blond"].also == ("blond-hair", "blonde")
    assert words["blond"].sets == {"Blond_Hair": 1.0, "Black_Hair": 0.0}
    assert words["smiling"].sets == {"Smiling": 1.0}
    assert (words["blond"].region, words["smiling"].region) == ("hair", "face")
    assert (words["blond"].quality, words["smiling"].quality) == ("good", "experimental")


def test_edits_of_the_whole_head_may_act_everywhere() -> None:
    assert {word.region for word in words_of(("Male", "Young")).values()} == {"all"}
    assert words_of(("Bangs",))["bangs"].region == "face"  # the person: no hair on the ground beside the head


def test_an_attribute_without_words_goes_by_its_name() -> None:
    assert words_of(("Wearing_Hat",)) == {"wearing-hat": Word({"Wearing_Hat": 1.0}, "face")}


def test_no_word_means_two_attributes() -> None:
    spellings = [word for words in WORDS.values() for word in words]
    assert len(spellings) == len(set(spellings))
    assert set(HAIR) <= set(WORDS)


def test_every_window_holds_what_it_is_for_and_fades_to_nothing() -> None:
    attributes = (*SEEN_IN, "Male")
    rows, columns = windows_of(attributes, "face", 178)
    _, top, _ = WINDOWS["face"]
    for attribute, row, column in zip(attributes, rows, columns, strict=True):
        assert row.min() == column.min() == 0.0 or attribute == "Male"
        assert row.max() == column.max() == 1.0
        assert float((row.diff().abs()).max()) < 2.0 / FEATHER
        assert torch.allclose(column, column.flip(0), atol=0.3)
    eyes, mouth = (round(float(FACE_TEMPLATE[i, 1])) - top for i in (0, 3))
    seen = {a: rows[attributes.index(a), [eyes, mouth]].tolist() for a in attributes}
    assert seen["Eyeglasses"] == [1.0, 0.0]
    assert seen["Smiling"][1] == seen["Young"][0] == seen["Young"][1] == 1.0
    assert seen["Mustache"][0] == 0.0


def test_windows_are_of_the_frame_whatever_the_crop() -> None:
    close, face = (windows_of(("Eyeglasses",), kind, WINDOWS[kind][2])[0][0] for kind in ("close", "face"))
    first = WINDOWS["close"][1] - WINDOWS["face"][1]
    assert torch.equal(close, face[first : first + len(close)])
