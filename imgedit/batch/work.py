"""Carry an edit out on each photo, several at a time. What is done with one is a pure function of two paths."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imgedit.batch.jobs import READABLE, STDIN, Files, Job, is_there
from imgedit.deliver import ExactPath
from imgedit.errors import ImgeditError, PhotoError
from imgedit.folders import ResultFolders

if TYPE_CHECKING:
    from imgedit.editor import Editor, Result
    from imgedit.edits.plan import Plan

__all__ = ["Edit", "Outcome", "edit_files", "ray_map", "run", "with_folders"]

_TURN = 5e-5  # seconds that a thread may keep the interpreter from others; Python's own is a hundred times that

Edit = Callable[[Path, Path], "Result"]
"""Edits the photo of a path and writes the result to another path."""


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
            return edit(source if str(source) != STDIN else STDIN, ExactPath(target))  # type: ignore[arg-type]

    return made


def run(
    edit: Edit,
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    skip_existing: bool = False,
    files: Files = lambda target: [target],
    stops: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Edit photos and yield what became of each, as it is done.

    Where this ends early (Ctrl-C, SIGTERM, `close`), photos that were begun are finished and no other is begun.

    Args:
        edit: what is done, such as `edit_files` returns.
        jobs: photos with targets.
        workers: photos at a time; each gets one processor thread where there are several.
        skip_existing: leave out photos whose result is there, also where another run wrote it meanwhile.
        files: names the files that a result consists of, for edits that write several.
        stops: asked before each photo; once it says so, no other is begun.
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
        yield from map(work, itertools.takewhile(lambda _: not stops(), left))
        return
    # What to name photos does not need.
    from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

    from imgedit.models import devices

    waiting = itertools.takewhile(lambda _: not stops(), left)
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
