"""`imgedit checkpoints push` and `pull`: run folders on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli import transfer
from imgedit.cli.common import Command, Group, Quiet, guarded, message, result, show_logs
from imgedit.cli.training import torch_extra, training_module

if TYPE_CHECKING:
    from training.publish.run_index import Index

__all__ = ["pull", "push", "register"]


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    group = typer.Typer(cls=Group, rich_markup_mode=None, no_args_is_help=True)
    group.callback(epilog="Example: imgedit checkpoints pull someone/hair-run")(checkpoints)
    for function, example in (
        (push, "imgedit checkpoints push runs/hair someone/hair-run --private"),
        (pull, "imgedit checkpoints pull someone/hair-run --run runs/hair"),
    ):
        group.command(cls=Command, epilog=f"Example: {example}")(guarded(function))
    app.add_typer(group, name="checkpoints")


def checkpoints() -> None:
    """Push run folders of `imgedit train` to the hub, and pull them."""


def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder of `imgedit train`.")],
    repo: transfer.Pushed,
    every: Annotated[bool, typer.Option("--all", help="All checkpoints, not the newest alone.")] = False,
    revision: transfer.Branch = None,
    private: transfer.Private = False,
    text: transfer.Text = None,
    quiet: Quiet = False,
) -> None:
    """Upload a run folder to the hub (log in first: hf auth login); the commit's address is printed.

    Uploaded are the newest checkpoint, the settings, the log, the figures and a card. Folders of this machine that the
    settings name are left out.
    """
    show_logs(quiet)
    runs = training_module("training.publish.runs")
    with torch_extra():
        address = runs.push(
            run,
            repo,
            every=every,
            revision=revision,
            private=private,
            message=text,
            show_progress=transfer.is_watched(quiet),
        )
    result(address)


def pull(
    repo: transfer.Pulled,
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Run folder to make [default: runs/NAME].")] = None,
    every: Annotated[bool, typer.Option("--all", help="All checkpoints, not the newest alone.")] = False,
    revision: transfer.Revision = None,
    accept_licence: transfer.AcceptLicence = False,
    max_size: transfer.MaxSize = None,
    offline: transfer.Offline = False,
    timeout: transfer.Timeout = 1800,
    quiet: Quiet = False,
) -> None:
    """Fetch a run folder from the hub; it is checked before it is there, and its name is printed.

    Its size and its licence are said before. A licence that forbids commercial use, or none, is to be accepted. No
    folder is replaced; a commit that is here is not asked for again.
    """
    show_logs(quiet)
    runs = training_module("training.publish.runs")
    from imgedit.models import hub

    repo_id, revision = hub.named(repo, revision)
    folder = runs.folder_of(repo_id) if run is None else run
    with torch_extra(), transfer.Agreement(repo_id, folder, accept_licence, quiet) as agreement:

        def agree(index: Index, size: int) -> None:
            agreement.ask(index.licence, index.commercial_use, size)

        runs.pull(
            repo_id,
            revision,
            run=folder,
            every=every,
            report=agreement.report,
            agree=agree,
            timeout=timeout,
            offline=offline or None,
            max_bytes=transfer.limit(max_size),
        )
    message(f"{repo_id} is here; go on with `{runs.resume_command(folder)}`, or export it", quiet=quiet)
    result(str(folder))
