"""A photo as its people stand: where no face is found, it is looked at turned by 90, 270 and 180 degrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgedit import photo as photos
from imgedit.photo import Photo
from imgedit.vision import faces
from imgedit.vision.faces import Face
from imgedit.vision.mesh import MeshReader

__all__ = ["SURE", "Upright", "stand"]

SURE = 0.99
"""Score of a face from which on nothing else is tried, and the mesh need not see it."""
_DEGREES = {1: "90 degrees counter-clockwise", 2: "180 degrees", 3: "90 degrees clockwise"}


@dataclass(frozen=True)
class Upright:
    """A photo, turned where it lay on its side.

    Attributes:
        photo: the photo.
        seen: the same in sRGB, as networks see it.
        faces: what was found, largest first; messages name each by its place in the photo as it was given.
        choice: which faces are wanted; a place is one of the turned photo.
        quarters: by how many quarters of a circle, counter-clockwise, it was turned.
    """

    photo: Photo
    seen: Photo
    faces: list[Face]
    choice: str | int
    quarters: int = 0

    @property
    def how(self) -> str:
        """What was done, for messages; nothing where nothing was."""
        return f"after the photo was turned by {_DEGREES[self.quarters]}" if self.quarters else ""


def stand(
    photo: Photo,
    seen: Photo,
    found: Sequence[Face],
    choice: str | int,
    meshes: Callable[[], MeshReader],
    *,
    device: str = "auto",
) -> Upright:
    """Turn a photo that lies on its side.

    Args:
        photo: as it was given.
        seen: the same in sRGB.
        found: the faces that the detector finds in it.
        choice: as `imgedit.vision.faces.pick`.
        meshes: gives what judges faces; it is called where no sure one was found.
        device: as `imgedit.vision.faces.detect`.
    """
    best = max((one.score for one in found), default=0.0)
    if best < SURE:
        from imgedit.vision.turned import is_sure, search_sideways  # which most photos do not need

        mesh = meshes()
        lying: list[Face] = []
        quarters = 0
        if not is_sure(seen.rgb, found, mesh):
            lying, quarters = search_sideways(seen.rgb, mesh, least=best, device=device)
        if quarters:
            choice = _turned_choice(choice, quarters, (photo.width, photo.height))
            photo, seen = photos.turned(photo, quarters), photos.turned(seen, quarters)
            seen = replace(seen, rgb=np.ascontiguousarray(seen.rgb))  # OpenCV copies what does not lie in rows
            size = (photo.width, photo.height)
            named = [replace(one, named_at=_nose(one.turned(-quarters, size))) for one in lying]
            return Upright(photo, seen, named, choice, quarters)
    return Upright(photo, seen, list(found), choice)


def _nose(face: Face) -> tuple[float, float]:
    return float(face.landmarks[2][0]), float(face.landmarks[2][1])


def _turned_choice(choice: str | int, quarters: int, size: tuple[int, int]) -> str | int:
    """Return a choice of faces for a photo that was turned: a place in it turns too; `left` is left of what is seen."""
    text = faces.check_choice(choice)
    if not text.startswith("nearest:"):
        return choice
    point = np.array([faces.nearest_to(text)], np.float32)
    there = Face(np.tile(point[0], 2), np.tile(point, (5, 1)), 1.0).turned(quarters, size)
    return "nearest:{},{}".format(*_nose(there))
