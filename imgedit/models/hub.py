"""Pull model folders from the Hugging Face hub, and push them there.

A model is its manifest, the graphs that this names, and the card. The manifest is fetched first; then exactly the files
that it names, each with exactly the bytes that it says. What is pulled is checked, hashes too, before it becomes
visible to the library.

Nothing from the hub is trusted: sizes and times are limited, names that leave the folder are refused, and whatever the
client raises becomes one line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from imgedit import settings
from imgedit.errors import HubError, ImgeditError, ManifestError, ModelError, OutputError
from imgedit.files import read_file, write_whole
from imgedit.models import library, manifest
from imgedit.models.library import Model

__all__ = ["MAX_BYTES", "TIMEOUT", "Source", "is_offline", "named", "pull", "push", "remove", "source_of"]

T = TypeVar("T")

TIMEOUT = 1800.0
"""Seconds that a pull may take as a whole."""
MAX_BYTES = 4 << 30
"""Largest model that is pulled, all of its graphs together."""

SOURCE = "pulled.json"
"""File in a pulled model's folder that says where it came from."""

_CARD = "README.md"
_CARD_LIMIT = 1 << 20  # bytes
_SOURCE_LIMIT = 1 << 16  # bytes
_SILENCE = 30.0  # seconds without a byte after which the hub is given up
_PART = 1 << 16  # bytes read at once
_PULL = ".pull-"
_MAX_AGE = 3600.0  # seconds after which a folder that is being filled has no process any more
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where a pulled model came from.

    Attributes:
        repo: `owner/name`.
        revision: the branch, tag or commit that was asked for; None for the main branch.
        commit: what that was when it was pulled.
        licence: the licence that was shown then.
    """

    repo: str
    revision: str | None
    commit: str
    licence: str


def named(text: str, revision: str | None = None) -> tuple[str, str | None]:
    """Return repository and revision of `owner/name` or `owner/name@revision`.

    Raises:
        HubError: it is no repository name, or two revisions are named.
    """
    repo_id, at, own = text.partition("@")
    _check_repo_id(repo_id)
    if at and not own:
        raise HubError(f"{text!r} names no revision; give owner/name@revision, or leave the @ out")
    if own and revision not in (None, own):
        raise HubError(f"{text!r} and the revision {revision!r} contradict each other; name only one of them")
    return repo_id, own or revision


def source_of(model: Model) -> Source | None:
    """Return where a model came from; None for one that was not pulled, or by an older imgedit."""
    try:
        return Source(**json.loads(read_file(model.folder / SOURCE, _SOURCE_LIMIT)))
    except (OSError, ValueError, TypeError):
        return None


def is_offline() -> bool:
    """Tell whether the network may not be asked: by the setting `offline`, or by HF_HUB_OFFLINE."""
    return bool(settings.value("offline")) or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


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
    with _staging(root) as staging:
        whole = staging / "whole"
        whole.mkdir()
        source = _Repository(repo_id, revision, endpoint, whole)

        def fetch_manifest(cancelled: threading.Event) -> manifest.Manifest:
            source.cancelled = cancelled
            return _parsed(source.fetch(manifest.FILE, manifest.SIZE_LIMIT).read_bytes(), repo_id)

        def fetch(cancelled: threading.Event) -> None:
            source.cancelled = cancelled
            source.fetch_graphs(found, report)
            with contextlib.suppress(FileNotFoundError):
                source.fetch(_CARD, _CARD_LIMIT)

        found = _in_time(fetch_manifest, timeout, repo_id)
        size = _size_of(found, repo_id, MAX_BYTES if max_bytes is None else min(max_bytes, MAX_BYTES))
        left = timeout - (time.monotonic() - start)
        if agree is not None:
            agree(found, size)
        _in_time(fetch, left, repo_id)
        manifest.verify(whole)
        known = Source(repo_id, revision, source.commit, found.licence)
        write_whole(whole / SOURCE, json.dumps(asdict(known), indent=2) + "\n")
        _replace(target, whole, staging / "old")
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


def _cached(target: Path, repo_id: str, revision: str | None, offline: bool) -> Model | None:
    """Return the model that is here where it need not, or cannot, be asked for again."""
    model = library.load(target) if (target / manifest.FILE).exists() else None
    source = None if model is None else source_of(model)
    is_it = source is not None and revision is not None and revision == source.commit
    if not offline:
        return model if is_it else None
    if model is None:
        raise HubError(f"{repo_id} is not in the cache, and the network is not asked", hint="leave --offline out")
    if not (is_it or revision is None or (source is not None and revision == source.revision)):
        here = "another revision" if source is None else f"{source.revision or 'main'} ({source.commit})"
        raise HubError(f"{repo_id} is in the cache as {here}, not {revision}, and the network is not asked")
    return model


def _size_of(model: manifest.Manifest, repo_id: str, limit: int) -> int:
    """Return the bytes of a model's graphs.

    Raises:
        HubError: they are more than the limit.
    """
    total = sum(graph.bytes for graph in {graph.file: graph for graph in model.graphs.values()}.values())
    if total > limit:
        raise HubError(
            f"{repo_id}: its graphs have {_amount(total)}, more than {_amount(limit)}",
            hint="allow more with --max-size" if limit < MAX_BYTES else "",
        )
    return total


def _amount(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


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

    Uploaded are the manifest, the graphs that it names and the card, as they were when they were checked.

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
    _check_repo_id(repo_id)

    def upload(_: threading.Event) -> str:
        with _hub_errors(repo_id, revision):
            hub = _client()
            switch = hub.utils.enable_progress_bars if show_progress else hub.utils.disable_progress_bars
            switch()
            api = hub.HfApi(endpoint=endpoint)
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.create_commit(
                repo_id,
                operations=[hub.CommitOperationAdd(name, content) for name, content in files.items()],
                revision=revision,
                commit_message=message or f"{model.id} {model.version}",
            )
            return str(commit.commit_url)

    return _in_time(upload, None, repo_id)


class _Repository:
    """Fetches the files of one repository, all of the same commit.

    Args:
        repo_id: `owner/name`.
        revision: branch, tag or commit.
        endpoint: address of the hub.
        folder: where the files go.

    Attributes:
        cancelled: set when nobody waits for the files any more.
    """

    def __init__(self, repo_id: str, revision: str | None, endpoint: str | None, folder: Path) -> None:
        self._repo_id = repo_id
        self._revision = revision
        self._endpoint = endpoint
        self._folder = folder
        self.cancelled = threading.Event()

    @property
    def commit(self) -> str:
        """The commit of the files, once the first has come; empty where the hub does not say."""
        return self._revision if self._revision is not None and _COMMIT.fullmatch(self._revision) else ""

    def fetch_graphs(self, model: manifest.Manifest, report: Callable[[int, int], None] | None) -> None:
        """Fetch what a manifest names, with the sizes that it says."""
        graphs = {graph.file: graph for graph in model.graphs.values()}
        total, done = sum(graph.bytes for graph in graphs.values()), 0
        free = shutil.disk_usage(self._folder).free
        if total > free:
            raise OutputError(f"{self._folder}: {total / 1e6:.0f} MB do not fit, {free / 1e6:.0f} MB are free")
        for name, graph in graphs.items():
            before = done

            def count(size: int, before: int = before) -> None:
                if report is not None:
                    report(before + size, total)

            size = self.fetch(name, graph.bytes, count).stat().st_size
            if size < graph.bytes:
                raise HubError(f"{self._repo_id}: {name} ended after {size} of {graph.bytes} bytes; try again")
            done += size

    def fetch(self, name: str, limit: int, count: Callable[[int], None] | None = None) -> Path:
        """Fetch a file of at most `limit` bytes, and return where it lies.

        Raises:
            FileNotFoundError: the repository has no such file.
        """
        target = self._folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "xb") as file:
                size = 0
                for part in self._parts(name):
                    size += len(part)
                    if size > limit:
                        raise HubError(f"{self._repo_id}: {name} has more than the {limit} bytes that it may have")
                    file.write(part)
                    if count is not None:
                        count(size)
        except FileNotFoundError:
            target.unlink(missing_ok=True)
            raise
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise OutputError(f"{target.parent}: {name} cannot be written: {reason}") from error
        return target

    def _parts(self, name: str) -> Iterator[bytes]:
        """Give a file's bytes as they come; its commit is that of every later file."""
        with _hub_errors(self._repo_id, self._revision, name):
            hub = _client()
            address = hub.hf_hub_url(self._repo_id, name, revision=self._revision, endpoint=self._endpoint)
            headers = hub.utils.build_hf_headers() | {"Accept-Encoding": "identity"}
            session = hub.utils.get_session()
            options = {"headers": headers, "timeout": _SILENCE, "follow_redirects": True}
            with session.stream("GET", address, **options) as response:
                hub.utils.hf_raise_for_status(response)
                for answer in (*response.history, response):
                    commit = answer.headers.get("X-Repo-Commit", "")
                    if _COMMIT.fullmatch(commit):
                        self._revision = commit
                parts = response.iter_bytes(_PART)
                while not self.cancelled.is_set():
                    part = next(parts, None)
                    if part is None:
                        return
                    yield part
            raise HubError(f"{self._repo_id}: nobody waits for it any more")


