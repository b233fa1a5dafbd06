"""`imgedit faces`, `crop` and `attributes`: what is seen in a photo."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from imgedit.cli.common import Device, Json, Overwrite, PhotoPath, Quiet, Which, device_used, message, result, show_logs
from imgedit.cli.written import check_out, result_folder
from imgedit.errors import ConfigError

__all__ = ["attributes", "crop", "faces", "register"]


_SURE = 0.9
"""Probability from which an attribute is listed without --all."""


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
    """List the faces of a photo, largest first: boxes, landmarks and scores, in pixels of the upright photo, and pose.

    Pose is in degrees: yaw positive to the viewer's right, pitch up, roll clockwise.
    """
    show_logs(quiet)
    if draw is not None and str(draw) == "-":
        raise ConfigError("the list of faces goes to stdout; say in which file to draw with --draw OUT")

    from imgedit.inspection import list_faces
    from imgedit.progress import status

    with status(f"Looking at {photo}", quiet=quiet):
        found = list_faces(photo, draw=draw, device=device, overwrite=overwrite)
    if draw is not None:
        message(f"drew {draw}", quiet=quiet)
    if as_json:
        listed = [{**face.to_json(), "pose": None if pose is None else pose.to_json()} for face, pose in found]
        result({"photo": photo, "faces": listed, "device": device_used()})
        return
    for index, (face, pose) in enumerate(found):
        x0, y0, x1, y1 = (round(float(v)) for v in face.box)
        points = " ".join(f"{x:.0f},{y:.0f}" for x, y in face.landmarks)
        looks = "" if pose is None else f"  yaw {pose.yaw:.0f} pitch {pose.pitch:.0f} roll {pose.roll:.0f}"
        result(f"{index}: box {x0},{y0} {x1},{y1}  score {face.score:.3f}  landmarks {points}{looks}")


def crop(
    photo: PhotoPath,
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.crop.jpg beside the photo]")
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
    check_out(out)
    from imgedit.inspection import crop_faces
    from imgedit.progress import status

    with status(f"Cropping {photo}", quiet=quiet), result_folder(photo, ["crop"], out):
        options: dict[str, Any] = {"face": face, "kind": window.value, "size": size, "out": out, "device": device}
        written = crop_faces(photo, **options, overwrite=overwrite)
    for path in written:
        if str(path) != "-":  # else stdout is the crop
            result(str(path))


def attributes(
    photo: PhotoPath,
    face: Which = "all",
    every: Annotated[bool, typer.Option("--all", help="List every attribute, not only what is sure.")] = False,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Tell what the attribute classifier is sure to see in each face; with --all or --json every probability."""
    show_logs(quiet)
    from imgedit.inspection import face_attributes
    from imgedit.progress import status

    with status(f"Looking at {photo}", quiet=quiet):
        seen = face_attributes(photo, face=face, device=device)
    if as_json:
        rounded = [{**one.to_json(), "attributes": {k: round(v, 4) for k, v in found.items()}} for one, found in seen]
        result({"photo": photo, "faces": rounded, "device": device_used()})
        return
    for index, (one, found) in enumerate(seen):
        x, y = (round(float(v)) for v in one.landmarks[2])
        values = [f"{name} {value:.2f}" for name, value in sorted(found.items(), key=lambda item: -item[1])]
        if every:
            result(f"{index}: at {x},{y}")
            for value in values:
                result(f"    {value}")
            continue
        sure = values[: sum(value >= _SURE for value in found.values())]
        result(f"{index}: at {x},{y}  " + ("  ".join(sure) or "nothing is sure; --all lists every attribute"))
