"""One photo all the way: faces, crop, edit, back.

photo --faces--> face --geometry--> crop --edits--> what to do --composite | grading | flow--> photo

What to do is a delta (edited crop minus crop), a grid of colour transforms, or a flow that moves the photo's own hair.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.edits import plan as edits
from imgedit.edits.plan import Edit, Plan
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.runtime import Session
from imgedit.models.sessions import Sessions, check_kind
from imgedit.photo import Photo
from imgedit.pixels import to_tensor
from imgedit.render import delta as composite
from imgedit.render import flow, regions
from imgedit.render import grid as grading
from imgedit.vision import faces, geometry, hair
from imgedit.vision.faces import Face
from imgedit.vision.parsing import Parse, class_probabilities, once

__all__ = ["CLASSIFIER", "PARSER", "Editor", "Result", "align", "open_model", "translate"]

PARSER = "face_parser.celebamask_hq"
CLASSIFIER = "attribute_classifier.celeba"

Words = str | Iterable[str] | Mapping[str, float]

_LITTLE_HAIR = 0.01  # share of the head crop; below it a hair edit is hardly seen


@dataclass(frozen=True)
class Result:
    """What became of one photo.

    Attributes:
        photo: the edited photo, with the metadata of the given one.
        faces: every face that was found, largest first.
        edited: those that were edited.
        warnings: sentences for the user.
        timings: seconds by stage.
    """

    photo: Photo
    faces: list[Face]
    edited: list[Face]
    warnings: list[str] = field(default_factory=list)
    timings: dict[str, float] = field(default_factory=dict)


class Editor:
    """Holds the models' sessions for many photos; each is loaded on first use.

    Args:
        models: translate models, the preferred first; all that are here when None.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        parser: the face parser, by id or folder.
        classifier: the attribute classifier, by id or folder.
    """

    def __init__(
        self,
        models: Sequence[Model] | None = None,
        device: str = "auto",
        *,
        parser: str = PARSER,
        classifier: str = CLASSIFIER,
    ) -> None:
        self.models = library.available("translate") if models is None else list(models)
        self.device = device
        self._parser_name = parser
        self._classifier_name = classifier
        self._sessions = Sessions(device)

    @cached_property
    def parser(self) -> Model:
        """The face parser."""
        return self._sessions.find(self._parser_name, "parse")

    @cached_property
    def classifier(self) -> Model:
        """The attribute classifier."""
        return self._sessions.find(self._classifier_name, "classify")

    @property
    def words(self) -> dict[str, list[str]]:
        """The words that the models know, each with its other spellings."""
        return library.known_words(self.models)

    def faces(self, photo: Photo) -> list[Face]:
        """Find the faces of a photo, largest first; a large photo that seems to have none gets a closer look."""
        return faces.search(photo.rgb, device=self.device)

    def attributes(self, photo: Photo, face: Face) -> dict[str, float]:
        """Return what the classifier sees in a face: attribute -> probability."""
        return self._classify(self.classifier, photo.rgb, face)

    def translate_photo(self, photo: Photo, words: Words, *, face: str | int = "all", strength: float = 1.0) -> Result:
        """Edit the faces of a photo.

        Args:
            photo: as `imgedit.photo.read` gives it.
            words: `blond`, `word=0.5`, `no-word`; one, several, or word -> strength.
            face: `largest`, `all`, `left`, `right`, or the index in `faces`.
            strength: 0..1, multiplies every word's.

        Raises:
            UnknownWordError: no model knows a word.
            ConfigError: words contradict each other, or a strength is not in 0..1.
            NoFaceError: there is no face, or not this one.
            ModelError: a model is missing or damaged.
        """
        scale = edits.parse_words({"strength": strength})["strength"]
        wanted = {word: value * scale for word, value in edits.parse_words(words).items()}
        plans = edits.plan(wanted, self.models)
        clock = _Clock()
        with clock("faces"):
            found = self.faces(photo)
            chosen = faces.pick(found, face, photo=(photo.width, photo.height))
        warnings: list[str] = []
        rgb = photo.rgb
        for plan in plans:
            if any(edit.strength > 0 for edit in plan.edits):
                rgb = self._carry_out(plan, photo.rgb, rgb, found, chosen, clock, warnings)
        return Result(replace(photo, rgb=rgb), found, chosen, warnings, clock.seconds)

    def translate(
        self,
        photo: Any,
        words: Words,
        *,
        face: str | int = "all",
        strength: float = 1.0,
        crop_only: bool = False,
        out: str | PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Edit a photo and give it back as it came; arguments and result as `imgedit.translate`."""
        wanted = edits.parse_words(words)
        target: Path | None = None
        if isinstance(photo, str | PathLike):
            target = photos.default_output(photo, list(wanted)) if out is None else Path(out)
            photos.check_output(target, overwrite=overwrite)
        elif out is not None:
            raise ConfigError("out names the file for a photo given by its path; save this result yourself")
        source = photos.read(photo)
        result = self.translate_photo(source, wanted, face=face, strength=strength)
        edited = result.photo
        if crop_only:
            edited = replace(source, rgb=align(result.photo, result.edited[0]), alpha=None)
        if target is not None:
            return photos.write(replace(source, alpha=edited.alpha), edited.rgb, target, overwrite=overwrite)
        if crop_only:
            return edited.rgb if isinstance(photo, np.ndarray) else photos.to_image(edited)
        return photos.like(photo, edited)

    def _carry_out(
        self,
        plan: Plan,
        original: NDArray[np.uint8],
        rgb: NDArray[np.uint8],
        found: Sequence[Face],
        chosen: Sequence[Face],
        clock: _Clock,
        warnings: list[str],
    ) -> NDArray[np.uint8]:
        """Edit every chosen face with one model; what the model sees is `rgb`, with the edits before it."""
        manifest = plan.model.manifest
        size = manifest.crop.width
        session = self._session(plan.model, "translate")
        run, moves_hair = session.run, "mask" in session.inputs

        def guide(image: NDArray[np.float32]) -> NDArray[np.float32]:
            return self._session(plan.model, "guide").run({"image": image}, ["guide"])["guide"]

        for face in chosen:
            with clock("attributes"):
                wanted, current = self._wanted(plan, original, face, warnings)
            if not any(edit.strength > 0 for edit in wanted):
                continue
            if moves_hair and (why := edits.no_hair_to_move(wanted, current or {})):
                warnings.append(f"the face at {_place(face)} seems {why}, so there is no hair to move")
                continue
            with clock("region"):
                parse = once(self._parse)
                hat = edits.wears_hat(current or {})
                region = self._region(plan.region, parse, rgb, found, face, warnings, hat=hat)
                own_hair = self._region("hair", parse, rgb, found, face, warnings, hat=hat) if moves_hair else None
            with clock("edit"):
                matrix = geometry.crop_matrix(face.landmarks, manifest.crop.kind, size)
                crop = geometry.cut(rgb, matrix, size)
                image = to_tensor(crop)
                if plan.is_colour:
                    grids = edits.translate_grids(run, image, wanted, current, manifest)
                elif own_hair is not None:
                    mask = flow.mask_on(own_hair, (rgb.shape[0], rgb.shape[1]), matrix, size)
                    fields = edits.translate_fields(run, image, mask, wanted, current, manifest)
                else:
                    delta = edits.translate_image(run, image, wanted, current, manifest)
            with clock("composite"):
                if plan.is_colour:
                    rgb = grading.apply_grids(rgb, grids, guide, matrix, size, region, tint=edits.tint_of(wanted))
                    continue
                window = regions.intersect(regions.region_of(rgb, None, matrix, size), region)
                if own_hair is not None:
                    rgb = flow.apply_fields(rgb, fields, matrix, size, own_hair, window)
                else:
                    rgb = composite.apply_delta(rgb, delta, image.transpose(1, 2, 0), matrix, window)
        return rgb

    def _wanted(
        self, plan: Plan, rgb: NDArray[np.uint8], face: Face, warnings: list[str]
    ) -> tuple[tuple[Edit, ...], dict[str, float] | None]:
        """Return the edits of one face, weaker where it has what they ask for, and what the classifier sees in it."""
        if plan.model.manifest.conditioning == "direction":
            return plan.edits, None
        current = self._classify(plan.model if plan.model.has("classify") else self.classifier, rgb, face)
        wanted = edits.still_wanted(plan.edits, current)
        for edit, left in zip(plan.edits, wanted, strict=True):
            if edit.strength > 0 and left.strength == 0:
                warnings.append(f"the face at {_place(face)} is so already: {edit.word!r} changes nothing")
        return wanted, current

    def _region(
        self,
        name: str,
        parse: Parse,
        rgb: NDArray[np.uint8],
        found: Sequence[Face],
        face: Face,
        warnings: list[str],
        *,
        hat: bool = False,
    ) -> regions.Region:
        """Return a part of one face: `hair`, `face` (all of the person), or `all` of the window."""
        size = self.parser.manifest.crop.width
        kind = self.parser.manifest.crop.kind
        matrix = geometry.crop_matrix(face.landmarks, kind, size)
        others = [geometry.crop_matrix(f.landmarks, kind, size) for f in found if f is not face]
        if name == "all":
            return regions.region_of(rgb, None, matrix, size, others=others)
        classes = self.parser.manifest.classes
        if name == "hair":
            found_hair = hair.find_hair(lambda crop: parse(crop)[classes.index("hair")], rgb, matrix, size, hat=hat)
            region = regions.region_of(rgb, found_hair, matrix, size, others=others)
            # What counts is what lies in the photo: the crop beyond it is mirrored, hair and all.
            if float(region.weight.sum()) * geometry.crop_scale(matrix) ** 2 < _LITTLE_HAIR * size * size:
                warnings.append(f"the face at {_place(face)} shows hardly any hair, so an edit of hair changes little")
            return region
        probability = parse(np.asarray(geometry.cut(rgb, matrix, size), np.uint8))
        outside = sum(probability[classes.index(c)] for c in ("background", "cloth") if c in classes)
        person = regions.widened(np.asarray(1.0 - outside, np.float32), size // 24)
        return regions.region_of(rgb, person, matrix, size, others=others)

    def _parse(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the parser's probabilities, `(C, h, w)`, on a crop `(h, w, 3)`."""
        classes = self.parser.manifest.classes
        session = self._session(self.parser, "parse")
        probability: NDArray[np.float32] = class_probabilities(session, to_tensor(crop)[None])[0]
        if probability.shape[0] != len(classes) or "hair" not in classes:
            raise ModelError(f"{self.parser.id} does not tell where the hair is; its classes: {', '.join(classes)}")
        return probability

    def _classify(self, model: Model, rgb: NDArray[np.uint8], face: Face) -> dict[str, float]:
        crop = model.manifest.crop
        image = to_tensor(geometry.cut(rgb, geometry.crop_matrix(face.landmarks, crop.kind, crop.width), crop.width))
        probability = self._session(model, "classify").run({"image": image[None]}, ["probability"])["probability"][0]
        names = model.manifest.attributes
        if probability.shape != (len(names),):
            raise ModelError(f"{model.id} returned {probability.shape} probabilities for {len(names)} attributes")
        return {name: float(p) for name, p in zip(names, probability, strict=True)}

    def _session(self, model: Model, role: str) -> Session:
        return self._sessions.open(model, role)


def open_model(name: str | PathLike[str] | None = None, device: str = "auto") -> Editor:
    """Open a model for many photos.

    Args:
        name: id, pulled repository or folder of a translate model; None for all that are here, which is what the words
            are then looked up in.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        ModelError: there is no such model, it is damaged, or it edits no faces.
    """
    if name is None:
        return Editor(device=device)
    model = check_kind(library.find(name), "translate")
    return Editor([model], device)


def translate(
    photo: Any,
    words: Words,
    *,
    face: str | int = "all",
    strength: float = 1.0,
    model: str | PathLike[str] | None = None,
    device: str = "auto",
    crop_only: bool = False,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
) -> Any:
    """Edit the faces of a photo and give it back as it came.

    Args:
        photo: a path, a PIL image, or an array `(H, W, 3)`, `(H, W, 4)` or `(H, W)`, uint8.
        words: `blond`, `word=0.5`, `no-word`; one, several, or word -> strength 0..1.
        face: `largest`, `all`, `left`, `right`, or an index, 0 for the largest.
        strength: 0..1, multiplies every word's; 0 gives the photo back.
        model: id or folder of the model to use; any that knows the word when None.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        crop_only: give the first edited face's aligned crop instead, RGB.
        out: for a path, the file to write; None writes `photo.blond.jpg` beside `photo.jpg`.
        overwrite: replace a file that exists.

    Returns:
        An array for an array, a PIL image for a PIL image, the path of the written file for a path.

    Raises:
        ImgeditError: one of its children, as `Editor.translate_photo`, `imgedit.photo.read` and `write` raise them.
    """
    return open_model(model, device).translate(
        photo, words, face=face, strength=strength, crop_only=crop_only, out=out, overwrite=overwrite
    )


def align(photo: Photo, face: Face, kind: str = "face", size: int = 256) -> NDArray[np.uint8]:
    """Cut the aligned crop of a face out of a photo, `(size, size, 3)`, RGB.

    Args:
        photo: the photo.
        face: one of its faces.
        kind: `face` for what edits see, `head` for the wider window with the hair, `inner` from brows to chin.
        size: side, px.
    """
    matrix = geometry.crop_matrix(face.landmarks, kind, size)
    return np.asarray(geometry.cut(photo.rgb, matrix, size), np.uint8)


class _Clock:
    """Adds up seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def _place(face: Face) -> str:
    """Where a face is, for people: the tip of its nose, pixels of the photo."""
    x, y = (round(float(v)) for v in face.landmarks[2])
    return f"{x}, {y}"
