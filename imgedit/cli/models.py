"""`imgedit models` and what it does with one model, `pull` and `push`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli import completion, transfer
from imgedit.cli.common import Command, Group, Json, Quiet, guarded, message, result, show_logs, warn_of_variables
from imgedit.errors import ManifestError

if TYPE_CHECKING:
    from imgedit.models.library import Model
    from imgedit.models.manifest import Manifest

__all__ = ["HEADINGS", "info", "models", "path", "pull", "push", "register", "remove", "verify"]

HEADINGS = ("bundled, with words for --attr:", "bundled, without words:", "pulled, or added by you:")
"""Under which models are listed."""

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
    warn_of_variables(quiet=quiet)
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
                *([f"no-{word} is experimental"] if word not in doubtful and f"no-{word}" in doubtful else []),
                *([f"also {', '.join(others)}"] if others else []),
            ]
            result(word + (f"  ({'; '.join(notes)})" if notes else ""))
        return
    bundled = library.bundled_folder()
    said = ""
    for model in found if as_json else sorted(found, key=lambda model: HEADINGS.index(_heading(model, bundled))):
        if not as_json and (heading := _heading(model, bundled)) != said:
            result(heading)
            said = heading
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
            if named := [word for word, value in manifest.qualities.items() if value == quality]:
                result(f"    {title}: {', '.join(named)}")
        allowed = "commercial use allowed" if manifest.commercial_use else "no commercial use"
        result(f"    licence: {manifest.licence or 'none given'}; {allowed}")


def _heading(model: Model, bundled: Path) -> str:
    """Return the one of `HEADINGS` under which a model is listed."""
    if model.folder.parent != bundled:
        return HEADINGS[2]
    return HEADINGS[0 if model.manifest.words else 1]


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
    for word, quality in manifest.qualities.items():
        no = "no-" if word not in manifest.words else ""
        others = [f"{no}{other}" for other in manifest.words[word.removeprefix(no)].also]
        result(f"    word {word}  ({', also '.join([quality, *([', '.join(others)] if others else [])])})")
    for role, graph in manifest.graphs.items():
        result(f"    {role}  {graph.file}  {graph.bytes / 1e6:.1f} MB  sha256 {graph.sha256}")
    for name, value in manifest.metrics.items():
        if isinstance(value, int | float | str):  # --json has all
            result(f"    {name}: {value:g}" if isinstance(value, float) else f"    {name}: {value}")
    lines = {
        "licence": transfer.terms(manifest.licence, manifest.commercial_use),
        "method": manifest.method,
        "folder": str(found.folder),
    }
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


def remove(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="Id or pulled repository.", autocompletion=completion.pulled, show_default=False
        ),
    ],
    quiet: Quiet = False,
) -> None:
    """Remove a pulled model from the cache."""
    show_logs(quiet)
    from imgedit.models import hub

    message(f"removed {hub.remove(model)}", quiet=quiet)


def pull(
    repo: transfer.Pulled,
    revision: transfer.Revision = None,
    accept_licence: transfer.AcceptLicence = False,
    max_size: transfer.MaxSize = None,
    offline: transfer.Offline = False,
    timeout: transfer.Timeout = 1800,
    quiet: Quiet = False,
) -> None:
    """Fetch a model from the hub; it is checked before it can be used, and its folder is printed.

    Its size and its licence are said before. A licence that forbids commercial use, or none, is to be accepted. A
    commit that is here is not asked for again; HF_HUB_OFFLINE is obeyed.
    """
    show_logs(quiet)
    from imgedit.models import hub, library

    repo_id, revision = hub.named(repo, revision)
    here = library.cache_folder() / repo_id.replace("/", "--")
    with transfer.Agreement(repo_id, here, accept_licence, quiet) as agreement:

        def agree(manifest: Manifest, size: int) -> None:
            agreement.ask(manifest.licence, manifest.commercial_use, size)

        model = hub.pull(
            repo_id,
            revision,
            report=agreement.report,
            agree=agree,
            timeout=timeout,
            offline=offline or None,
            max_bytes=transfer.limit(max_size),
        )
    message(f"{model.id} {model.manifest.version} is here; use it with --model {repo_id}", quiet=quiet)
    result(str(model.folder))


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A model folder, as `imgedit export` makes it.")],
    repo: transfer.Pushed,
    revision: transfer.Branch = None,
    private: transfer.Private = False,
    text: transfer.Text = None,
    quiet: Quiet = False,
) -> None:
    """Upload a model folder to the hub (log in first: hf auth login); the commit's address is printed."""
    show_logs(quiet)
    from imgedit.models import hub

    watched = transfer.is_watched(quiet)
    result(hub.push(folder, repo, revision=revision, private=private, message=text, show_progress=watched))
