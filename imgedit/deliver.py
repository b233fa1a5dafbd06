"""Deliver pictures: name the files, check them before the work, and write all of them or none.

Everything that writes pictures for a user goes through here: Python callers and commands alike.
"""

from __future__ import annotations

import contextlib
import io
import os
import string
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit import photo as photos
from imgedit.errors import ConfigError, OutputError
from imgedit.files import write_all, write_whole
from imgedit.folders import ResultFolders
from imgedit.photo import SUFFIXES, Before, Photo

__all__ = [
    "FIELDS",
    "STDOUT",
    "ExactPath",
    "File",
    "beside",
    "check",
    "check_template",
    "compare_name",
    "filled",
    "is_stdout",
    "name",
    "names_file",
    "numbered",
    "open_folder",
    "png",
    "write",
    "write_png",
]

STDOUT = "-"
"""The name of standard output, and of standard input."""
FIELDS = ("stem", "edit", "ext")
"""Fields of a template of names."""


class ExactPath(type(Path())):  # type: ignore[misc]  # `Path` itself cannot be inherited from before Python 3.12
    """A result that has its name already: braces in it belong to the name and are no template's."""


@dataclass(frozen=True)
class File:
    """One file to be written.

    Attributes:
        path: where; its ending is the format of a photo.
        content: pixels and metadata, or the bytes of a finished file.
        source: the photo that a finished file was made of; who may not see it may not see the file.
        before: what an edit changed in the photo; the file shows the photo before and after, side by side.
    """

    path: Path
    content: Photo | bytes
    source: Photo | None = None
    before: Before | None = None

    @property
    def photo(self) -> Photo | None:
        """The photo that says who may see the file."""
        return self.content if isinstance(self.content, Photo) else self.source


def is_stdout(path: str | PathLike[str]) -> bool:
    """Tell whether a path stands for standard output."""
    return str(path) == STDOUT


def name(source: object, names: Sequence[str], out: str | PathLike[str] | None = None) -> Path | None:
    """Say where an edited photo goes.

    Args:
        source: what the user gave as photo: a path, `-` for standard input, an array or an image.
        names: what the copy is named after: `photo.NAME.jpg`.
        out: what the user named: a file, a folder, or a template such as `{stem}.{edit}{ext}`.

    Returns:
        The file; `-` for standard output; None for an array or image, which is given back.

    Raises:
        ConfigError: `out` is named for an array or image, is empty, or is a broken template.
        PhotoError: the photo's path has no file name.
    """
    if isinstance(out, ExactPath):
        return Path(out)
    if isinstance(source, str | PathLike):
        if out is None:
            return photos.default_output(source, names)
        if names_file(out):
            return Path(out)
        photo = Path("stdin" if is_stdout(source) else source)
        if "{" in str(out):
            check_template(str(out))
            return filled(str(out), photo, names)
        return Path(out) / photos.default_output(photo, names).name
    if out is not None:
        raise ConfigError("out names the file for a photo given by its path; save this result yourself")
    return None


def names_file(out: str | PathLike[str]) -> bool:
    """Tell whether what the user named is one file.

    A template is none, nor is a folder: one that is there, a name that ends in a slash, or one without ending.

    Raises:
        ConfigError: nothing is named, or an ending alone, as by a script whose variable is not set.
    """
    text = str(out)
    if isinstance(out, ExactPath):
        return True
    if not text:
        raise ConfigError("the name of the result is empty; name a file, a folder or a template")
    if Path(text).name.lower() in SUFFIXES and not text.endswith(("/", os.sep)):
        raise ConfigError(f"{text}: is an ending without a name; name a file, a folder or a template")
    is_folder = text.endswith(("/", os.sep)) or Path(out).suffix == "" or Path(out).is_dir()
    return is_stdout(out) or not ("{" in text or is_folder)


def filled(template: str, photo: Path, names: Sequence[str]) -> Path:
    """Fill a template for one photo.

    Args:
        template: as `check_template` takes it; of a folder if it ends in a slash.
        photo: its path, by which the file is named.
        names: what an edit's results are named after.
    """
    usual = photos.default_output(photo, names)
    path = Path(template.format(stem=photo.stem, edit=".".join(names), ext=usual.suffix))
    return path / usual.name if template.endswith(("/", os.sep)) else path


def check_template(text: str) -> None:
    """Complain of a template that cannot be filled.

    Raises:
        ConfigError: it is broken, has fields that are not in `FIELDS` or have formats, or lacks the stem.
    """
    try:
        parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ConfigError(f"the template {text!r} is broken ({error}); such as {{stem}}.{{edit}}{{ext}}") from error
    fields = {str(name) for _, name, _, _ in parts}
    if unknown := sorted(fields - set(FIELDS)):
        raise ConfigError(f"the template {text!r} has unknown fields {', '.join(unknown)}; known: {', '.join(FIELDS)}")
    if any(form or conversion for _, _, form, conversion in parts):
        raise ConfigError(
            f"the template {text!r} has a field with more than its name; such as {{stem}}.{{edit}}{{ext}}"
        )
    if "stem" not in fields:
        raise ConfigError(f"the template {text!r} gives all results one name; it needs {{stem}}")


