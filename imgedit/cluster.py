"""Photos on several processes or machines, by Ray: actors that hold the networks, over paths or tar files of photos.

Ray reads no photo: what travels are paths, and what comes back are rows of text and numbers. Photos are read and
written where the actor runs, so that the paths must be there for all of them.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from imgedit.errors import ConfigError, ImgeditError, OutputError
from imgedit.extras import how_to_install
from imgedit.folders import ResultFolders
from imgedit.photo import default_output

__all__ = ["Editing", "Row", "edit_shard", "failed", "run"]

Row = dict[str, Any]
"""What became of a photo: `source`, `member` (of a tar file, else empty), `written`, `warnings`, `error`, `seconds`."""
_SHARD = ".tar"
_NAMES_KEY = "names"


class _Done(Protocol):
    """What an edit returns; `imgedit.editor.Result`."""

    @property
    def written(self) -> Sequence[Path]: ...
    @property
    def warnings(self) -> Sequence[str]: ...
    @property
    def no_face(self) -> str: ...


Edit = Callable[[Path, Path], _Done]
"""Edits the photo of a path and writes the result to another path."""


class Editing:
    """Edits what a row names; an actor that loads its networks once, as `ray.data.Dataset.flat_map` takes it.

    Args:
        make: returns the edit; called once in each actor.
        readable: endings of the members of a tar file that are photos.
    """

    def __init__(self, make: Callable[[], Edit], readable: Iterable[str]) -> None:
        self._edit = make()
        self._readable = frozenset(readable)

    def __call__(self, row: Mapping[str, Any]) -> list[Row]:
        """Edit the photo of `source` into `target`, or all photos of a tar file into another; one row for each."""
        source, target = Path(row["source"]), Path(row["target"])
        if source.suffix.lower() == _SHARD:
            return edit_shard(self._edit, source, target, row[_NAMES_KEY], self._readable)
        return [_row(self._edit, source, target, str(source))]


def run(
    make: Callable[[], Edit], rows: Sequence[Mapping[str, Any]], readable: Iterable[str], *, workers: int
) -> Iterator[Row]:
    """Edit what rows name with actors of Ray, and yield what became of each photo as it is done.

    Args:
        make: returns the edit; it is sent to the actors.
        rows: `source`, `target`, and `names` of the edit.
        readable: endings of the members of a tar file that are photos.
        workers: actors, with one processor each.

    Raises:
        ConfigError: Ray is not installed.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigError(f"ray_map needs Ray; add it with: {how_to_install('ray[data]')}") from error
    is_own = not ray.is_initialized()
    if is_own:
        ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        data = ray.data.from_items([dict(row) for row in rows], override_num_blocks=max(1, len(rows)))
        options = {"fn_constructor_args": (make, tuple(readable)), "concurrency": workers, "num_cpus": 1}
        done = data.flat_map(Editing, **options)
        yield from (dict(row) for row in done.iter_rows())
    finally:
        if is_own:
            ray.shutdown()


def edit_shard(edit: Edit, source: Path, target: Path, names: Sequence[str], readable: Iterable[str]) -> list[Row]:
    """Edit the photos of a tar file into another, whole or not at all; members that are no photos are copied.

    Args:
        edit: what is done with each photo.
        source: the tar file.
        target: the file to write.
        names: what an edit's results are named after (`Plan.names`).
        readable: endings of members that are photos.
    """
    start = time.perf_counter()
    part = target.with_name(f".{target.name}.part")
    try:
        if os.path.lexists(target):
            raise OutputError(f"{target}: exists already")
        with tarfile.open(source) as given, ResultFolders().open(target.parent):
            try:
                with tarfile.open(part, "w") as made:
                    rows = _edit_members(edit, given, made, str(source), names, readable)
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
    except (ImgeditError, OSError, tarfile.TarError) as error:
        reason = str(error) or type(error).__name__
        rows = [failed(str(source), "", reason, time.perf_counter() - start)]
    return rows


def _edit_members(
    edit: Edit,
    given: tarfile.TarFile,
    made: tarfile.TarFile,
    source: str,
    names: Sequence[str],
    readable: Iterable[str],
) -> list[Row]:
    """Edit the photos of an open tar file, called `source`, into another; else as `edit_shard`."""
    rows: list[Row] = []
    taken: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        for member in given:
            if member.isdir():
                made.addfile(member)
                continue
            if not member.isfile():
                rows.append(
                    failed(source, member.name, "it is a link or a device; tar files of photos hold files", 0.0)
                )
                continue
            file = given.extractfile(member)
            content = b"" if file is None else file.read()
            name = Path(member.name)
            if name.suffix.lower() not in readable:
                _add(made, member, member.name, content)
                continue
            photo = Path(folder) / f"photo{name.suffix}"
            photo.write_bytes(content)
            result = default_output(name, names)
            if str(result) in taken:  # of a.gif and a.ppm both results are PNG
                result = result.with_name(".".join([name.name, *names]) + result.suffix)
            taken.add(str(result))
            out = Path(folder) / f"result{result.suffix}"
            rows.append(_row(edit, photo, out, source, member.name, str(result)))
            if out.exists():
                _add(made, member, str(result), out.read_bytes())
                out.unlink()
    return rows


def _add(made: tarfile.TarFile, member: tarfile.TarInfo, name: str, content: bytes) -> None:
    """Add a file that has the rights and the time of a member of another."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), member.mode, member.mtime
    made.addfile(entry, io.BytesIO(content))


def _row(edit: Edit, photo: Path, out: Path, source: str, member: str = "", named: str = "") -> Row:
    """Edit a photo and tell what became of it."""
    start = time.perf_counter()
    try:
        done = edit(photo, out)
    except (ImgeditError, OSError, MemoryError) as error:
        text = (str(error) or type(error).__name__).removeprefix(f"{photo}: ")
        return failed(source, member, text, time.perf_counter() - start)
    written = [named] if named and done.written else [str(path) for path in done.written]
    warnings = [*done.warnings, *filter(None, [done.no_face])]
    return {"source": source, "member": member, "written": written, "warnings": warnings, "error": "",
            "seconds": round(time.perf_counter() - start, 3)}  # fmt: skip


def failed(source: str, member: str, error: str, seconds: float) -> Row:
    """Return the row of a photo that failed, and why; `member` as in `Row`."""
    return {"source": source, "member": member, "written": [], "warnings": [], "error": error,
            "seconds": round(seconds, 3)}  # fmt: skip
