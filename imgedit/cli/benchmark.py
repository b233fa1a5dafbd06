"""`imgedit benchmark`."""

from __future__ import annotations

from typing import Annotated

import typer

from imgedit import __version__
from imgedit.cli import completion
from imgedit.cli.common import Device, Json, Quiet, message, result, show_logs
from imgedit.cli.training import command_line

__all__ = ["benchmark", "register"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit benchmark edits detection --repeats 9")(benchmark)


def benchmark(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART]...",
            help="start, edits, detection, folder, models [default: all].",
            autocompletion=completion.benchmarks,
        ),
    ] = None,
    photos: Annotated[int, typer.Option(min=4, metavar="N", help="Photos in the folder.")] = 200,
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Runs of everything else; the median counts.")] = 5,
    device: Device = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure how fast imgedit is here: its start, edits, detection, a folder of photos, and every bundled model.

    All pictures are made of the bundled portrait; nothing is written but into a temporary folder. All parts take some
    minutes. `imgedit evaluate show FILE` prints what --json gave as tables.
    """
    show_logs(quiet)
    from imgedit.speed import PARTS, measure

    def say(part: str) -> None:
        message(f"measuring {part}", quiet=quiet)

    report = measure(parts or PARTS, n_photos=photos, repeats=repeats, device=device, say=say)
    if as_json:
        result({"kind": "benchmark", "model": f"imgedit {__version__}", "command": command_line()} | report)
        return
    for part, figures in report.items():
        result(part)
        for name, value in figures.items():
            shown = ", ".join(f"{k} {v:,}" for k, v in value.items()) if isinstance(value, dict) else value
            result(f"    {name}: {shown}")
