"""How commands that edit photos carry an edit out: on one photo, or on many of them and of folders."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from imgedit.cli import completion
from imgedit.cli.common import (
    FACES,
    FILES,
    RESULT,
    RUNNING,
    Device,
    Json,
    NoMark,
    Overwrite,
    Quiet,
    Which,
    device_used,
    message,
    result,
    show_logs,
)
from imgedit.cli.written import check_out, check_stdout, result_folder, tell, warn
from imgedit.errors import BatchError, ConfigError
from imgedit.interrupts import Terminated

if TYPE_CHECKING:
    from imgedit.batch import Outcome
    from imgedit.editor import Editor, Result
    from imgedit.edits.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["Asked", "Jobs", "More", "Recursive", "SkipExisting", "Way", "check", "edit", "on_photos"]

_SHOWN = 20  # failed photos in the table at the end


@dataclass(frozen=True)
class Asked:
    """What a command was asked for, beside the edit itself; the help texts of `on_photos` tell more.

    Attributes:
        photos: photos, folders and patterns.
        out: the file of one photo; a folder or a template for many.
        recursive: also the folders in a folder.
        skip_existing: leave out photos whose result is there.
        jobs: photos at a time.
        overwrite: replace files that exist.
        face: which faces.
        min_face: side of the smallest face that is edited, pixels.
        no_face: what becomes of photos without faces.
        compare: also write before and after side by side.
        crop_only: write the edited faces alone.
        quality: of JPEG, WebP, AVIF and HEIC.
        strip: leave out what photos say of themselves.
        no_mark: do not say that the photo was edited.
        device: where networks run.
        as_json: print JSON, of many photos one line each.
        quiet: no messages but errors.
        dry_run: say what would be done, and do nothing.
        watch: edit the photos of this folder as they come.
        told: the experimental words that the user was told of.
    """

    photos: Sequence[str]
    out: str | None = None
    recursive: bool = False
    skip_existing: bool = False
    jobs: int = 1
    overwrite: bool = False
    face: str = "all"
    min_face: float = 0.0
    no_face: str = "fail"
    compare: bool = False
    crop_only: bool = False
    quality: int | None = None
    strip: bool = False
    no_mark: bool = False
    device: str = "auto"
    as_json: bool = False
    quiet: bool = False
    dry_run: bool = False
    watch: Path | None = None
    told: set[str] = field(default_factory=set)

    @property
    def is_batch(self) -> bool:
        """Whether it may be more than one photo."""
        from imgedit.batch import is_batch

        return bool(self.photos) and is_batch(self.photos)

    @property
    def is_many(self) -> bool:
        """Whether results are named one by one: for several photos, and for a folder that is watched."""
        return self.watch is not None or self.is_batch

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of an `Editor`, but for its models and its device."""
        return {
            "mark": not self.no_mark, "strip": self.strip, "quality": self.quality, "min_face": self.min_face,
            "no_face": self.no_face,
        }  # fmt: skip


Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Also the folders in a folder.", rich_help_panel=FILES)
]
SkipExisting = Annotated[
    bool,
    typer.Option(
        "--skip-existing",
        help="Leave out photos whose result is there; goes on after a stop.",
        rich_help_panel=FILES,
    ),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", min=1, max=64, metavar="N", help="Photos at a time.", rich_help_panel=RUNNING),
]


def on_photos(named: str, *, crops: bool = True, compare: bool = True, strip: str = "--strip") -> Callable[[F], F]:
    """Give a command the options that all commands share which edit photos; it gets them as its first argument.

    Args:
        named: what the results are named by default, for the help.
        crops: whether the command can write faces alone.
        compare: whether it can write before and after side by side.
        strip: name of the option that leaves metadata out.
    """

    def decorate(function: F) -> F:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        left_out = {name for name, can in (("crop_only", crops), ("compare", compare)) if not can}
        shared = [one for one in _shared(named, strip) if one.name not in left_out]
        names = {one.name for one in shared}

        @functools.wraps(function)
        def command(**given: Any) -> Any:
            shared = {name: given.pop(name) for name in names}
            asked = Asked(**{**shared, "photos": shared["photos"] or []})
            show_logs(asked.quiet)
            check(asked)
            return function(asked, **given)

        ordered = [shared[0], *own, *shared[1:]]
        command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in ordered]
        )
        command.__annotations__ = {one.name: one.annotation for one in ordered}
        return command  # type: ignore[return-value]

    return decorate


