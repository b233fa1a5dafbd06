"""What the commands share that pull from the hub and push there: options, and the question for a licence."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from imgedit.cli.common import message
from imgedit.errors import HubError

__all__ = [
    "AcceptLicence",
    "Agreement",
    "Branch",
    "MaxSize",
    "Offline",
    "Private",
    "Pulled",
    "Pushed",
    "Revision",
    "Text",
    "Timeout",
    "is_watched",
    "limit",
    "terms",
]

Pulled = Annotated[str, typer.Argument(metavar="OWNER/NAME[@REVISION]", help="A repository on the Hugging Face hub.")]
Pushed = Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; made when missing.")]
Revision = Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit, as after the @.")]
Branch = Annotated[str | None, typer.Option(metavar="BRANCH", help="Branch to commit to.")]
AcceptLicence = Annotated[bool, typer.Option("--accept-licence", help="Accept a licence that forbids commercial use.")]
MaxSize = Annotated[float | None, typer.Option("--max-size", min=0, metavar="MB", help="Fetch no more than this.")]
Offline = Annotated[bool, typer.Option("--offline", help="Ask nothing of the network: use what is here.")]
Timeout = Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time that it may take.")]
Private = Annotated[bool, typer.Option("--private", help="Make a new repository private.")]
Text = Annotated[str | None, typer.Option("--message", metavar="TEXT", help="Text of the commit.")]


def limit(max_size: float | None) -> int | None:
    """Return `--max-size` in bytes."""
    return None if max_size is None or math.isinf(max_size) else round(max_size * 1e6)


def is_watched(quiet: bool) -> bool:
    """Tell whether somebody watches the progress of an upload."""
    return not quiet and sys.stderr is not None and sys.stderr.isatty()


def terms(licence: str, commercial_use: bool) -> str:
    """Return a licence in one line."""
    return f"{licence or 'none given'}; {'commercial use allowed' if commercial_use else 'no commercial use'}"


class Agreement(contextlib.ExitStack):
    """Says size and licence before a download, asks where the licence is to be accepted, then shows the progress.

    Args:
        repo_id: what is pulled.
        here: the folder that it is pulled to; what lies there under the same licence was accepted.
        is_accepted: the user accepts any licence.
        quiet: say as little as may be.
    """

    def __init__(self, repo_id: str, here: Path, is_accepted: bool, quiet: bool) -> None:
        super().__init__()
        self._repo_id, self._here, self._is_accepted, self._quiet = repo_id, here, is_accepted, quiet
        self._show: Callable[[int, int], None] | None = None

    def ask(self, licence: str, commercial_use: bool, size: int) -> None:
        """Say size in bytes and licence; ask.

        Raises:
            HubError: the licence is not accepted, or nobody can be asked.
        """
        from imgedit import progress

        said = f"{self._repo_id}: {size / 1e6:.1f} MB; licence: {terms(licence, commercial_use)}"
        message(said, quiet=self._quiet and self._is_accepted)
        if not (self._is_accepted or (licence and commercial_use) or self._was_accepted(licence)):
            _ask(self._repo_id)
        self._show = self.enter_context(progress.amount(f"Pulling {self._repo_id}", quiet=self._quiet))

    def report(self, done: int, total: int) -> None:
        """Show the bytes so far, and of all."""
        if self._show is not None:
            self._show(done, total)

    def _was_accepted(self, licence: str) -> bool:
        from imgedit.models import hub

        source = hub.source_of(self._here)
        return source is not None and source.licence == licence


def _ask(repo_id: str) -> None:
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty():
        if typer.confirm("Do you accept this licence?", err=True):
            return
        raise HubError(f"{repo_id} was not pulled: its licence was not accepted")
    raise HubError(f"{repo_id} was not pulled: its licence is to be accepted", hint="add --accept-licence")
