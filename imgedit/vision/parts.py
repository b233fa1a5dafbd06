"""Parts of a subject by the names that manifests use: where each is in the window of the parser."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from imgedit.pixels import Floats
from imgedit.vision import parsing
from imgedit.vision.beard import beard_of
from imgedit.vision.brows import brows_of
from imgedit.vision.hair import hair_of, hairline_step
from imgedit.vision.subject import Subject

__all__ = ["HAIR", "PARTS", "Part"]


class Part(Protocol):
    """Finds one part of a subject."""

    def __call__(self, subject: Subject, *, below_hairline: bool = False) -> Floats | None:
        """Return how much each pixel belongs to the part.

        Args:
            subject: whose part.
            below_hairline: nothing above the hairline counts.

        Returns:
            `(h, w)`, 0..1, on the parser's window and, where h is more than its height, below it; None for all of the
            window.
        """
        ...


def _person(subject: Subject, *, below_hairline: bool = False) -> Floats:
    """Return where the person is, without the clothes."""
    found = parsing.person(subject.parsed(), subject.networks.parser.classes)
    return found * hairline_step(len(found)) if below_hairline else found


def _skin(subject: Subject, *, below_hairline: bool = False) -> Floats:
    """Return the skin of the face, without brows, eyes and mouth."""
    parser = subject.networks.parser
    found = np.asarray(subject.parsed()[parser.classes.index("skin")], np.float32)
    return found * hairline_step(len(found)) if below_hairline else found


def _everything(subject: Subject, *, below_hairline: bool = False) -> Floats | None:
    """Return all of the window."""
    crop = subject.networks.parser.crop
    return np.repeat(hairline_step(crop.height), crop.width, axis=1) if below_hairline else None


HAIR = "hair"
"""The part that ends in strands, and whose pixels a model of output `flow` may copy elsewhere."""

PARTS: dict[str, Part] = {
    HAIR: hair_of,
    "brows": brows_of,
    "beard": beard_of,
    "face": _person,
    "skin": _skin,
    "all": _everything,
}
"""Name of a part -> what finds it. `face` is all of the person but the clothes, `skin` that of the face."""