def _shared(named: str, strip: str) -> list[inspect.Parameter]:
    """Return the options that are shared, as parameters of a function."""

    def one(name: str, kind: Any, default: Any, option: Any, panel: str = "") -> inspect.Parameter:
        if panel:
            option.rich_help_panel = panel
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, keyword, default=default, annotation=Annotated[kind, option])

    def flag(name: str, panel: str, text: str, *names: str) -> inspect.Parameter:
        return one(name, bool, False, typer.Option(*(names or (f"--{name.replace('_', '-')}",)), help=text), panel)

    def known(name: str, annotation: Any, default: Any) -> inspect.Parameter:
        return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)

    option = typer.Option
    photos = typer.Argument(metavar="PHOTO...", help="Photos, folders; - reads one from stdin.", show_default=False)
    out = f"File, folder or template [default: {named} beside the photo]"
    return [
        one("photos", list[str] | None, None, photos),
        known("face", Which, "all"),
        one("min_face", float, 0.0, option("--min-face", min=0.0, metavar="PX", help="Smallest side of a face.",
            show_default=False), FACES),
        one("no_face", str, "fail", option("--no-face", metavar="WHAT", help="Without a face: fail, skip or copy.",
            autocompletion=completion.no_face), FACES),
        one("out", str | None, None, option("-o", "--out", metavar="OUT", help=out), FILES),
        known("recursive", Recursive, False),
        known("skip_existing", SkipExisting, False),
        known("overwrite", Overwrite, False),
        flag("dry_run", FILES, "Say what would be written, and write nothing."),
        one("watch", Path | None, None, option("--watch", metavar="DIR",
            help="Edit what comes into a folder, until Ctrl-C."), FILES),
        flag("compare", RESULT, "Also before and after side by side."),
        flag("crop_only", RESULT, "The aligned, edited face alone."),
        one("quality", int | None, None, option("--quality", min=1, max=100, metavar="1..100",
            help="Of JPEG, WebP, AVIF, HEIC [default: the photo's]."), RESULT),
        flag("strip", RESULT, "Leave out EXIF, GPS, XMP and comments.", strip),
        known("no_mark", NoMark, False),
        known("jobs", Jobs, 1),
        known("device", Device, "auto"),
        known("as_json", Json, False),
        known("quiet", Quiet, False),
    ]  # fmt: skip


