"""`imgedit sample`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli import completion
from imgedit.cli.common import Device, Json, NoMark, Overwrite, Quiet, device_used, message, result, show_logs
from imgedit.cli.written import check_out

if TYPE_CHECKING:
    from imgedit.edits.sample import Batch

__all__ = ["register", "sample"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit sample gan_r1.mnist -n 10000 -o digits --reject")(sample)


def sample(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Id or folder of a model that draws.",
            autocompletion=completion.models("sample"),
        ),
    ],
    out: Annotated[
        str, typer.Option("-o", "--out", metavar="DIR|FILE", help="Folder of the pictures; with --grid a file.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="So many pictures.")] = 64,
    reject: Annotated[
        bool, typer.Option("--reject", help="Keep only what the model's own discriminator finds probable.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Which pictures.")] = 0,
    grid: Annotated[bool, typer.Option("--grid", help="Write one picture of all of them.")] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    no_mark: NoMark = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw new pictures: 00000.png and so on, or one grid."""
    show_logs(quiet)
    check_out(out)
    from imgedit.edits.sample import sample_files

    watch = functools.partial(_with_progress, n=n, reject=reject, quiet=quiet)
    done = sample_files(
        model,
        out,
        n,
        seed=seed,
        reject=reject,
        grid=grid,
        device=device,
        overwrite=overwrite,
        mark=not no_mark,
        watch=watch,
    )
    for warning in done.warnings:
        message(f"warning: {warning}", quiet=quiet)
    attempts = done.attempts
    if as_json:
        result(
            {
                "model": done.model,
                "n": n,
                "seed": seed,
                "reject": reject,
                "attempts": attempts,
                "attempts_per_picture": round(attempts / n, 3),
                "written": str(Path(out)),
                "device": device_used(),
            }
        )
        return
    if reject:
        message(f"kept {n} of {attempts} pictures, {attempts / n:.2f} attempts for each", quiet=quiet)
    result(str(Path(out)))


def _with_progress(batches: Iterator[Batch], *, n: int, reject: bool, quiet: bool) -> Iterator[Batch]:
    """Show progress on stderr where a person is watching, with the share of pictures that is kept."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("Drawing"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[kept]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("", total=n, kept="")
        done = attempts = 0
        for batch in batches:
            yield batch
            done, attempts = done + len(batch.images), attempts + batch.attempts
            progress.update(task, completed=done, kept=f"{done / attempts:.1%} accepted" if reject else "")
