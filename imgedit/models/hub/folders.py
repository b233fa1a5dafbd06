"""Pull, push and remove model folders.

The manifest is fetched first; then exactly the files that it names, each with exactly the bytes that it says. What is
pulled is checked, hashes too, before it becomes visible to the library.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from imgedit.errors import HubError, ManifestError, ModelError, OutputError
from imgedit.files import read_file
from imgedit.models import library, manifest
from imgedit.models.hub import layout
from imgedit.models.hub.client import check_repo_id, hint_online, in_time, is_offline, named, upload
from imgedit.models.hub.place import replace, staging
from imgedit.models.hub.repository import Repository
from imgedit.models.hub.source import TIMEOUT, Source, check_size, source_of
from imgedit.models.library import Model

__all__ = ["pull", "push", "remove"]

_CARD_LIMIT = 1 << 20  # bytes


def pull(
    repo_id: str,
    revision: str | None = None,
    *,
    endpoint: str | None = None,
    timeout: float = TIMEOUT,
    report: Callable[[int, int], None] | None = None,
    agree: Callable[[manifest.Manifest, int], None] | None = None,
    offline: bool | None = None,
    max_bytes: int | None = None,
) -> Model:
    """Fetch a model repository into the cache and return the model.

    A commit that is in the cache is not asked for again. Offline the cached model is returned.

    Args:
        repo_id: `owner/name` on the hub, or `owner/name@revision`.
        revision: branch, tag or commit; the main branch when None.
        endpoint: address of the hub; the client's own setting when None.
        timeout: seconds that it may take as a whole.
        report: is told the bytes of the graphs so far, and of all, as they come (from another thread).
        agree: is given the manifest and the bytes of all graphs before any graph is fetched, and raises what ends it.
        offline: ask nothing of the network; None for what `is_offline` says.
        max_bytes: of all graphs together; at most, and without it, `MAX_BYTES`.

    Raises:
        HubError: the repository or revision is not there, the hub cannot be reached, or it sends what it should not.
        ManifestError: what came is not a whole model.
        OutputError: the cache cannot be written, or the disk is too small.
    """
    repo_id, revision = named(repo_id, revision)
    root = library.cache_folder()
    target = root / repo_id.replace("/", "--")
    cached = _cached(target, repo_id, revision, is_offline() if offline is None else offline)
    if cached is not None:
        return cached
    start = time.monotonic()
    with staging(root) as folder:
        whole = folder / "whole"
        whole.mkdir()
        source = Repository(repo_id, revision, endpoint, whole)

        def fetch_manifest(cancelled: threading.Event) -> manifest.Manifest:
            source.cancelled = cancelled
            with _complete(repo_id):
                return _parsed(source.fetch(manifest.FILE, manifest.SIZE_LIMIT).read_bytes(), repo_id)

        def fetch(cancelled: threading.Event) -> None:
            source.cancelled = cancelled
            with _complete(repo_id):
                source.fetch_all(wanted, report, (layout.GRAPHS, ""))
            with contextlib.suppress(FileNotFoundError):
                source.fetch(layout.CARD, _CARD_LIMIT)

        found = in_time(fetch_manifest, timeout, repo_id)
        wanted = {graph.file: graph.bytes for graph in found.graphs.values()}
        size = sum(wanted.values())
        check_size(size, repo_id, max_bytes)
        left = timeout - (time.monotonic() - start)
        if agree is not None:
            agree(found, size)
        in_time(fetch, left, repo_id)
        manifest.verify(whole)
        Source(repo_id, revision, source.commit, found.licence).write(whole)
        replace(target, whole, folder / "old")
    return library.load(target)


def remove(name: str) -> Path:
    """Remove a pulled model from the cache and return the folder that it had.

    Args:
        name: id or repository of the model.

    Raises:
        UnknownModelError: there is no such model.
        ModelError: it ships with imgedit, or lies in a folder of the user's own.
        OutputError: it cannot be removed.
    """
    root = library.cache_folder()
    by_repo = root / name.partition("@")[0].replace("/", "--")
    folder = by_repo if by_repo.parent == root and (by_repo / manifest.FILE).exists() else library.find(name).folder
    if folder.parent != root:
        raise ModelError(f"{name} was not pulled: it lies in {folder}, and only pulled models are removed")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be removed: {error.strerror or error}") from error
    return folder


def push(
    folder: Path,
    repo_id: str,
    *,
    revision: str | None = None,
    private: bool = False,
    message: str | None = None,
    endpoint: str | None = None,
    show_progress: bool = False,
) -> str:
    """Check a model folder, upload it to the hub, and return the address of the commit.

    Uploaded are the manifest, the graphs that it names and the card, as they were when they were checked, and a
    `config.json` for other libraries (`imgedit.models.hub.layout`).

    Args:
        folder: a model folder.
        repo_id: `owner/name`; it is made when missing.
        revision: branch to commit to.
        private: make a new repository private.
        message: text of the commit.
        endpoint: address of the hub; the client's own setting when None.
        show_progress: show the client's progress bars on stderr.

    Raises:
        HubError: not logged in, no right to write, or the hub cannot be reached.
        ManifestError: the folder is not a whole model, or a file of it is a link.
    """
    model, files = _files_of(Path(folder))
    check_repo_id(repo_id)
    return upload(
        repo_id,
        files,
        message or f"{model.id} {model.version}",
        revision=revision,
        private=private,
        endpoint=endpoint,
        show_progress=show_progress,
    )


def _cached(target: Path, repo_id: str, revision: str | None, offline: bool) -> Model | None:
    """Return the model that is here where it need not, or cannot, be asked for again."""
    model = library.load(target) if (target / manifest.FILE).exists() else None
    source = None if model is None else source_of(target)
    is_it = source is not None and source.is_commit(revision)
    if not offline:
        return model if is_it else None
    if model is None:
        raise HubError(f"{repo_id} is not in the cache, and the network is not asked", hint=hint_online())
    if not (is_it or revision is None or (source is not None and revision == source.revision)):
        here = "another revision" if source is None else f"{source.revision or 'main'} ({source.commit})"
        raise HubError(f"{repo_id} is in the cache as {here}, not {revision}, and the network is not asked")
    return model


@contextlib.contextmanager
def _complete(repo_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ManifestError(f"{repo_id} is no whole model: it has no {error}") from error


def _parsed(text: bytes, repo_id: str) -> manifest.Manifest:
    where = f"{repo_id}: {manifest.FILE}"
    try:
        return manifest.Manifest.from_json(text.decode("utf-8"), where=where)
    except UnicodeDecodeError as error:
        raise ManifestError(f"{where} is not valid JSON (no UTF-8); get the model again") from error


def _files_of(folder: Path) -> tuple[manifest.Manifest, dict[str, bytes]]:
    """Return a checked model's manifest and the content of its repository by name; no link is followed."""
    model = manifest.read(folder)
    for path in (folder / name for name in (manifest.FILE, layout.CARD, *(g.file for g in model.graphs.values()))):
        if path.is_symlink():
            raise ManifestError(f"{path} is a link; put the file itself there")
    files = {layout.GRAPHS + graph.file: manifest.read_graph(folder, graph) for graph in model.graphs.values()}
    for name, limit in ((manifest.FILE, manifest.SIZE_LIMIT), (layout.CARD, _CARD_LIMIT)):
        with contextlib.suppress(FileNotFoundError):
            try:
                files[name] = read_file(folder / name, limit)
            except ValueError as error:
                raise ManifestError(f"cannot read {folder / name}: {error}") from error
    found = _parsed(files[manifest.FILE], str(folder))
    return found, {**files, layout.CONFIG: layout.config(found).encode()}
