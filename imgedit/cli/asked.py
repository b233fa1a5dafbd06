"""What a command that edits photos was asked for, and the options that all such commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

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
    show_logs,
)
from imgedit.cli.written import check_out, check_stdout
from imgedit.errors import ConfigError
from imgedit.settings import NO_FACE

F = TypeVar("F", bound=Callable[..., Any])

__all__ = ["Asked", "Jobs", "Recursive", "SkipExisting", "check", "on_photos"]


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


def on_photos(
    named: str, *, crops: bool = True, compare: bool = True, strip: str = "--strip/--no-strip"
) -> Callable[[F], F]:
    """Give a command the options that all commands share which edit photos; it gets them as its first argument.

    Args:
        named: what the results are named by default, for the help.
        crops: whether the command can write faces alone.
        compare: whether it can write before and after side by side.
        strip: names of the option that leaves metadata out, and of its opposite.
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

    def flag(name: str, panel: str, text: str) -> inspect.Parameter:
        return one(name, bool, False, typer.Option(f"--{name.replace('_', '-')}", help=text), panel)

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
        one("strip", bool, False, option(strip, help="Leave out EXIF, GPS, XMP and comments.", show_default=False),
            RESULT),
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
    if asked.no_face not in NO_FACE:
        raise ConfigError(f"--no-face can be {', '.join(NO_FACE)}, not {asked.no_face!r}")
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
