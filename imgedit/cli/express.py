"""`imgedit express`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgedit.cli.asked import Asked, on_photos
from imgedit.cli.many import edit
from imgedit.errors import ConfigError

__all__ = ["express", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit express --smile 0.7 --brows 0.3 photo.jpg")(express)


@on_photos("PHOTO.smile+0.7.jpg")
def express(
    asked: Asked,
    smile: Annotated[float | None, typer.Option(metavar="X", help="1: from a closed mouth to a laugh.")] = None,
    open_: Annotated[float | None, typer.Option("--open", metavar="X", help="Lips apart; below 0 closed.")] = None,
    pucker: Annotated[float | None, typer.Option(metavar="X", help="Narrower mouth; below 0 wider.")] = None,
    brows: Annotated[float | None, typer.Option(metavar="X", help="Brows up; below 0 down.")] = None,
    blink_left: Annotated[float | None, typer.Option(metavar="X", help="Close the eye on your left.")] = None,
    blink_right: Annotated[float | None, typer.Option(metavar="X", help="Close the eye on your right.")] = None,
    like: Annotated[
        str | None, typer.Option(metavar="PHOTO", help="Take the expression of the largest face there.")
    ] = None,
    neutral: Annotated[bool, typer.Option("--neutral", help="Take the expression out.")] = False,
    strength: Annotated[float, typer.Option(metavar="0..3", help="Scales all of it.")] = 1.0,
) -> None:
    """Change the expressions of a photo: by strengths from -3 to 3, or like another face.

    1 is what pictures of one person show, more is exaggerated. The photo's own pixels move; what an opened mouth shows
    is painted.
    """
    if asked.photos == ["-"] and like == "-":
        raise ConfigError("stdin holds one picture; give the other by its name")

    from imgedit.editor import Editor
    from imgedit.edits.driver import read_driver
    from imgedit.edits.express import prepare

    given = {
        "smile": smile,
        "open": open_,
        "pucker": pucker,
        "brows": brows,
        "blink-left": blink_left,
        "blink-right": blink_right,
    }
    strengths = {name: value for name, value in given.items() if value is not None}
    if like is not None and neutral:
        raise ConfigError("like and neutral contradict each other; name only one of them")
    prepare(strengths, neutral=neutral or like is not None, strength=strength)  # before the other photo is read
    driver = None if like is None else read_driver(like, device=asked.device)
    plan = prepare(strengths, like=driver, neutral=neutral, strength=strength)
    edit(asked, Editor([], asked.device, **asked.settings), plan, "Editing", lambda done: {"strengths": strengths})
