"""What each kind of model makes of a subject's crops, as changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgedit.edits.plan import FORCE, Edit, Warn
from imgedit.edits.runs import Run, translate_fields, translate_grids, translate_image
from imgedit.edits.tones import find_beard_tone, find_brow_tone, find_tone, target_of
from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.manifest import Manifest, Tint
from imgedit.pixels import Floats, greyed
from imgedit.render import regions
from imgedit.render.change import Change
from imgedit.render.delta import Delta
from imgedit.render.flow import Flow, mask_on
from imgedit.render.grid import Grid
from imgedit.vision.eyes import DARK_LENSES, lightness_of_lenses
from imgedit.vision.hair import doubt, is_long
from imgedit.vision.parts import HAIR
from imgedit.vision.subject import Subject

__all__ = ["CHANGES", "Job", "tint_of"]

_LEAST_WORN = 0.06
"""Share of the window around the eyes from which something is worn there."""

_LITTLE = 0.01
"""Share of the parser's window; an edit of a part that covers less is hardly seen."""

_ON_THE_MESH = ("mesh", "glasses", "face_hair", "removal")
"""Outputs that act on the face's mesh, so that no part of the face has to be found."""

_DOUBT = 1.0
"""`vision.hair.doubt` from which the user should look at the result, and nothing is done below a hat."""


@dataclass(frozen=True)
class Job:
    """What one model is to do to one subject.

    Attributes:
        model: the model.
        edits: its words, at least one with a strength above 0.
        current: probability of each attribute; None for a model that needs to know none.
        subject: whose crops.
        limit: what guards add to the names of regions.
        warn: takes what the user should know.
        is_forced: do it whatever is seen.
    """

    model: Model
    edits: tuple[Edit, ...]
    current: dict[str, float] | None
    subject: Subject
    limit: str
    warn: Warn
    is_forced: bool = False

    @property
    def spec(self) -> tuple[str, int, int]:
        """Kind, height and width of the model's crop."""
        crop = self.model.manifest.crop
        return crop.kind, crop.height, crop.width

    @property
    def part(self) -> str:
        """The smallest part that holds every word's."""
        parts = {edit.region for edit in self.edits if edit.strength > 0}
        return parts.pop() if len(parts) == 1 else ("all" if "all" in parts else "face")

    def region(self, part: str) -> str:
        """Return the name of the region of a part."""
        return part + self.limit

    @property
    def moves_hair(self) -> bool:
        """Whether hair is copied to where it is wanted; models of two domains copy whatever there is."""
        manifest = self.model.manifest
        return manifest.output == "flow" and manifest.conditioning != "domains"

    @property
    def has_part(self) -> bool:
        """Whether there is more than hardly any of what is to be edited, or moved; says so where there is not."""
        if self.model.manifest.output in _ON_THE_MESH:
            return True
        needs_hair = self.moves_hair or self.model.manifest.output == "bangs"
        part = HAIR if needs_hair else self.part
        if needs_hair and not self.is_forced and self._asks_for_longer and is_long(self.subject) is False:
            self.warn(f"has no hair long enough for {self.named}, which changes nothing; {FORCE} to do it all the same")
            return False
        if regions.coverage(self.subject, self.region(part)) >= _LITTLE:
            if part != HAIR or self._doubt() <= _DOUBT:
                return True
            if self.limit:  # hats and hoods, whose folds and rims parsers half take for hair
                self.warn(
                    "has hair that can hardly be told from a hat or hood, "
                    f"so {self.named} changes nothing; {FORCE} to do it all the same"
                )
                return False
            self.warn(
                "has hair that can hardly be told from the rest, as in drawings and small pictures; look at the result"
            )
            return True
        if self.is_forced:
            self.warn(f"shows hardly any {part}, so {self.named} may change what is none")
            return True
        self.warn(f"shows hardly any {part}, so {self.named} changes nothing; {FORCE} to do it all the same")
        return False

    @property
    def named(self) -> str:
        """The words that are carried out."""
        return ", ".join(repr(edit.word) for edit in self.edits if edit.strength > 0)

    @property
    def _asks_for_longer(self) -> bool:
        """Whether hair is to be moved to where it is not, and not only away."""
        return any(edit.strength > 0 and max(edit.values.values()) > 0.5 for edit in self.edits)

    def warn_of_grey(self) -> None:
        """Say that a grey photo gets colours."""
        if self.subject.is_grey:
            words = ", ".join(edit.word for edit in self.edits if edit.strength > 0)
            self.warn(f"is in a grey photo, which {words} gives colours")

    def _doubt(self) -> float:
        parser = self.subject.networks.parser
        return doubt(self.subject.parsed()[parser.classes.index("hair")])

    def run(self, role: str) -> Run:
        """Return what runs a graph of the model."""
        return self.subject.sessions.open(self.model, role).run


