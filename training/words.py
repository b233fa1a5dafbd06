"""What a user may type for an attribute of CelebA, and where such an edit may act."""

from __future__ import annotations

from collections.abc import Sequence

from training.data.celeba import HAIR

WORDS = {
    "Black_Hair": ("black-hair", "black"),
    "Blond_Hair": ("blond", "blond-hair", "blonde"),
    "Brown_Hair": ("brown-hair", "brown"),
    "Gray_Hair": ("grey-hair", "grey", "gray", "gray-hair"),
    "Bangs": ("bangs",),
    "Eyeglasses": ("eyeglasses", "glasses"),
    "Male": ("male",),
    "Mustache": ("mustache", "moustache"),
    "Smiling": ("smiling", "smile"),
    "Young": ("young",),
}
"""The first word of an attribute is the name that file names and lists use."""

REGION = {"Bangs": "all", "Male": "all", "Young": "all"}
"""Where an edit may act, where that is neither the hair (hair colours) nor the face."""


def words_of(attributes: Sequence[str]) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return `Manifest.words` and `Manifest.region` of a model that edits `attributes`.

    A hair colour clears the other hair colours; an attribute without words of its own is called by its name.
    """
    words: dict[str, dict[str, float]] = {}
    region: dict[str, str] = {}
    for attribute in attributes:
        others = {h: 0.0 for h in HAIR if h in attributes} if attribute in HAIR else {}
        for word in WORDS.get(attribute, (attribute.lower().replace("_", "-"),)):
            words[word] = {**others, attribute: 1.0}
            region[word] = "hair" if attribute in HAIR else REGION.get(attribute, "face")
    return words, region
