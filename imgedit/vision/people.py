"""Find the people of a photo: by their faces first, else in a box, or in the whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError, NoPersonError
from imgedit.vision import body
from imgedit.vision.body import Body, BodyReader, Window
from imgedit.vision.faces import Face

__all__ = ["BY_FACES", "Where", "find", "nobody", "where"]

_NEAR = 0.6  # distance of a body's nose from the middle of its own face, at most, in sides of the face's box


@dataclass(frozen=True)
class Where:
    """Where people are looked for.

    Attributes:
        box: x0, y0, x1, y1 of a box around one person, pixels of the photo; None: there is none.
        is_whole: one person fills the photo.
    """

    box: tuple[float, float, float, float] | None = None
    is_whole: bool = False

    @property
    def is_by_faces(self) -> bool:
        """Whether people are looked for by their faces."""
        return self.box is None and not self.is_whole


BY_FACES = Where()


def where(box: Sequence[float] | None = None, *, whole: bool = False) -> Where:
    """Settle where people are looked for.

    Args:
        box: x0, y0, x1, y1 around one person, pixels.
        whole: one person fills the photo.

    Raises:
        ConfigError: both are asked for, or the box is none.
    """
    if box is None:
        return Where(None, whole)
    if whole:
        raise ConfigError("box and whole contradict each other; name only one of them")
    if len(box) != 4 or not (np.isfinite(box).all() and box[0] < box[2] and box[1] < box[3]):
        raise ConfigError(
            f"a box is X0,Y0,X1,Y1 with X0 below X1 and Y0 below Y1, got {','.join(f'{v:g}' for v in box)}"
        )
    x0, y0, x1, y1 = (float(v) for v in box)
    return Where((x0, y0, x1, y1))


def find(rgb: NDArray[np.uint8], faces: Sequence[Face], place: Where, reader: BodyReader) -> list[Body]:
    """Find bodies.

    Args:
        rgb: the photo, `(H, W, 3)`, RGB, upright.
        faces: those of people that are wanted; without any the whole photo is looked at.
        place: where else to look.
        reader: what looks.

    Returns:
        The bodies: with faces in their order, each with its own; else at most one.
    """
    shape = (rgb.shape[0], rgb.shape[1])
    if place.box is not None:
        found = reader(rgb, [_around(place.box)])
        return [] if found is None else [found]
    if place.is_whole or not faces:
        found = reader(rgb, [body.whole(shape)])
        return [] if found is None else [found]
    bodies = []
    for face in faces:
        windows = body.around_face(face.box) + ([body.whole(shape)] if len(faces) == 1 else [])
        found = reader(rgb, windows)
        if found is not None and _belongs(found, face):
            bodies.append(replace(found, face=face))
    return bodies


def nobody(faces: Sequence[Face], place: Where, size: tuple[int, int]) -> NoPersonError:
    """Return the error that says where nobody was found.

    Args:
        faces: those of the photo.
        place: where else was looked.
        size: width and height of the photo.
    """
    if place.box is not None:
        text = "no person was found in the box"
    elif faces and not place.is_whole:
        text = f"{len(faces)} face{'s' * (len(faces) > 1)} found, but no body with it; give a photo that shows the arms"
    else:
        text = f"no person was found in this {size[0]}x{size[1]} px photo"
    return NoPersonError(text, hint="--box X0,Y0,X1,Y1 says where the person is")


def _around(box: tuple[float, float, float, float]) -> Window:
    x0, y0, x1, y1 = box
    return Window((x0 + x1) / 2.0, (y0 + y1) / 2.0, max(x1 - x0, y1 - y0))


def _belongs(found: Body, face: Face) -> bool:
    """Tell whether a body has its nose where the face is."""
    corners = np.asarray(face.box, np.float64).reshape(2, 2)
    side = float(np.ptp(corners, axis=0).max())
    return bool(np.linalg.norm(found.point("nose") - corners.mean(0)) <= _NEAR * side)
