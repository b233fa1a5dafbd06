"""`imgedit swap`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli import completion
from imgedit.cli.asked import Asked, Jobs, Recursive, SkipExisting, check
from imgedit.cli.common import Device, Json, NoMark, Overwrite, Quiet, device_used, message, result, show_logs
from imgedit.cli.many import edit
from imgedit.cli.written import UNCHANGED, as_options, check_out, result_folder, warn
from imgedit.errors import ConfigError, NoFaceError

if TYPE_CHECKING:
    from imgedit.transfer import Swapped

__all__ = ["register", "report", "swap"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit swap a.jpg b.jpg --take expression -o edited.jpg")(swap)


def swap(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="A B",
            help="Two pictures, - for stdin; with --grid more. A may be photos and folders.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="OUT", help="[default: A.swap.B.jpg beside A]")
    ] = None,
    take: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="Of photos: pose, expression or both of B [default: both]. Of a model: s or z of A."
        ),
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
    force: Annotated[bool, typer.Option("--force", help="Turn a head further than 25 degrees too.")] = False,
    recursive: Recursive = False,
    skip_existing: SkipExisting = False,
    jobs: Jobs = 1,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Give the face of photo A the pose and the expression of that of photo B, or swap the hands of two digits.

    The largest face of A changes, at A's full size. A may be many photos and folders; -o then names a folder or a
    template. With --model, --steps, --grid or --take s|z a small picture is made
    by a model instead, with s of A and z of B; cycle_vae.cfp does so for 64 px crops of faces: s is the identity, z
    pose and expression. Where no picture shows a face, and all are grey and at most 64 px, it is the digit model: s is
    the digit, z the hand. That takes a picture as it is, brought to its size; one with a light border (mean
    above half) is dark on light and is inverted, and the result is light on dark.
    """
    show_logs(quiet)
    check_out(out)
    is_coded = bool(grid or steps or model or take in ("s", "z"))
    if not is_coded and _is_many(pictures):
        asked = Asked(
            pictures[:-1], out, recursive, skip_existing, jobs, overwrite, "largest",
            no_mark=no_mark, device=device, as_json=as_json, quiet=quiet,
        )  # fmt: skip
        check(asked)
        _swap_many(asked, pictures[-1], take, force=force)
        return
    is_stdout = str(pictures[0] if out is None else out) == "-"  # then stdout is the picture
    if is_stdout and as_json:
        raise ConfigError("--json needs a file name; say where the picture goes with -o OUT")

    from imgedit.progress import status
    from imgedit.transfer import swap_files

    with status(f"Swapping {' and '.join(pictures)}", quiet=quiet), result_folder(pictures[0], ["swap"], out):
        done = swap_files(
            pictures,
            take=take,
            steps=steps,
            grid=grid,
            force=force,
            model=model,
            device=device,
            out=out,
            overwrite=overwrite,
            mark=not no_mark,
        )
    report(done, pictures, is_stdout=is_stdout, as_json=as_json, quiet=quiet)


def report(done: Swapped, pictures: Sequence[str], *, is_stdout: bool, as_json: bool, quiet: bool) -> None:
    """Print the path of the result, or all that is known of it as JSON; nothing where stdout is the picture."""
    warn(done.warnings, quiet=quiet)
    if not done.is_changed:
        message(f"{pictures[0]}: {UNCHANGED}", quiet=quiet)
    if is_stdout:
        return
    if not as_json:
        result(str(done.path))
        return
    found = [None if face is None else face.to_json() for face in done.faces]
    result(
        {
            "pictures": list(pictures),
            "written": str(done.path),
            "changed": done.is_changed,
            "model": done.model,
            "faces": found,
            "warnings": as_options(done.warnings),
            "device": device_used(),
            "seconds": {stage: round(seconds, 3) for stage, seconds in done.seconds.items()},
        }
    )


def _is_many(pictures: list[str]) -> bool:
    """Tell whether more than one picture is to change: several before the last, a folder or a pattern."""
    from imgedit.batch import is_batch

    return len(pictures) > 1 and is_batch(pictures[:-1])


def _swap_many(asked: Asked, other: str, take: str | None, *, force: bool) -> None:
    """Give the largest face of many photos the pose and the expression of another photo."""
    from imgedit.editor import Editor
    from imgedit.edits.driver import read_driver
    from imgedit.edits.transfer import prepare

    try:
        driver = read_driver(other, device=asked.device)
    except NoFaceError as error:
        raise NoFaceError(str(error), hint="several pictures of digits are crossed with --grid") from error
    plan = prepare(driver, take, force=force)
    edit(asked, Editor([], asked.device, **asked.settings), plan, "Swapping", lambda done: {"like": other})
