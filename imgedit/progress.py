"""Progress for people: on stderr, where one is watching; stdout belongs to results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, track

from imgedit.text import printable

__all__ = ["amount", "status", "with_progress"]

T = TypeVar("T")


def with_progress(items: Sequence[T], what: str) -> Iterable[T]:
    """Show how many of some items are done."""
    console = Console(stderr=True)
    return track(items, what, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def status(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show a line while something takes its time; it goes when that is done."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield
        return
    with console.status(escape(printable(text))):
        yield


@contextmanager
def amount(text: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Give a function that is told the bytes so far and of all, and shows them as a bar."""
    console = Console(stderr=True)
    columns = (TextColumn(escape(printable(text))), BarColumn(bar_width=20), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
