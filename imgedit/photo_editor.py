"""One photo in memory: prepare its subjects, run an edit's networks, apply the changes.

photo --prepare--> subjects --run--> changes --apply--> photo

Subjects are prepared on the photo as it was given, so an edit never depends on another. An edit itself is a plan of
`imgedit.edits`; files and what else a photo may come as are `imgedit.editor`'s.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.edits import translate as translation
from imgedit.edits.plan import ForBodies, ForTurned, Plan
from imgedit.edits.words import Words
from imgedit.models import library, together
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.photo import Photo
from imgedit.pixels import is_same
from imgedit.render.change import MOVE, Change, apply_all, area_of
from imgedit.vision import faces, geometry, people
from imgedit.vision.body import Body
from imgedit.vision.faces import Face
from imgedit.vision.people import Where
from imgedit.vision.subject import CLASSIFIER, PARSER, Networks, Subject, body_subject, face_subject
from imgedit.vision.upright import Upright, stand

__all__ = ["Found", "PhotoEditor", "Prepared", "Result", "align"]


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
        is_changed: whether any pixel is another than in the given photo.
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
    is_changed: bool = False


class PhotoEditor:
    """Edits photos in memory with models' sessions, each of which is loaded on first use.

    Args:
        models: translate models, the preferred first; all that are here when None.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        parser: the face parser, by id or folder.
        classifier: the attribute classifier, by id or folder.
        mark: edited photos say in their metadata that they were edited, and how.
        min_face: faces with a smaller side are left alone, pixels of the photo.
    """

    def __init__(
        self,
        models: Sequence[Model] | None = None,
        device: str = "auto",
        *,
        parser: str = PARSER,
        classifier: str = CLASSIFIER,
        mark: bool = True,
        min_face: float = 0.0,
    ) -> None:
        self.mark = mark
        self.min_face = min_face
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
        """Run the networks of an edit on every subject, side by side."""
        start = time.perf_counter()
        said = dict.fromkeys(prepared.warnings)  # in order, each once

        def changes(subject: Subject) -> tuple[list[Change], list[str]]:
            own: list[str] = []
            return plan.changes(subject, lambda text: own.append(f"{subject} {text}")), own

        found = together.side_by_side([functools.partial(changes, subject) for subject in prepared.subjects])
        for _, own in found:
            said |= dict.fromkeys(own)
        made = [(subject, some) for subject, (some, _) in zip(prepared.subjects, found, strict=True)]
        return Found(plan, made, list(said), time.perf_counter() - start)

    def apply(self, photo: Photo, found: Found, strength: float = 1.0, *, own: bool = False) -> Photo:
        """Carry changes out and return the edited photo; the given photo itself where that changes no pixel.

        Args:
            photo: the photo.
            found: the changes of its subjects.
            strength: 0..1, share of every change; 0 gives the photo back.
            own: the photo is no longer wanted, and the result may take its memory.
        """
        if strength == 0 or not any(changes for _, changes in found.changes):
            return photo
        deep = photos.srgb_deep(photo)
        seen = rgb = found.changes[0][0].rgb if deep is None else deep
        area = area_of(found.changes, (photo.height, photo.width))
        part = slice(area[1], area[3]), slice(area[0], area[2])
        if rgb[part].shape != rgb.shape:
            # Zeros that are never touched take no memory: the copy takes that of the part that changes.
            rgb = np.zeros(seen.shape, seen.dtype)
            rgb[part] = seen[part]
        for subject, changes in found.changes:
            scaled = changes if strength == 1 else [change.scaled(strength) for change in changes]
            rgb = apply_all(rgb, subject, scaled, own=rgb is not seen)
        if is_same(rgb[part], seen[part]):
            return photo
        edited = photos.with_srgb(photo, seen, rgb, area=area, into=photo.rgb if own else rgb)
        if not self.mark:
            return edited
        used = [(model.id, model.manifest.version) for model in found.plan.models]
        return photos.marked(edited, found.plan.description, used)

    def edit_photo(self, photo: Photo, plan: Plan, *, face: str | int = "all", own: bool = False) -> Result:
        """Carry out any edit on the faces of a photo.

        Args:
            photo: as `imgedit.photo.read` gives it.
            plan: what to do, as an edit's `prepare` gives it.
            face: as `prepare`.
            own: the photo is no longer wanted, and the result may take its memory.

        Raises:
            NoFaceError: there is no face, or not this one.
            ModelError: a model is missing or damaged.
        """
        return self._edit_at(photo, plan, [1.0], face, own=own)[0]

    def edit_photo_at(
        self, photo: Photo, plan: Plan, strengths: Sequence[float], *, face: str | int = "all"
    ) -> list[Result]:
        """Carry out an edit at several strengths, 0..1; the networks run once. Arguments as `edit_photo`."""
        return self._edit_at(photo, plan, strengths, face)

    def _edit_at(
        self, photo: Photo, plan: Plan, strengths: Sequence[float], face: str | int, *, own: bool = False
    ) -> list[Result]:
        if isinstance(plan, ForBodies):
            prepared = self.prepare_bodies(photo, face, plan.where)
        else:
            prepared = self.prepare(photo, face, turned=isinstance(plan, ForTurned) and plan.is_for_turned)
        return self.edit_prepared(prepared, plan, strengths, own=own)

    def edit_prepared(
        self, prepared: Prepared, plan: Plan, strengths: Sequence[float] = (1.0,), *, own: bool = False
    ) -> list[Result]:
        """Carry out an edit on the subjects of a photo, at several strengths, 0..1; the networks run once.

        Args:
            prepared: the photo.
            plan: what to do.
            strengths: those of the results.
            own: the photo is no longer wanted, and the result of a single strength may take its memory.
        """
        found = self.run(prepared, plan)
        results = []
        for strength in strengths:
            start = time.perf_counter()
            edited = self.apply(prepared.photo, found, strength, own=own and len(strengths) == 1)
            is_changed = edited is not prepared.photo
            if prepared.quarters:
                edited = photos.turned(edited, -prepared.quarters)
            seconds = {
                "faces": prepared.seconds,
                "networks": found.seconds,
                "changes": time.perf_counter() - start,
            }
            changed = {id(subject.place): changes for subject, changes in found.changes}
            moved = [_moved(face, changed[id(face)], strength) for face in prepared.chosen]
            given = [[prepared.as_given(face) for face in some] for some in (prepared.faces, prepared.chosen, moved)]
            results.append(
                Result(
                    edited, given[0], given[1], found.warnings, seconds, moved=given[2], bodies=prepared.bodies,
                    is_changed=is_changed,
                )
            )  # fmt: skip
        return results

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


def align(photo: Photo, face: Face, kind: str = "face", size: int = 256) -> NDArray[np.uint8]:
    """Cut the aligned crop of a face out of a photo, `(size, size, 3)`, RGB.

    Args:
        photo: the photo.
        face: one of its faces.
        kind: `face` for what edits see, `head` for the wider window with the hair, `inner` from brows to chin.
        size: side, px.
    """
    return np.asarray(geometry.cut(photo.rgb, face.matrix(kind, size, size), size), np.uint8)


def _moved(face: Face, changes: Sequence[Change], strength: float) -> Face:
    """Return a face with the landmarks that it has after its changes."""
    if all(change.order != MOVE for change in changes):
        return face
    from imgedit.render.warp import moved_face  # and with it all that only moving faces need

    return moved_face(face, changes, strength)
