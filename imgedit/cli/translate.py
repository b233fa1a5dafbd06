"""`imgedit translate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgedit.cli.common import Device, Json, Overwrite, PhotoPath, Quiet, Which, message, numbered, result, show_logs
from imgedit.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from imgedit.editor import Result

__all__ = ["register", "translate"]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(epilog="Example: imgedit translate --attr blond --attr smiling=0.5 photo.jpg -o edited.jpg")(translate)


def translate(
    photo: PhotoPath,
    attr: Annotated[
        list[str], typer.Option("--attr", "-a", metavar="WORD", help="WORD, WORD=0.5 or no-WORD; repeatable.")
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="OUT", help="[default: PHOTO.WORD.jpg beside the photo]")
    ] = None,
    face: Which = "all",
    strength: Annotated[float, typer.Option(metavar="0..1", help="Scales every word.")] = 1.0,
    compare: Annotated[bool, typer.Option("--compare", help="Also write before and after side by side.")] = False,
    crop_only: Annotated[bool, typer.Option("--crop-only", help="Write the aligned, edited face alone.")] = False,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Id or folder [default: any with the word].")
    ] = None,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Edit the faces of a photo by words; `imgedit models` lists them.

    The whole photo is written at its full size, changed only where the edit acts.
    """
    show_logs(quiet)
    from imgedit import photo as photos
    from imgedit.edits import plan as edits

    words = edits.parse_words(attr)
    target = out if out is not None else photos.default_output(photo, list(words))
    if str(target) == "-" and (compare or crop_only or as_json):  # stdout is the photo, and one photo only
        raise ConfigError("--compare, --crop-only and --json need a file name; say where the photo goes with -o OUT")
    outputs = _names(target, 1, compare)
    if not crop_only:  # how many crops there will be is not known yet
        _check(outputs, overwrite)

    from imgedit.editor import align, open_model

    editor = open_model(model, device)
    edits.plan(words, editor.models)  # an unknown word is said before the photo is even opened
    source = photos.read(photo)
    edited = editor.translate_photo(source, words, face=face, strength=strength)
    for warning in edited.warnings:
        message(f"warning: {warning}", quiet=quiet)

    pairs = [(source.rgb, edited.photo.rgb)]
    if crop_only:
        pairs = [(align(source, one), align(edited.photo, one)) for one in edited.edited]
        outputs = _names(target, len(pairs), compare)
        _check(outputs, overwrite)
    bare = replace(source, alpha=None)
    for (path, side_by_side), (before, after) in zip(outputs, pairs, strict=True):
        photos.write(bare if crop_only else source, after, path, overwrite=overwrite)
        if side_by_side is not None:
            photos.write(bare, _beside(before, after), side_by_side, overwrite=overwrite)
    if str(target) != "-":  # else stdout is the photo
        written = [path for pair in outputs for path in pair if path is not None]
        _report(photo, written, words, edited, as_json)


def _names(target: Path, count: int, compare: bool) -> list[tuple[Path, Path | None]]:
    """Name every output, and the comparison beside it."""
    paths = [numbered(target, index, count) for index in range(count)]
    return [(path, path.with_name(f"{path.stem}.compare{path.suffix}") if compare else None) for path in paths]


def _check(outputs: list[tuple[Path, Path | None]], overwrite: bool) -> None:
    """Fail before the work, or at least before the first file is written."""
    from imgedit.photo import check_output

    for pair in outputs:
        for path in pair:
            if path is not None:
                check_output(path, overwrite=overwrite)


def _beside(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import numpy as np

    return np.concatenate([before, after], axis=1)


def _report(photo: str, written: list[Path], words: dict[str, float], edited: Result, as_json: bool) -> None:
    if not as_json:
        for path in written:
            result(str(path))
        return
    result(
        {
            "photo": photo,
            "written": [str(path) for path in written],
            "words": words,
            "faces": [face.to_json() for face in edited.edited],
            "warnings": edited.warnings,
            "seconds": {stage: round(seconds, 3) for stage, seconds in edited.timings.items()},
        }
    )
