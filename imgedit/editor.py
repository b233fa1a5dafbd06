"""One photo all the way: prepare its subjects, run an edit's networks, apply the changes, deliver.

photo --prepare--> subjects --run--> changes --apply--> photo

Subjects are prepared on the photo as it was given, so an edit never depends on another. Python callers, commands, a
batch and a page all come through here; an edit itself is a plan of `imgedit.edits`.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File
from imgedit.edits import interpolate as interpolation
from imgedit.edits import translate as translation
from imgedit.edits.plan import ForBodies, ForTurned, Plan
from imgedit.edits.words import Words
from imgedit.errors import ConfigError, EditWarning, NoFaceError, OutputError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.photo import SUFFIXES, Photo
from imgedit.render.change import MOVE, Change, apply_all
from imgedit.vision import faces, geometry, people
from imgedit.vision.body import Body
from imgedit.vision.faces import Face
from imgedit.vision.people import Where
from imgedit.vision.subject import CLASSIFIER, PARSER, Networks, Subject, body_subject, face_subject
from imgedit.vision.upright import Upright, stand

__all__ = [
    "CLASSIFIER",
    "NO_FACE",
    "PARSER",
    "Editor",
    "Found",
    "Prepared",
    "Result",
    "align",
    "tell",
]


NO_FACE = ("fail", "skip", "copy")
"""What becomes of a file without a face."""


@dataclass(frozen=True)
class Prepared:
    """A photo that is ready for any number of edits.

    Attributes:
        photo: as it was given, but upright.
        faces: every face that was found, largest first.
        subjects: the faces that were chosen; what is known of them is kept.
        seconds: what finding them took.
        warnings: sentences for the user.
        quarters: by how many quarters of a circle, counter-clockwise, the photo was turned since it lay on its side.
    """

    photo: Photo
    faces: list[Face]
    subjects: list[Subject]
    seconds: float
    warnings: list[str] = field(default_factory=list)
    quarters: int = 0

    @property
    def chosen(self) -> list[Face]:
        """The faces of the subjects."""
        return [face for face in self.faces if any(subject.place is face for subject in self.subjects)]

    def as_given(self, face: Face) -> Face:
        """Return a face in pixels of the photo as it was given."""
        return face.turned(-self.quarters, (self.photo.width, self.photo.height)) if self.quarters else face

    @property
    def bodies(self) -> list[Body]:
        """The bodies among the subjects, in pixels of the photo as it was given."""
        size = (self.photo.width, self.photo.height)
        return [s.place.turned(-self.quarters, size) for s in self.subjects if isinstance(s.place, Body)]


@dataclass(frozen=True)
class Found:
    """What an edit changes in a photo.

    Attributes:
        plan: the edit.
        changes: those of each subject.
        warnings: sentences for the user.
        seconds: what the networks took.
    """

    plan: Plan
    changes: list[tuple[Subject, list[Change]]]
    warnings: list[str]
    seconds: float


@dataclass(frozen=True)
class Result:
    """What became of one photo.

    Attributes:
        photo: the edited photo, with the metadata of the given one.
        faces: every face that was found, largest first.
        edited: those that were edited.
        warnings: sentences for the user.
        timings: seconds by stage: `faces` (finding them), `networks`, `changes` (carrying them out).
        written: the files that hold it.
        moved: `edited` where they are now: a turned head has new landmarks, by which its crop is cut.
        bodies: those that were edited, where an edit changes bodies.
        no_face: why nothing was edited, where a photo without faces is no error.
    """

    photo: Photo
    faces: list[Face]
    edited: list[Face]
    warnings: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)
    moved: list[Face] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    no_face: str = ""


class Editor:
    """Holds the models' sessions for many photos; each is loaded on first use.

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
        self.mark = mark
        self.strip = strip
        self.quality = quality
        self.min_face = min_face
        self.no_face = no_face
        self.models = library.available("translate") if models is None else list(models)
        self.device = device
        self.networks = Networks(Sessions(device), classifier=classifier, parser=parser)

    @property
    def parser(self) -> Model:
        """The face parser."""
        return self.networks.parser.model

    @property
    def classifier(self) -> Model:
        """The attribute classifier."""
        return self.networks.classifier.model

    @property
    def words(self) -> dict[str, list[str]]:
        """The words that the models know, each with its other spellings."""
        return library.known_words(self.models)

    def faces(self, photo: Photo) -> list[Face]:
        """Find the faces of a photo, largest first; a large photo that seems to have none gets a closer look."""
        return faces.search(photos.srgb(photo), device=self.device)

    def attributes(self, photo: Photo, face: Face) -> dict[str, float]:
        """Return what the classifier sees in a face: attribute -> probability."""
        return face_subject(replace(photo, rgb=photos.srgb(photo)), face, self.networks).attributes

    def prepare(self, photo: Photo, face: str | int = "all", *, turned: bool = False) -> Prepared:
        """Find the subjects of a photo; nothing of the photo is changed, here or later.

        Args:
            photo: as `imgedit.photo.read` gives it.
            face: `largest`, `smallest`, `all`, `left`, `right`, `nearest:X,Y`, or the index in `faces`.
            turned: where no face is found, look for heads that are turned away (`imgedit.vision.turned`).

        Raises:
            NoFaceError: there is no face, or not this one.
            ConfigError: no such choice.
        """
        start = time.perf_counter()
        # Networks and colour changes read numbers as sRGB.
        seen = replace(photo, rgb=photos.srgb(photo), icc=None)
        stood = self._stand(photo, seen, face)
        photo, seen, found, how = stood.photo, stood.seen, stood.faces, stood.how
        if turned and not found:
            from imgedit.vision.turned import search_turned  # which most photos do not need

            found, how = search_turned(seen.rgb, self.networks.mesh, device=self.device)
        chosen = faces.pick(found, stood.choice, photo=(photo.width, photo.height), min_side=self.min_face)
        subjects = [face_subject(seen, one, self.networks, found) for one in chosen]
        left_out = faces.doubtful(found) if str(face).strip().lower() == "all" else []
        said = [
            f"{one} is small and may be none ({one.score:.2f}); choose it by its number to edit it" for one in left_out
        ]
        doubt = "" if stood.quarters else ", so it may be placed wrongly"
        said += [f"{one} was found only {how}{doubt}" for one in chosen if how]
        return Prepared(photo, found, subjects, time.perf_counter() - start, said, stood.quarters)

    def _stand(self, photo: Photo, seen: Photo, face: str | int) -> Upright:
        """Look for faces, in a photo on its side too."""
        return stand(photo, seen, self.faces(seen), face, lambda: self.networks.mesh, device=self.device)

    def prepare_bodies(self, photo: Photo, face: str | int = "all", where: Where = people.BY_FACES) -> Prepared:
        """Find the people of a photo as subjects: by their faces; where there is none, one person in all of the photo.

        Args:
            photo: as `imgedit.photo.read` gives it.
            face: whose body, as `prepare`.
            where: where else people are looked for.

        Raises:
            NoPersonError: nobody is seen.
            NoFaceError: there are faces, but not this one.
            ConfigError: no such choice.
        """
        start = time.perf_counter()
        seen = replace(photo, rgb=photos.srgb(photo), icc=None)
        stood = self._stand(photo, seen, face) if where.is_by_faces else Upright(photo, seen, [], face)
        photo, seen, found = stood.photo, stood.seen, stood.faces
        chosen = faces.pick(found, stood.choice, min_side=self.min_face) if found else []
        bodies = people.find(seen.rgb, chosen, where, self.networks.body)
        lost = [one for one in chosen if all(body.face is not one for body in bodies)]
        if not bodies:
            raise people.nobody(found, where, (photo.width, photo.height))
        if stood.quarters:
            size = (photo.width, photo.height)
            bodies = [replace(one, named_at=one.turned(-stood.quarters, size).place) for one in bodies]
        subjects = [body_subject(seen, one, self.networks, bodies) for one in bodies]
        said = [f"{one} is left alone: its body is not seen" for one in lost]
        said += [f"{one} was found only {stood.how}" for one in chosen if stood.how]
        return Prepared(photo, found, subjects, time.perf_counter() - start, said, stood.quarters)

    def run(self, prepared: Prepared, plan: Plan) -> Found:
        """Run the networks of an edit on every subject."""
        start = time.perf_counter()
        said = dict.fromkeys(prepared.warnings)  # in order, each once
        changes = []
        for subject in prepared.subjects:

            def warn(text: str, subject: Subject = subject) -> None:
                said.setdefault(f"{subject} {text}")

            changes.append((subject, plan.changes(subject, warn)))
        return Found(plan, changes, list(said), time.perf_counter() - start)

    def apply(self, photo: Photo, found: Found, strength: float = 1.0) -> Photo:
        """Carry changes out and return the edited photo.

        Args:
            photo: the photo.
            found: the changes of its subjects.
            strength: 0..1, share of every change; 0 gives the photo back.
        """
        if strength == 0 or not any(changes for _, changes in found.changes):
            return photo
        deep = photos.srgb_deep(photo)
        seen = rgb = found.changes[0][0].rgb if deep is None else deep
        for subject, changes in found.changes:
            scaled = changes if strength == 1 else [change.scaled(strength) for change in changes]
            rgb = apply_all(rgb, subject, scaled)
        edited = photos.with_srgb(photo, seen, rgb)
        if not self.mark or np.array_equal(rgb, seen):
            return edited
        used = [(model.id, model.manifest.version) for model in found.plan.models]
        return photos.marked(edited, found.plan.description, used)

    def edit_photo(self, photo: Photo, plan: Plan, *, face: str | int = "all") -> Result:
        """Carry out any edit on the faces of a photo.

        Args:
            photo: as `imgedit.photo.read` gives it.
            plan: what to do, as an edit's `prepare` gives it.
            face: as `prepare`.

        Raises:
            NoFaceError: there is no face, or not this one.
            ModelError: a model is missing or damaged.
        """
        return self.edit_photo_at(photo, plan, [1.0], face=face)[0]

    def edit_photo_at(
        self, photo: Photo, plan: Plan, strengths: Sequence[float], *, face: str | int = "all"
    ) -> list[Result]:
        """Carry out an edit at several strengths, 0..1; the networks run once. Arguments as `edit_photo`."""
        if isinstance(plan, ForBodies):
            prepared = self.prepare_bodies(photo, face, plan.where)
        else:
            prepared = self.prepare(photo, face, turned=isinstance(plan, ForTurned) and plan.is_for_turned)
        return self.edit_prepared(prepared, plan, strengths)

    def edit_prepared(self, prepared: Prepared, plan: Plan, strengths: Sequence[float] = (1.0,)) -> list[Result]:
        """Carry out an edit on the subjects of a photo, at several strengths, 0..1; the networks run once."""
        found = self.run(prepared, plan)
        results = []
        for strength in strengths:
            start = time.perf_counter()
            edited = self.apply(prepared.photo, found, strength)
            if prepared.quarters:
                edited = photos.turned(edited, -prepared.quarters)
            seconds = {
                "faces": prepared.seconds,
                "networks": found.seconds,
                "changes": time.perf_counter() - start,
            }
            changed = {id(subject.place): changes for subject, changes in found.changes}
            moved = [_moved(face, changed[id(face)], strength) for face in prepared.chosen]
            own = [[prepared.as_given(face) for face in some] for some in (prepared.faces, prepared.chosen, moved)]
            results.append(
                Result(edited, own[0], own[1], found.warnings, seconds, moved=own[2], bodies=prepared.bodies)
            )
        return results

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
            result = self.edit_photo(source, plan, face=face)
        except NoFaceError as error:
            if self.no_face == "fail":
                raise
            return self._without_faces(source, photo, target, str(error), overwrite=overwrite)
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
        result = self.edit_photo(source, plan, face=face)
        tell(result.warnings)
        edited = result.photo
        if crop_only:
            edited = _crop(edited, result.moved[0])
        if target is not None:
            return deliver.write([File(target, edited)], overwrite=overwrite, quality=self.quality)[0]
        return photos.like(photo, edited)

    def translate_photo(
        self, photo: Photo, words: Words, *, face: str | int = "all", strength: float = 1.0, force: bool = False
    ) -> Result:
        """Edit the faces of a photo by words.

        Args:
            photo: as `imgedit.photo.read` gives it.
            words: `blond`, `word=0.5`, `no-word`; one, several, or word -> strength.
            face: `largest`, `all`, `left`, `right`, or the index in `faces`.
            strength: 0..1, multiplies every word's.
            force: do it whatever the classifier sees.

        Raises:
            UnknownWordError: no model knows a word.
            ConfigError: words contradict each other, or a strength is not in 0..1.
            NoFaceError: there is no face, or not this one.
            ModelError: a model is missing or damaged.
        """
        return self.edit_photo(
            photo, translation.prepare(words, self.models, strength=strength, force=force), face=face
        )

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
            results = self.edit_photo_at(source, plan, plan.strengths, face=face)
        except NoFaceError as error:
            if self.no_face != "skip":
                raise
            return Result(source, [], [], no_face=f"{error}; it is left out")
        pictures = plan.laid_out([result.photo for result in results])
        files = [File(path, picture, source) for path, picture in zip(paths, pictures, strict=True)]
        written = deliver.write(files, overwrite=overwrite, quality=self.quality)
        return replace(results[-1], written=written)


