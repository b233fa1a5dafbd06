"""What the page does with a photo, without the page: open it, show its faces, edit it, and write what is downloaded."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File
from imgedit.editor import Editor, Prepared
from imgedit.edits import combined, dyes, express, pose, translate
from imgedit.edits.plan import FORCE, Plan
from imgedit.errors import ConfigError, ImgeditError, NoFaceError
from imgedit.inspection import draw_faces
from imgedit.photo import Photo

__all__ = [
    "FORCE_LABEL",
    "STAGES",
    "Edited",
    "Opened",
    "Wishes",
    "edit",
    "face_at",
    "hex_colour",
    "open_photo",
    "plan_of",
    "sentence",
    "show",
]

SHOWN = 1280
"""Longest side of what the page shows, px; what is downloaded has the photo's own size."""
STAGES = 3
"""Of an edit: finding faces, editing, writing."""
FORCE_LABEL = "Do it whatever the classifier sees"
"""Of the box that warnings name where a visitor may have an edit done all the same."""
_LONGEST = 120  # characters of a file's name that tell what was done
_NUMBERS = re.compile(r"rgba?\(([^)]*)\)")

Stage = Callable[[int, str], object]
"""Takes how many stages are done, and what comes next."""


@dataclass(frozen=True)
class Wishes:
    """What a visitor has chosen; nothing of it changes anything where it is as it stands here.

    Attributes:
        words: word -> strength 0..1.
        hair_colour: `#7a3b2e`, in place of a word.
        hair_strength: of that colour, 0..1.
        has_brows: brows follow the hair's colour.
        expression: slider -> strength, as `imgedit.edits.express.prepare`.
        yaw: degrees to the viewer's right.
        pitch: degrees up.
        roll: degrees clockwise.
        is_forced: do it whatever the classifier sees.
        has_beard: a beard follows the hair's colour.
    """

    words: Mapping[str, float] = field(default_factory=dict)
    hair_colour: str | None = None
    hair_strength: float = 1.0
    has_brows: bool = False
    expression: Mapping[str, float] = field(default_factory=dict)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    is_forced: bool = False
    has_beard: bool = False


