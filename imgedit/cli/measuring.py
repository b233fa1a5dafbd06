"""What the commands that measure have in common: their options, and how a figure is made, kept and printed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from imgedit.cli.common import guarded, show_logs
from imgedit.cli.training import command_line, print_result, torch_extra, training_module

__all__ = [
    "Data", "DigitClassifier", "FeaturesOption", "InceptionWeights", "Model", "Network", "Out", "Seed", "measure",
]  # fmt: skip

Model = Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run folder, model folder or id.")]
Data = Annotated[str, typer.Option(metavar="NAME:DIR", help="Data set, such as celeba:DIR.")]
Seed = Annotated[int, typer.Option(min=0, help="Of every random choice.")]
Network = Annotated[
    str | None,
    typer.Option(metavar="RUN|MODEL", help="Also describe the faces by this network, such as face_recognition."),
]


def _writable(out: Path | None) -> Path | None:
    """Find out before hours of work whether the figures can be written."""
    if out is not None:
        from imgedit.files import check_writable

        check_writable(out)
    return out


Out = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Also write the figures here, as JSON.",
        callback=guarded(_writable),
    ),
]
FeaturesOption = Annotated[
    str | None,
    typer.Option(
        "--features", metavar="NAME", help="What pictures are compared by: lenet or inception [default: lenet]."
    ),
]
DigitClassifier = Annotated[
    str | None,
    typer.Option(metavar="RUN|MODEL", help="Digit classifier whose features lenet are [default: the bundled]."),
]
InceptionWeights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Compare by inception, whose weights this file holds; its hash is checked."),
]


def measure(
    module: str, *given: object, out: Path | None, markdown: bool, as_json: bool, named: str = "", **options: object
) -> None:
    """Measure by a module of training, write the figures and print them.

    Args:
        module: has `evaluate` and `blocks`.
        given: its arguments.
        out: file for the figures too.
        markdown: print Markdown.
        as_json: print JSON.
        named: the run or model whose figures they are; of a run they are kept in its folder.
        options: further arguments, by name.
    """
    show_logs(quiet=False)
    report = training_module(module)
    with torch_extra():
        result: dict[str, Any] = report.evaluate(*given, **options, command=command_line())
        training_module("training.evaluate.result").write(result, named, out)
    print_result(result, report.blocks(result), as_json, markdown)
