"""Progress for people: on stderr, where one is watching; stdout belongs to results.

Rich is loaded where there is something to show: a command that nobody watches starts without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from imgedit.text import printable

__all__ = ["amount", "counted", "status", "with_progress"]

T = TypeVar("T")


def with_progress(items: Sequence[T], what: str) -> Iterable[T]:
    """Show how many of some items are done."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)


def counted(items: Iterable[T], count: int, what: str, *, quiet: bool = False) -> Iterator[T]:
    """Show how many of some items that come one by one are done; what is printed meanwhile stands above it."""
    if quiet or not _may_be_watched():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, what, total=count, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def status(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show a line while something takes its time; it goes when that is done."""
    if quiet or not _may_be_watched():
        yield
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(escape(printable(text))):
        yield


def _may_be_watched() -> bool:
    """Tell whether Rich could take stderr for a terminal; FORCE_COLOR and TTY_COMPATIBLE make it do so."""
    is_forced = any(name in os.environ for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    return is_forced or (sys.stderr is not None and sys.stderr.isatty())


@contextmanager
def amount(text: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give a function that is told the bytes so far and of all, and shows them as a bar."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(escape(printable(text))), BarColumn(bar_width=20), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
