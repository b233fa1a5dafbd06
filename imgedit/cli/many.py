"""How commands that edit photos carry an edit out: on one photo, or on many of them and of folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imgedit.cli.common import device_used, message, result
from imgedit.cli.written import check_stdout, tell
from imgedit.errors import BatchError, ConfigError

if TYPE_CHECKING:
    from imgedit.batch import Outcome
    from imgedit.editor import Editor, Result
    from imgedit.edits.plan import Plan

__all__ = ["Asked", "More", "check", "edit"]

_SHOWN = 20  # failed photos in the table at the end


@dataclass(frozen=True)
class Asked:
    """What a command was asked for, beside the edit itself.

    Attributes:
        photos: photos, folders and patterns.
        out: the file of one photo; a folder or a template for many.
        recursive: also the folders in a folder.
        skip_existing: leave out photos whose result is there.
        jobs: photos at a time.
        face: which faces.
        compare: also write before and after side by side.
        crop_only: write the edited faces alone.
        overwrite: replace files that exist.
        as_json: print JSON, of many photos one line each.
        quiet: no messages but errors.
    """

    photos: Sequence[str]
    out: Path | None
    recursive: bool
    skip_existing: bool
    jobs: int
    face: str
    compare: bool
    crop_only: bool
    overwrite: bool
    as_json: bool
    quiet: bool

    @property
    def is_batch(self) -> bool:
        """Whether it may be more than one photo."""
        from imgedit.batch import is_batch

        return is_batch(self.photos)


def check(asked: Asked) -> None:
    """Refuse before any work what makes no sense together.

    Raises:
        ConfigError: such options are given.
    """
    if not asked.is_batch:
        check_stdout(asked.photos[0], asked.out, compare=asked.compare, crop_only=asked.crop_only, json=asked.as_json)
        for name, given in (("--recursive", asked.recursive), ("--skip-existing", asked.skip_existing)):
            if given:
                raise ConfigError(f"{name} is for folders and several photos")
    elif asked.overwrite and asked.skip_existing:
        raise ConfigError("--overwrite and --skip-existing contradict each other; name only one of them")


More = Callable[["Result"], dict[str, object]]
"""Says what else the JSON of a photo tells."""


def nothing(done: Result) -> dict[str, object]:
    """Say nothing else."""
    return {}


def edit(asked: Asked, editor: Editor, plan: Plan, title: str, more: More = nothing) -> None:
    """Carry an edit out and say what was written.

    Args:
        asked: what the command was asked for.
        editor: what carries it out.
        plan: the edit.
        title: what is done, for a line that shows it: `Editing`.
        more: says what else the JSON tells.

    Raises:
        BatchError: some photos of several failed.
        ImgeditError: as `Editor.edit_file`, for one photo.
    """
    from imgedit.progress import status

    options: dict[str, Any] = {
        "face": asked.face, "compare": asked.compare, "crop_only": asked.crop_only, "overwrite": asked.overwrite,
    }  # fmt: skip
    if not asked.is_batch:
        photo = asked.photos[0]
        with status(f"{title} {photo}", quiet=asked.quiet):
            done = editor.edit_file(photo, plan, out=asked.out, **options)
        tell(photo, done, as_json=asked.as_json, quiet=asked.quiet, more=more(done))
        return
    from imgedit import batch
    from imgedit.progress import counted

    found = batch.collect(asked.photos, recursive=asked.recursive)
    jobs, own = batch.jobs_for(found, plan.names, asked.out)
    if own:
        message(f"left out {own} results of this edit among the photos", quiet=asked.quiet)
    outcomes = batch.run(
        batch.edit_files(editor, plan, **options), jobs, workers=asked.jobs, skip_existing=asked.skip_existing
    )
    failed = []
    done_so_far = 0
    try:
        for outcome in counted(outcomes, len(jobs), title, quiet=asked.quiet):
            done_so_far += outcome.error is None
            if outcome.error is not None:
                failed.append(outcome)
            _tell(outcome, asked, more)
    except KeyboardInterrupt:
        message(f"{done_so_far} of {len(jobs)} photos are done; the same command with --skip-existing goes on")
        raise
    if failed:
        _say_failed(failed, len(jobs), quiet=asked.quiet or asked.as_json)
        raise BatchError(f"{len(failed)} of {len(jobs)} photos failed")


def _tell(outcome: Outcome, asked: Asked, more: More) -> None:
    photo = str(outcome.job.source)
    if outcome.result is not None:
        for warning in outcome.result.warnings:
            message(f"warning: {photo}: {warning}", quiet=asked.quiet)
        if asked.as_json:
            tell(photo, outcome.result, as_json=True, quiet=True, more=more(outcome.result))
        else:
            for path in outcome.result.written:
                result(str(path))
    elif asked.as_json:
        what = {"skipped": str(outcome.job.target)} if outcome.is_skipped else {"error": str(outcome.error)}
        result({"photo": photo, **what, "device": device_used()})


def _say_failed(failed: Sequence[Outcome], count: int, *, quiet: bool) -> None:
    """List the photos that failed, on stderr."""
    for line in _lines(failed):
        message(line, quiet=quiet)
    if len(failed) > _SHOWN:
        message(f"... and {len(failed) - _SHOWN} more of {count}", quiet=quiet)


def _lines(failed: Sequence[Outcome]) -> Iterator[str]:
    shown = failed[:_SHOWN]
    width = max(len(str(one.job.source)) for one in shown)
    for one in shown:
        text = str(one.error) or type(one.error).__name__
        prefix = f"{one.job.source}: "
        yield f"failed: {one.job.source!s:<{width}}  {text.removeprefix(prefix)}"