def align(photo: Photo, face: Face, kind: str = "face", size: int = 256) -> NDArray[np.uint8]:
    """Cut the aligned crop of a face out of a photo, `(size, size, 3)`, RGB.

    Args:
        photo: the photo.
        face: one of its faces.
        kind: `face` for what edits see, `head` for the wider window with the hair, `inner` from brows to chin.
        size: side, px.
    """
    return np.asarray(geometry.cut(photo.rgb, face.matrix(kind, size, size), size), np.uint8)


def _crop(photo: Photo, face: Face) -> Photo:
    """Return the aligned crop of a face as a photo, with all its bits."""
    return photos.remade(photo, lambda pixels: geometry.cut(pixels, face.matrix("face", _CROP, _CROP), _CROP))


_CROP = 256  # px; side of the crops that are written


def _moved(face: Face, changes: Sequence[Change], strength: float) -> Face:
    """Return a face with the landmarks that it has after its changes."""
    if all(change.order != MOVE for change in changes):
        return face
    from imgedit.render.warp import moved_face  # and with it all that only moving faces need

    return moved_face(face, changes, strength)


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
    pictures = []
    for before, after in pairs:
        pictures.append(after)
        if compare:
            wide = before.rgb16 if after.rgb16 is not None else None

            def both(pixels: NDArray[Any], left: NDArray[Any] = before.rgb if wide is None else wide) -> NDArray[Any]:
                return deliver.beside([left, pixels])

            pictures.append(photos.remade(after, both))
    return [File(*pair) for pair in zip(_outputs(target, len(pairs), compare), pictures, strict=True)]


def tell(messages: Sequence[str]) -> None:
    """Warn the Python caller, at the line that called imgedit."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] == "imgedit":
        level, frame = level + 1, frame.f_back
    for text in messages:
        warnings.warn(text, EditWarning, stacklevel=level)
