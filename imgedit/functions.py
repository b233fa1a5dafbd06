"""What Python callers use: a photo comes back as it came, as an array, an image, or the path of a file."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

from imgedit.editor import Editor
from imgedit.edits.words import Words
from imgedit.models import library
from imgedit.models.sessions import check_kind

__all__ = ["frontalize", "interpolate", "open_model", "pose", "sleeves", "translate"]


def open_model(
    name: str | PathLike[str] | None = None, device: str = "auto", *, mark: bool = True, **settings: Any
) -> Editor:
    """Open a model for many photos.

    Args:
        name: id, pulled repository or folder of a translate model; None for all that are here, which is what the words
            are then looked up in.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        mark: edited photos say in their metadata that they were edited, and how.
        settings: others of `Editor`: `strip`, `quality`, `min_face`, `no_face`.

    Raises:
        ModelError: there is no such model, it is damaged, or it edits no faces.
    """
    models = None if name is None else [check_kind(library.find(name), "translate")]
    return Editor(models, device, mark=mark, **settings)


def translate(
    photo: Any,
    words: Words = (),
    *,
    hair_colour: str | None = None,
    hair_like: Any = None,
    brows: bool = False,
    beard: bool = False,
    face: str | int = "all",
    strength: float = 1.0,
    force: bool = False,
    model: str | PathLike[str] | None = None,
    device: str = "auto",
    crop_only: bool = False,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Edit the faces of a photo and give it back as it came.

    Args:
        photo: a path, a PIL image, or an array `(H, W, 3)`, `(H, W, 4)` or `(H, W)`, uint8.
        words: `blond`, `word=0.5`, `no-word`; one, several, or word -> strength 0..1.
        hair_colour: a colour for the hair, such as `#7a3b2e`; then there need not be a word.
        hair_like: another photo, as `photo`, whose hair's colours are taken.
        brows: brows follow the hair's colour.
        beard: a beard does.
        face: `largest`, `all`, `left`, `right`, or an index, 0 for the largest.
        strength: 0..1, multiplies every word's; 0 gives the photo back.
        force: do it whatever the classifier sees: also where the face seems to be so already, bald, or to wear a hat.
        model: id or folder of the model to use; any that knows the word when None.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        crop_only: give the first edited face's aligned crop instead, RGB.
        out: for a path, the file to write; None writes `photo.blond.jpg` beside `photo.jpg`.
        overwrite: replace a file that exists.
        mark: the edited photo says in its metadata that it was edited, and how.

    Returns:
        An array for an array, a PIL image for a PIL image, the path of the written file for a path.

    Warns:
        EditWarning: a word changes nothing or little, and why.

    Raises:
        ImgeditError: one of its children, as `Editor.translate_photo`, `imgedit.photo.read` and `write` raise them.
    """
    from imgedit.edits import dyes
    from imgedit.edits import translate as translation

    dye = dyes.read(hair_colour, hair_like, device=device)
    editor = open_model(model, device, mark=mark)
    plan = translation.prepare(words, editor.models, strength=strength, force=force, dye=dye, brows=brows, beard=beard)
    return editor.carry_out(photo, plan, face=face, crop_only=crop_only, out=out, overwrite=overwrite)


def interpolate(
    photo: Any,
    words: Words,
    *,
    steps: int = 5,
    layout: str = "files",
    face: str | int = "all",
    force: bool = False,
    model: str | PathLike[str] | None = None,
    device: str = "auto",
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Show an edit by words at strengths from 0 to 1; the networks run once.

    Args:
        photo: as `translate`.
        words: as `translate`; a word's own strength is where it ends.
        steps: pictures, the first at strength 0, the last at 1.
        layout: `files`, one picture for each step; `strip`, one picture of them side by side; `gif`, an animation, for
            a path alone.
        face: as `translate`.
        force: as `translate`.
        model: as `translate`.
        device: as `translate`.
        out: for a path, the file to write; several are numbered. None writes `photo.blond-0.jpg` and so on,
            `photo.blond.strip.jpg` or `photo.blond.gif` beside `photo.jpg`.
        overwrite: replace files that exist.
        mark: as `translate`.

    Returns:
        Pictures as the photo came (for a path, the paths of the files); of layout `files` a list.

    Warns:
        EditWarning: as `translate`.

    Raises:
        ImgeditError: one of its children, as `translate`.
    """
    editor = open_model(model, device, mark=mark)
    return editor.interpolate(
        photo, words, steps=steps, layout=layout, face=face, force=force, out=out, overwrite=overwrite
    )


def pose(
    photo: Any,
    *,
    yaw: float | None = None,
    pitch: float | None = None,
    roll: float | None = None,
    absolute: bool = False,
    force: bool = False,
    face: str | int = "all",
    device: str = "auto",
    crop_only: bool = False,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Turn the heads of a photo and give it back as it came.

    Args:
        photo: as `translate`.
        yaw: degrees to the viewer's right.
        pitch: degrees up.
        roll: degrees clockwise.
        absolute: the angles are where the head is to look, not by how much it is turned.
        force: turn further than 35 degrees too, whatever it looks like.
        face: as `translate`.
        device: as `translate`.
        crop_only: as `translate`.
        out: for a path, the file to write; None writes `photo.yaw+15.jpg` beside `photo.jpg`.
        overwrite: replace a file that exists.
        mark: as `translate`.

    Returns:
        As `translate`.

    Warns:
        EditWarning: a head cannot be turned, or not so far.

    Raises:
        ImgeditError: one of its children, as `translate`.
    """
    from imgedit.edits import pose as turning  # loads much that words do not need

    plan = turning.prepare(yaw, pitch, roll, absolute=absolute, force=force)
    editor = Editor([], device, mark=mark)
    return editor.carry_out(photo, plan, face=face, crop_only=crop_only, out=out, overwrite=overwrite)


def frontalize(
    photo: Any,
    *,
    force: bool = False,
    face: str | int = "all",
    device: str = "auto",
    crop_only: bool = False,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Turn the heads of a photo to the front and give it back as it came; arguments and result as `pose`."""
    editor = Editor([], device, mark=mark)
    from imgedit.edits import frontalize as frontal  # as in `pose`

    plan = frontal.prepare(force=force)
    return editor.carry_out(photo, plan, face=face, crop_only=crop_only, out=out, overwrite=overwrite)


def sleeves(
    photo: Any,
    to: str,
    *,
    box: Sequence[float] | None = None,
    whole: bool = False,
    force: bool = False,
    face: str | int = "all",
    device: str = "auto",
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
    mark: bool = True,
) -> Any:
    """Make the sleeves of the people in a photo short or long and give it back as it came.

    Args:
        photo: as `translate`.
        to: `short` or `long`.
        box: x0, y0, x1, y1 around one person, pixels; no face is looked for.
        whole: one person fills the photo; no face is looked for.
        force: change sleeves that seem to be so already.
        face: whose, as `translate`.
        device: as `translate`.
        out: for a path, the file to write; None writes `photo.sleeves-short.jpg` beside `photo.jpg`.
        overwrite: replace a file that exists.
        mark: as `translate`.

    Returns:
        As `translate`.

    Warns:
        EditWarning: a person keeps sleeves, and why.

    Raises:
        NoPersonError: nobody is seen.
        ImgeditError: another of its children, as `translate`.
    """
    from imgedit.edits import sleeves as lengths  # as in `pose`
    from imgedit.vision.people import where

    plan = lengths.prepare(to, where=where(box, whole=whole), force=force)
    return Editor([], device, mark=mark).carry_out(photo, plan, face=face, out=out, overwrite=overwrite)
