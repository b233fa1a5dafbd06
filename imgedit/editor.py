"""One photo all the way, as it comes: read it, edit it, and deliver the result.

Python callers, commands, a batch and a page all come through here; what happens between is
`imgedit.photo_editor`'s.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File
from imgedit.edits import interpolate as interpolation
from imgedit.edits import translate as translation
from imgedit.edits.plan import Plan
from imgedit.edits.words import Words
from imgedit.errors import ConfigError, EditWarning, NoFaceError, OutputError
from imgedit.models.library import Model
from imgedit.photo import SUFFIXES, Photo
from imgedit.photo_editor import Found, PhotoEditor, Prepared, Result, align
from imgedit.settings import NO_FACE
from imgedit.vision import geometry
from imgedit.vision.faces import Face
from imgedit.vision.subject import CLASSIFIER, PARSER

__all__ = [
    "CLASSIFIER",
    "PARSER",
    "Editor",
    "Found",
    "Prepared",
    "Result",
    "align",
    "naming",
    "tell",
]


class Editor(PhotoEditor):
    """Edits photos as they come, with models' sessions for many photos; each is loaded on first use.

    Args:
        models: translate models, the preferred first; all that are here when None.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        parser: the face parser, by id or folder.
        classifier: the attribute classifier, by id or folder.
        mark: edited photos say in their metadata that they were edited, and how.
        strip: what photos say of themselves (EXIF with place and time, XMP, IPTC, comments) is left out of the results.
        quality: 1..100 of JPEG, WebP, AVIF and HEIC files; None for that of the photo.
        min_face: faces with a smaller side are left alone, pixels of the photo.
        no_face: what files without a face are: an error (`fail`), left out (`skip`) or copied (`copy`).

    Raises:
        ConfigError: a setting has no such value.
    """

    def __init__(
        self,
        models: Sequence[Model] | None = None,
        device: str = "auto",
        *,
        parser: str = PARSER,
        classifier: str = CLASSIFIER,
        mark: bool = True,
        strip: bool = False,
        quality: int | None = None,
        min_face: float = 0.0,
        no_face: str = "fail",
    ) -> None:
        if no_face not in NO_FACE:
            raise ConfigError(f"a photo without faces can {', '.join(NO_FACE)}, not {no_face!r}")
        if quality is not None and not 1 <= quality <= 100:
            raise ConfigError(f"quality is 1 to 100, not {quality}")
        super().__init__(models, device, parser=parser, classifier=classifier, mark=mark, min_face=min_face)
        self.strip = strip
        self.quality = quality
        self.no_face = no_face

    def edit_file(
        self,
        photo: str | PathLike[str],
        plan: Plan,
        *,
        face: str | int = "all",
        out: str | PathLike[str] | None = None,
        compare: bool = False,
        crop_only: bool = False,
        overwrite: bool = False,
    ) -> Result:
        """Carry out any edit on the faces of a photo and write files, all or none.

        Args:
            photo: a path, or `-` for standard input.
            plan: what to do.
            face: as `prepare`.
            out: the file to write, `-` for standard output; None for `photo.NAME.jpg` beside `photo.jpg`.
            compare: also write before and after side by side, as `OUT.compare.jpg`.
            crop_only: write the aligned crop of each edited face instead; several are numbered.
            overwrite: replace files that exist.

        Raises:
            OutputError: a file exists already or cannot be written.
            PhotoError: the photo cannot be read.
            ImgeditError: another of its children, as `edit_photo`.
        """
        target = deliver.name(photo, plan.names, out) or Path(deliver.STDOUT)
        deliver.check(_outputs(target, 1, compare), overwrite=overwrite or crop_only)  # how many crops is not known yet
        start = time.perf_counter()
        source = self.read(photo)
        decoded = time.perf_counter()
        try:
            with naming(photo):
                result = self.edit_photo(source, plan, face=face, own=not compare)
        except NoFaceError as error:
            if self.no_face == "fail":
                raise
            looked = time.perf_counter()
            left = self._without_faces(source, photo, target, str(error), overwrite=overwrite)
            seconds = {"read": decoded - start, "faces": looked - decoded, "write": time.perf_counter() - looked}
            return replace(left, timings=seconds)
        files = _files(source, result, target, compare, crop_only)
        del source  # a large photo is not held twice while the other is encoded
        edited = time.perf_counter()
        written = deliver.write(files, overwrite=overwrite, quality=self.quality)
        seconds = {"read": decoded - start, **result.timings, "write": time.perf_counter() - edited}
        return replace(result, written=written, timings=seconds)

    def read(self, photo: Any) -> Photo:
        """Read a photo, as `imgedit.photo.read`; of one that is to be stripped, nothing of what it says of itself."""
        source = photos.read(photo)
        return photos.stripped(source) if self.strip else source

    def _without_faces(
        self, source: Photo, name: str | PathLike[str], target: Path, why: str, *, overwrite: bool
    ) -> Result:
        """Leave out or copy a photo without faces."""
        if self.no_face == "skip":
            return Result(source, [], [], no_face=f"{why}; it is left out")
        content: Photo | bytes = source
        is_same = not deliver.is_stdout(target) and SUFFIXES[target.suffix.lower()] == source.format
        if is_same and source.path is not None and not self.strip and self.quality is None:
            try:
                content = source.path.read_bytes()
            except OSError as error:
                raise OutputError(f"{name}: cannot be copied: {error.strerror or error}") from error
        written = deliver.write([File(target, content, source)], overwrite=overwrite, quality=self.quality)
        return Result(source, [], [], written=written, no_face=f"{why}; it is copied as it is")

    def carry_out(
        self,
        photo: Any,
        plan: Plan,
        *,
        face: str | int = "all",
        crop_only: bool = False,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Carry out any edit on a photo and give it back as it came; arguments and result as `imgedit.translate`."""
        target = deliver.name(photo, plan.names, out)
        if target is not None:
            deliver.check([target], overwrite=overwrite)
        source = self.read(photo)
        with naming(photo):
            result = self.edit_photo(source, plan, face=face, own=isinstance(photo, str | PathLike))
        tell(result.warnings)
        edited = result.photo
        if crop_only:
            edited = _crop(edited, result.moved[0])
        if target is not None:
            return deliver.write([File(target, edited)], overwrite=overwrite, quality=self.quality)[0]
        return photos.like(photo, edited)

    def translate(
        self,
        photo: Any,
        words: Words,
        *,
        face: str | int = "all",
        strength: float = 1.0,
        force: bool = False,
        crop_only: bool = False,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Edit a photo by words and give it back as it came; arguments and result as `imgedit.translate`."""
        plan = translation.prepare(words, self.models, strength=strength, force=force)
        return self.carry_out(photo, plan, face=face, crop_only=crop_only, out=out, overwrite=overwrite)

    def translate_file(
        self,
        photo: str | PathLike[str],
        words: Words,
        *,
        face: str | int = "all",
        strength: float = 1.0,
        force: bool = False,
        out: str | PathLike[str] | None = None,
        compare: bool = False,
        crop_only: bool = False,
        overwrite: bool = False,
    ) -> Result:
        """Edit a photo by words and write files, all or none; arguments as `translate_photo` and `edit_file`."""
        plan = translation.prepare(words, self.models, strength=strength, force=force)
        return self.edit_file(
            photo, plan, face=face, out=out, compare=compare, crop_only=crop_only, overwrite=overwrite
        )

    def interpolate(
        self,
        photo: Any,
        words: Words,
        *,
        steps: int = 5,
        layout: str = "files",
        face: str | int = "all",
        force: bool = False,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Show words at strengths from 0 to 1; arguments and result as `imgedit.interpolate`."""
        if isinstance(photo, str | PathLike):
            done = self.interpolate_file(
                photo, words, steps=steps, layout=layout, face=face, force=force, out=out, overwrite=overwrite
            )
            tell(done.warnings)
            return done.written if layout == "files" else done.written[0]
        plan = interpolation.prepare(words, self.models, steps=steps, layout=layout, force=force)
        plan.paths(deliver.name(photo, plan.names, out), is_named=False)
        results = self.edit_photo_at(photos.read(photo), plan, plan.strengths, face=face)
        tell(results[0].warnings)
        shown = [photos.like(photo, one) for one in plan.laid_out([r.photo for r in results]) if isinstance(one, Photo)]
        return shown if layout == "files" else shown[0]

    def interpolate_file(
        self,
        photo: str | PathLike[str],
        words: Words,
        *,
        steps: int = 5,
        layout: str = "files",
        face: str | int = "all",
        force: bool = False,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Result:
        """Show words at strengths from 0 to 1 in files, all or none; arguments as `imgedit.interpolate`.

        Returns:
            The result at full strength, with all files.
        """
        plan = interpolation.prepare(words, self.models, steps=steps, layout=layout, force=force)
        paths = plan.paths(deliver.name(photo, plan.names, out), is_named=out is not None and deliver.names_file(out))
        deliver.check(paths, overwrite=overwrite, endings=(".gif",) if layout == "gif" else tuple(SUFFIXES))
        source = self.read(photo)
        try:
            with naming(photo):
                results = self.edit_photo_at(source, plan, plan.strengths, face=face)
        except NoFaceError as error:
            if self.no_face != "skip":
                raise
            return Result(source, [], [], no_face=f"{error}; it is left out")
        pictures = plan.laid_out([result.photo for result in results])
        files = [File(path, picture, source) for path, picture in zip(paths, pictures, strict=True)]
        written = deliver.write(files, overwrite=overwrite, quality=self.quality)
        return replace(results[-1], written=written)


def _crop(photo: Photo, face: Face) -> Photo:
    """Return the aligned crop of a face as a photo, with all its bits."""
    return photos.remade(photo, lambda pixels: geometry.cut(pixels, face.matrix("face", _CROP, _CROP), _CROP))


_CROP = 256  # px; side of the crops that are written


def _outputs(target: Path, count: int, compare: bool) -> list[Path]:
    """Name the files of an edit: each picture, and its comparison after it."""
    paths = [deliver.numbered(target, index, count) for index in range(count)]
    return [path for one in paths for path in ([one, deliver.compare_name(one)] if compare else [one])]


def _files(source: Photo, result: Result, target: Path, compare: bool, crop_only: bool) -> list[File]:
    """Return what is to be written of an edited photo, as `_outputs` names it."""
    pairs = [(source, result.photo)]
    if crop_only:
        faces_ = zip(result.edited, result.moved, strict=True)
        pairs = [(_crop(source, before), _crop(result.photo, after)) for before, after in faces_]
    paths = iter(_outputs(target, len(pairs), compare))
    files = []
    for before, after in pairs:
        files.append(File(next(paths), after))
        if compare:
            files.append(_comparison(next(paths), before, after))
    return files


def _comparison(path: Path, before: Photo, after: Photo) -> File:
    """Return the file that shows a photo before and after; of large ones only what changed is held twice."""
    wide = before.rgb16
    if after.rgb16 is not None and wide is not None:
        return File(path, photos.remade(after, lambda pixels: deliver.beside([wide, pixels])))
    return File(path, after, before=photos.Before.of(before.rgb, after.rgb))


@contextmanager
def naming(photo: Any) -> Iterator[None]:
    """Let an error that a photo has no face say which photo.

    Args:
        photo: a path, or `-` for standard input; what has no name, such as an array, is not named.
    """
    try:
        yield
    except NoFaceError as error:
        if not isinstance(photo, str | PathLike):
            raise
        called = "standard input" if deliver.is_stdout(photo) else photo
        raise type(error)(f"{called}: {error}", hint=error.hint) from error


def tell(messages: Sequence[str]) -> None:
    """Warn the Python caller, at the line that called imgedit."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "imgedit":
        level, frame = level + 1, frame.f_back
    for text in messages:
        warnings.warn(text, EditWarning, stacklevel=level)
