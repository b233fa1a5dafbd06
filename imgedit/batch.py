"""Edit many photos: find them, name the results, and carry one edit out on each, several at a time.

A photo that fails stops nothing. What is done with a photo is a pure function of its path and of the path of the
result, so that it can be handed to whatever maps functions over paths.
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from errno import EACCES
from pathlib import Path
from typing import TYPE_CHECKING

from imgedit.deliver import ExactPath, check_template, compare_name, filled, names_file
from imgedit.errors import ConfigError, ImgeditError, PhotoError
from imgedit.folders import ResultFolders
from imgedit.photo import SUFFIXES, default_output, is_marked
from imgedit.text import reason

if TYPE_CHECKING:
    from imgedit.editor import Editor, Result
    from imgedit.edits.plan import Plan

__all__ = [
    "Job",
    "Outcome",
    "collect",
    "edit_files",
    "is_batch",
    "is_there",
    "jobs_for",
    "ray_map",
    "run",
    "watch",
    "with_folders",
]

READABLE = frozenset({*SUFFIXES, ".gif", ".ppm", ".pgm", ".pbm", ".qoi", ".mpo", ".heic", ".heif", ".avif"})
"""Endings of the files that are taken for photos in a folder."""
_LISTED = 3  # names in a message
_STDIN = "-"
_PAUSE = 1.0  # seconds between two looks into a folder that is watched
_TURN = 5e-5  # seconds that a thread may keep the interpreter from others; Python's own is a hundred times that

Edit = Callable[[Path, Path], "Result"]
"""Edits the photo of a path and writes the result to another path."""
Files = Callable[[Path], Sequence[Path]]
"""Names the files that a result consists of, by the path that it was given."""


@dataclass(frozen=True)
class Job:
    """One photo of many.

    Attributes:
        source: the photo.
        below: its path below the folder that was named; its name where it was named itself.
        target: where its result goes.
        problem: why it cannot be edited, where that is known before: a folder that may not be read.
        is_named: it was named itself, and not found in a folder or by a pattern.
    """

    source: Path
    below: Path
    target: Path = Path()
    problem: str = ""
    is_named: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a photo.

    Attributes:
        job: which photo.
        result: what was done; None where it failed or was left out.
        error: why it failed.
        is_skipped: its result was there.
        seconds: from its start to its end.
    """

    job: Job
    result: Result | None = None
    error: Exception | None = None
    is_skipped: bool = False
    seconds: float = field(default=0.0, compare=False)


def is_batch(photos: Sequence[str]) -> bool:
    """Tell whether what was named may be more than one photo: several names, a folder, or a pattern."""
    return len(photos) > 1 or _is_folder(photos[0]) or _is_pattern(photos[0])


def collect(photos: Sequence[str], *, recursive: bool = False) -> list[Job]:
    """Return the photos of names: files, folders (the photos in them, by name), and patterns such as `*.jpg`.

    Args:
        photos: what was named; `-` is the photo from standard input, which is called `stdin`.
        recursive: also the photos of folders in folders.

    Raises:
        ConfigError: `-` is named twice.
        PhotoError: there are no photos in the folders.
    """
    found: dict[Path, Job] = {}
    if list(photos).count(_STDIN) > 1:
        raise ConfigError("stdin holds one photo; name it once")
    for named in photos:
        if named == _STDIN:
            found[Path(_STDIN)] = Job(Path(_STDIN), Path("stdin"))
            continue
        is_pattern = _is_pattern(named)
        for path in sorted(glob.glob(named, recursive=True)) if is_pattern else [named]:
            itself = Job(Path(path), Path(Path(path).name), is_named=not is_pattern)
            in_it = _in_folder(Path(path), recursive) if _is_folder(path) else [itself]
            for job in in_it:
                found.setdefault(job.source, job)
    if not found:
        deeper = "" if recursive else "; -r looks in its folders too"
        raise PhotoError(f"no photos in {', '.join(photos[:_LISTED])}{deeper}")
    return list(found.values())


def jobs_for(
    jobs: Sequence[Job],
    names: Sequence[str],
    out: str | Path | None = None,
    *,
    files: Files = lambda target: [target],
) -> tuple[list[Job], int]:
    """Name the results.

    Args:
        jobs: the photos.
        names: what an edit's results are named after (`Plan.names`).
        out: a folder, in which folders are kept as they are; or a template such as `{stem}.{edit}{ext}`; None puts each
            result beside its photo.
        files: as `run`; a result may also have what --compare writes beside each of them.

    Returns:
        The photos with their targets, and how many were left out because they are results: of this very edit, or of
        other edits of photos that stand beside them, unless they were named themselves.

    Raises:
        ConfigError: `out` is a file, a template has unknown fields, two results would be one file, or the photo from
            standard input has no place to go to.
    """
    if out is None and any(str(job.source) == _STDIN for job in jobs):
        raise ConfigError("stdin holds one photo without a name; name it alone, or a folder for the results")
    originals = {(job.source.parent, name) for job in jobs for name in (job.source.stem, job.source.name)}
    kept = list(jobs)
    if out is None:
        kept = [job for job in jobs if not _is_result(job.source, names, originals)]
    kept = [job for job in kept if job.is_named or not _is_other_result(job.source, originals)]  # looks into files
    place = _placer(names, out)
    problems = [job for job in kept if job.problem]
    named = [replace(job, target=place(job)) for job in kept if not job.problem]
    counts = Counter(job.target for job in named)
    if "{" not in str(out or ""):  # of a.gif and a.ppm both results are PNG: they keep the endings
        named = [_with_ending(job, names) if counts[job.target] > 1 else job for job in named]
    named = _without_results(named, files)
    double = [path for path, count in Counter(job.target for job in named).items() if count > 1]
    if double:
        both = " and ".join(str(job.source) for job in named if job.target == double[0])
        raise ConfigError(
            f"the results of {both} would be one file, {double[0]}; edit them into "
            "different folders, name the folder above them with -r, or another template"
        )
    return [*problems, *named], len(jobs) - len(problems) - len(named)


