"""Put a finished model folder in its place, and never anything else out of its place."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imgedit.errors import ManifestError, OutputError
from imgedit.models import manifest
from training.run import checkpoint

CARD = "README.md"
INSIDE_RUN = "model"
"""The one folder of a run that a model may be put into."""


@contextlib.contextmanager
def placed(out: Path, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder to fill; where the block ends without an exception, it takes the place of `out`.

    Only what is missing, an empty folder or, with `overwrite`, a model folder is replaced. Parents are made.

    Raises:
        OutputError: `out` is something else, lies in a run, or cannot be written.
    """
    target = _target(out, overwrite)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".part", dir=target.parent))
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error
    try:
        yield staging
        staging.chmod(0o777 & ~_umask())  # mkdtemp lets nobody else in
        _target(out, overwrite)  # it may have changed while the graphs were made
        _exchange(staging, target)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check(out: Path, overwrite: bool) -> None:
    """Complain of a place that `placed` would refuse.

    Raises:
        OutputError: `out` is neither missing nor empty nor, with `overwrite`, a model folder.
    """
    _target(out, overwrite)


def _target(out: Path, overwrite: bool) -> Path:
    """Return where `out` really lies, links followed."""
    target = Path(os.path.realpath(out))
    for run in target.parents:
        # A recipe puts the model that a later stage needs into RUN/model.
        if checkpoint.found(run) and target != run / INSIDE_RUN:
            raise OutputError(
                f"{out} lies in the run {run}, where a model may only be {INSIDE_RUN}; name another with -o"
            )
    if not os.path.lexists(target):
        return target
    if not target.is_dir():
        raise OutputError(f"{out} is a file; name a folder with -o")
    if Path.cwd().is_relative_to(target):
        raise OutputError(f"{out} is the current folder or holds it; name a new folder with -o, such as models/NAME")
    found = sorted(p.name for p in target.iterdir())
    if not found:
        return target
    try:
        own = {manifest.FILE, CARD, *(graph.file for graph in manifest.read(target).graphs.values())}
    except ManifestError as error:
        raise OutputError(f"{out} is no model folder, so it is not replaced; name another with -o ({error})") from error
    if others := [name for name in found if name not in own]:
        raise OutputError(f"{out} also holds {others[0]!r}, which is no part of a model, so it is not replaced")
    if not overwrite:
        raise OutputError(f"{out} exists; add --overwrite or name another folder with -o")
    return target


def _exchange(staging: Path, target: Path) -> None:
    """Rename `staging` to `target`; a model that was there disappears only once the new one is in its place."""
    if not target.exists():
        os.replace(staging, target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-", suffix=".old", dir=target.parent))
    os.replace(target, old)  # onto an empty folder
    try:
        os.replace(staging, target)
    except OSError:
        os.replace(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