def check(asked: Asked) -> None:
    """Refuse before any work what makes no sense together.

    Raises:
        ConfigError: such options are given.
    """
    check_out(asked.out)
    if asked.no_face not in completion.NO_FACE:
        raise ConfigError(f"--no-face can be {', '.join(completion.NO_FACE)}, not {asked.no_face!r}")
    if asked.watch is not None:
        if asked.photos:
            raise ConfigError("--watch names the folder of the photos; name no others")
        if not asked.watch.is_dir():
            raise ConfigError(f"--watch takes a folder, and {asked.watch} is none")
        if asked.dry_run:
            raise ConfigError("--watch and --dry-run contradict each other; name only one of them")
        return
    if not asked.photos:
        raise ConfigError("name a photo", hint="such as photo.jpg, a folder, or - for stdin")
    if not asked.is_batch:
        check_stdout(asked.photos[0], asked.out, compare=asked.compare, crop_only=asked.crop_only, json=asked.as_json)
        if asked.recursive:
            raise ConfigError("--recursive is for folders and several photos")
    if asked.overwrite and asked.skip_existing:
        raise ConfigError("--overwrite and --skip-existing contradict each other; name only one of them")


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
    """

    carry: Carry
    files: Callable[[Path], Sequence[Path]]


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
    from imgedit.deliver import name as named
    from imgedit.progress import status

    photo = asked.photos[0]
    target = named(photo, plan.names, asked.out)
    if asked.dry_run:
        _foretell(asked, photo, target or Path("-"), way)
    elif asked.skip_existing and target is not None and all(os.path.lexists(path) for path in way.files(target)):
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
        for job in jobs:
            if job.problem:
                photo = str(job.source)
                result({"photo": photo, "would": "fail", "files": [], "there": []} if asked.as_json
                       else f"{photo}: {job.problem}")  # fmt: skip
            else:
                _foretell(asked, str(job.source), job.target, way)
        return
    outcomes = batch.run(
        batch.with_folders(way.carry), jobs, workers=asked.jobs, skip_existing=asked.skip_existing, files=way.files
    )
    failed = []
    done_so_far = n_there = 0
    try:
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
        _say_failed(failed, len(jobs), quiet=asked.as_json)
        raise BatchError(f"{len(failed)} of {len(jobs)} photos failed")


def _watch(asked: Asked, folder: Path, plan: Plan, more: More, way: Way) -> None:
    """Edit the photos of a folder as they come, until Ctrl-C or SIGTERM; results that are there are left."""
    from imgedit import batch

    n_done = n_failed = 0
    seen: list[batch.Job] = []
    try:
        message(f"watching {folder}; Ctrl-C ends it", quiet=asked.quiet)
        for ready in batch.watch(folder, recursive=asked.recursive):
            seen = list({job.source: job for job in [*seen, *ready]}.values())
            fresh = {job.source for job in ready}
            jobs, _ = batch.jobs_for(seen, plan.names, asked.out, files=way.files)
            jobs = [job for job in jobs if job.source in fresh]
            for outcome in batch.run(
                batch.with_folders(way.carry), jobs, workers=asked.jobs, skip_existing=not asked.overwrite,
                files=way.files,
            ):  # fmt: skip
                n_failed += outcome.error is not None
                n_done += outcome.result is not None
                if outcome.error is not None:
                    _say_failed([outcome], 1, quiet=asked.as_json)
                _tell(outcome, asked, more)
                del outcome
    except KeyboardInterrupt as error:
        more_to_do = "" if asked.overwrite else "; the same command goes on"
        message(f"{n_done} photos were edited, {n_failed} failed{more_to_do}", quiet=asked.quiet)
        if isinstance(error, Terminated):
            raise
    if n_failed:
        raise BatchError(f"{n_failed} of {n_done + n_failed} photos failed")


def _foretell(asked: Asked, photo: str, target: Path, way: Way) -> None:
    """Say what would be written for a photo, and whether it is there."""
    from imgedit.deliver import compare_name

    files = list(way.files(target))
    if asked.compare:
        files += [compare_name(path) for path in files]
    there = [str(path) for path in files if str(path) != "-" and path.exists()]
    what = "skip" if there and asked.skip_existing else "replace" if there and asked.overwrite else "write"
    if there and what == "write":
        what = "fail"
    if asked.as_json:
        result({"photo": photo, "would": what, "files": [str(path) for path in files], "there": there})
        return
    named = ", ".join(str(path) for path in files)
    notes = {"write": "", "skip": "  (is there, left out)", "replace": "  (is there, replaced)",
             "fail": "  (is there; --overwrite or --skip-existing)"}  # fmt: skip
    result(f"{photo} -> {named}{notes[what]}")


def _tell(outcome: Outcome, asked: Asked, more: More) -> None:
    photo = str(outcome.job.source)
    if outcome.result is not None:
        said = filter(None, [*outcome.result.warnings, outcome.result.no_face])
        warn(list(said), quiet=asked.quiet, photo=photo, told=asked.told)
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
        hint = getattr(one.error, "hint", "")
        yield f"failed: {one.job.source!s:<{width}}  {text.removeprefix(prefix)}{hint and '; '}{hint}"
