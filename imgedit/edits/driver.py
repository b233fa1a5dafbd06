"""The driver: a face of another photo whose expression or pose is taken over."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from imgedit import photo as photos
from imgedit.errors import NoFaceError
from imgedit.models.sessions import Sessions
from imgedit.photo import Photo
from imgedit.vision import faces
from imgedit.vision.faces import Face
from imgedit.vision.mesh import Mesh
from imgedit.vision.subject import Networks

__all__ = ["Driver", "read_driver"]


@dataclass(frozen=True, eq=False)
class Driver:
    """A face whose expression or pose is taken over.

    Attributes:
        name: what the edited copy calls it.
        face: where it is in its photo.
        mesh: its mesh.
    """

    name: str
    face: Face
    mesh: Mesh


def read_driver(picture: Any, *, device: str = "auto") -> Driver:
    """Find the largest face of a picture and its mesh.

    Args:
        picture: a path, `-` for standard input, a PIL image, an array, or a `Photo`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        NoFaceError: there is no face, or none that a mesh fits.
        PhotoError: the picture cannot be read.
    """
    photo = picture if isinstance(picture, Photo) else photos.read(picture)
    called = str(picture) if isinstance(picture, str | PathLike) else str(photo.path or "the other picture")
    rgb = photos.srgb(photo)
    try:
        (face,) = faces.pick(faces.search(rgb, device=device), "largest", photo=(photo.width, photo.height))
    except NoFaceError as error:
        raise NoFaceError(f"{called}: {error}") from error
    found = Networks(Sessions(device)).mesh(rgb, face)
    if found is None:
        raise NoFaceError(f"{called}: no face mesh fits {face}")
    stem = Path(called).stem if isinstance(picture, str | PathLike) and called != "-" else "another"
    return Driver(stem, face, found)
