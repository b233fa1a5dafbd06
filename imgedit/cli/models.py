"""`imgedit models`, `pull` and `push`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from imgedit.cli.common import Json, Quiet, message, result, show_logs

__all__ = ["models", "pull", "push", "register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command(epilog="Example: imgedit models --words")(models)
    app.command(epilog="Example: imgedit pull someone/hair-colours")(pull)
    app.command(epilog="Example: imgedit push exported/ someone/hair-colours --private")(push)


def models(
    words: Annotated[bool, typer.Option("--words", help="List the words for --attr instead.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the models that are here, the words they know, and what their licences allow."""
    show_logs(quiet)
    from imgedit.models import library

    found = library.available()
    known = library.known_words(model for model in found if model.manifest.kind == "translate")
    if words:
        if as_json:
            result(known)
            return
        doubtful = library.experimental_words(model for model in found if model.manifest.kind == "translate")
        for word, others in sorted(known.items(), key=lambda entry: entry[0] in doubtful):  # what is good first
            notes = [
                *(["experimental"] if word in doubtful else []),
                *([f"also {', '.join(others)}"] if others else []),
            ]
            result(word + (f"  ({'; '.join(notes)})" if notes else ""))
        return
    for model in found:
        manifest = model.manifest
        size = sum(graph.bytes for graph in manifest.graphs.values())
        if as_json:
            own = {"words": list(manifest.words), "experimental": sorted(library.experimental_words([model]))}
            fields = {"id": model.id, "version": manifest.version, "kind": manifest.kind, "title": manifest.title}
            terms = {"licence": manifest.licence, "commercial_use": manifest.commercial_use}
            result({**fields, "bytes": size, **own, **terms, "folder": str(model.folder)})
            continue
        result(f"{model.id} {manifest.version}  {manifest.kind}  {size / 1e6:.1f} MB  {manifest.title}")
        for title, quality in (("words", "good"), ("experimental words", "experimental")):
            if named := [word for word, entry in manifest.words.items() if entry.quality == quality]:
                result(f"    {title}: {', '.join(named)}")
        allowed = "commercial use allowed" if manifest.commercial_use else "no commercial use"
        result(f"    licence: {manifest.licence or 'none given'}; {allowed}")


def pull(
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="A model repository on the Hugging Face hub.")],
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit.")] = None,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time that it may take.")] = 1800,
    quiet: Quiet = False,
) -> None:
    """Fetch a model from the hub; it is checked before it can be used, and its folder is printed."""
    show_logs(quiet)
    from imgedit import progress
    from imgedit.models import hub

    with progress.amount(f"Pulling {repo}", quiet=quiet) as report:
        model = hub.pull(repo, revision, timeout=timeout, report=report)
    message(f"{model.id} {model.manifest.version} is here; use it with --model {repo}", quiet=quiet)
    result(str(model.folder))


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A model folder, as `imgedit export` makes it.")],
    repo: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; made when missing.")],
    revision: Annotated[str | None, typer.Option(metavar="BRANCH", help="Branch to commit to.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    text: Annotated[str | None, typer.Option("--message", metavar="TEXT", help="Text of the commit.")] = None,
    quiet: Quiet = False,
) -> None:
    """Upload a model folder to the hub (log in first: hf auth login); the commit's address is printed."""
    show_logs(quiet)
    from imgedit.models import hub

    is_watched = not quiet and sys.stderr is not None and sys.stderr.isatty()
    address = hub.push(folder, repo, revision=revision, private=private, message=text, show_progress=is_watched)
    result(address)