def numbered(path: Path, index: int, count: int) -> Path:
    """Return the path of one of several outputs, `photo.crop-1.jpg`; of a single one, or stdout, the path itself."""
    return path if count == 1 or is_stdout(path) else path.with_name(f"{path.stem}-{index}{path.suffix}")


def compare_name(path: Path) -> Path:
    """Return where a comparison goes: `photo.blond.compare.jpg` beside `photo.blond.jpg`."""
    return path.with_name(f"{path.stem}.compare{path.suffix}")


def beside(pictures: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Lay pictures `(h, w, 3)` of one height side by side."""
    return np.concatenate(list(pictures), axis=1)


def check(
    paths: Sequence[Path],
    *,
    overwrite: bool = False,
    endings: Collection[str] = tuple(SUFFIXES),
    makes_folder: bool = False,
) -> None:
    """Find out before the work whether files can be written.

    Args:
        paths: the files; one alone may be standard output.
        overwrite: files that exist are replaced.
        endings: of names that are known.
        makes_folder: a folder that is missing is made before the files.

    Raises:
        ConfigError: several pictures are to go to standard output, or it is a terminal.
        OutputError: as `imgedit.photo.check_output`, or two of them are one file.
    """
    if len(paths) > 1 and any(is_stdout(path) for path in paths):
        raise ConfigError(f"standard output takes one picture, not {len(paths)}; name a file")
    for path in paths:
        photos.check_output(path, overwrite=overwrite, endings=endings, makes_folder=makes_folder)


@contextlib.contextmanager
def open_folder(out: str | PathLike[str], names: Sequence[str], *, overwrite: bool = False) -> Iterator[set[str]]:
    """Make a folder for PNG pictures, or check one that exists; one that was made and stays empty is removed again.

    Args:
        out: where they go; the folder above it must exist.
        names: of the pictures.
        overwrite: replace pictures that exist.

    Yields:
        Names of other pictures that the folder holds and keeps.

    Raises:
        ConfigError: a picture is named where a folder is wanted.
        OutputError: something is in the way, or the folder cannot be made or written into.
    """
    folder = Path(out)
    if not folder.exists():
        if names_file(out) and folder.suffix.lower() in SUFFIXES:
            raise ConfigError(f"{folder}: looks like a picture; name a folder", hint="or add --grid to draw one of all")
        if not folder.parent.is_dir():
            raise OutputError(f"{folder}: its folder {folder.parent} does not exist; make it first")
    elif not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder", hint="or draw one picture of all with --grid")
    there = {path.name for path in folder.glob("*.png")}
    if there and not overwrite:
        raise OutputError(
            f"{folder}: holds pictures already, such as {min(there)}", hint="use --overwrite or another folder"
        )
    with ResultFolders().open(folder):
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(f"{folder}: no permission to write into this folder")
        yield there.difference(names)


def png(picture: NDArray[np.uint8]) -> bytes:
    """Return the bytes of a PNG file of a picture `(H, W, C)`, grey where C is 1."""
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()


def write_png(picture: NDArray[np.uint8], path: Path) -> None:
    """Write one picture `(H, W, C)`, whole or not at all; its folder is made, and a file that exists is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, png(picture))


def write(
    files: Sequence[File], *, overwrite: bool = False, flush: bool = True, quality: int | None = None
) -> list[Path]:
    """Write pictures, all or none.

    Args:
        files: a single one may go to standard output.
        overwrite: replace files that exist.
        flush: wait until they are on the disk.
        quality: as `imgedit.photo.encode`.

    Returns:
        Their paths.

    Raises:
        ConfigError: as `check`.
        OutputError: one of them cannot be written; then all files are as they were before.
    """
    paths = [file.path for file in files]
    check(
        paths, overwrite=overwrite, endings={*SUFFIXES, *(f.path.suffix for f in files if isinstance(f.content, bytes))}
    )
    for file in files:
        if is_stdout(file.path) and isinstance(file.content, Photo):
            photos.write(file.content, file.content.rgb, STDOUT, quality=quality)
            return paths
    mode = photos.permissions(*(file.photo for file in files if file.photo is not None))
    write_all([(file.path, _encoded(file, quality)) for file in files], overwrite=overwrite, mode=mode, flush=flush)
    return paths


def _encoded(file: File, quality: int | None) -> bytes:
    if isinstance(file.content, bytes):
        return file.content
    kind = SUFFIXES[file.path.suffix.lower()]
    return photos.encode(file.content, kind, quality=quality, name=str(file.path), before=file.before)