def _delta(job: Job) -> Sequence[Change]:
    manifest = job.model.manifest
    crop = job.subject.crop(*job.spec)
    delta = translate_image(job.run, crop, job.edits, job.current, manifest)
    if job.subject.is_grey:
        delta = greyed(delta, axis=2)
    return [Delta(delta, manifest.crop, job.region(job.part))]


def _grid(job: Job) -> Sequence[Change]:
    manifest = job.model.manifest
    crop = job.subject.crop(*job.spec)
    grids = translate_grids(job.run, crop, job.edits, job.current, manifest)
    job.warn_of_grey()

    def guide(image: Floats) -> Floats:
        return job.subject.sessions.open(job.model, "guide").run({"image": image}, ["guide"])["guide"]

    return [Grid(grids, guide, manifest.crop, job.region(job.part), tint_of(job.edits))]


def _tone(job: Job) -> Sequence[Change]:
    tones = job.run("tones")({})
    edit = max(job.edits, key=lambda edit: edit.strength)  # colours exclude each other, so there is one
    job.warn_of_grey()
    if edit.dye is None:
        wanted = max(edit.values, key=lambda name: edit.values[name])
        target = target_of(tones, job.model.manifest.attributes.index(wanted))
    else:
        target = edit.dye.target(tones)
    found = find_tone(job.subject, target, job.region(job.part), edit.strength)
    if found is None:
        job.warn(f"shows too little skin or hair to tell what light it is in, so {job.named} changes nothing")
    brows = find_brow_tone(job.subject, target, edit.strength) if edit.with_brows else None
    if edit.with_brows and brows is None:
        job.warn("shows hardly any brows, so they keep their colour")
    beard = find_beard_tone(job.subject, target, edit.strength) if edit.with_beard else None
    if edit.with_beard and beard is None:
        job.warn("shows hardly any beard, so none takes the colour")
    return [change for change in (found, brows, beard) if change is not None]


def _flow(job: Job) -> Sequence[Change]:
    manifest = job.model.manifest
    subject = job.subject
    crop, source, mask = subject.crop(*job.spec), regions.WHOLE, None
    if job.moves_hair:
        source = job.region(HAIR)
        mask = mask_on(
            regions.find(subject, source),
            (subject.photo.height, subject.photo.width),
            subject.matrix(*job.spec),
            job.spec[1:],
        )
    fields = translate_fields(job.run, crop, mask, job.edits, job.current, manifest)
    if subject.is_grey:  # the last three planes are the paint
        fields = [(amount, np.concatenate([planes[:4], greyed(planes[4:], axis=0)])) for amount, planes in fields]
    return [Flow(fields, manifest.crop, source, job.region(job.part))]


def _mesh(job: Job) -> Sequence[Change]:
    """Move the face's mesh: an attribute is the slider of its number, its opposite the neutral face."""
    manifest = job.model.manifest
    sliders = dict(zip(manifest.attributes, manifest.classes, strict=False))
    strengths = {
        sliders.get(name, name): edit.strength
        for edit in job.edits
        for name, value in edit.values.items()
        if value > 0.5
    }
    from imgedit.edits import express  # and with it all that only moving faces need

    plan = express.prepare(strengths, neutral=not strengths)
    if not strengths:
        plan = replace(plan, amount=max(edit.strength for edit in job.edits))
    return plan.changes(job.subject, job.warn)


def _glasses(job: Job) -> Sequence[Change]:
    """Draw the frame that is named by a word, the first one by a word that names none."""
    manifest = job.model.manifest
    face = job.subject.mesh
    if face is None:
        job.warn(f"gets no {job.edits[0].word}: no face mesh fits it")
        return []
    from imgedit.render.frames import frame_of  # and with it all that only drawing needs
    from imgedit.render.glasses import Glasses

    (edit,) = job.edits  # two frames contradict each other
    frame = frame_of(job.run("frames")({}), _class_of(manifest, edit.word))
    return [Glasses(face.points, frame, job.region(job.part), edit.strength)]


def _class_of(manifest: Manifest, word: str) -> int:
    """Return the place among a model's classes of a word by any of its spellings; the first where it is none."""
    known = manifest.word(word)
    return manifest.classes.index(known[0]) if known is not None and known[0] in manifest.classes else 0


