"""What a user may type for an attribute of CelebA, and where such an edit may act."""

from __future__ import annotations

from collections.abc import Sequence

from imgedit.models.manifest import Guard, Tint, Word
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
    "5_o_Clock_Shadow": ("stubble",),
    "Smiling": ("smiling", "smile"),
    "Young": ("young",),
}
"""The first word of an attribute is the name that file names and lists use."""

REGION = {"Male": "all", "Young": "all"}
"""Where an edit may act, where that is neither the hair (hair colours) nor the face."""

TINTS = {
    "Black_Hair": Tint((-0.1, -1.3), (6.0, 7.1)),
    "Blond_Hair": Tint((2.6, 12.1), (13.6, 28.3)),
    "Brown_Hair": Tint((4.0, 6.1), (13.4, 17.9)),
    "Gray_Hair": Tint((1.9, 4.7), (4.4, 8.6)),
}
"""The tints that real hair has. The middle 80 % of CelebA's training pictures with one hair colour, of grey from the
30th percentile to the 60th: `python -m training.measure.tints FOLDER`."""

_HAT = 0.3
"""Probability from which a face wears a hat, chosen on CelebA's validation faces."""
_HAT_STAYS = Guard(
    "Wearing_Hat", _HAT, "below_hairline", "seems to wear a hat, so nothing above the hairline is changed"
)
_LACKS = "No_"
UNLESS = {
    **dict.fromkeys(HAIR, (_HAT_STAYS,)),
    # Parsers take the ground around a bare head for hair now and then, or the rim of a hat.
    "Bangs": (
        Guard("Bald", 0.3, "skip", "seems to be bald, so there is no hair to move"),
        Guard("Wearing_Hat", _HAT, "skip", "seems to wear a hat, so there is no hair to move"),
        _HAT_STAYS,
    ),
}
"""Where a word is not carried out, or not above the hairline."""


def words_of(attributes: Sequence[str]) -> dict[str, Word]:
    """Return `Manifest.words` of a model that edits `attributes`.

    All are experimental, until somebody has looked (`training/results/verdicts`). A hair colour clears the other hair
    colours; an attribute without words of its own is called by its name, one that says `No_` by what it lacks.
    """
    words: dict[str, Word] = {}
    for attribute in attributes:
        others = {h: 0.0 for h in HAIR if h in attributes} if attribute in HAIR else {}
        lacks = attribute.startswith(_LACKS)
        name, *also = WORDS.get(attribute, (attribute.removeprefix(_LACKS).lower().replace("_", "-"),))
        words[name] = Word(
            sets={**others, attribute: 0.0 if lacks else 1.0},
            region="hair" if attribute in HAIR else REGION.get(attribute, "face"),
            also=tuple(also),
            tint=TINTS.get(attribute),
            unless=UNLESS.get(attribute, ()),
        )
    return words
