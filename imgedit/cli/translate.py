"""`imgedit translate`."""

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

__all__ = ["register", "translate"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit translate --attr blond --attr smiling=0.5 photo.jpg -o edited.jpg")(translate)


def translate(
    photo: PhotoPath,
    attr: Words,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.WORD.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    strength: Annotated[float, typer.Option(metavar="0..1", help="Scales every word.")] = 1.0,
    force: Annotated[
        bool, typer.Option("--force", help="Do it whatever the classifier sees (so already, bald, a hat).")
    ] = False,
    compare: Annotated[bool, typer.Option("--compare", help="Also write before and after side by side.")] = False,
    crop_only: Annotated[bool, typer.Option("--crop-only", help="Write the aligned, edited face alone.")] = False,
    model: TranslateModel = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Edit the faces of a photo by words; `imgedit models` lists them.

    The whole photo is written at its full size, changed only where the edit acts.
    """
    show_logs(quiet)
    check_stdout(photo, out, compare=compare, crop_only=crop_only, json=as_json)

    from imgedit.edits.words import parse_words

    words = parse_words(attr)

    from imgedit.functions import open_model
    from imgedit.progress import status

    with status(f"Editing {photo}", quiet=quiet):
        done = open_model(model, device, mark=not no_mark).translate_file(
            photo,
            words,
            face=face,
            strength=strength,
            force=force,
            out=out,
            compare=compare,
            crop_only=crop_only,
            overwrite=overwrite,
        )
    tell(photo, done, as_json=as_json, quiet=quiet, more={"words": words})
