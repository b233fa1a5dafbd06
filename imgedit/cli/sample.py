"""`imgedit sample`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli.common import Device, Json, Overwrite, Quiet, message, result, show_logs
from imgedit.errors import ConfigError, OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgedit.edits.sample import Drawn

__all__ = ["register", "sample"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit sample gan_r1.mnist -n 10000 -o digits --reject")(sample)


def sample(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Id or folder of a model that draws.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR|FILE", help="Folder of the pictures; with --grid a file.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, metavar="N", help="So many pictures.")] = 64,
    reject: Annotated[
        bool, typer.Option("--reject", help="Keep only what the model's own discriminator finds probable.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Which pictures.")] = 0,
    grid: Annotated[bool, typer.Option("--grid", help="Write one picture of all of them.")] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw new pictures: 00000.png and so on, or one grid."""
    show_logs(quiet)
    names = [] if grid else [f"{i:05d}.png" for i in range(n)]
    _check(out, names, overwrite)

    from imgedit.edits import sample as samples
    from imgedit.models import library
    from imgedit.pixels import to_pixels

    found = library.find(model)
    generator = samples.OnnxGenerator(found, device)
    rejection = samples.Rejection.of(found) if reject else None
    drawn = samples.draw(generator, n, seed=seed, rejection=rejection)
    done = attempts = 0
    sheet: list[NDArray[np.uint8]] = []
    if not grid:
        _make(out)
    for batch in _watched(drawn, n, reject, quiet):
        attempts += batch.attempts
        pictures = to_pixels(batch.images)
        if grid:
            sheet.append(pictures)
            continue
        for picture in pictures:
            samples.write_png(picture, out / names[done])
            done += 1
    if grid:
        _write_grid(sheet, out, overwrite)
    if as_json:
        result(
            {
                "model": found.id,
                "n": n,
                "seed": seed,
                "reject": reject,
                "attempts": attempts,
                "attempts_per_picture": round(attempts / n, 3),
                "written": str(out),
            }
        )
        return
    if reject:
        message(f"kept {n} of {attempts} pictures, {attempts / n:.2f} attempts for each", quiet=quiet)
    result(str(out))


def _check(out: Path, names: list[str], overwrite: bool) -> None:
    """Find out before the work whether the pictures can be written.

    Raises:
        ConfigError: a picture is named where a folder is wanted.
        OutputError: something is in the way, or the folder above does not exist.
    """
    if str(out) == "-":
        raise ConfigError("pictures cannot go to stdout; name a folder, or with --grid a file")
    from imgedit.photo import SUFFIXES, check_output

    if not names:
        check_output(out, overwrite=overwrite)
        return
    if not out.exists():
        if out.suffix.lower() in SUFFIXES:
            raise ConfigError(f"{out}: looks like a picture; add --grid to draw one of all, or name a folder")
        if not out.parent.is_dir():
            raise OutputError(f"{out}: its folder {out.parent} does not exist; make it first")
        return
    if not out.is_dir():
        raise OutputError(f"{out}: is a file; name a folder, or draw one picture of all with --grid")
    there = {path.name for path in out.glob("*.png")}
    if there and not overwrite:
        raise OutputError(f"{out}: holds pictures already, such as {min(there)}; use --overwrite or another folder")
    others = there.difference(names)
    if others:
        message(f"warning: {out} keeps {len(others)} other pictures, such as {min(others)}")


def _make(out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out}: cannot be made: {error.strerror or error}") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise OutputError(f"{out}: no permission to write into this folder")


def _write_grid(pictures: list[NDArray[np.uint8]], out: Path, overwrite: bool) -> None:
    import numpy as np

    from imgedit import photo as photos
    from imgedit.edits import sample as samples

    sheet = samples.grid(np.concatenate(pictures))
    photos.write(photos.read(sheet), sheet, out, overwrite=overwrite)


def _watched(drawn: Iterator[Drawn], n: int, reject: bool, quiet: bool) -> Iterator[Drawn]:
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
        for batch in drawn:
            yield batch
            done, attempts = done + len(batch.images), attempts + batch.attempts
            progress.update(task, completed=done, kept=f"{done / attempts:.1%} accepted" if reject else "")
