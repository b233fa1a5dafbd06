"""`imgedit pose` and `imgedit frontalize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli.common import (
    Device,
    Json,
    NoMark,
    Overwrite,
    PhotoPath,
    Quiet,
    Which,
    show_logs,
)
from imgedit.cli.written import check_stdout, name, tell, warn
from imgedit.errors import ConfigError

if TYPE_CHECKING:
    from imgedit.edits.pose import Turn

__all__ = ["frontalize", "pose", "register"]

Force = Annotated[bool, typer.Option("--force", help="Turn further than 35 degrees too, whatever it looks like.")]
Compare = Annotated[bool, typer.Option("--compare", help="Also write before and after side by side.")]
CropOnly = Annotated[bool, typer.Option("--crop-only", help="Write the aligned, turned face alone.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: imgedit pose --yaw 15 photo.jpg -o turned.jpg")(pose)
    app.command(epilog="Example: imgedit frontalize photo.jpg")(frontalize)


def pose(
    photo: PhotoPath,
    yaw: Annotated[float | None, typer.Option(metavar="DEGREES", help="To the viewer's right.")] = None,
    pitch: Annotated[float | None, typer.Option(metavar="DEGREES", help="Up.")] = None,
    roll: Annotated[float | None, typer.Option(metavar="DEGREES", help="Clockwise.")] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Where the head is to look, not by how much it is turned.")
    ] = False,
    sheet: Annotated[bool, typer.Option("--sheet", help="Write a row of views instead, from left to right.")] = False,
    force: Force = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.yaw+15.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    compare: Compare = False,
    crop_only: CropOnly = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn the heads of a photo by some degrees; `imgedit faces` tells how they look now.

    The whole photo is written at its full size; what is more than a head away from the face does not change.
    """
    show_logs(quiet)
    from imgedit.edits.pose import prepare

    if sheet:
        if compare or crop_only or as_json:
            raise ConfigError("--sheet writes one picture of crops; leave --compare, --crop-only and --json out")
        from imgedit.views import write_sheet

        turn = prepare(yaw or 0.0, pitch, roll, absolute=absolute, force=force)
        written, warnings = write_sheet(
            photo, turn, face=face, out=out, device=device, mark=not no_mark, overwrite=overwrite
        )
        warn(warnings, quiet=quiet)
        name(written)
        return
    turn = prepare(yaw, pitch, roll, absolute=absolute, force=force)
    _turn(photo, turn, out, face, compare, crop_only, device, overwrite, not no_mark, as_json, quiet)


def frontalize(
    photo: PhotoPath,
    force: Force = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.frontal.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    compare: Compare = False,
    crop_only: CropOnly = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Turn the heads of a photo to the front: upright, looking straight into the camera.

    The half of a face that a photo from the side does not show is invented. With --force it is the mirror image.
    """
    show_logs(quiet)
    from imgedit.edits.frontalize import prepare

    _turn(photo, prepare(force=force), out, face, compare, crop_only, device, overwrite, not no_mark, as_json, quiet)


def _turn(
    photo: str,
    turn: Turn,
    out: Path | None,
    face: str,
    compare: bool,
    crop_only: bool,
    device: str,
    overwrite: bool,
    mark: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Carry a turn out on a file and say what was written."""
    check_stdout(photo, out, compare=compare, crop_only=crop_only, json=as_json)
    from imgedit.editor import Editor
    from imgedit.progress import status

    editor = Editor([], device, mark=mark)
    with status(f"Turning {photo}", quiet=quiet):
        done = editor.edit_file(
            photo, turn, face=face, out=out, compare=compare, crop_only=crop_only, overwrite=overwrite
        )
    tell(photo, done, as_json=as_json, quiet=quiet)
