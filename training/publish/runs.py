"""Push run folders to the Hugging Face hub, and pull them: checkpoints, settings, log and figures.

`run.json` in the repository names every file of the run with its size and hash. It is fetched first; then only files of
the names that a run has, each with exactly the bytes that `run.json` says. Nothing is unpickled: a checkpoint is
safetensors and JSON, and it is read once before the folder gets its name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from imgedit.errors import HubError, OutputError, TrainingError
from imgedit.files import read_file
from imgedit.models import graphs
from imgedit.models.hub.client import check_repo_id, in_time, is_offline, named, upload
from imgedit.models.hub.layout import CARD
from imgedit.models.hub.place import replace, staging
from imgedit.models.hub.repository import Repository
from imgedit.models.hub.source import TIMEOUT, Source, check_size, source_of
from imgedit.text import reason
from training.publish import credit, run_card, run_index, stages
from training.publish.export import DENSITY_RATIO
from training.publish.run_index import Index
from training.run import checkpoint, record
from training.run.checkpoint import CONFIG, FOLDER
from training.run.fit import STATE, TENSORS

_LONGEST = 1 << 28  # bytes of a file beside the checkpoints
_LEFT_OUT = ("command", "started_from")
"""What `config.json` says of the machine and not of the run."""


def push(
    run: str | Path,
    repo_id: str,
    *,
    every: bool = False,
    revision: str | None = None,
    private: bool = False,
    message: str | None = None,
    endpoint: str | None = None,
    show_progress: bool = False,
) -> str:
    """Check a run folder, upload it to the hub, and return the address of the commit.

    Uploaded are the newest checkpoint, `config.json`, `log.jsonl`, what `imgedit evaluate` left, and a card. Folders of
    this machine are left out: that of the data set, and all but the last part of other absolute paths in the settings.

    Args:
        run: a run folder.
        repo_id: `owner/name`; it is made when missing.
        every: all checkpoints that the folder holds.
        revision: branch to commit to.
        private: make a new repository private.
        message: text of the commit.
        endpoint: address of the hub; the client's own setting when None.
        show_progress: show the client's progress bars on stderr.

    Raises:
        HubError: not logged in, no right to write, or the hub cannot be reached.
        TrainingError: the run has no checkpoint, a damaged file, or one that is a link.
    """
    run = Path(run)
    check_repo_id(repo_id)
    newest = checkpoint.latest(run)
    method = checkpoint.load_method(run)  # reads the newest checkpoint whole
    fields = credit.fields_of(run, method)
    with contextlib.ExitStack() as stack:
        files: dict[str, bytes | BinaryIO] = {CONFIG: _config_of(run)}
        for name in run_index.LOOSE[1:]:
            with contextlib.suppress(FileNotFoundError):
                files[name] = _read(run / name)
        _check_loose(run, f"{run}{os.sep}")
        for folder in checkpoint.found(run) if every else [newest]:
            if folder != newest:
                checkpoint.load_state(folder)
            tensors = stack.enter_context(_opened(folder / TENSORS))
            files[f"{FOLDER}/{folder.name}/{TENSORS}"] = tensors
            files[f"{FOLDER}/{folder.name}/{STATE}"] = checkpoint.state_without_folders(folder)
        index = Index(
            method.id,
            int(newest.name),
            str(fields["data_source"]),
            str(fields["licence"]),
            bool(fields["commercial_use"]),
            {name: run_index.described(content) for name, content in files.items()},
        )
        files[run_index.FILE] = index.to_json().encode()
        files[CARD] = run_card.text(index, _data_of(run), repo_id).encode()
        return upload(
            repo_id,
            files,
            message or f"{method.id}, {index.steps} steps",
            revision=revision,
            private=private,
            endpoint=endpoint,
            show_progress=show_progress,
        )


def pull(
    repo_id: str,
    revision: str | None = None,
    *,
    run: Path | None = None,
    every: bool = False,
    endpoint: str | None = None,
    timeout: float = TIMEOUT,
    report: Callable[[int, int], None] | None = None,
    agree: Callable[[Index, int], None] | None = None,
    offline: bool | None = None,
    max_bytes: int | None = None,
) -> Path:
    """Fetch a run and return its folder, with which `imgedit train --resume`, `--init` and `export` go on.

    Nothing that exists is replaced. A folder that holds the commit that is asked for is returned as it is, without the
    network, even where its training went on; offline so is one of the same repository.

    Args:
        repo_id: `owner/name` on the hub, or `owner/name@revision`.
        revision: branch, tag or commit; the main branch when None.
        run: the folder; None for `runs/NAME`.
        every: all checkpoints, not the newest alone.
        endpoint: address of the hub; the client's own setting when None.
        timeout: seconds that it may take as a whole.
        report: is told the bytes so far, and of all, as they come (from another thread).
        agree: is given `run.json` and the bytes of all files before any other is fetched, and raises what ends it.
        offline: ask nothing of the network; None for what `is_offline` says.
        max_bytes: of all files together; at most, and without it, `MAX_BYTES`.

    Raises:
        HubError: the repository or revision is not there or holds no whole run, or the hub cannot be reached.
        TrainingError: a checkpoint, the settings or the log are damaged.
        OutputError: the folder exists and is another, it cannot be written, or the disk is too small.
    """
    repo_id, revision = named(repo_id, revision)
    target = folder_of(repo_id) if run is None else Path(run)
    if _is_here(target, repo_id, revision, every, is_offline() if offline is None else offline):
        return target
    start = time.monotonic()
    with staging(target.parent, advice="name another folder with --run") as folder:
        whole = folder / "whole"
        whole.mkdir()
        source = Repository(repo_id, revision, endpoint, whole)

        def fetch_index(cancelled: threading.Event) -> Index:
            source.cancelled = cancelled
            with _complete(repo_id):
                return run_index.parsed(source.fetch(run_index.FILE, run_index.LIMIT).read_bytes(), repo_id)

        def fetch(cancelled: threading.Event) -> None:
            source.cancelled = cancelled
            with _complete(repo_id):
                source.fetch_all(wanted, report)

        index = in_time(fetch_index, timeout, repo_id)
        if source_of(target) is not None and _is_here(target, repo_id, source.commit, every, offline=False):
            return target
        _check_free(target)
        wanted = index.sizes(every)
        size = sum(wanted.values())
        check_size(size, repo_id, max_bytes)
        left = timeout - (time.monotonic() - start)
        if agree is not None:
            agree(index, size)
        in_time(fetch, left, repo_id)
        _check(whole, index, wanted, repo_id)
        Source(repo_id, revision, source.commit, index.licence).write(whole)
        replace(target, whole, folder / "old")
    return target


def resume_command(run: Path) -> str:
    """Return the command that goes on with a run folder.

    Raises:
        TrainingError: its `config.json` is damaged.
    """
    return run_card.resume_command(str(checkpoint.stored_config(run).get("method")), _data_of(run), str(run))


def _data_of(run: Path) -> str:
    """Return the data set of a run as `--data` takes it, without its folder."""
    return credit.without_folder(str(checkpoint.stored_config(run).get("data") or credit.dataset_of(run)))


def folder_of(repo_id: str) -> Path:
    """Return the run folder of a pull that names none."""
    return Path("runs") / repo_id.partition("/")[2]


def _is_here(target: Path, repo_id: str, revision: str | None, every: bool, offline: bool) -> bool:
    """Tell whether a folder is what is asked for, so that the network need not, or cannot, be asked.

    Raises:
        HubError: offline, and it is not.
        OutputError: it is, but without all checkpoints.
    """
    source = source_of(target)
    if source is not None and source.repo != repo_id:
        source = None
    is_it = source is not None and (source.is_commit(revision) or (offline and revision in (None, source.revision)))
    if offline and not is_it:
        told = "" if source is None else f" as {source.revision or 'main'} ({source.commit}), not {revision}"
        raise HubError(
            f"{repo_id} is {'not ' if source is None else ''}in {target}{told}, and the network is not asked",
            hint="leave --offline out",
        )
    if is_it and every:
        index = run_index.parsed(read_file(target / run_index.FILE, run_index.LIMIT), str(target))
        there = {folder.name for folder in checkpoint.found(target)}
        if missing := [name for name in index.checkpoints() if name not in there]:
            raise OutputError(f"{target} is here without the checkpoint {missing[0]}; name another folder with --run")
    return is_it


def _check_free(target: Path) -> None:
    """Complain of a folder that is not replaced: any that holds something."""
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target} exists and is not this commit of the run; name another folder with --run")


@contextlib.contextmanager
def _complete(repo_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise HubError(f"{repo_id} is no whole run: it has no {error}") from error


def _check(run: Path, index: Index, wanted: Mapping[str, int], repo_id: str) -> None:
    """Compare what came with `run.json`, and read it as the training would."""
    for name in wanted:
        with open(run / name, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != index.files[name]["sha256"]:
                raise HubError(f"{repo_id}: {name} is damaged: it has not the hash that {run_index.FILE} says")
        if wanted[name] == 0 and name.startswith(FOLDER):
            raise HubError(f"{repo_id}: {name} is empty")
    try:
        methods = {checkpoint.stored_config(run)["method"]}
        methods |= {checkpoint.load_state(folder)["method_id"] for folder in checkpoint.found(run)}
        _check_loose(run, f"{repo_id}: ")
    except TrainingError as error:  # without what would mend a run of one's own
        raise TrainingError(str(error).partition("; ")[0].replace(f"{run}{os.sep}", f"{repo_id}: ")) from error
    if methods != {index.method}:
        raise HubError(f"{repo_id}: {run_index.FILE} says {index.method}, the run is of {', '.join(sorted(methods))}")


def _check_loose(run: Path, where: str) -> None:
    """Read the log and the graph beside the checkpoints as the training and the export would."""
    if (run / record.LOG).exists():
        record.rows(run / record.LOG)
    if (run / DENSITY_RATIO).exists():
        graphs.check(_read(run / DENSITY_RATIO), f"{where}{DENSITY_RATIO}")


def _config_of(run: Path) -> bytes:
    """Return `config.json` of a run without what is of this machine alone."""
    path = run / CONFIG
    stored = json.loads(_read(path))
    checkpoint.stored_config(run)  # complains of a damaged one
    kept = {name: value for name, value in stored.items() if name not in _LEFT_OUT}
    if isinstance(kept.get("data"), str):
        kept["data"] = credit.without_folder(kept["data"])
    kept["config"] = {name: checkpoint.without_folder(value) for name, value in kept["config"].items()}
    kept.setdefault(stages.STAGE, run.resolve().name)
    return (json.dumps(kept, indent=2) + "\n").encode()


def _read(path: Path) -> bytes:
    _refuse_link(path)
    try:
        return read_file(path, _LONGEST)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise TrainingError(f"cannot read {path}: {reason(error)}") from error


def _opened(path: Path) -> BinaryIO:
    """Open a file, which a training that goes on may remove meanwhile."""
    _refuse_link(path)
    return open(path, "rb")


def _refuse_link(path: Path) -> None:
    if path.is_symlink() or path.parent.is_symlink():
        raise TrainingError(f"{path} is a link; put the file itself there")
