"""`imgedit interpolate`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imgedit.cli.common import TranslateModel, Words
from imgedit.cli.many import Asked, Way, edit, on_photos
from imgedit.errors import ConfigError

__all__ = ["interpolate", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit interpolate --attr blond --steps 5 --strip photo.jpg")(interpolate)


@on_photos("PHOTO.WORD-0.jpg ...", crops=False, compare=False, strip="--strip-metadata")
def interpolate(
    asked: Asked,
    attr: Words,
    steps: Annotated[int, typer.Option(metavar="N", help="Pictures, from the photo to the full edit.")] = 5,
    as_strip: Annotated[bool, typer.Option("--strip", help="Write one picture of all, side by side.")] = False,
    gif: Annotated[bool, typer.Option("--gif", help="Write an animation that goes there and back.")] = False,
    model: TranslateModel = None,
) -> None:
    """Show words at strengths from 0 to 1: as numbered photos, as a strip, or as an animation."""
    if as_strip and gif:
        raise ConfigError("--strip and --gif are two ways to write; choose one")
    if asked.no_face == "copy":
        raise ConfigError("an interpolation has no picture of a photo without faces; --no-face is fail or skip")
    from imgedit.edits.words import parse_words

    words = parse_words(attr)

    from imgedit.edits.interpolate import prepare
    from imgedit.functions import open_model

    layout = "strip" if as_strip else "gif" if gif else "files"
    editor = open_model(model, asked.device, **asked.settings)
    plan = prepare(words, editor.models, steps=steps, layout=layout)

    def carry(photo: Any, out: Any) -> Any:
        named = out.with_suffix(".gif") if gif and out is not None and asked.is_many else out
        return editor.interpolate_file(
            photo, words, steps=steps, layout=layout, face=asked.face, out=named, overwrite=asked.overwrite
        )

    way = Way(carry, lambda target: plan.paths(target, is_named=False))
    edit(asked, editor, plan, "Editing", lambda done: {"words": words}, way=way)
