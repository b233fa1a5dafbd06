"""What an edit does to a photo: a change, found on a small crop, carried out on the photo's own pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, Self

from imgedit.pixels import Pixels
from imgedit.render import regions
from imgedit.render.regions import Region
from imgedit.vision.geometry import Roi
from imgedit.vision.subject import Subject

__all__ = ["COLOUR", "DETAIL", "MOVE", "Change", "apply_all", "area_of", "is_local"]

COLOUR, MOVE, DETAIL = 1, 2, 3
"""The order in which the changes of a subject are carried out: colours are graded first, then pixels are moved, those
that were graded too, and last comes what has to be drawn upon them."""


class Change(Protocol):
    """One change of a subject: `Grid`, `Flow`, `Warp` or `Delta`.

    One whose `apply` reads and writes no pixel of `rgb` beyond the region's roi may say so: `is_local = True`. Then no
    more of a large photo is copied.
    """

    @property
    def order(self) -> int:
        """When it is carried out: `COLOUR`, `MOVE` or `DETAIL`."""
        ...

    @property
    def region(self) -> str:
        """Name of the region where it may act, as in `imgedit.render.regions.find`."""
        ...

    def scaled(self, strength: float) -> Self:
        """Return the same change at a share of its strength; 0 changes nothing, 1 is the change itself."""
        ...

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Carry the change out.

        Args:
            rgb: the photo `(H, W, 3)`, with the changes before this one: uint8, or float32 0..255 where it has 16
                bits.
            subject: of the photo as it was given.
            region: where to act, and how much.
            own: `rgb` is no longer wanted and may be changed in place; else it stays as it is.

        Returns:
            The photo, of the same number type; pixels without weight in the region stay as they are, bit for bit.
        """
        ...


def apply_all(rgb: Pixels, subject: Subject, changes: Iterable[Change], *, own: bool = False) -> Pixels:
    """Carry the changes of one subject out, each in its own region, in the order that they say.

    Args:
        rgb: the photo `(H, W, 3)`, with the changes of other subjects.
        subject: whose changes.
        changes: in any order; those of one `order` follow each other as given.
        own: as `Change.apply`.
    """
    for change in sorted(changes, key=lambda change: change.order):
        made = change.apply(rgb, subject, regions.find(subject, change.region), own=own)
        own = own or made is not rgb
        rgb = made
    return rgb


def is_local(change: Change) -> bool:
    """Tell whether a change says that it reads and writes no pixel beyond its region's roi."""
    return bool(getattr(change, "is_local", False))


def area_of(changes: Iterable[tuple[Subject, Sequence[Change]]], shape: tuple[int, int]) -> Roi:
    """Return the part of a photo that changes read and write; all of it unless each of them is local.

    Args:
        changes: those of each subject.
        shape: height and width of the photo.
    """
    x0, y0, x1, y1 = shape[1], shape[0], 0, 0
    for subject, some in changes:
        for change in some:
            if not is_local(change):
                return 0, 0, shape[1], shape[0]
            left, top, right, bottom = regions.find(subject, change.region).roi
            if left < right and top < bottom:
                x0, y0, x1, y1 = min(x0, left), min(y0, top), max(x1, right), max(y1, bottom)
    return min(x0, x1), min(y0, y1), x1, y1
