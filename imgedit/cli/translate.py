"""`imgedit translate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgedit.cli.common import (
    Compare,
    CropOnly,
    Device,
    Jobs,
    Json,
    NoMark,
    Overwrite,
    Photos,
    Quiet,
    Recursive,
    SkipExisting,
    TranslateModel,
    Which,
    Words,
    show_logs,
)
from imgedit.cli.many import Asked, check, edit
from imgedit.errors import ConfigError

__all__ = ["register", "translate"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit translate --attr blond --attr smiling=0.5 photo.jpg -o edited.jpg")(translate)


def translate(
    photo: Photos,
    attr: Words = [],  # noqa: B006 - Typer takes no other default for a list
    hair_colour: Annotated[
        str | None, typer.Option(metavar="#RRGGBB", help="A colour for the hair; in place of a word.")
    ] = None,
    hair_like: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="Take the colours of the hair of the largest face there.")
    ] = None,
    brows: Annotated[bool, typer.Option("--brows", help="Brows follow the hair's colour.")] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.WORD.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    strength: Annotated[float, typer.Option(metavar="0..1", help="Scales every word.")] = 1.0,
    force: Annotated[
        bool, typer.Option("--force", help="Do it whatever the classifier sees (so already, bald, a hat).")
    ] = False,
    compare: Compare = False,
    crop_only: CropOnly = False,
    model: TranslateModel = None,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    jobs: Jobs = 1,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Edit the faces of photos by words; `imgedit models` lists them.

    The whole photo is written at its full size, changed only where the edit acts. Of several photos, and of the photos
    in folders, -o names a folder or a template such as {stem}.{edit}{ext}; what failed is listed in the end.
    """
    show_logs(quiet)
    asked = Asked(photo, out, recursive, skip_existing, jobs, face, compare, crop_only, overwrite, as_json, quiet)
    check(asked)

    is_dyed = hair_colour is not None or hair_like is not None
    if not attr and not is_dyed:
        raise ConfigError("say what to do: --attr, --hair-colour or --hair-like", hint="such as --attr blond")
    if hair_like == "-" and "-" in map(str, photo):
        raise ConfigError("stdin holds one picture; give the other by its name")

    from imgedit.edits.words import parse_words

    words = {} if is_dyed and not attr else parse_words(attr)

    from imgedit.edits import dyes
    from imgedit.edits.translate import prepare
    from imgedit.functions import open_model

    editor = open_model(model, device, mark=not no_mark)
    dye = dyes.read(hair_colour, hair_like, device=device)
    plan = prepare(words, editor.models, strength=strength, force=force, dye=dye, brows=brows)
    edit(asked, editor, plan, "Editing", lambda done: {"words": words} | ({"dye": dye.name} if dye else {}))