def _parsed(text: bytes, repo_id: str) -> manifest.Manifest:
    where = f"{repo_id}: {manifest.FILE}"
    try:
        return manifest.Manifest.from_json(text.decode("utf-8"), where=where)
    except UnicodeDecodeError as error:
        raise ManifestError(f"{where} is not valid JSON (no UTF-8); get the model again") from error


def _files_of(folder: Path) -> tuple[manifest.Manifest, dict[str, bytes]]:
    """Return a checked model's manifest and the bytes of each file that belongs to it; no link is followed."""
    model = manifest.read(folder)
    for path in (folder / name for name in (manifest.FILE, _CARD, *(g.file for g in model.graphs.values()))):
        if path.is_symlink() or any(parent.is_symlink() for parent in path.relative_to(folder).parents if parent.name):
            raise ManifestError(f"{path} is a link; put the file itself there")
    files = {graph.file: manifest.read_graph(folder, graph) for graph in model.graphs.values()}
    for name, limit in ((manifest.FILE, manifest.SIZE_LIMIT), (_CARD, _CARD_LIMIT)):
        with contextlib.suppress(FileNotFoundError):
            try:
                files[name] = read_file(folder / name, limit)
            except ValueError as error:
                raise ManifestError(f"cannot read {folder / name}: {error}") from error
    return _parsed(files[manifest.FILE], str(folder)), files


