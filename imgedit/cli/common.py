"""What the commands share: exit codes, messages on stderr, results on stdout, shared options."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from imgedit.cli import completion
from imgedit.errors import ImgeditError, OutputError
from imgedit.interrupts import Terminated, exit_code
from imgedit.text import printable, shortened

__all__ = [
    "FACES",
    "FILES",
    "RESULT",
    "RUNNING",
    "Command",
    "Device",
    "Force",
    "Group",
    "Json",
    "NoMark",
    "Overwrite",
    "PhotoPath",
    "Quiet",
    "TranslateModel",
    "Which",
    "Words",
    "device_used",
    "guarded",
    "message",
    "result",
    "show_logs",
    "warn_of_variables",
]

_BYTES = "".join(map(chr, range(0xDC80, 0xDD00)))  # how Python holds bytes of file names that are no UTF-8

F = TypeVar("F", bound=Callable[..., Any])

FILES, FACES, RESULT, RUNNING = "Files", "Faces", "What is written", "Running"
"""Headings in the help under which options stand that many commands share."""

PhotoPath = Annotated[
    str, typer.Argument(metavar="PHOTO", help="The photo; - reads it from stdin.", show_default=False)
]
Which = Annotated[
    str,
    typer.Option(
        "--face",
        metavar="WHICH",
        help="all, largest, smallest, left, right, nearest:X,Y, or a number from 0.",
        autocompletion=completion.faces,
        rich_help_panel=FACES,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="auto, cpu, cuda or cuda:N.",
        autocompletion=completion.devices,
        rich_help_panel=RUNNING,
    ),
]
Words = Annotated[
    list[str],
    typer.Option(
        "--attr",
        "-a",
        metavar="WORD",
        help="WORD, WORD=0.5 or no-WORD; repeatable.",
        autocompletion=completion.words,
    ),
]
TranslateModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Id or folder [default: any with the word].",
        autocompletion=completion.models("translate"),
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Do it whatever the classifier sees (so already, bald, a hat).")]
NoMark = Annotated[
    bool,
    typer.Option(
        "--no-mark/--mark",
        help="Do not say in the file's metadata that the picture was edited.",
        show_default=False,
        rich_help_panel=RESULT,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.", rich_help_panel=FILES)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=RUNNING)]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet/--no-quiet",
        "-q",
        help="No messages on stderr but errors.",
        show_default=False,
        rich_help_panel=RUNNING,
    ),
]


_MANY = 14  # options from which on a help has headings
_NAMES_WIDTH = 34  # letters, at most, of the column in which a help names options


class Group(TyperGroup):
    """A group of commands: its help cuts no sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List each command with the whole first sentence of its help."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(n, c.get_short_help_str(sys.maxsize)) for n, c in commands if c and not c.hidden])


class Command(TyperCommand):
    """A command whose help lists its own options first, then under headings those that many commands share.

    Attributes:
        is_strict: wrong settings end it; otherwise they are left out.
    """

    is_strict = True

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Parse a command line; what it leaves open is what the user's settings say."""
        if not {"-h", "--help"}.intersection(args) and not extra.get("resilient_parsing"):
            extra["default_map"] = self._from_settings() | dict(extra.get("default_map") or {})
        context = super().make_context(info_name, args, parent, **extra)
        if not extra.get("resilient_parsing"):
            warn_of_variables(quiet=context.params.get("quiet", False))
        return context

    def _from_settings(self) -> dict[str, Any]:
        """Return what the user has set of this command's options."""
        from imgedit import settings

        names = {param.name: param.name.replace("_", "-") for param in self.params if param.name}
        if not settings.SETTINGS.keys() & names.values():
            return {}
        if self.is_strict:
            try:
                found = [settings.effective(key) for key in names.values() if key in settings.SETTINGS]
            except ImgeditError as error:
                raise typer.BadParameter(str(error)) from error
        else:
            found = settings.survey()[0]
        given = {one.setting.name: one.value for one in found if one.origin != "default" and not one.problem}
        return {name: given[key] for name, key in names.items() if key in given}

    def parse_args(self, ctx: Any, args: Any) -> Any:
        """Parse a command line; a second --face is refused, where the last would win in silence."""
        *_, order = self.make_parser(ctx).parse_args(list(args))
        if sum(param.name == "face" for param in order) > 1:
            raise typer.BadParameter("it is given twice; name one face, or all", ctx, param_hint="'--face'")
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the sections: arguments, options, and those with a heading of their own."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        params = self.get_params(ctx)
        is_long = len(params) > _MANY
        for param in params:
            line = param.get_help_record(ctx)
            if line is not None:
                usual = "Arguments" if param.param_type_name == "argument" else "Options"
                own = RUNNING if param.name == "help" else getattr(param, "rich_help_panel", None)
                sections.setdefault((is_long and own) or usual, []).append(line)
        order = ("Arguments", "Options", FACES, FILES, RESULT, RUNNING)
        for name in (*order, *(name for name in sections if name not in order)):
            if sections.get(name):
                with formatter.section(name):
                    formatter.write_dl(sections[name], col_max=_NAMES_WIDTH)


