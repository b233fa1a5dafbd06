"""What each kind of model makes of a subject's crops, as changes.

Strength. Let f(S) be a model's output with the words S set. Words of strengths s1 <= s2 <= ... add up to
`x + s1 (f(all) - x) + (s2 - s1) (f(words of at least s2) - x) + ...`. With one strength this is the plain blend; with
strength 0 a word is as if it had not been said; and the network only sees whole labels, as in its training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.edits.plan import Edit, Warn
from imgedit.edits.tones import find_brow_tone, find_tone, target_of
from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.manifest import Manifest, Tint
from imgedit.pixels import Floats, greyed
from imgedit.render import regions
from imgedit.render.change import Change
from imgedit.render.delta import Delta
from imgedit.render.flow import N_PLANES, Flow, mask_on
from imgedit.render.grid import Grid
from imgedit.vision.eyes import DARK_LENSES, lightness_of_lenses
from imgedit.vision.hair import doubt, is_long
from imgedit.vision.parts import MOVABLE
from imgedit.vision.subject import Subject

__all__ = [
    "CHANGES",
    "Job",
    "levels",
    "target_vector",
    "tint_of",
    "translate_fields",
    "translate_grids",
    "translate_image",
]

_LEAST_WORN = 0.06
"""Share of the window around the eyes from which something is worn there."""

_LITTLE = 0.01
"""Share of the parser's window; an edit of a part that covers less is hardly seen."""

_ON_THE_MESH = ("mesh", "glasses", "face_hair", "removal")
"""Outputs that act on the face's mesh, so that no part of the face has to be found."""

_DOUBT = 1.0
"""`vision.hair.doubt` from which the user should look at the result."""

Run = Callable[[Mapping[str, Any]], Mapping[str, NDArray[Any]]]
"""Runs one graph: named inputs to named outputs, as `runtime.Session.run` does."""

Runs = Callable[[str], Run]
"""Gives what runs the graph of a role."""


def target_vector(current: Mapping[str, float] | None, wanted: Mapping[str, float], manifest: Manifest) -> Floats:
    """Build the edit vector of a model.

    Args:
        current: probability of each attribute in the crop; not needed when `wanted` names all of them.
        wanted: attribute -> value.
        manifest: whose attributes and conditioning.

    Returns:
        `(K,)`: the whole wanted vector for `target`, wanted minus current for `difference`, and for `direction` the
        wanted values alone.

    Raises:
        ModelError: the classifier does not know an attribute of the model.
    """
    names = manifest.attributes
    if manifest.conditioning == "direction":
        return np.array([wanted.get(name, 0.0) for name in names], np.float32)
    needed = [n for n in names if manifest.conditioning == "difference" or n not in wanted]
    lacking = [n for n in needed if current is None or n not in current]
    if lacking:
        raise ModelError(f"{manifest.id} needs to know {', '.join(lacking)} of the face, and no classifier tells")
    present = {n: float(round(current[n])) for n in needed} if current else {}
    target = np.array([wanted.get(name, present.get(name, 0.0)) for name in names], np.float32)
    if manifest.conditioning == "difference":
        target -= np.array([present[name] for name in names], np.float32)
    return target


def levels(edits: Sequence[Edit]) -> list[tuple[float, dict[str, float]]]:
    """Split words of different strengths into runs of a model: weight, wanted values; weights add to the highest."""
    runs: list[tuple[float, dict[str, float]]] = []
    below = 0.0
    for strength in sorted({edit.strength for edit in edits if edit.strength > 0}):
        wanted = {name: value for edit in edits if edit.strength >= strength for name, value in edit.values.items()}
        runs.append((strength - below, wanted))
        below = strength
    return runs


def translate_image(
    run: Runs, crop: Floats, edits: Sequence[Edit], current: Mapping[str, float] | None, manifest: Manifest
) -> Floats:
    """Edit a crop with an image model and return the delta.

    Args:
        run: gives the graph of a role.
        crop: `(3, H, W)`, [-1, 1], RGB.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        `(H, W, 3)`, edited minus crop, -2..2.
    """
    delta = np.zeros_like(crop)
    for weight, outputs in _runs(run, {"image": crop[None]}, edits, current, manifest):
        image = next(value for name, value in outputs.items() if name != "mask")[0]
        if image.shape != crop.shape:
            raise ModelError(f"{manifest.id} returned an image of shape {image.shape}, not {crop.shape}")
        delta += np.float32(weight) * (np.clip(image, -1.0, 1.0) - crop)
    return np.ascontiguousarray(delta.transpose(1, 2, 0))


