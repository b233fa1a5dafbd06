"""`imgedit faces`, `crop` and `attributes`: what is seen in a photo."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgedit.cli.common import Device, Json, Overwrite, PhotoPath, Quiet, Which, message, numbered, result, show_logs
from imgedit.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from imgedit.photo import Photo
    from imgedit.vision.faces import Face

__all__ = ["attributes", "crop", "faces", "register"]


class Window(str, Enum):  # noqa: UP042 - Typer shows the values of this kind
    """What a crop shows."""

    face = "face"
    head = "head"
    inner = "inner"


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: imgedit faces photo.jpg --json --draw boxes.jpg")(faces)
    app.command(epilog="Example: imgedit crop photo.jpg --face largest --size 512 -o face.png")(crop)
    app.command(epilog="Example: imgedit attributes photo.jpg --face largest")(attributes)


def faces(
    photo: PhotoPath,
    as_json: Json = False,
    draw: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Also write the photo with boxes and landmarks.")
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """List the faces of a photo, largest first: boxes, landmarks and scores, in pixels of the upright photo."""
    show_logs(quiet)
    from imgedit import photo as photos
    from imgedit.vision import faces as detector

    if draw is not None:
        if str(draw) == "-":
            raise ConfigError("the list of faces goes to stdout; say in which file to draw with --draw OUT")
        photos.check_output(draw, overwrite=overwrite)
    source = photos.read(photo)
    found = detector.search(source.rgb, device=device)
    detector.pick(
        found, "all", photo=(source.width, source.height)
    )  # no face: the same sentence and exit code as everywhere
    if draw is not None:
        photos.write(source, _drawn(source, found), draw, overwrite=overwrite)
        message(f"drew {draw}", quiet=quiet)
    if as_json:
        result({"photo": photo, "faces": [face.to_json() for face in found]})
        return
    for index, face in enumerate(found):
        x0, y0, x1, y1 = (round(float(v)) for v in face.box)
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in face.landmarks)
        result(f"{index}: box {x0},{y0} {x1},{y1}  score {face.score:.3f}  landmarks {points}")


def crop(
    photo: PhotoPath,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.crop.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    size: Annotated[int, typer.Option(min=8, max=4096, metavar="PX", help="Side of the crop.")] = 256,
    window: Annotated[
        Window, typer.Option(help="face: what edits see; head: with all the hair; inner: brows to chin.")
    ] = Window.face,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write the aligned crop of each face; several are numbered."""
    show_logs(quiet)
    from imgedit import photo as photos
    from imgedit.editor import align
    from imgedit.vision import faces as detector

    if out is None and photo == "-":
        raise OutputError("a photo from stdin has no name to go by; say where the crop goes with -o OUT")
    target = photos.default_output(photo, ["crop"]) if out is None else out
    photos.check_output(target, overwrite=True)  # the folder and the ending; which files is not known yet
    source = photos.read(photo)
    found = detector.search(source.rgb, device=device)
    chosen = detector.pick(found, face, photo=(source.width, source.height))
    if str(target) == "-" and len(chosen) > 1:
        raise ConfigError(
            f"stdout takes one crop, not {len(chosen)}; choose a face with --face, or name a file with -o OUT"
        )
    paths = [numbered(target, index, len(chosen)) for index in range(len(chosen))]
    for path in paths:
        photos.check_output(path, overwrite=overwrite)
    for path, one in zip(paths, chosen, strict=True):
        photos.write(replace(source, alpha=None), align(source, one, window.value, size), path, overwrite=overwrite)
        if str(path) != "-":  # else stdout is the crop
            result(str(path))


def attributes(
    photo: PhotoPath,
    face: Which = "all",
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell what the attribute classifier sees in each face, as probabilities."""
    show_logs(quiet)
    from imgedit import photo as photos
    from imgedit.editor import Editor
    from imgedit.vision import faces as detector

    editor = Editor([], device)
    source = photos.read(photo)
    chosen = detector.pick(editor.faces(source), face, photo=(source.width, source.height))
    seen = [(one, editor.attributes(source, one)) for one in chosen]
    if as_json:
        rounded = [{**one.to_json(), "attributes": {k: round(v, 4) for k, v in found.items()}} for one, found in seen]
        result({"photo": photo, "faces": rounded})
        return
    for index, (one, found) in enumerate(seen):
        x, y = (round(float(v)) for v in one.landmarks[2])
        likely = sorted(found.items(), key=lambda item: -item[1])
        result(f"{index}: at {x},{y}  " + "  ".join(f"{name} {value:.2f}" for name, value in likely))


def _drawn(photo: Photo, found: list[Face]) -> Any:
    """Return a copy of the photo with a box and five points for each face."""
    import cv2

    picture = photo.rgb.copy()
    width = max(1, round(max(picture.shape[:2]) / 500))
    for index, face in enumerate(found):
        x0, y0, x1, y1 = (round(float(v)) for v in face.box)
        cv2.rectangle(picture, (x0, y0), (x1, y1), (255, 220, 0), width)
        cv2.putText(
            picture, str(index), (x0, max(12, y0 - 4)), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * width, (255, 220, 0), width
        )
        for x, y in face.landmarks:
            cv2.circle(picture, (round(float(x)), round(float(y))), 2 * width, (0, 230, 90), -1)
    return picture