def guarded(function: F) -> F:
    """Let a command end with the exit codes of imgedit: a known error is one line on stderr, never a traceback.

    What the system says of a file that it names (the name is too long, no permission, the disk fails) is known too.
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            if (cause := _interrupt(error)) is not None:
                message("ended by SIGTERM" if isinstance(cause, Terminated) else "interrupted")
                raise typer.Exit(exit_code(cause)) from None
            if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
                message(f"error: {os.fsdecode(error.filename)}: {error.strerror or error}")
                raise typer.Exit(ImgeditError.exit_code) from None
            if not isinstance(error, ImgeditError):
                raise
            message(f"error: {error}; {error.hint}" if error.hint else f"error: {error}")
            raise typer.Exit(error.exit_code) from None

    return run  # type: ignore[return-value]


def _interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the Ctrl-C or SIGTERM behind an error: libraries in C turn it into others, mostly while they load."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def message(text: str, *, quiet: bool = False) -> None:
    """Say something on stderr, in one line; what a terminal would obey is shown instead, and long values shortened.

    Work goes on where stderr cannot be written, such as into a log file on a full disk.
    """
    if quiet:
        return
    from rich.console import Console

    line = shortened(printable(str(text)))
    with contextlib.suppress(OSError):
        Console(stderr=True, soft_wrap=True).print(line, markup=False, highlight=False, emoji=False)


def result(value: object) -> None:
    """Print a result on stdout: one line of text, anything else as one line of JSON.

    What a terminal would obey is shown instead, line breaks in file names too. The bytes of a name that is no UTF-8 go
    into a pipe as they are, so that the next program finds the file.
    """
    text = json.dumps(value) if not isinstance(value, str) else printable(value, keep=_keeps())
    holds_bytes = not set(_BYTES).isdisjoint(text)
    try:
        typer.echo(text.encode("utf-8", "surrogateescape") if holds_bytes else text)
    except UnicodeEncodeError:  # a terminal that cannot show it
        typer.echo(text.encode())
    except BrokenPipeError:  # the reader has enough; Click ends it quietly
        raise
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error


def device_used() -> str:
    """Return where the command's networks ran, `cpu` or `cuda`, for its JSON."""
    from imgedit.models import devices

    return devices.used()


def _keeps() -> str:
    """Return the characters that stdout takes as they are: for a pipe, bytes that are no text."""
    return "" if sys.stdout is None or sys.stdout.isatty() else _BYTES


def warn_of_variables(*, quiet: bool) -> None:
    """Name the variables of the environment that look like settings and are none."""
    from imgedit import settings

    for unknown in settings.unknown_variables():
        message(f"warning: {unknown}", quiet=quiet)


def show_logs(quiet: bool) -> None:
    """Send the library's log to stderr: warnings, or with `quiet` nothing."""
    logger = logging.getLogger("imgedit")
    logger.handlers = [_Handler()]
    logger.propagate = False
    logger.setLevel(logging.CRITICAL if quiet else logging.WARNING)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        message(f"{record.levelname.lower()}: {record.getMessage()}")
