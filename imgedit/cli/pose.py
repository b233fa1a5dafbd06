"""`imgedit pose` and `imgedit frontalize`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli.asked import Asked, on_photos
from imgedit.cli.many import edit
from imgedit.cli.written import name, result_folder, warn
from imgedit.errors import ConfigError

if TYPE_CHECKING:
    from imgedit.edits.pose import Turn

__all__ = ["frontalize", "pose", "register"]

Force = Annotated[bool, typer.Option("--force", help="Turn further than 35 degrees too, whatever it looks like.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: imgedit pose --yaw 15 photo.jpg -o turned.jpg")(pose)
    app.command(epilog="Example: imgedit frontalize photo.jpg")(frontalize)


@on_photos("PHOTO.yaw+15.jpg")
def pose(
    asked: Asked,
    yaw: Annotated[float | None, typer.Option(metavar="DEGREES", help="To the viewer's right.")] = None,
    pitch: Annotated[float | None, typer.Option(metavar="DEGREES", help="Up.")] = None,
    roll: Annotated[float | None, typer.Option(metavar="DEGREES", help="Clockwise.")] = None,
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Where the head is to look, not by how much it is turned.")
    ] = False,
    sheet: Annotated[bool, typer.Option("--sheet", help="Write a row of views instead, from left to right.")] = False,
    force: Force = False,
) -> None:
    """Turn the heads of a photo by some degrees; `imgedit faces` tells how they look now.

    The whole photo is written at its full size; what is more than a head away from the face does not change.
    """
    from imgedit.edits.pose import prepare

    if sheet:
        if asked.compare or asked.crop_only or asked.as_json:
            raise ConfigError("--sheet writes one picture of crops; leave --compare, --crop-only and --json out")
        if len(asked.photos) != 1 or asked.is_many:
            raise ConfigError("--sheet is of one photo, not of many")
        if asked.dry_run:
            raise ConfigError("--dry-run foretells no sheet; leave it out with --sheet")
        from imgedit.views import write_sheet

        turn = prepare(yaw or 0.0, pitch, roll, absolute=absolute, force=force)
        photo = asked.photos[0]
        with result_folder(photo, ["views"], asked.out):
            written, warnings = write_sheet(
                photo, turn, face=asked.face, out=asked.out, device=asked.device, mark=not asked.no_mark,
                overwrite=asked.overwrite,
            )  # fmt: skip
        warn(warnings, quiet=asked.quiet)
        name(written)
        return
    turn = prepare(yaw, pitch, roll, absolute=absolute, force=force)
    done = {"absolute": absolute, **{name: round(angle, 2) for name, angle in turn.carried_out._asdict().items()}}
    _turn(asked, turn, {"turn": done})


@on_photos("PHOTO.frontal.jpg")
def frontalize(
    asked: Asked,
    force: Force = False,
) -> None:
    """Turn the heads of a photo to the front: upright, looking straight into the camera.

    The half of a face that a photo from the side does not show is invented. With --force it is the mirror image.
    """
    from imgedit.edits.frontalize import prepare

    _turn(asked, prepare(force=force))


def _turn(asked: Asked, turn: Turn, told: dict[str, object] | None = None) -> None:
    """Carry a turn out on files and say what was written; `told` is what else the JSON says."""
    from imgedit.editor import Editor

    edit(asked, Editor([], asked.device, **asked.settings), turn, "Turning", lambda done: told or {})
