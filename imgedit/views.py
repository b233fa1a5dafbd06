"""A row of views: one photo's heads, turned to several sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File
from imgedit.editor import Editor, align, naming
from imgedit.edits.pose import Turn

__all__ = ["YAWS", "write_sheet"]

YAWS = (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0)
"""Degrees to the viewer's right, of the views of a sheet."""


def write_sheet(
    photo: str | PathLike[str],
    turn: Turn,
    *,
    yaws: Sequence[float] = YAWS,
    face: str | int = "all",
    size: int = 320,
    out: str | PathLike[str] | None = None,
    device: str = "auto",
    mark: bool = True,
    overwrite: bool = False,
) -> tuple[list[Path], list[str]]:
    """Write the heads of a photo as rows of views, one row a face.

    Args:
        photo: a path, or `-` for standard input.
        turn: what all views share; each view's yaw is added to its own.
        yaws: degrees, of the views from left to right.
        face: `largest`, `all`, `left`, `right`, or an index, 0 for the largest.
        size: side of a view, px.
        out: the file, `-` for standard output; None for `photo.views.jpg` beside `photo.jpg`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        mark: the picture says in its metadata that it was edited, and how.
        overwrite: replace a file that exists.

    Returns:
        The written files, and sentences for the user.

    Raises:
        ImgeditError: one of its children, as `Editor.edit_file`.
    """
    target = deliver.name(photo, ["views"], out) or Path(deliver.STDOUT)
    deliver.check([target], overwrite=overwrite)
    source = photos.read(photo)
    editor = Editor([], device, mark=mark)
    with naming(photo):
        prepared = editor.prepare(source, face, turned=True)
    columns = []
    said: dict[str, None] = {}
    record = source
    for yaw in yaws:
        found = editor.run(prepared, replace(turn, yaw=turn.yaw + yaw))
        edited = editor.apply(prepared.photo, found)
        columns.append([align(edited, one, "head", size) for one in prepared.chosen])
        said |= dict.fromkeys(found.warnings)
        record = edited if edited is not prepared.photo else record  # a view that was turned says so
    rows = [deliver.beside(list(row)) for row in zip(*columns, strict=True)]
    picture = np.concatenate(rows, axis=0)
    written = deliver.write([File(target, replace(record, rgb=picture, alpha=None))], overwrite=overwrite)
    return written, list(said)