def _in_time(work: Callable[[threading.Event], T], timeout: float | None, repo_id: str) -> T:
    """Do work in a thread that Ctrl-C and the clock can leave behind, whatever it waits for."""
    done, cancelled = threading.Event(), threading.Event()
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work(cancelled))
        except BaseException as error:  # goes on in the thread that waits
            errors.append(error)
        finally:
            done.set()

    start = time.monotonic()
    threading.Thread(target=run, daemon=True, name=f"hub {repo_id}").start()
    try:
        while not done.wait(0.1):
            if timeout is not None and time.monotonic() - start > timeout:
                raise HubError(
                    f"{repo_id}: took more than {timeout:.0f} s; try again", hint="or allow more with --timeout"
                )
    finally:
        cancelled.set()
    if errors:
        raise errors[0]
    return results[0]


def _replace(target: Path, whole: Path, old: Path) -> None:
    """Put a model in its place; the old version steps aside first, since no rename replaces a folder that is not empty.

    Raises:
        OutputError: it cannot be moved; the old version is back in its place.
    """
    try:
        if os.path.lexists(target):
            target.rename(old)
        try:
            whole.rename(target)
        except OSError:
            if os.path.lexists(old):
                old.rename(target)
            raise
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder inside the cache, so that the last step is a rename; always removed."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        folder = Path(tempfile.mkdtemp(prefix=_PULL, dir=root))
    except OSError as error:
        raise OutputError(f"cannot write to {root}: {error.strerror or error}; set IMGEDIT_HOME elsewhere") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed pulls left."""
    for folder in root.glob(f"{_PULL}*"):
        with contextlib.suppress(OSError):
            newest = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - newest > _MAX_AGE and not folder.is_symlink():
                shutil.rmtree(folder, ignore_errors=True)


def _check_repo_id(repo_id: str) -> None:
    if not _REPO_ID.fullmatch(repo_id) or ".." in repo_id or "--" in repo_id:
        raise HubError(f"{repo_id!r} is no repository name; give owner/name")


def _client() -> Any:
    """Return the hub's client; it tells its makers nothing."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before the import
    import huggingface_hub.utils

    return huggingface_hub


@contextmanager
def _hub_errors(repo_id: str, revision: str | None = None, name: str | None = None) -> Iterator[None]:
    """Say in one line what the hub's client raised, whatever it was."""
    _client()
    from huggingface_hub import errors as hf

    try:
        yield
    except (ImgeditError, GeneratorExit):
        raise
    except hf.GatedRepoError as error:
        raise HubError(f"{repo_id} is gated: ask its owner for access, then log in with `hf auth login`") from error
    except hf.RevisionNotFoundError as error:
        raise HubError(f"{repo_id} has no revision {revision!r}") from error
    except hf.RepositoryNotFoundError as error:
        raise HubError(f"the hub has no {repo_id}, or it is private and needs `hf auth login`") from error
    except hf.EntryNotFoundError as error:
        if name == _CARD:
            raise FileNotFoundError(name) from error
        raise ManifestError(f"{repo_id} is no whole model: it has no {name}") from error
    except hf.LocalTokenNotFoundError as error:
        raise HubError(f"{repo_id}: not logged in; run `hf auth login`") from error
    except hf.OfflineModeIsEnabled as error:
        raise HubError(f"{repo_id}: the hub is out of reach while HF_HUB_OFFLINE is set") from error
    except hf.HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        advice = "log in with `hf auth login`" if status in (401, 403) else "try again later"
        raise HubError(f"{repo_id}: the hub answered {status or 'with an error'}; {advice}") from error
    except Exception as error:  # the transport's own (httpx, httpx2), or what an answer without sense leads to
        raise HubError(f"{repo_id}: the hub cannot be reached, or its answer makes no sense: {_line(error)}") from error


def _line(error: Exception) -> str:
    """Return what an error says in one line, without the token that some of them quote."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    with contextlib.suppress(Exception):
        token = _client().get_token()
        if token:
            text = text.replace(token, "***")
    return re.sub(r"Bearer [^\s'\"]+", "Bearer ***", text)[:200]
