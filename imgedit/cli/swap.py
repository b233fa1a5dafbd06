"""`imgedit swap`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgedit.cli import completion
from imgedit.cli.common import Device, Json, NoMark, Overwrite, Quiet, device_used, result, show_logs
from imgedit.errors import ConfigError

__all__ = ["register", "swap"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit swap a.png b.png --steps 8 -o strip.png")(swap)


def swap(
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="A B", help="Two pictures, - for stdin; with --grid more.", show_default=False),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: A.swap.B.png beside A]")
    ] = None,
    take: Annotated[
        str | None,
        typer.Option(metavar="s|z", help="What to take from A [default: s]; with --steps, what stays A's."),
    ] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Write a strip of N pictures from A to B.")] = None,
    grid: Annotated[
        bool, typer.Option("--grid", help="Cross all: s from the top row, z from the left column.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Id or folder [default: for faces or digits, see above].",
            autocompletion=completion.models("swap"),
        ),
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Make the picture with the s of A and the z of B: identity of A, pose and expression of B.

    Where every picture shows a face, the face model is used: it aligns the largest face of each, and the result is that
    small aligned crop, not a whole photo. Otherwise, where every picture is grey and at most 64 px, the digit model is
    used: s is the digit, z the hand. It takes a picture as it is, brought to its size; one with a light border (mean
    above half) is dark on light and is inverted, and the result is light on dark.
    """
    show_logs(quiet)
    is_stdout = str(pictures[0] if out is None else out) == "-"  # then stdout is the picture
    if is_stdout and as_json:
        raise ConfigError("--json needs a file name; say where the picture goes with -o OUT")

    from imgedit.edits.swap import swap_files
    from imgedit.progress import status

    with status(f"Swapping {' and '.join(pictures)}", quiet=quiet):
        done = swap_files(
            pictures,
            take=take,
            steps=steps,
            grid=grid,
            model=model,
            device=device,
            out=out,
            overwrite=overwrite,
            mark=not no_mark,
        )
    if is_stdout:
        return
    if not as_json:
        result(str(done.written))
        return
    found = [None if face is None else face.to_json() for face in done.faces]
    written = str(done.written)
    result(
        {
            "pictures": pictures,
            "written": written,
            "model": done.model[0],
            "faces": found,
            "device": device_used(),
        }
    )
