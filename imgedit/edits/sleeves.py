"""Make sleeves short or long: the arms of a body, found by its pose, and a painter for the tube around each.

Which length sleeves have is told by the elbow: bare skin, or not. Skin is painted in the tone of the person's face.
In place of the painter any model that translates pictures of bodies can be asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from imgedit.edits.plan import Edit, Warn
from imgedit.edits.runs import Run, translate_fields, translate_image
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.pixels import Floats
from imgedit.render import regions
from imgedit.render.change import Change
from imgedit.render.delta import Delta
from imgedit.render.flow import Flow
from imgedit.render.sleeve import Sleeve
from imgedit.vision import arms, body
from imgedit.vision.body import Body
from imgedit.vision.people import BY_FACES, Where
from imgedit.vision.subject import Subject

__all__ = ["LENGTHS", "PAINTER", "Sleeves", "prepare"]

PAINTER = "sleeve_painter.sleeve_models"
SHORT = "short"
"""What models call the attribute; and a length."""
LENGTHS = (SHORT, "long")
"""What sleeves can become."""
BARE = 0.35
"""Share of the arm about the elbow in the tone of the skin from which it is bare."""


@dataclass(frozen=True)
class Sleeves:
    """A plan to change sleeves.

    Attributes:
        to: one of `LENGTHS`.
        where: where people are looked for.
        is_forced: change them whatever they seem to be.
        painter: of kind `paint`, or of kind `translate` with crops of kind `torso`; None for the bundled one.
    """

    to: str
    where: Where = BY_FACES
    is_forced: bool = False
    painter: Model | None = None

    @property
    def names(self) -> Sequence[str]:
        """`sleeves-short` or `sleeves-long`."""
        return [f"sleeves-{self.to}"]

    @property
    def description(self) -> str:
        """What is done: `sleeves made short`."""
        return f"sleeves made {self.to}"

    @property
    def models(self) -> Sequence[Model]:
        """The body pose and the painter."""
        return [library.bundled(body.MODEL), self.painter or library.bundled(PAINTER)]

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Find the arms; as `Plan.changes`."""
        person = subject.place
        if not isinstance(person, Body):
            raise ConfigError("sleeves are changed on bodies, not on faces")
        seen = [arm for arm in arms.arms_of(person) if arm.visibility >= body.MIN_VISIBILITY]
        tone = arms.skin_tone(subject.rgb, person)
        if not seen:
            warn("keeps its sleeves: no arm is seen down to the wrist")
            return []
        if tone is None:
            warn("keeps its sleeves: neither its face nor its hands are seen, so the tone of its skin is unknown")
            return []
        wrong = [
            arm
            for arm in seen
            if self.is_forced or (arms.bare_share(subject.rgb, arm, tone) >= BARE) != (self.to == SHORT)
        ]
        if not wrong:
            warn(f"keeps its sleeves: they seem to be {self.to} already")
            return []
        if len(seen) == 1:
            warn("keeps one sleeve: only one arm is seen down to the wrist")
        painter = self.painter or library.bundled(PAINTER)
        if painter.manifest.kind == "translate":
            return [self._translated(subject, painter)]
        return [Sleeve(arm, tone, self.to == SHORT, _paint_with(painter, subject)) for arm in wrong]

    def _translated(self, subject: Subject, model: Model) -> Change:
        """Let a model change the whole body, of which the arms are taken."""
        manifest = model.manifest
        spec = manifest.crop.kind, manifest.crop.height, manifest.crop.width
        crop = subject.crop(*spec)

        def run(role: str) -> Run:
            return subject.sessions.open(model, role).run

        edits = [Edit(f"sleeves-{self.to}", {SHORT: float(self.to == SHORT)}, 1.0, regions.ARMS)]
        if manifest.output == "flow":
            fields = translate_fields(run, crop, None, edits, None, manifest)
            return Flow(fields, manifest.crop, regions.WHOLE, regions.ARMS)
        current = None
        if manifest.conditioning != "domains":
            known = subject.classified_by(model) if model.has("classify") else dict.fromkeys(manifest.attributes, 0.0)
            current = {**known, SHORT: float(self.to != SHORT)}
        return Delta(translate_image(run, crop, edits, current, manifest), manifest.crop, regions.ARMS)


def is_for_sleeves(model: Model) -> bool:
    """Tell whether a model can change sleeves."""
    manifest = model.manifest
    return manifest.kind == "paint" or (
        manifest.kind == "translate" and manifest.crop.kind == "torso" and SHORT in manifest.attributes
    )


def _paint_with(painter: Model, subject: Subject) -> Callable[[Floats, Floats], Floats]:
    """Return what paints an arm's window."""
    height, width = arms.SIZE

    def paint(crop: Floats, masks: Floats) -> Floats:
        found = subject.sessions.open(painter, "paint").run({"image": crop[None], "masks": masks[None]})["painted"]
        if found.shape != (1, 4, height, width):
            raise ModelError(f"{painter.id} returned a picture of shape {found.shape}, not {(1, 4, height, width)}")
        return np.asarray(found[0], np.float32)

    return paint


def prepare(to: str, *, where: Where = BY_FACES, force: bool = False, painter: Model | None = None) -> Sleeves:
    """Settle a change of sleeves.

    Args:
        to: `short` or `long`.
        where: where people are looked for (`imgedit.vision.people.where`).
        force: change them whatever they seem to be.
        painter: as `Sleeves`.

    Raises:
        ConfigError: sleeves cannot become that, or the model is none for them.
    """
    if to not in LENGTHS:
        raise ConfigError(f"sleeves become {' or '.join(LENGTHS)}, not {to!r}")
    if painter is not None and not is_for_sleeves(painter):
        raise ConfigError(f"{painter.id} is no model of sleeves: it must paint, or translate bodies and know {SHORT!r}")
    return Sleeves(to, where, force, painter)
