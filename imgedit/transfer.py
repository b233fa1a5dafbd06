"""What Python callers use to change expressions and to swap: a photo comes back as it came.

A swap of two photos of faces moves the pixels of the first (`imgedit.edits.transfer`); digits, and whatever a model is
named for, go through the model's code (`imgedit.edits.swap`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File
from imgedit.editor import Editor, Prepared, naming, tell
from imgedit.edits import express as expression
from imgedit.edits import swap as codes
from imgedit.edits import transfer
from imgedit.edits.driver import read_driver
from imgedit.edits.transfer import Transfer
from imgedit.errors import ConfigError, NoFaceError
from imgedit.photo import Photo
from imgedit.vision import mesh
from imgedit.vision.faces import Face

__all__ = ["Swapped", "express", "swap", "swap_files"]


@dataclass(frozen=True)
class Swapped:
    """What became of two or more pictures in files.

    Attributes:
        path: the file.
        model: id of the model, or of the face mesh.
        faces: the face of each picture; None where a model sees the whole picture.
        warnings: sentences for the user.
        seconds: of a swap of photos, by stage.
        is_changed: whether a swap of photos changed any pixel; what a model makes is always new.
    """

    path: Path
    model: str
    faces: Sequence[Face | None]
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    is_changed: bool = True


def express(
    photo: Any,
    strengths: Mapping[str, float] | None = None,
    *,
    like: Any = None,
    neutral: bool = False,
    strength: float = 1.0,
    face: str | int = "all",
    device: str = "auto",
    crop_only: bool = False,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Change the expressions of a photo and give it back as it came.

    Args:
        photo: a path, a PIL image, or an array `(H, W, 3)`, `(H, W, 4)` or `(H, W)`, uint8.
        strengths: slider -> strength, -3 to 3: `smile`, `open`, `pucker`, `brows`, `blink-left`, `blink-right`; 1 is
            what pictures of one person show.
        like: another picture, whose largest face's expression is taken over.
        neutral: take the expression out.
        strength: multiplies all of it, 0 to 3.
        face: `largest`, `all`, `left`, `right`, or an index, 0 for the largest.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        crop_only: give the first edited face's aligned crop instead, RGB.
        out: for a path, the file to write; None writes `photo.smile+0.7.jpg` beside `photo.jpg`.
        overwrite: replace a file that exists.
        mark: the edited photo says in its metadata that it was edited, and how.

    Returns:
        An array for an array, a PIL image for a PIL image, the path of the written file for a path.

    Warns:
        EditWarning: a face cannot be changed.

    Raises:
        ImgeditError: one of its children, as `imgedit.translate`.
    """
    driver = None if like is None else read_driver(like, device=device)
    plan = expression.prepare(strengths, like=driver, neutral=neutral, strength=strength)
    editor = Editor([], device, mark=mark)
    return editor.carry_out(photo, plan, face=face, crop_only=crop_only, out=out, overwrite=overwrite)