class Opened:
    """A visitor's photo, with what is known of its faces, and a folder for what the page shows of it.

    Attributes:
        photo: as it was given.
        name: of the file, without its folder.
        prepared: all faces.
        is_turned: faces were found only where heads that are turned away are looked for.
        folder: for files; `close` removes it.
    """

    def __init__(self, photo: Photo, name: str, prepared: Prepared, is_turned: bool, folder: Path) -> None:
        self.photo, self.name, self.prepared, self.is_turned = photo, name, prepared, is_turned
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self._last: tuple[str, Prepared] = ("all", prepared)

    @property
    def scale(self) -> float:
        """Size of what is shown beside the photo's own."""
        return min(1.0, SHOWN / max(self.photo.width, self.photo.height))

    def faces(self, editor: Editor, which: str) -> Prepared:
        """Return the faces that are edited, `all` or a number; those of the last edit are kept."""
        if which == "all":
            return self.prepared
        if self._last[0] != which:
            self._last = (which, editor.prepare(self.photo, which, turned=self.is_turned))
        return self._last[1]

    def new_folder(self) -> Path:
        """Return an empty folder of a name that cannot be guessed; what was written before is removed."""
        for path in self.folder.iterdir():
            shutil.rmtree(path, ignore_errors=True)
        return Path(tempfile.mkdtemp(dir=self.folder))

    def close(self) -> None:
        """Remove everything that was written."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Edited:
    """What the page shows of an edit.

    Attributes:
        before: a small copy of the photo.
        after: the same of the edited photo.
        download: the edited photo, as the command line would write it.
        done: what was done.
        warnings: sentences.
    """

    before: Path
    after: Path
    download: Path
    done: str
    warnings: list[str]


def open_photo(editor: Editor, path: Path, folder: Path) -> Opened:
    """Read a photo and find its faces; heads that are turned away are looked for where no other face is found.

    Args:
        editor: what finds them.
        path: the file, which is not needed afterwards.
        folder: where a folder for it is made.

    Raises:
        PhotoError: it cannot be read.
        NoFaceError: there is no face.
    """
    photo = editor.read(path)
    try:
        prepared, is_turned = editor.prepare(photo), False
    except NoFaceError:
        prepared, is_turned = editor.prepare(photo, turned=True), True
    return Opened(photo, path.name, prepared, is_turned, folder)


def show(opened: Opened) -> Path:
    """Write a small copy of a photo with its faces outlined and numbered."""
    places = [opened.prepared.as_given(face) for face in opened.prepared.faces]
    small = [replace(face, box=face.box * opened.scale, landmarks=face.landmarks * opened.scale) for face in places]
    return _written(draw_faces(_small(opened.photo, opened.scale), small), opened.new_folder() / "faces.jpg")


def face_at(opened: Opened, x: float, y: float) -> int | None:
    """Return the number of the smallest face at a place in what `show` wrote; None where there is none."""
    point = np.array([x, y], np.float64) / opened.scale
    boxes = [opened.prepared.as_given(face).box for face in opened.prepared.faces]
    there = [i for i, box in enumerate(boxes) if (box[:2] <= point).all() and (point <= box[2:]).all()]
    return min(there, key=lambda i: opened.prepared.faces[i].side, default=None)


def plan_of(wishes: Wishes, editor: Editor) -> Plan:
    """Return the edit that a visitor has chosen.

    Raises:
        ConfigError: nothing is chosen, or what makes no sense together.
        ImgeditError: another of its children, as `imgedit.edits.translate.prepare`.
    """
    dye = None if wishes.hair_colour is None else dyes.read_colour(wishes.hair_colour)
    strengths = {name: value for name, value in wishes.expression.items() if value}
    yaw, pitch, roll = (angle or None for angle in (wishes.yaw, wishes.pitch, wishes.roll))
    words = expression = turn = None
    if wishes.words or dye is not None:
        words = translate.prepare(
            wishes.words, editor.models, force=wishes.is_forced, dye=dye, dye_strength=wishes.hair_strength,
            brows=wishes.has_brows,
            beard=wishes.has_beard,
        )  # fmt: skip
    if strengths:
        expression = express.prepare(strengths)
    if yaw or pitch or roll:
        turn = pose.prepare(yaw, pitch, roll, force=wishes.is_forced)
    parts: list[Plan] = [part for part in (words, expression, turn) if part is not None]
    if not parts:
        raise ConfigError("nothing is chosen: pick a word, or move a slider")
    return parts[0] if len(parts) == 1 else combined.prepare(words, expression, turn)


def edit(
    editor: Editor, opened: Opened, wishes: Wishes, which: str = "all", stage: Stage = lambda done, what: None
) -> Edited:
    """Edit faces of a photo and write what is shown and downloaded; what was written before is removed.

    Args:
        editor: what edits it.
        opened: the photo.
        wishes: what is to be done.
        which: `all`, or the number of a face.
        stage: is told what comes next, and how many of `STAGES` are done.

    Raises:
        ImgeditError: one of its children, as `plan_of` and `Editor.edit_prepared`.
    """
    plan = plan_of(wishes, editor)
    stage(0, "Finding faces")
    prepared = opened.faces(editor, which)
    stage(1, "Editing")
    (result,) = editor.edit_prepared(prepared, plan)
    stage(2, "Writing")
    folder = opened.new_folder()
    names = plan.names if len(".".join(plan.names)) <= _LONGEST else ["edited"]
    target = folder / photos.default_output(opened.name, names).name
    (written,) = deliver.write([File(target, result.photo)], quality=editor.quality)
    shown = [folder / name / "shown.jpg" for name in ("before", "after")]
    for path, photo in zip(shown, (opened.photo, result.photo), strict=True):
        path.parent.mkdir()
        _written(_small(photo, opened.scale), path)
    warnings = [text.replace(FORCE, f"tick “{FORCE_LABEL}” under More") for text in result.warnings]
    return Edited(shown[0], shown[1], written, plan.description, warnings)


def sentence(error: ImgeditError, path: Path | None = None) -> str:
    """Return what an error says, for a visitor: a photo is called by its name, not by where its upload lay."""
    text = str(error)
    if path is not None and str(path) in text:
        return text.replace(str(path), path.name)
    return text[:1].upper() + text[1:]


def hex_colour(text: str) -> str:
    """Return a picker's colour, `rgba(122.4, 59, 46, 1)` or `#7A3B2E`, as `#7a3b2e`; other text as it is."""
    found = _NUMBERS.fullmatch(text.strip())
    if found is None:
        return text
    try:
        values = [round(float(part)) for part in found[1].split(",")[:3]]
    except ValueError:
        return text
    return "#" + "".join(f"{min(max(value, 0), 255):02x}" for value in values)


def _small(photo: Photo, scale: float) -> NDArray[np.uint8]:
    """Return a photo as a browser shows it: small, in sRGB."""
    rgb = photos.srgb(photo)
    if scale == 1.0:
        return rgb
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _written(picture: NDArray[Any], path: Path) -> Path:
    Image.fromarray(picture).save(path, "JPEG", quality=92)
    return path
