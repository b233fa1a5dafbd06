"""The Typer application: which command is which function."""

from __future__ import annotations

from typing import Annotated

import typer

from imgedit import __version__
from imgedit.cli import evaluate, faces, interpolate, models, sample, swap, train, translate
from imgedit.cli.common import guarded, result

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        guarded(result)(f"imgedit {__version__}")
        raise typer.Exit


@app.callback(epilog="Example: imgedit translate --attr blond photo.jpg")
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Edit photos with learned models, and train those models."""


for _group in (translate, interpolate, swap, faces, models, sample, train, evaluate):
    _group.register(app)
for _command in app.registered_commands:
    if _command.callback is not None:
        _command.callback = guarded(_command.callback)
