"""The Typer application: which command is which function."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from imgedit import __version__
from imgedit.cli.common import Command, Group, guarded, result
from imgedit.text import printable, shortened

__all__ = ["COMMANDS", "application"]

COMMANDS = {
    "translate": ("translate",),
    "interpolate": ("interpolate",),
    "pose": ("pose", "frontalize"),
    "express": ("express",),
    "sleeves": ("sleeves",),
    "swap": ("swap",),
    "faces": ("faces", "crop", "attributes"),
    "models": ("models", "pull", "push"),
    "machine": ("doctor", "config"),
    "page": ("page",),
    "benchmark": ("benchmark",),
    "sample": ("sample",),
    "train": ("train", "export"),
    "checkpoints": ("checkpoints",),
    "evaluate": ("evaluate",),
}
"""File of this package -> the commands in it, in the order of the help."""

_HELP = ("-h", "--help")


class Commands(Group):
    """The group of all commands: its help cuts no sentence, its errors show what a terminal would obey."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order of `COMMANDS`."""
        order = [name for names in COMMANDS.values() for name in names]
        return [name for name in order if name in self.commands]

    def main(self, args: Any = None, *, standalone_mode: bool = True, **options: Any) -> Any:  # type: ignore[override]
        """Run a command, and leave with its exit code."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **options)
        try:
            code = super().main(args, standalone_mode=False, **options)
        except Exception as error:
            if not hasattr(error, "format_message"):  # it is not what was typed that is wrong
                raise
            shown: Any = error  # Typer's base class of such errors is its own secret
            if isinstance(shown.message, str):
                is_help = "Help" in type(error).__name__
                text = shown.message if is_help else shown.message + _dashed(sys.argv[1:] if args is None else args)
                shown.message = printable(text, keep="\n") if is_help else shortened(printable(text))
            shown.show()
            sys.exit(shown.exit_code)
        sys.exit(code if isinstance(code, int) else 0)


def application(first: str = "") -> typer.Typer:
    """Return the application.

    Args:
        first: what stands first on the command line. Where that is a command, the others are left out: to build all of
            them takes longer than to find a face.
    """
    built = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": list(_HELP)},
    )
    built.callback(epilog="Example: imgedit translate --attr blond photo.jpg")(_top)
    wanted = [name for name, commands in COMMANDS.items() if first in commands] or list(COMMANDS)
    for name in wanted:
        importlib.import_module(f"imgedit.cli.{name}").register(built)
    for group in built.registered_groups if first in _HELP else ():  # the help names no command of a group
        if group.typer_instance is not None:
            group.typer_instance.registered_commands.clear()
    for command in built.registered_commands:
        if command.cls is None or not issubclass(command.cls, Command):
            command.cls = Command
        if command.callback is not None:
            command.callback = _named(command.callback) if first in _HELP else guarded(command.callback)
    return built


def _named(function: Callable[..., object]) -> Callable[[], None]:
    """Return a command of the same name and help without options: to build those takes most of the help's time."""

    def named() -> None:
        """Do nothing: the help is all that is asked for."""

    named.__name__, named.__doc__ = function.__name__, function.__doc__
    return named


def _dashed(args: Sequence[str]) -> str:
    """Return how a file is named that was taken for an option; nothing where there is none."""
    named = next((arg for arg in args if arg.startswith("-") and arg.strip("-") and os.path.lexists(arg)), None)
    return "" if named is None else f" (the file of this name is ./{named})"


def _version(wanted: bool) -> None:
    if wanted:
        guarded(result)(f"imgedit {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Edit photos with learned models, and train those models."""
