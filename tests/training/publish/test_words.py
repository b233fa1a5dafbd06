"""Words and regions that a manifest gets from attributes."""

from __future__ import annotations

from imgedit.models.manifest import Crop, GraphFile, Manifest, Word
from training.data.celeba import HAIR
from training.methods.attribute_classifier import ATTRIBUTES
from training.publish.words import WORDS, words_of


def test_a_hair_colour_clears_the_other_colours_of_the_model() -> None:
    words = words_of(("Blond_Hair", "Black_Hair", "Smiling"))
    assert words.keys() == {"blond", "black-hair", "smiling"}
    assert words["blond"].also == ("blond-hair", "blonde")
    assert words["blond"].sets == {"Blond_Hair": 1.0, "Black_Hair": 0.0}
    assert words["smiling"].sets == {"Smiling": 1.0}
    assert (words["blond"].region, words["smiling"].region) == ("hair", "face")
    assert {word.quality for word in words.values()} == {"experimental"}


def test_edits_of_the_whole_head_may_act_everywhere() -> None:
    assert {word.region for word in words_of(("Male", "Young")).values()} == {"all"}
    assert words_of(("Bangs",))["bangs"].region == "face"  # the person: no hair on the ground beside the head


def test_an_attribute_without_words_goes_by_its_name() -> None:
    assert words_of(("Wearing_Hat",)) == {"wearing-hat": Word({"Wearing_Hat": 1.0}, "face")}


def test_no_word_means_two_attributes() -> None:
    spellings = [word for words in WORDS.values() for word in words]
    assert len(spellings) == len(set(spellings))
    assert set(HAIR) <= set(WORDS)


def test_an_attribute_of_what_lacks_goes_by_what_it_lacks() -> None:
    assert words_of(("No_Beard",)) == {"beard": Word({"No_Beard": 0.0}, "face")}


def test_all_labels_of_celeba_have_words_that_a_manifest_may_hold() -> None:
    words = words_of(ATTRIBUTES)
    assert len(words) == len(ATTRIBUTES) == 40
    graphs, crop = {"translate": GraphFile("a.onnx", "0" * 64, 1)}, Crop("face", 64, 64)
    Manifest(
        "vae_gan.celeba", "1", "all", "vae_gan", "translate", graphs, crop, output="image", attributes=ATTRIBUTES,
        words=words, conditioning="difference",
    )  # fmt: skip
