"""`imgedit interpolate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from imgedit.cli import completion
from imgedit.cli.asked import Asked, on_photos
from imgedit.cli.common import Force, Words
from imgedit.cli.many import Way, edit
from imgedit.cli.written import result_folder
from imgedit.errors import ConfigError

__all__ = ["interpolate", "register"]

CODED = "cycle_vae.cfp"
"""The model that goes from one face to another."""


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit interpolate --attr blond --steps 5 --strip photo.jpg")(interpolate)


@on_photos("PHOTO.WORD-0.jpg ...", crops=False, compare=False, strip="--strip-metadata/--keep-metadata")
def interpolate(
    asked: Asked,
    attr: Words = [],  # noqa: B006 - Typer takes no other default for a list
    to: Annotated[
        Path | None,
        typer.Option(metavar="PHOTO", help="In place of words: a strip to another photo's face, by a model's code."),
    ] = None,
    steps: Annotated[int, typer.Option(metavar="N", help="Pictures, from the photo to the full edit.")] = 5,
    as_strip: Annotated[bool, typer.Option("--strip", help="Write one picture of all, side by side.")] = False,
    gif: Annotated[bool, typer.Option("--gif", help="Write an animation that goes there and back.")] = False,
    force: Force = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help=f"Id or folder; with --to one that has a code [default: all bundled; with --to {CODED}].",
            autocompletion=completion.models("translate", "swap"),
        ),
    ] = None,
) -> None:
    """Show words at strengths from 0 to 1: as numbered photos, as a strip, or as an animation.

    With --to it is a strip of small pictures instead, from the face of one photo to that of another: what a model's
    decoder makes of the codes on the straight line between theirs.
    """
    if (to is None) == (not attr):
        both = "; not both" if attr else ""
        raise ConfigError(f"say what is shown: words with --attr, or another photo with --to{both}")
    if to is not None:
        if force:
            raise ConfigError("--force is for words; leave it out with --to")
        _to_another(asked, to, steps, model, gif=gif)
        return
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
    plan = prepare(words, editor.models, steps=steps, layout=layout, force=force)

    def carry(photo: Any, out: Any) -> Any:
        named = Path(out).with_suffix(".gif") if gif and out is not None and asked.is_many else out
        return editor.interpolate_file(
            photo, words, steps=steps, layout=layout, face=asked.face, force=force, out=named,
            overwrite=asked.overwrite,
        )  # fmt: skip

    from imgedit.deliver import names_file

    is_named = not asked.is_many and asked.out is not None and names_file(asked.out)
    way = Way(carry, lambda target: plan.paths(target, is_named=is_named), (".gif",) if gif else None)
    edit(asked, editor, plan, "Editing", lambda done: {"words": words}, way=way)


def _to_another(asked: Asked, to: Path, steps: int, model: str | None, *, gif: bool) -> None:
    """Write the strip from one photo to another."""
    if asked.dry_run:
        raise ConfigError("--dry-run foretells no strip to another photo; leave it out with --to")
    if asked.is_many or gif:
        raise ConfigError("--to makes one strip from one photo to another; give one photo, and no --gif")
    is_stdout = str(asked.photos[0] if asked.out is None else asked.out) == "-"
    if is_stdout and asked.as_json:
        raise ConfigError("--json needs a file name; say where the picture goes with -o OUT")
    from imgedit.cli.swap import report
    from imgedit.transfer import swap_files

    pictures = [*asked.photos, str(to)]
    with result_folder(asked.photos[0], ["steps"], asked.out):
        done = swap_files(
            pictures, steps=steps, model=model or CODED, device=asked.device, out=asked.out,
            overwrite=asked.overwrite, mark=not asked.no_mark,
        )  # fmt: skip
    report(done, pictures, is_stdout=is_stdout, as_json=asked.as_json, quiet=asked.quiet)
