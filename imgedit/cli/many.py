"""How commands that edit photos carry an edit out: on one photo, or on many of them and of folders."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgedit import interrupts
from imgedit.cli.asked import Asked
from imgedit.cli.common import device_used, message, result
from imgedit.cli.written import result_folder, tell, tell_unchanged, warn
from imgedit.errors import BatchError, ImgeditError, PhotoError

if TYPE_CHECKING:
    from imgedit.batch import Job, Outcome
    from imgedit.editor import Editor, Result
    from imgedit.edits.plan import Plan

__all__ = ["More", "Way", "edit"]

_WIDTH = 60  # letters of a name in the table of photos that failed; longer ones stick out

More = Callable[["Result"], dict[str, object]]
"""Says what else the JSON of a photo tells."""
Carry = Callable[[Any, Any], "Result"]
"""Edits the photo of a path and writes it to another, or where it is None to where the edit itself puts it."""


def nothing(done: Result) -> dict[str, object]:
    """Say nothing else."""
    return {}


@dataclass(frozen=True)
class Way:
    """How a command carries its edit out, where that is not `Editor.edit_file`.

    Attributes:
        carry: edits one photo.
        files: names the files that a result consists of.
        endings: of their names, that are known; None for those of photos.
    """

    carry: Carry
    files: Callable[[Path], Sequence[Path]]
    endings: Collection[str] | None = None


def edit(asked: Asked, editor: Editor, plan: Plan, title: str, more: More = nothing, *, way: Way | None = None) -> None:
    """Carry an edit out and say what was written.

    Args:
        asked: what the command was asked for.
        editor: what carries it out.
        plan: the edit.
        title: what is done, for a line that shows it: `Editing`.
        more: says what else the JSON tells.
        way: how one photo is edited, where it is not as usual.

    Raises:
        BatchError: some photos of several failed.
        ImgeditError: as `Editor.edit_file`, for one photo.
    """
    if way is None:
        options: dict[str, Any] = {
            "face": asked.face, "compare": asked.compare, "crop_only": asked.crop_only, "overwrite": asked.overwrite,
        }  # fmt: skip

        def carry(photo: Any, out: Any) -> Result:
            return editor.edit_file(photo, plan, out=out, **options)

        way = Way(carry, lambda target: [target])
    if asked.watch is not None:
        _watch(asked, asked.watch, plan, more, way)
    elif asked.is_batch:
        _batch(asked, plan, title, more, way)
    else:
        _one(asked, plan, title, more, way)


def _one(asked: Asked, plan: Plan, title: str, more: More, way: Way) -> None:
    """Edit one photo, or say what would be done."""
    from imgedit import batch
    from imgedit.deliver import name as named
    from imgedit.progress import status

    photo = asked.photos[0]
    target = named(photo, plan.names, asked.out)
    if asked.dry_run:
        if (error := _foretell(asked, photo, target or Path("-"), way)) is not None:
            raise error
    elif asked.skip_existing and target is not None and batch.is_there(target, way.files):
        if asked.as_json:
            result({"photo": photo, "skipped": str(target), "device": device_used()})
        message(f"left out {photo}: its result is there", quiet=asked.quiet)
    else:
        with status(f"{title} {photo}", quiet=asked.quiet), result_folder(photo, plan.names, asked.out):
            done = way.carry(photo, asked.out)
        tell(photo, done, as_json=asked.as_json, quiet=asked.quiet, more=more(done))


def _batch(asked: Asked, plan: Plan, title: str, more: More, way: Way) -> None:
    """Edit many photos, or say what would be done."""
    from imgedit import batch
    from imgedit.progress import counted

    found = batch.collect(asked.photos, recursive=asked.recursive)
    jobs, own = batch.jobs_for(found, plan.names, asked.out, files=way.files)
    if own:
        message(
            f"left out {own} results of edits among the photos; one that is named itself is edited", quiet=asked.quiet
        )
    if asked.dry_run:
        _foretell_many(asked, jobs, way)
        return
    failed = []
    done_so_far = n_there = 0
    try:
        with _last_photos_end(asked) as stops:
            outcomes = batch.run(
                batch.with_folders(way.carry), jobs, workers=asked.jobs, skip_existing=asked.skip_existing,
                files=way.files, stops=stops,
            )  # fmt: skip
            for outcome in counted(outcomes, len(jobs), title, quiet=asked.quiet):
                done_so_far += outcome.error is None
                n_there += outcome.is_skipped
                if outcome.error is not None:
                    failed.append(outcome)
                _tell(outcome, asked, more)
                del outcome  # the photo that it holds is not needed while the next one is edited
    except KeyboardInterrupt:
        message(f"{done_so_far} of {len(jobs)} photos are done; the same command with --skip-existing goes on")
        raise
    if n_there:
        message(f"left out {n_there} of {len(jobs)} photos: their results are there", quiet=asked.quiet)
    if failed:
        _say_failed(failed, quiet=asked.as_json)
        raise BatchError(f"{len(failed)} of {len(jobs)} photos failed")


def _watch(asked: Asked, folder: Path, plan: Plan, more: More, way: Way) -> None:
    """Edit the photos of a folder as they come, until Ctrl-C or SIGTERM; results that are there are left."""
    from imgedit import batch

    n_done = 0
    failed: set[Path] = set()  # a photo that came in parts may fail first
    done: set[Path] = set()
    seen: list[batch.Job] = []
    try:
        message(f"watching {folder}; Ctrl-C ends it", quiet=asked.quiet)
        for ready in batch.watch(folder, recursive=asked.recursive):
            seen = list({job.source: job for job in [*seen, *ready]}.values())
            fresh = {job.source for job in ready}
            jobs, _ = batch.jobs_for(seen, plan.names, asked.out, files=way.files)
            jobs = [job for job in jobs if job.source in fresh]
            with _last_photos_end(asked) as stops:
                for outcome in batch.run(
                    batch.with_folders(way.carry), jobs, workers=asked.jobs, skip_existing=not asked.overwrite,
                    files=way.files, stops=stops,
                ):  # fmt: skip
                    source = outcome.job.source
                    n_done += outcome.result is not None
                    if outcome.is_skipped and source in done:
                        message(
                            f"{source} has changed, but its result is there; --overwrite edits it again",
                            quiet=asked.quiet,
                        )
                    done.add(source)
                    if outcome.error is None:
                        failed.discard(source)
                    else:
                        failed.add(source)
                        _say_failed([outcome], quiet=asked.as_json)
                    _tell(outcome, asked, more)
                    del outcome
    except KeyboardInterrupt as error:
        more_to_do = "" if asked.overwrite else "; the same command goes on"
        message(f"photos edited: {n_done}, failed: {len(failed)}{more_to_do}", quiet=asked.quiet)
        if isinstance(error, interrupts.Terminated):
            raise
    if failed:
        raise BatchError(f"{len(failed)} of {n_done + len(failed)} photos failed")


@contextlib.contextmanager
def _last_photos_end(asked: Asked) -> Iterator[Callable[[], bool]]:
    """Let the photos that were begun end after Ctrl-C or SIGTERM, and be told of, before it interrupts the work.

    One photo alone is given up, and its part of a file removed; a second signal does not disturb that.

    Yields:
        What tells whether a signal came.
    """
    with interrupts.noted(lambda received: asked.jobs == 1 and len(received.numbers) == 1) as received:
        yield lambda: bool(received.numbers)
        if received.numbers:
            raise interrupts.interrupt(received.numbers[-1])


def _foretell_many(asked: Asked, jobs: Sequence[Job], way: Way) -> None:
    """Say what would be written for photos, and which of them would fail.

    Raises:
        BatchError: some would.
    """
    from imgedit.batch import Outcome

    errors = [(job, _foretell(asked, str(job.source), job.target, way, job.problem)) for job in jobs]
    failing = [Outcome(job, error=error) for job, error in errors if error is not None]
    if failing:
        _say_failed(failing, quiet=asked.as_json)
        raise BatchError(f"{len(failing)} of {len(jobs)} photos would fail")


def _foretell(asked: Asked, photo: str, target: Path, way: Way, problem: str = "") -> ImgeditError | None:
    """Say what would be written for a photo, and whether it is there; return why it would fail, as the work says it.

    Whether the file is a photo with a face, only the work itself finds out.
    """
    from imgedit import batch, deliver
    from imgedit.photo import SUFFIXES, check_source

    files = [] if problem else list(way.files(target))
    if asked.compare:
        files += [deliver.compare_name(path) for path in files]
    there = [str(path) for path in files if str(path) != "-" and path.exists()]
    what, error = "replace" if there else "write", None
    if asked.skip_existing and not problem and batch.is_there(target, way.files):
        what = "skip"
    else:
        try:
            if problem:
                raise PhotoError(f"{photo}: {problem}")
            makes_folder = asked.is_batch or (asked.out is not None and not deliver.names_file(asked.out))
            endings = SUFFIXES if way.endings is None else way.endings
            deliver.check(files, overwrite=asked.overwrite, endings=endings, makes_folder=makes_folder)
            check_source(photo)
        except ImgeditError as found:
            what, error = "fail", found
    if asked.as_json:
        said = {} if error is None else {"error": str(error)}
        result({"photo": photo, "would": what, "files": [str(path) for path in files], "there": there, **said})
    elif error is None:
        named = ", ".join(str(path) for path in files)
        notes = {"write": "", "skip": "  (is there, left out)", "replace": "  (is there, replaced)"}
        result(f"{photo} -> {named}{notes[what]}")
    return error


def _tell(outcome: Outcome, asked: Asked, more: More) -> None:
    photo = str(outcome.job.source)
    if outcome.result is not None:
        said = filter(None, [*outcome.result.warnings, outcome.result.no_face.removeprefix(f"{photo}: ")])
        warn(list(said), quiet=asked.quiet, photo=photo, told=asked.told)
        tell_unchanged(photo, outcome.result, quiet=asked.quiet)
        if asked.as_json:
            tell(photo, outcome.result, as_json=True, quiet=True, more=more(outcome.result))
        else:
            for path in outcome.result.written:
                result(str(path))
    elif asked.as_json:
        what = {"skipped": str(outcome.job.target)} if outcome.is_skipped else {"error": str(outcome.error)}
        seconds = {} if outcome.is_skipped else {"seconds": {"whole": round(outcome.seconds, 3)}}
        result({"photo": photo, **what, "device": device_used(), **seconds})


def _say_failed(failed: Sequence[Outcome], *, quiet: bool) -> None:
    """List the photos that failed, on stderr."""
    width = min(_WIDTH, max(len(str(one.job.source)) for one in failed))
    for one in failed:
        text = str(one.error) or type(one.error).__name__
        prefix = f"{one.job.source}: "
        hint = getattr(one.error, "hint", "")
        message(f"failed: {one.job.source!s:<{width}}  {text.removeprefix(prefix)}{hint and '; '}{hint}", quiet=quiet)