def swap(
    a: Any,
    b: Any,
    *more: Any,
    take: str | None = None,
    steps: int | None = None,
    grid: bool = False,
    force: bool = False,
    model: str | PathLike[str] | None = None,
    device: str = "auto",
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Give `a` the pose and the expression of `b`, or let a model of pairs put their parts together.

    Two photos of faces: the largest face of `a` takes over the pose and the expression of the largest face of `b`, at
    `a`'s own size. Digits, and whatever `model`, `steps` or `grid` is given for: a model splits the pictures into s
    (digit, or identity) and z (hand, or pose and expression); the result is a small picture with s of `a`, z of `b`.

    Args:
        a: a path, a PIL image, or an array `(H, W, 3)`, `(H, W, 4)` or `(H, W)`, uint8.
        b: the other picture.
        more: further pictures, for a grid.
        take: of photos what is taken from `b`: `pose`, `expression` or `both` (what None means). Of a model's code what
            is taken from `a`: `s` (what None means) or `z`; with `steps` it is what stays that of `a`.
        steps: give a strip of so many pictures instead, from `a` to `b` in even steps.
        grid: give a grid instead: s from the picture at the head of a column, z from that at the head of a row.
        force: turn a head further than 25 degrees too, whatever it looks like.
        model: id or folder of a swap model, such as `cycle_vae.cfp` for 64 px crops of faces; None for photos of faces,
            and for digits where the pictures show no faces, are grey and at most 64 px.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        out: for paths, the file to write, or its folder; None writes `a.swap.b.jpg` (of a model `a.swap.b.png`) beside
            `a`.
        overwrite: replace a file that exists.
        mark: the picture says in its metadata that it was edited, or that a model made it.

    Returns:
        As `a` came: an array, a PIL image, or the path of the written file.

    Raises:
        ImgeditError: one of its children, as `imgedit.translate`.
    """
    options: dict[str, Any] = {"take": take, "steps": steps, "grid": grid, "model": model, "device": device}
    if isinstance(a, str | PathLike):
        written = swap_files((a, b, *more), **options, force=force, out=out, overwrite=overwrite, mark=mark)
        tell(written.warnings)
        return written.path
    if out is not None:
        raise ConfigError("out names the file for pictures given by their paths; save this result yourself")
    sources = [photos.read(picture) for picture in (a, b, *more)]
    editor = Editor([], device, mark=mark)
    planned = _plan(sources, editor, force=force, **options)
    if planned is None:
        coded = codes.swap_photos(sources, **options)
        return photos.like(a, codes.made(coded) if mark else Photo(coded.rgb))
    done = editor.edit_prepared(*planned)[0]
    tell(done.warnings)
    return photos.like(a, done.photo)


def swap_files(
    pictures: Sequence[Any],
    *,
    take: str | None = None,
    steps: int | None = None,
    grid: bool = False,
    force: bool = False,
    model: str | PathLike[str] | None = None,
    device: str = "auto",
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Swapped:
    """Swap pictures and write the result beside the first; arguments as `swap`.

    Args:
        pictures: paths, `-` for standard input; others than the first may be images or arrays.
        take: as `swap`.
        steps: as `swap`.
        grid: as `swap`.
        force: as `swap`.
        model: as `swap`.
        device: as `swap`.
        out: as `swap`; `-` for standard output.
        overwrite: as `swap`.
        mark: as `swap`.
    """
    options: dict[str, Any] = {"take": take, "steps": steps, "grid": grid, "model": model, "device": device}
    codes.check_names(pictures)
    if take not in transfer.TAKES:
        codes.check_options(len(pictures), take=take, steps=steps, grid=grid)
    is_named = out is not None and deliver.names_file(out)
    target = codes.output(*pictures[:2], take=take, steps=steps, grid=grid, out=out)
    is_coded = _is_coded(pictures, take, steps, grid, model)
    if is_coded or is_named:
        deliver.check([target], overwrite=overwrite)
    sources = [photos.read(picture) for picture in pictures]
    editor = Editor([], device, mark=mark)
    planned = _plan(sources, editor, force=force, **options)
    prepared, plan = planned or (None, None)
    if plan is not None and not is_named:
        plan = replace(plan, driver=replace(plan.driver, name=codes.stem(pictures[1])))
        target = deliver.name(pictures[0], plan.names, out) or target
    if not is_coded and not is_named:
        deliver.check([target], overwrite=overwrite)
    mode = photos.permissions(*sources)  # who may not see a photo may not see what was made of it
    if prepared is None or plan is None:
        coded = codes.swap_photos(sources, **options)
        made = codes.made(coded) if mark else Photo(coded.rgb)
        path = deliver.write([File(target, replace(made, permissions=mode))], overwrite=overwrite)[0]
        return Swapped(path, coded.model[0], coded.faces)
    done = editor.edit_prepared(prepared, plan)[0]
    path = deliver.write([File(target, replace(done.photo, permissions=mode))], overwrite=overwrite)[0]
    return Swapped(path, mesh.MODEL, [*done.edited, plan.driver.face], done.warnings, done.timings, done.is_changed)


def _is_coded(
    pictures: Sequence[Any], take: str | None, steps: int | None, grid: bool, model: str | PathLike[str] | None
) -> bool:
    """Tell whether the options alone say that a model's code is to be swapped."""
    return take not in transfer.TAKES and bool(take or steps or grid or model or len(pictures) != 2)


def _plan(
    sources: Sequence[Photo],
    editor: Editor,
    *,
    take: str | None,
    steps: int | None,
    grid: bool,
    force: bool,
    model: str | PathLike[str] | None,
    device: str,
) -> tuple[Prepared, Transfer] | None:
    """Return the first photo and what to do, where two photos of faces are swapped; None where a model's code does it.

    Raises:
        ConfigError: options contradict each other.
        NoFaceError: `take` says that photos are meant, and one has no face.
    """
    if _is_coded(sources, take, steps, grid, model):
        if force:
            raise ConfigError("force is for photos of faces; leave it out where a model swaps")
        return None
    if steps or grid or model or len(sources) != 2:
        raise ConfigError(f"take {take!r} is for two photos of faces; leave out steps, grid and model")
    try:
        with naming(sources[0].path):
            prepared = editor.prepare(sources[0], "largest")
        driver = read_driver(sources[1], device=device)
    except NoFaceError:
        if take in transfer.TAKES:
            raise
        return None  # digits, or the model of faces says which picture has none
    return prepared, transfer.prepare(driver, take, force=force)