def translate_grids(
    run: Runs, crop: Floats, edits: Sequence[Edit], current: Mapping[str, float] | None, manifest: Manifest
) -> list[tuple[float, Floats]]:
    """Run a colour model for its grids, one for each strength among the words.

    Args:
        run: gives the graph of a role.
        crop: `(3, H, W)`, [-1, 1], RGB.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        Weight and grid, `(12, D, h, w)`: rows of affine transforms of colours in [-1, 1], channel 4 c + i.
    """
    grids = []
    for weight, outputs in _runs(run, {"image": crop[None]}, edits, current, manifest):
        grid = outputs["grid"][0] if "grid" in outputs else None
        if grid is None or grid.ndim != 4 or grid.shape[0] != 12:
            raise ModelError(f"{manifest.id} returned no grid of shape (N, 12, D, h, w)")
        grids.append((weight, np.ascontiguousarray(grid, dtype=np.float32)))
    return grids


def translate_fields(
    run: Runs,
    crop: Floats,
    mask: Floats | None,
    edits: Sequence[Edit],
    current: Mapping[str, float] | None,
    manifest: Manifest,
) -> list[tuple[float, Floats]]:
    """Run a flow model for its fields, one for each strength among the words.

    Args:
        run: gives the graph of a role.
        crop: `(3, H, W)`, [-1, 1], RGB.
        mask: `(H, W)`, 0..1, what of the crop may be copied; None for a model that does not ask.
        edits: words of this model, with their strengths.
        current: probability of each attribute in the crop.
        manifest: the model's.

    Returns:
        Amount and fields, `(7, h, w)`, as `imgedit.render.flow.apply_fields` takes them.
    """
    found = []
    feeds = {"image": crop[None]} | ({} if mask is None else {"mask": mask[None, None]})
    for amount, outputs in _runs(run, feeds, edits, current, manifest):
        fields = outputs["fields"][0] if "fields" in outputs else None
        if fields is None or fields.ndim != 3 or fields.shape[0] != N_PLANES:
            raise ModelError(f"{manifest.id} returned no fields of shape (N, {N_PLANES}, h, w)")
        found.append((amount, np.ascontiguousarray(fields, dtype=np.float32)))
    return found


def _runs(
    run: Runs,
    feeds: Mapping[str, Floats],
    edits: Sequence[Edit],
    current: Mapping[str, float] | None,
    manifest: Manifest,
) -> Iterator[tuple[float, Mapping[str, NDArray[Any]]]]:
    """Run a model once for each strength among the words; a face that is so already needs no run."""
    for weight, wanted in levels(edits):
        if manifest.conditioning == "domains":
            yield weight, run(_way(wanted, manifest))(feeds)
            continue
        vector = target_vector(current, wanted, manifest)
        if manifest.conditioning == "target" or vector.any():
            yield weight, run("translate")({**feeds, "edit": vector[None]})


def _way(wanted: Mapping[str, float], manifest: Manifest) -> str:
    """Return the role of a model of two domains that leads to what is wanted.

    `forward` makes a picture of the second domain of one of the first, `backward` the reverse. Of one attribute the
    second domain has it, of two each domain has one.
    """
    asked = wanted.get(manifest.attributes[-1], 0.5) - 0.5
    if len(manifest.attributes) > 1:
        asked -= wanted.get(manifest.attributes[0], 0.5) - 0.5
    return "forward" if asked > 0 else "backward"


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
        part = MOVABLE if self.moves_hair else self.part
        if self.moves_hair and not self.is_forced and self._asks_for_longer and is_long(self.subject) is False:
            self.warn(
                f"has no hair long enough for {self.named}, which changes nothing; use force to do it all the same"
            )
            return False
        if regions.coverage(self.subject, self.region(part)) >= _LITTLE:
            if part == "hair" and self._doubt() > _DOUBT:
                self.warn(
                    "has hair that can hardly be told from the rest, as in drawings and small pictures; "
                    "look at the result"
                )
            return True
        if self.is_forced:
            self.warn(f"shows hardly any {part}, so {self.named} may change what is none")
            return True
        self.warn(f"shows hardly any {part}, so {self.named} changes nothing; use force to do it all the same")
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
    return [change for change in (found, brows) if change is not None]


def _flow(job: Job) -> Sequence[Change]:
    manifest = job.model.manifest
    subject = job.subject
    crop, source, mask = subject.crop(*job.spec), regions.WHOLE, None
    if job.moves_hair:
        source = job.region(MOVABLE)
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
        job.warn(f"wears nothing that {job.named} could take off; use force to do it all the same")
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
    "removal": _removal,
}
"""A model's output -> what makes changes of it."""
