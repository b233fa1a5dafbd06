"""`imgedit models` and what it does with one model, `pull` and `push`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgedit.cli import completion
from imgedit.cli.common import Command, Group, Json, Quiet, guarded, message, result, show_logs
from imgedit.errors import HubError, ManifestError

if TYPE_CHECKING:
    from imgedit.models.library import Model
    from imgedit.models.manifest import Manifest

__all__ = ["info", "models", "path", "pull", "push", "register", "remove", "verify"]

Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="Id, pulled repository or folder.", autocompletion=completion.models(), show_default=False
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(cls=Group, rich_markup_mode=None, invoke_without_command=True)
    group.callback(epilog="Example: imgedit models --words")(guarded(models))
    for function, example in (
        (info, "imgedit models info stargan_hair.celeba"),
        (verify, "imgedit models verify"),
        (path, "imgedit models path stargan_hair.celeba"),
        (remove, "imgedit models remove someone/hair-colours"),
    ):
        group.command(cls=Command, epilog=f"Example: {example}")(guarded(function))
    app.add_typer(group, name="models")
    app.command(epilog="Example: imgedit pull someone/hair-colours@v1")(pull)
    app.command(epilog="Example: imgedit push exported/ someone/hair-colours --private")(push)


def models(
    context: typer.Context,
    words: Annotated[bool, typer.Option("--words", help="List the words for --attr instead.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the models that are here, the words they know, and what their licences allow."""
    if context.invoked_subcommand is not None:
        return
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


def info(model: Name, as_json: Json = False, quiet: Quiet = False) -> None:
    """Tell what a model says about itself: words, files, licence, data, figures, and where it came from."""
    show_logs(quiet)
    from dataclasses import asdict

    from imgedit.models import hub, library

    found = library.find(model)
    manifest, source = found.manifest, hub.source_of(found.folder)
    if as_json:
        told = {"folder": str(found.folder), "pulled": None if source is None else asdict(source)}
        result({**asdict(manifest), **told})
        return
    result(f"{manifest.id} {manifest.version}  {manifest.kind}  {manifest.title}")
    for word, entry in manifest.words.items():
        also = f", also {', '.join(entry.also)}" if entry.also else ""
        result(f"    word {word}  ({entry.quality}{also})")
    for role, graph in manifest.graphs.items():
        result(f"    {role}  {graph.file}  {graph.bytes / 1e6:.1f} MB  sha256 {graph.sha256}")
    for name, value in manifest.metrics.items():
        if isinstance(value, int | float | str):  # --json has all
            result(f"    {name}: {value:g}" if isinstance(value, float) else f"    {name}: {value}")
    lines = {"licence": _terms(manifest), "method": manifest.method, "folder": str(found.folder)}
    if source is not None:
        lines["pulled"] = f"{source.repo}@{source.revision or 'main'}, commit {source.commit or 'unknown'}"
    for name, value in lines.items():
        result(f"    {name}: {value}")


def verify(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL...", help="[default: all]", autocompletion=completion.models()),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Compare every byte of models with the hashes in their manifests; the exit code is 1 where one differs."""
    show_logs(quiet)
    from imgedit.models import library, manifest

    folders = [library.find(name).folder for name in models] if models else library.folders()
    damaged = 0
    for folder in folders:
        try:
            manifest.verify(folder)
            result(f"{folder.name}: as its manifest says")
        except ManifestError as error:
            damaged += 1
            message(f"damaged: {error}")
    if damaged:
        raise ManifestError(
            f"{damaged} of {len(folders)} models are damaged; pull them again, or install imgedit again"
        )


def path(model: Name, quiet: Quiet = False) -> None:
    """Print the folder of a model."""
    show_logs(quiet)
    from imgedit.models import library

    result(str(library.find(model).folder))


def remove(model: Name, quiet: Quiet = False) -> None:
    """Remove a pulled model from the cache."""
    show_logs(quiet)
    from imgedit.models import hub

    message(f"removed {hub.remove(model)}", quiet=quiet)


def pull(
    repo: Annotated[
        str, typer.Argument(metavar="OWNER/NAME[@REVISION]", help="A model repository on the Hugging Face hub.")
    ],
    revision: Annotated[str | None, typer.Option(metavar="REV", help="Branch, tag or commit, as after the @.")] = None,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept a licence that forbids commercial use.")
    ] = False,
    max_size: Annotated[
        float | None, typer.Option("--max-size", min=0, metavar="MB", help="Fetch no more than this.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nothing of the network: use what is here.")] = False,
    timeout: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="Time that it may take.")] = 1800,
    quiet: Quiet = False,
) -> None:
    """Fetch a model from the hub; it is checked before it can be used, and its folder is printed.

    Its size and its licence are said before. A licence that forbids commercial use, or none, is to be accepted. A
    commit that is here is not asked for again; HF_HUB_OFFLINE is obeyed.
    """
    show_logs(quiet)
    from imgedit import progress
    from imgedit.models import hub

    repo_id, revision = hub.named(repo, revision)
    with contextlib.ExitStack() as stack:
        bars: list[Callable[[int, int], None]] = []

        def agree(manifest: Manifest, size: int) -> None:
            message(f"{repo_id}: {size / 1e6:.1f} MB; licence: {_terms(manifest)}", quiet=quiet and accept_licence)
            if not (accept_licence or (manifest.licence and manifest.commercial_use)) and not _was_accepted(
                repo_id, manifest
            ):
                _ask(repo_id)
            bars.append(stack.enter_context(progress.amount(f"Pulling {repo_id}", quiet=quiet)))

        def report(done: int, total: int) -> None:
            bars[0](done, total)

        options: dict[str, Any] = {"timeout": timeout, "agree": agree, "offline": offline or hub.is_offline()}
        if max_size is not None:
            options["max_bytes"] = round(max_size * 1e6)
        model = hub.pull(repo_id, revision, report=report, **options)
    message(f"{model.id} {model.manifest.version} is here; use it with --model {repo_id}", quiet=quiet)
    result(str(model.folder))


def _terms(manifest: Manifest) -> str:
    allowed = "commercial use allowed" if manifest.commercial_use else "no commercial use"
    return f"{manifest.licence or 'none given'}; {allowed}"


def _was_accepted(repo_id: str, manifest: Manifest) -> bool:
    """Tell whether the model is here already under the same licence."""
    from imgedit.models import hub, library

    with contextlib.suppress(Exception):
        model: Model = library.load(library.cache_folder() / repo_id.replace("/", "--"))
        source = hub.source_of(model.folder)
        return source is not None and source.licence == manifest.licence
    return False


def _ask(repo_id: str) -> None:
    """Ask at the terminal whether the licence is accepted.

    Raises:
        HubError: it is not, or nobody can be asked.
    """
    if sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty():
        if typer.confirm("Do you accept this licence?", err=True):
            return
        raise HubError(f"{repo_id} was not pulled: its licence was not accepted")
    raise HubError(f"{repo_id} was not pulled: its licence is to be accepted", hint="add --accept-licence")


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
