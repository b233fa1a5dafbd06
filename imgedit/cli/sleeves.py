"""`imgedit sleeves`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgedit.cli.asked import Asked, on_photos
from imgedit.cli.many import edit
from imgedit.errors import ConfigError

__all__ = ["register", "sleeves"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit sleeves --to short photo.jpg -o summer.jpg")(sleeves)


@on_photos("PHOTO.sleeves-short.jpg", crops=False)
def sleeves(
    asked: Asked,
    to: Annotated[str, typer.Option("--to", metavar="LENGTH", help="short or long.", show_default=False)],
    box: Annotated[
        str | None, typer.Option(metavar="X0,Y0,X1,Y1", help="Where the person is, pixels; no face is looked for.")
    ] = None,
    whole: Annotated[bool, typer.Option("--whole", help="One person fills the photo; no face is looked for.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Change sleeves that seem to be so already.")] = False,
    model: Annotated[
        str | None,
        typer.Option(metavar="ID|DIR", help="Another painter, or a model that translates bodies [default: bundled]."),
    ] = None,
) -> None:
    """Make the sleeves of the people in a photo short or long.

    People are found by their faces; in a photo without any, one person is looked for. Arms must be seen down to the
    wrist. Only the arms change: skin is painted in the person's own tone, cloth as the garment goes on.
    """
    from imgedit.editor import Editor
    from imgedit.edits.sleeves import prepare
    from imgedit.models.library import find
    from imgedit.vision.people import where

    place = where(None if box is None else _numbers(box), whole=whole)
    plan = prepare(to, where=place, force=force, painter=None if model is None else find(model))
    editor = Editor([], asked.device, **asked.settings)
    edit(
        asked,
        editor,
        plan,
        "Changing the sleeves of",
        lambda done: {"to": to, "people": [body.to_json() for body in done.bodies]},
    )


def _numbers(text: str) -> list[float]:
    """Return the numbers of `X0,Y0,X1,Y1`.

    Raises:
        ConfigError: they are none.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise ConfigError(f"--box looks like X0,Y0,X1,Y1, in pixels, got {text!r}") from error
