"""Look at a photo without editing it: its faces, their aligned crops, and what the classifier sees in them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File
from imgedit.editor import Editor, align, naming
from imgedit.errors import ConfigError
from imgedit.models.sessions import Sessions
from imgedit.photo import Photo
from imgedit.vision import faces
from imgedit.vision.faces import Face
from imgedit.vision.mesh import Pose
from imgedit.vision.subject import Networks, face_subject
from imgedit.vision.upright import stand

__all__ = ["crop_faces", "draw_faces", "face_attributes", "list_faces"]

_log = logging.getLogger(__name__)

_BOX, _POINT = (255, 220, 0), (0, 230, 90)  # colours of what is drawn, RGB


def list_faces(
    photo: str | PathLike[str],
    *,
    draw: str | PathLike[str] | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> list[tuple[Face, Pose | None]]:
    """Find the faces of a photo, largest first, and where each looks (None where no mesh fits it).

    Args:
        photo: a path, or `-` for standard input.
        draw: a file for the photo with boxes and landmarks.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        overwrite: replace a file that exists.

    Raises:
        NoFaceError: there is no face.
        ImgeditError: another of its children, as `imgedit.photo.read` and `imgedit.deliver.write`.
    """
    if draw is not None:
        deliver.check([Path(draw)], overwrite=overwrite)
    source = photos.read(photo)
    found = _search(source, device)
    with naming(photo):
        faces.pick(found, "all", photo=(source.width, source.height))  # no face: the same sentence as everywhere
    if draw is not None:
        drawing = replace(source, rgb=draw_faces(source.rgb, found))
        deliver.write([File(Path(draw), drawing)], overwrite=overwrite)
    networks = Networks(Sessions(device))
    return [(face, face_subject(source, face, networks).pose) for face in found]


def crop_faces(
    photo: str | PathLike[str],
    *,
    face: str | int = "all",
    kind: str = "face",
    size: int = 256,
    out: str | PathLike[str] | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> list[Path]:
    """Write the aligned crops of faces, all or none.

    Args:
        photo: a path, or `-` for standard input.
        face: `largest`, `all`, `left`, `right`, or an index, 0 for the largest.
        kind: as `imgedit.align`.
        size: side, px.
        out: the file, several are numbered, or a folder; `-` for standard output. None for `photo.crop.jpg` beside the
            photo.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        overwrite: replace files that exist.

    Raises:
        ConfigError: a photo from standard input has no name to go by.
        NoFaceError: there is no face, or not this one.
        ImgeditError: another of its children, as `imgedit.photo.read` and `imgedit.deliver.write`.
    """
    if out is None and deliver.is_stdout(str(photo)):
        raise ConfigError("a photo from stdin has no name to go by; say where the crop goes", hint="with -o OUT")
    target = deliver.name(photo, ["crop"], out) or Path(deliver.STDOUT)
    deliver.check([target], overwrite=True)  # the folder and the ending; which files is not known yet
    source = photos.read(photo)
    with naming(photo):
        chosen = faces.pick(_search(source, device), face, photo=(source.width, source.height))
    if deliver.is_stdout(target) and len(chosen) > 1:
        hint = "choose a face with --face, or name a file with -o OUT"
        raise ConfigError(f"standard output takes one crop, not {len(chosen)}", hint=hint)
    files = [
        File(deliver.numbered(target, i, len(chosen)), replace(source, rgb=align(source, one, kind, size), alpha=None))
        for i, one in enumerate(chosen)
    ]
    return deliver.write(files, overwrite=overwrite)


def face_attributes(
    photo: str | PathLike[str], *, face: str | int = "all", device: str = "auto"
) -> list[tuple[Face, dict[str, float]]]:
    """Return what the attribute classifier sees in faces: attribute -> probability.

    Args:
        photo: a path, or `-` for standard input.
        face: as `crop_faces`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        NoFaceError: there is no face, or not this one.
        ImgeditError: another of its children, as `imgedit.photo.read`.
    """
    with naming(photo):
        prepared = Editor([], device).prepare(photos.read(photo), face)
    return [
        (prepared.as_given(one), subject.attributes)
        for one, subject in zip(prepared.chosen, prepared.subjects, strict=True)
    ]


def _search(source: Photo, device: str) -> list[Face]:
    """Find the faces of a photo as it is, or where there is none, of one that lies on its side."""
    found = faces.search(source.rgb, device=device)
    stood = stand(source, source, found, "all", lambda: Networks(Sessions(device)).mesh, device=device)
    if not stood.quarters:
        return found
    _log.warning("the photo lies on its side or upside down: no face is sure as it is")
    return [face.turned(-stood.quarters, (stood.photo.width, stood.photo.height)) for face in stood.faces]


def draw_faces(rgb: NDArray[np.uint8], found: Sequence[Face]) -> NDArray[np.uint8]:
    """Return a copy of a photo with a numbered box and five points for each face."""
    picture = rgb.copy()
    width = max(1, round(max(picture.shape[:2]) / 500))
    for index, face in enumerate(found):
        x0, y0, x1, y1 = (round(float(v)) for v in face.box)
        cv2.rectangle(picture, (x0, y0), (x1, y1), _BOX, width)
        corner = (x0, max(12, y0 - 4))
        cv2.putText(picture, str(index), corner, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * width, _BOX, width)
        for x, y in face.landmarks:
            cv2.circle(picture, (round(float(x)), round(float(y))), 2 * width, _POINT, -1)
    return picture
