"""`imgedit translate`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgedit.cli.asked import Asked, on_photos
from imgedit.cli.common import Force, TranslateModel, Words
from imgedit.cli.many import edit
from imgedit.errors import ConfigError

__all__ = ["register", "translate"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit translate --attr blond --attr smiling=0.5 photo.jpg -o edited.jpg")(translate)


@on_photos("PHOTO.WORD.jpg")
def translate(
    asked: Asked,
    attr: Words = [],  # noqa: B006 - Typer takes no other default for a list
    hair_colour: Annotated[
        str | None, typer.Option(metavar="#RRGGBB", help="A colour for the hair; in place of a word.")
    ] = None,
    hair_like: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="Take the colours of the hair of the largest face there.")
    ] = None,
    brows: Annotated[bool, typer.Option("--brows", help="Brows follow the hair's colour.")] = False,
    beard: Annotated[bool, typer.Option("--beard", help="A beard follows the hair's colour.")] = False,
    strength: Annotated[float, typer.Option(metavar="0..1", help="Scales every word.")] = 1.0,
    force: Force = False,
    model: TranslateModel = None,
) -> None:
    """Edit the faces of photos by words; `imgedit models` lists them.

    The whole photo is written at its full size, changed only where the edit acts. Of several photos, and of the photos
    in folders, -o names a folder or a template such as {stem}.{edit}{ext}; what failed is listed in the end.
    """
    is_dyed = hair_colour is not None or hair_like is not None
    if not attr and not is_dyed:
        raise ConfigError("say what to do: --attr, --hair-colour or --hair-like", hint="such as --attr blond")
    if hair_like == "-" and "-" in map(str, asked.photos):
        raise ConfigError("stdin holds one picture; give the other by its name")

    from imgedit.edits.words import parse_words

    words = {} if is_dyed and not attr else parse_words(attr)

    from imgedit.edits import dyes
    from imgedit.edits.translate import prepare
    from imgedit.functions import open_model

    editor = open_model(model, asked.device, **asked.settings)
    dye = dyes.read(hair_colour, hair_like, device=asked.device)
    plan = prepare(words, editor.models, strength=strength, force=force, dye=dye, brows=brows, beard=beard)
    edit(asked, editor, plan, "Editing", lambda done: {"words": words} | ({"dye": dye.name} if dye else {}))
