"""`imgedit interpolate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgedit.cli.common import (
    Device,
    Json,
    NoMark,
    Overwrite,
    PhotoPath,
    Quiet,
    TranslateModel,
    Which,
    Words,
    show_logs,
)
from imgedit.cli.written import check_stdout, tell
from imgedit.errors import ConfigError

__all__ = ["interpolate", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit interpolate --attr blond --steps 5 --strip photo.jpg")(interpolate)


def interpolate(
    photo: PhotoPath,
    attr: Words,
    steps: Annotated[int, typer.Option(metavar="N", help="Pictures, from the photo to the full edit.")] = 5,
    strip: Annotated[bool, typer.Option("--strip", help="Write one picture of all, side by side.")] = False,
    gif: Annotated[bool, typer.Option("--gif", help="Write an animation that goes there and back.")] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.WORD-0.jpg ... beside the photo]")
    ] = None,
    face: Which = "all",
    model: TranslateModel = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Show words at strengths from 0 to 1: as numbered photos, as a strip, or as an animation."""
    show_logs(quiet)
    if strip and gif:
        raise ConfigError("--strip and --gif are two ways to write; choose one")
    check_stdout(photo, out, json=as_json)

    from imgedit.edits.words import parse_words

    words = parse_words(attr)

    from imgedit.functions import open_model
    from imgedit.progress import status

    layout = "strip" if strip else "gif" if gif else "files"
    with status(f"Editing {photo}", quiet=quiet):
        done = open_model(model, device, mark=not no_mark).interpolate_file(
            photo, words, steps=steps, layout=layout, face=face, out=out, overwrite=overwrite
        )
    tell(photo, done, as_json=as_json, quiet=quiet, more={"words": words})
