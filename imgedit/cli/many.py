"""How commands that edit photos carry an edit out: on one photo, or on many of them and of folders."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
from imgedit.cli.written import check_stdout, tell
from imgedit.errors import BatchError, ConfigError

if TYPE_CHECKING:
    from imgedit.batch import Outcome
    from imgedit.editor import Editor, Result
    from imgedit.edits.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["Asked", "More", "check", "edit", "on_photos"]

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
    """

    photos: Sequence[str]
    out: Path | None = None
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

    @property
    def is_batch(self) -> bool:
        """Whether it may be more than one photo."""
        from imgedit.batch import is_batch

        return is_batch(self.photos)

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of an `Editor`, but for its models and its device."""
        return {
            "mark": not self.no_mark, "strip": self.strip, "quality": self.quality, "min_face": self.min_face,
            "no_face": self.no_face,
        }  # fmt: skip


def on_photos(named: str, *, crops: bool = True, strip: str = "--strip") -> Callable[[F], F]:
    """Give a command the options that all commands share which edit photos; it gets them as its first argument.

    Args:
        named: what the results are named by default, for the help.
        crops: whether the command can write faces alone.
        strip: name of the option that leaves metadata out.
    """

    def decorate(function: F) -> F:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [one for one in _shared(named, strip) if crops or one.name != "crop_only"]
        names = {one.name for one in shared}

        @functools.wraps(function)
        def command(**given: Any) -> Any:
            asked = Asked(**{name: given.pop(name) for name in names})
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
    photos = typer.Argument(metavar="PHOTO...", help="Photos and folders; - reads one from stdin.", show_default=False)
    out = f"File, folder or template [default: {named} beside the photo]"
    return [
        one("photos", list[str], inspect.Parameter.empty, photos),
        known("face", Which, "all"),
        one("min_face", float, 0.0, option("--min-face", min=0.0, metavar="PX", help="Smallest side of a face.",
            show_default=False), FACES),
        one("no_face", str, "fail", option("--no-face", metavar="WHAT", help="Without a face: fail, skip or copy.",
            autocompletion=completion.no_face), FACES),
        one("out", Path | None, None, option("-o", "--out", metavar="OUT", help=out), FILES),
        flag("recursive", FILES, "Also the folders in a folder.", "--recursive", "-r"),
        flag("skip_existing", FILES, "Leave out photos whose result is there; goes on after a stop."),
        known("overwrite", Overwrite, False),
        flag("compare", RESULT, "Also before and after side by side."),
        flag("crop_only", RESULT, "The aligned, edited face alone."),
        one("quality", int | None, None, option("--quality", min=1, max=100, metavar="1..100",
            help="Of JPEG, WebP, AVIF, HEIC [default: the photo's]."), RESULT),
        flag("strip", RESULT, "Leave out EXIF, GPS, XMP and comments.", strip),
        known("no_mark", NoMark, False),
        one("jobs", int, 1, option("--jobs", "-j", min=1, max=64, metavar="N", help="Photos at a time."), RUNNING),
        known("device", Device, "auto"),
        known("as_json", Json, False),
        known("quiet", Quiet, False),
    ]  # fmt: skip


def check(asked: Asked) -> None:
    """Refuse before any work what makes no sense together.

    Raises:
        ConfigError: such options are given.
    """
    if asked.no_face not in completion.NO_FACE:
        raise ConfigError(f"--no-face can be {', '.join(completion.NO_FACE)}, not {asked.no_face!r}")
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
        for warning in filter(None, [*outcome.result.warnings, outcome.result.no_face]):
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
