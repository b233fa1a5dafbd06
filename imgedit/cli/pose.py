"""`imgedit pose` and `imgedit frontalize`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli.common import (
    Compare,
    Device,
    Jobs,
    Json,
    NoMark,
    Overwrite,
    Photos,
    Quiet,
    Recursive,
    SkipExisting,
    Which,
    show_logs,
)
from imgedit.cli.many import Asked, check, edit
from imgedit.cli.written import name, warn
from imgedit.errors import ConfigError

if TYPE_CHECKING:
    from imgedit.edits.pose import Turn

__all__ = ["frontalize", "pose", "register"]

Force = Annotated[bool, typer.Option("--force", help="Turn further than 35 degrees too, whatever it looks like.")]
CropOnly = Annotated[bool, typer.Option("--crop-only", help="Write the aligned, turned face alone.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: imgedit pose --yaw 15 photo.jpg -o turned.jpg")(pose)
    app.command(epilog="Example: imgedit frontalize photo.jpg")(frontalize)


def pose(
    photo: Photos,
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
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    jobs: Jobs = 1,
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
        if len(photo) > 1:
            raise ConfigError(f"--sheet is of one photo, not of {len(photo)}")
        from imgedit.views import write_sheet

        turn = prepare(yaw or 0.0, pitch, roll, absolute=absolute, force=force)
        written, warnings = write_sheet(
            photo[0], turn, face=face, out=out, device=device, mark=not no_mark, overwrite=overwrite
        )
        warn(warnings, quiet=quiet)
        name(written)
        return
    turn = prepare(yaw, pitch, roll, absolute=absolute, force=force)
    asked = Asked(photo, out, recursive, skip_existing, jobs, face, compare, crop_only, overwrite, as_json, quiet)
    _turn(asked, turn, device, mark=not no_mark)


def frontalize(
    photo: Photos,
    force: Force = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.frontal.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    compare: Compare = False,
    crop_only: CropOnly = False,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    jobs: Jobs = 1,
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

    asked = Asked(photo, out, recursive, skip_existing, jobs, face, compare, crop_only, overwrite, as_json, quiet)
    _turn(asked, prepare(force=force), device, mark=not no_mark)


def _turn(asked: Asked, turn: Turn, device: str, *, mark: bool) -> None:
    """Carry a turn out on files and say what was written."""
    check(asked)
    from imgedit.editor import Editor

    edit(asked, Editor([], device, mark=mark), turn, "Turning")