def is_there(target: Path, files: Files) -> bool:
    """Tell whether all files are there that a result consists of; `files` as `run`."""
    return all(os.path.lexists(path) for path in files(target))


def edit_files(editor: Editor, plan: Plan, **options: object) -> Edit:
    """Return a function that edits the photo of a path; `options` are those of `Editor.edit_file`."""

    def edit(source: Path, target: Path) -> Result:
        return editor.edit_file(source, plan, out=target, **options)  # type: ignore[arg-type]

    return with_folders(edit)


def with_folders(edit: Edit) -> Edit:
    """Return an edit that makes the folder of its result first, and removes it again where nothing was written."""
    folders = ResultFolders()

    def made(source: Path, target: Path) -> Result:
        with folders.open(target.parent):
            return edit(source if str(source) != _STDIN else _STDIN, ExactPath(target))  # type: ignore[arg-type]

    return made


def run(
    edit: Edit,
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    skip_existing: bool = False,
    files: Files = lambda target: [target],
) -> Iterator[Outcome]:
    """Edit photos and yield what became of each, as it is done.

    Where this ends early (Ctrl-C, SIGTERM, `close`), photos that were begun are finished and no other is begun.

    Args:
        edit: what is done, such as `edit_files` returns.
        jobs: photos with targets.
        workers: photos at a time; each gets one processor thread where there are several.
        skip_existing: leave out photos whose result is there, also where another run wrote it meanwhile.
        files: names the files that a result consists of, for edits that write several.
    """

    def is_left_out(job: Job) -> bool:
        return skip_existing and not job.problem and is_there(job.target, files)

    def work(job: Job) -> Outcome:
        if job.problem:
            return Outcome(job, error=PhotoError(f"{job.source}: {job.problem}"))
        if is_left_out(job):
            return Outcome(job, is_skipped=True)
        start = time.perf_counter()
        try:
            return Outcome(job, edit(job.source, job.target), seconds=time.perf_counter() - start)
        except (ImgeditError, OSError, MemoryError) as error:
            if is_left_out(job):  # an edit that fails leaves no result, so this is another run's
                return Outcome(job, is_skipped=True)
            return Outcome(job, error=error, seconds=time.perf_counter() - start)

    left = []
    for job in jobs:
        if is_left_out(job):
            yield Outcome(job, is_skipped=True)
        else:
            left.append(job)
    if workers == 1:
        yield from map(work, left)
        return
    # What to name photos does not need.
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    from imgedit.models import devices

    waiting = iter(left)
    with devices.threads_limited(1), _quick_turns(), ThreadPoolExecutor(workers) as pool:
        begun: set[Future[Outcome]] = set()
        while True:
            # Few are begun ahead, so that results do not pile up in memory.
            begun |= {pool.submit(work, job) for job in itertools.islice(waiting, workers - len(begun))}
            if not begun:
                return
            try:
                done, begun = wait(begun, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt:
                yield from (one.result() for one in wait(begun).done)  # those at hand are told of as well
                raise
            for one in done:
                yield one.result()


@contextlib.contextmanager
def _quick_turns() -> Iterator[None]:
    """Let threads take turns at the interpreter more often.

    Most of an edit is computed outside it and comes back to it thousands of times; each time another photo's thread may
    hold it for a whole turn.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(_TURN)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def ray_map(
    make: Callable[[], Edit], jobs: Sequence[Job], *, names: Sequence[str] = ("edited",), workers: int = 2
) -> Iterator[dict[str, object]]:
    """Edit photos, and tar files of photos, with actors of Ray, each of which loads the networks once.

    Args:
        make: returns the edit, such as `edit_files` does; it is called in each actor, and must not hold networks.
        jobs: photos with targets; a source that ends in `.tar` is a tar file of photos, and so is its target.
        names: what the photos in tar files are named after (`Plan.names`).
        workers: actors, each with one processor.

    Yields:
        What became of each photo, as it is done: `source`, `member` (of a tar file, else empty), `written`, `warnings`,
        `error` (empty where there was none), `seconds`. Photos with a `problem` come first; no actor is given them.

    Raises:
        ConfigError: Ray is not installed.
    """
    from imgedit import cluster

    yield from (cluster.failed(str(job.source), "", job.problem, 0.0) for job in jobs if job.problem)
    rows = [
        {"source": str(job.source), "target": str(job.target), "names": list(names)} for job in jobs if not job.problem
    ]
    if rows:
        yield from cluster.run(make, rows, READABLE, workers=workers)


def watch(folder: Path, *, recursive: bool = False, pause: float = _PAUSE) -> Iterator[list[Job]]:
    """Give the photos of a folder, those that are there and then those that come, without end.

    A photo is given once it was the same at two looks, so that none is read while it is written; one that changes later
    is given again.

    Args:
        folder: which.
        recursive: also the photos of its folders.
        pause: seconds between two looks.
    """
    given: dict[Path, tuple[int, int]] = {}
    before: dict[Path, tuple[int, int]] = {}
    while True:
        now = {job.source: (job, state) for job in _in_folder(folder, recursive) if (state := _state(job.source))}
        ready = [job for path, (job, state) in now.items() if before.get(path) == state and given.get(path) != state]
        given |= {job.source: now[job.source][1] for job in ready}
        before = {path: state for path, (_, state) in now.items()}
        if ready:
            yield ready
        time.sleep(pause)


def _state(path: Path) -> tuple[int, int] | None:
    """Return what tells whether a file has changed; None for one that is gone, or empty."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status.st_size else None


def _is_folder(name: str | Path) -> bool:
    try:
        return str(name) != "" and Path(name).is_dir()  # an empty name would be the folder that one is in
    except (OSError, ValueError):
        return False


def _is_pattern(name: str) -> bool:
    """Tell whether a name has wildcards, is no file and fits some; shells that know patterns expand them before."""
    try:
        return glob.has_magic(name) and not os.path.lexists(name) and next(glob.iglob(name, recursive=True), "") != ""
    except (ValueError, OSError):
        return False


def _in_folder(folder: Path, recursive: bool) -> list[Job]:
    """Return the photos in a folder by name, and what is to fail: links to nowhere, folders that cannot be read."""
    found = []

    def closed(error: OSError) -> None:
        path = Path(error.filename)
        below = path.relative_to(folder) if path != folder else Path(folder.name)
        found.append(Job(path, below, problem="no permission to read it" if error.errno == EACCES else reason(error)))

    for place, folders, names in os.walk(folder, onerror=closed):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in READABLE and (os.path.isfile(path) or not os.path.exists(path)):
                found.append(Job(path, path.relative_to(folder), is_named=False))
    return sorted(found, key=lambda job: job.source)


def _is_result(path: Path, names: Sequence[str], originals: Container[tuple[Path, str]]) -> bool:
    """Tell whether a file is the result of an edit of another of the photos, as it is named by default.

    Args:
        path: the file.
        names: as `jobs_for`.
        originals: folder of each photo and its name, with its ending and without.
    """
    stem, ending = path.stem, "." + ".".join(names)
    return stem.endswith(ending) and (path.parent, stem.removesuffix(ending)) in originals


def _is_other_result(path: Path, originals: Container[tuple[Path, str]]) -> bool:
    """Tell whether a file is called after another of the photos, as results are, and says that imgedit edited it."""
    parts = path.stem.split(".")
    starts = (".".join(parts[:n]) for n in range(1, len(parts)))
    return any((path.parent, start) in originals for start in starts) and is_marked(path)


def _without_results(jobs: Sequence[Job], files: Files) -> list[Job]:
    """Leave out photos that are the results of others: results may lie in, or below, the folder of the photos."""
    folders: dict[Path, str] = {}

    def place(path: Path) -> tuple[str, str]:
        """Return what is the same for all paths of a file; a link to a file is a file of its own."""
        if path.parent not in folders:
            folders[path.parent] = os.path.realpath(path.parent)
        return folders[path.parent], path.name

    others = [job for job in jobs if place(job.target) != place(job.source)]
    written = [path for job in others for path in files(job.target)]
    results = {place(path) for path in (*written, *map(compare_name, written))}
    return [job for job in jobs if place(job.target) == place(job.source) or place(job.source) not in results]


def _with_ending(job: Job, names: Sequence[str]) -> Job:
    """Return a job whose result keeps the ending of the photo in its name: `a.gif.blond.png`."""
    return replace(job, target=job.target.with_name(".".join([job.source.name, *names]) + job.target.suffix))


def _placer(names: Sequence[str], out: str | Path | None) -> Callable[[Job], Path]:
    """Return what names the result of a photo."""
    if out is None:
        return lambda job: default_output(job.source, names)
    text = str(out)
    if "{" not in text:
        folder = Path(text)
        if text == "-" or (names_file(out) and folder.suffix.lower() in SUFFIXES):
            raise ConfigError(
                f"{text} is one file for many photos; name a folder, or a template such as {{stem}}.{{edit}}{{ext}}"
            )
        return lambda job: folder / job.below.parent / default_output(job.below, names).name
    check_template(text)
    return lambda job: filled(text, job.below, names)
