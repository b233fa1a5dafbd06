"""What a user may type for an attribute of CelebA, and where such an edit may act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from imgedit.models.manifest import Guard, Tint, Word
from imgedit.vision.geometry import FRAME, WINDOWS
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

_HAT = 0.5
"""Probability from which a face wears a hat: 34 of the 36 such faces of CelebA's validation split do (47 wear one)."""
_HAT_STAYS = Guard(
    "Wearing_Hat", _HAT, "below_hairline", "seems to wear a hat, so nothing above the hairline is changed"
)
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

SEEN_IN: dict[str, tuple[float, float, float, float]] = {
    "Bangs": (32, 40, 146, 116),
    "Eyeglasses": (40, 94, 138, 140),
    "Mustache": (60, 134, 118, 162),
    "Smiling": (42, 100, 136, 182),
    "Young": (24, 58, 154, 192),
}
"""x0, y0, x1, y1 in the CelebA frame, pixels: outside of it a face does not show whether it has the attribute. The eyes
are in row 112, the mouth in row 153 (`imgedit.vision.geometry.FACE_TEMPLATE`)."""
MOVED_TO = {**SEEN_IN, "Bangs": (36, 56, 142, 112)}
"""The same for what is moved there and not drawn: from the hairline on, so that no hair is copied into hair."""
FEATHER = 12.0
"""Width of a window's soft border, pixels of the frame; it lies inside."""


def windows_of(
    attributes: Sequence[str],
    crop: str,
    size: int,
    boxes: Mapping[str, tuple[float, float, float, float]] = SEEN_IN,
) -> tuple[Tensor, Tensor]:
    """Return where each attribute may change a crop: weights of the rows `(K, size)` and of the columns `(K, size)`.

    The weight of a pixel is the product of its row's and its column's. An attribute without a window may
    change all but the border of the frame.

    Args:
        attributes: K attributes of CelebA.
        crop: kind of the crop, of `imgedit.vision.geometry.WINDOWS`.
        size: side of the crop, px.
        boxes: `SEEN_IN` or `MOVED_TO`.
    """
    x0, y0, side = WINDOWS[crop]
    place = (torch.arange(size) + 0.5) * side / size
    places = torch.tensor([boxes.get(a, (0, 0, *FRAME)) for a in attributes], dtype=torch.float32)
    left, top, right, bottom = places.T[:, :, None]
    return _soft_between(y0 + place, top, bottom), _soft_between(x0 + place, left, right)


def _soft_between(place: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Rise from 0 at `low` to 1 within `FEATHER`, and fall again towards `high` (smoothstep)."""
    t = (torch.minimum(place - low, high - place) / FEATHER).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def words_of(attributes: Sequence[str]) -> dict[str, Word]:
    """Return `Manifest.words` of a model that edits `attributes`.

    A hair colour clears the other hair colours; an attribute without words of its own is called by its name.
    """
    words: dict[str, Word] = {}
    for attribute in attributes:
        others = {h: 0.0 for h in HAIR if h in attributes} if attribute in HAIR else {}
        name, *also = WORDS.get(attribute, (attribute.lower().replace("_", "-"),))
        words[name] = Word(
            sets={**others, attribute: 1.0},
            region="hair" if attribute in HAIR else REGION.get(attribute, "face"),
            also=tuple(also),
            tint=TINTS.get(attribute),
            unless=UNLESS.get(attribute, ()),
            quality="good" if attribute in HAIR else "experimental",
        )
    return words
