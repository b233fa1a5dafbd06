"""What commands that edit a photo say in the end: warnings on stderr, written files or one JSON object on stdout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgedit.cli.common import device_used, message, result
from imgedit.errors import ConfigError

if TYPE_CHECKING:
    from imgedit.editor import Result

__all__ = [
    "UNCHANGED",
    "as_options",
    "check_out",
    "check_stdout",
    "name",
    "result_folder",
    "tell",
    "tell_unchanged",
    "warn",
]

UNCHANGED = "nothing was changed; the result shows the photo as it is"
"""What is said of a photo that an edit left as it was."""


def check_out(out: str | None) -> None:
    """Refuse an empty name of a result, as a script gives it whose variable is not set.

    Raises:
        ConfigError: it is empty.
    """
    if out == "":
        raise ConfigError("-o names nothing", hint="give a file, a folder or a template")


@contextlib.contextmanager
def result_folder(photo: str, names: Sequence[str], out: str | None) -> Iterator[None]:
    """Make the folder that one photo is to go into, as for many; it is removed again where it stays empty.

    Args:
        photo: as the user named it.
        names: what the result is named after.
        out: as the user named it; the folder of a single file has to be there.
    """
    from imgedit import deliver
    from imgedit.folders import ResultFolders

    if out is None or deliver.names_file(out):
        yield
        return
    target = deliver.name(photo, names, out) or Path(out)
    with ResultFolders().open(target.parent):
        yield


def check_stdout(photo: str, out: str | None, **options: bool) -> None:
    """Refuse options that write or print more than the photo where the photo goes to standard output.

    Args:
        photo: as the user named it; `-` goes to standard output where `out` is not named.
        out: as the user named it.
        options: name -> whether it is asked for.

    Raises:
        ConfigError: one is asked for.
    """
    if str(photo if out is None else out) == "-" and any(options.values()):
        names = [f"--{name.replace('_', '-')}" for name in options]
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        raise ConfigError(f"{listed} need{'s' * (len(names) == 1)} a file name; say where the photo goes with -o OUT")


def tell(photo: str, done: Result, *, as_json: bool, quiet: bool, more: dict[str, object] | None = None) -> None:
    """Say what became of a photo.

    Args:
        photo: as the user named it.
        done: what was done.
        as_json: print JSON.
        quiet: no warnings.
        more: what else the JSON says.
    """
    warn([*done.warnings, *filter(None, [done.no_face])], quiet=quiet)
    tell_unchanged(photo, done, quiet=quiet)
    if as_json:
        result(
            {
                "photo": photo,
                "written": [str(path) for path in done.written],
                "changed": done.is_changed,
                **(more or {}),
                "faces": [face.to_json() for face in done.edited],
                "warnings": as_options(done.warnings),
                **({"no_face": done.no_face} if done.no_face else {}),
                "device": device_used(),
                "seconds": {stage: round(seconds, 3) for stage, seconds in done.timings.items()},
            }
        )
    else:
        name(done.written)


def tell_unchanged(photo: str, done: Result, *, quiet: bool) -> None:
    """Say of a photo that was written as it came that it is so; of one without a face another sentence says it."""
    if done.written and not done.is_changed and not done.no_face:
        message(f"{photo}: {UNCHANGED}", quiet=quiet)


def warn(warnings: Sequence[str], *, quiet: bool, photo: str = "", told: set[str] | None = None) -> None:
    """Say sentences for the user on stderr; that a word is experimental once, not for each face.

    Args:
        warnings: as an edit gives them.
        quiet: say nothing.
        photo: which one they are about, where there are several.
        told: the experimental words that were named before in this run; those that are named now are added.
    """
    if not warnings:
        return
    from imgedit.edits.plan import experimental_word

    told = set() if told is None else told
    for warning in as_options(warnings):
        word = experimental_word(warning)
        if word is None:
            message(f"warning: {photo}: {warning}" if photo else f"warning: {warning}", quiet=quiet)
        elif word not in told:
            told.add(word)
            results = "results" if photo else "result"
            message(f"warning: '{word}' is an experimental word; look at the {results}", quiet=quiet)


def as_options(warnings: Sequence[str]) -> list[str]:
    """Return sentences for the user that name options of the command line, not arguments of Python."""
    if not warnings:
        return []
    from imgedit.edits.plan import FORCE

    return [warning.replace(FORCE, "use --force") for warning in warnings]


def name(written: Sequence[Path]) -> None:
    """Print the names of written files; standard output is one of them where it holds the photo, and is not named."""
    for path in written:
        if str(path) != "-":
            result(str(path))