def _removal(job: Job) -> Sequence[Change]:
    """Take glasses off, unless they are dark: nobody knows the eyes behind them."""
    face = job.subject.mesh
    if face is None:
        job.warn(f"keeps its glasses: no face mesh fits it, so {job.named} changes nothing")
        return []
    if not job.is_forced and lightness_of_lenses(job.subject.rgb, face.points) < DARK_LENSES:
        job.warn(f"seems to wear dark glasses, behind which the eyes are not seen: {job.named} changes nothing")
        return []
    from imgedit.render.removal import Removal  # and with it all that only painting needs

    model = job.model
    size = (model.manifest.crop.height, model.manifest.crop.width)

    def take(crop: Floats) -> tuple[Floats, Floats]:
        found = job.run("translate")({"image": crop[None]})
        picture, mask = found.get("image_out"), found.get("mask")
        if picture is None or mask is None or picture.shape != (1, 3, *size) or mask.shape != (1, 1, *size):
            raise ModelError(f"{model.id} must return image_out {(1, 3, *size)} and mask {(1, 1, *size)}")
        return np.asarray(picture[0], np.float32), np.asarray(mask[0, 0], np.float32)

    strength = max(edit.strength for edit in job.edits)
    change = Removal(face.points, take, size, job.region(job.part), strength)
    if not job.is_forced and change.share_of(job.subject.rgb) < _LEAST_WORN:
        job.warn(f"wears nothing that {job.named} could take off; {FORCE} to do it all the same")
        return []
    return [change]


def _face_hair(job: Job) -> Sequence[Change]:
    """Draw a mustache or a beard on the face, that of the word's own place among the classes."""
    face = job.subject.mesh
    if face is None:
        job.warn(f"gets no {job.edits[0].word}: no face mesh fits it")
        return []
    from imgedit.render.face_hair import FaceHair, growth_of

    (edit,) = job.edits  # two cuts contradict each other
    growth = growth_of(job.run("growth")({}), _class_of(job.model.manifest, edit.word))
    return [FaceHair(face.points, growth, job.region(job.part), edit.strength)]


def _bangs(job: Job) -> Sequence[Change]:
    """Draw hair over the forehead, in the colours of the hair that is there."""
    face = job.subject.mesh
    if face is None:
        job.warn(f"gets no {job.named}: no face mesh fits it")
        return []
    from imgedit.render.bangs import Fringe, cut_of

    strength = max(edit.strength for edit in job.edits)
    return [Fringe(face.points, cut_of(job.run("fringe")({})), job.region(job.part), strength)]


def _skin(job: Job) -> Sequence[Change]:
    """Change the age of the skin; for an older face the hair turns a little grey too."""
    face = job.subject.mesh
    if face is None:
        job.warn(f"keeps its age: no face mesh fits it, so {job.named} changes nothing")
        return []
    from imgedit.render.skin import Skin, age_of

    edit = max(job.edits, key=lambda edit: edit.strength)
    is_younger = max(edit.values.values()) > 0.5
    arrays = job.run("age")({})
    skin = Skin(face.points, age_of(arrays, is_younger=is_younger), job.region("skin"), edit.strength)
    grey = 0.0 if is_younger else float(np.ravel(arrays.get("grey", 0.0))[0])
    return [skin, *_hair_too(job, grey * edit.strength)]


def _hair_too(job: Job, strength: float) -> Sequence[Change]:
    """Give the hair some of the word that a model names as its first class, by the tones of its part."""
    manifest, subject = job.model.manifest, job.subject
    part = manifest.parts.get("tones")
    if part is None or not manifest.classes or strength <= 0:
        return []
    model = subject.sessions.find(part, "translate")
    known = model.manifest.word(manifest.classes[0])
    if known is None:
        raise ModelError(f"{model.id} has no word {manifest.classes[0]!r}, which {manifest.id} asks it for")
    word = known[1]
    seen = subject.attributes
    holding = {guard.then for guard in word.unless if seen.get(guard.attribute, 0.0) > guard.above}
    region = word.region + (regions.BELOW_HAIRLINE if holding else "")
    if "skip" in holding or regions.coverage(subject, region) < _LITTLE:
        return []
    index = model.manifest.attributes.index(max(word.sets, key=lambda name: word.sets[name]))
    target = target_of(subject.sessions.open(model, "tones").run({}), index)
    found = find_tone(subject, target, region, strength)
    return [] if found is None else [found]


def tint_of(edits: Sequence[Edit]) -> Tint | None:
    """Return the tint of the strongest of some edits; None where it has none."""
    return max(edits, key=lambda edit: edit.strength).tint


CHANGES: dict[str, Callable[[Job], Sequence[Change]]] = {
    "image": _delta,
    "grid": _grid,
    "tone": _tone,
    "flow": _flow,
    "mesh": _mesh,
    "glasses": _glasses,
    "skin": _skin,
    "face_hair": _face_hair,
    "bangs": _bangs,
    "removal": _removal,
}
"""A model's output -> what makes changes of it."""
