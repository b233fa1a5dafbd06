"""Change expressions: by sliders, like another face, or to none, as a `Warp` and, between the lips, as a `Mouth`.

Sliders, and what of a face is expression, were measured on the meshes of people who are seen several times
(`imgedit.vision.expressions`). A smile takes the place of the expression that is there; the other sliders add to it.
The photo's own pixels move; what an opened mouth shows is painted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from imgedit.edits.driver import Driver
from imgedit.edits.plan import Warn
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.pixels import Floats
from imgedit.render.change import Change
from imgedit.render.mouth import Mouth
from imgedit.render.warp import Warp
from imgedit.vision import expressions, mesh
from imgedit.vision.mesh import Mesh, Points
from imgedit.vision.subject import Subject

__all__ = ["LARGEST", "PAINTER", "SLIDERS", "Expression", "changes_of", "possible", "prepare"]

PAINTER = "mouth_painter.mouths"
SLIDERS = ("smile", "open", "pucker", "brows", "blink-left", "blink-right")
"""Names of what can be moved; those of the bundled model."""
LARGEST = 3.0
"""Largest strength of a slider, to either side."""

_LIDS = {"blink-left": (159, 145), "blink-right": (386, 374)}  # points of the upper and lower lid
_LIPS = (13, 14)
_CLOSED = 0.2  # units of the mean face: so far apart the mesh has the lips of a closed mouth
_LEAST_APART = 0.05  # units of the mean face: lips and lids meet, and go no further


@dataclass(frozen=True, eq=False)
class Expression:
    """A plan to change expressions.

    Attributes:
        strengths: slider -> strength; 0 changes nothing, 1 is what one person's pictures show.
        like: face whose expression is taken over first; None: none is.
        is_neutral: the expression is taken out first.
        amount: multiplies all of it.
    """

    strengths: Mapping[str, float] = field(default_factory=dict)
    like: Driver | None = None
    is_neutral: bool = False
    amount: float = 1.0

    @property
    def names(self) -> Sequence[str]:
        """What is done, as `smile+0.7` or `like-anna`."""
        first = [f"like-{self.like.name}"] if self.like is not None else ["neutral"] if self.is_neutral else []
        strength = [] if self.amount == 1 else [f"{self.amount:g}"]
        return [*first, *(f"{name}{round(value, 2) + 0.0:+g}" for name, value in self.strengths.items()), *strength]

    @property
    def description(self) -> str:
        """What is done: `expression like another face, smile=0.7`."""
        first = ["like another face"] if self.like is not None else ["neutral"] if self.is_neutral else []
        parts = [*first, *(f"{name}={value:g}" for name, value in self.strengths.items())]
        return f"expression {', '.join(parts)}" + (f", strength {self.amount:g}" if self.amount != 1 else "")

    @property
    def models(self) -> Sequence[Model]:
        """The face mesh, its expressions, and the painter."""
        return [library.bundled(name) for name in (mesh.MODEL, expressions.MODEL, PAINTER)]

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Find where the mesh goes; as `Plan.changes`."""
        face = subject.mesh
        if face is None:
            warn("keeps its expression: no face mesh fits it")
            return []
        return changes_of(subject, face.points, self.target(face))

    def target(self, face: Mesh, start: Points | None = None) -> Points:
        """Return where the points of a face go, `(468, 3)`.

        Args:
            face: its mesh.
            start: where another edit has taken its points, `(468, 3)`; None: where they are.
        """
        displacement = expressions.combined(self.strengths)
        smile = self.strengths.get("smile", 0.0)
        if self.like is not None:
            displacement = displacement + expressions.between(face.points, self.like.mesh.points)
        elif self.is_neutral or smile > 0:  # a smile takes the place of the expression that was there
            share = 1.0 if self.is_neutral else min(1.0, smile)
            displacement = displacement + share * expressions.to_neutral(face.points)
            if self.is_neutral:
                displacement = displacement + _closing(expressions.moved(face.points, displacement))
        moved = expressions.moved(face.points if start is None else start, self.amount * displacement)
        return possible(moved, face.points)


def changes_of(subject: Subject, source: Points, target: Points) -> list[Change]:
    """Return the changes that take a face from one mesh to another, with what its mouth then shows.

    Args:
        subject: whose face.
        source: its mesh, `(468, 3)`.
        target: `(468, 3)`.
    """
    if np.allclose(source, target, atol=1e-6):
        return []
    painter = library.bundled(PAINTER)
    size = painter.manifest.crop.width

    def paint(crop: Floats, masks: Floats) -> Floats:
        found = subject.sessions.open(painter, "paint").run({"image": crop[None], "masks": masks[None]})["painted"]
        if found.shape != (1, 3, size, size):
            raise ModelError(f"{painter.id} returned a picture of shape {found.shape}, not {(1, 3, size, size)}")
        return np.asarray(found[0], np.float32)

    return [Warp(source, target), Mouth(source, target, paint, size)]


def possible(target: Points, source: Points) -> Points:
    """Return a mesh whose lips and eyelids do not pass through each other.

    Args:
        target: `(468, 3)`, where points are to go.
        source: the face's own mesh; what already meets there may.
    """
    sliders = expressions.expressions().sliders
    for name, (upper, lower) in {"open": _LIPS, **_LIDS}.items():
        apart, before = (_apart(points, upper, lower) for points in (target, source))
        least = min(_LEAST_APART, before)
        if apart < least:
            of_slider = sliders[name]
            step = of_slider[lower, 1] - of_slider[upper, 1]
            target = expressions.moved(target, (least - apart) / step * of_slider)
    return target


def _closing(points: Points) -> Points:
    """Return the displacement that brings the lips of a mesh together; nothing where they are."""
    of_slider = expressions.expressions().sliders["open"]
    upper, lower = _LIPS
    more = max(0.0, _apart(points, upper, lower) - _CLOSED)
    return np.asarray(-more / (of_slider[lower, 1] - of_slider[upper, 1]) * of_slider)


def _apart(points: Points, upper: int, lower: int) -> float:
    """Return how far a point lies below another, in units of the mean face."""
    shape, _, _ = expressions.shape_of(points)
    return float(shape[lower, 1] - shape[upper, 1])


def prepare(
    strengths: Mapping[str, float] | None = None,
    *,
    like: Driver | None = None,
    neutral: bool = False,
    strength: float = 1.0,
) -> Expression:
    """Settle a change of expression.

    Args:
        strengths: slider -> strength, -3 to 3.
        like: face whose expression is taken over.
        neutral: take the expression out.
        strength: multiplies all of it, 0 to 3.

    Raises:
        ConfigError: nothing is asked, there is no such slider, a strength makes no sense, or `like` and `neutral`
            contradict each other.
    """
    wanted = {name: float(value) for name, value in (strengths or {}).items()}
    if unknown := [name for name in wanted if name not in SLIDERS]:
        raise ConfigError(f"no slider is called {unknown[0]!r}; known: {', '.join(SLIDERS)}")
    if not wanted and like is None and not neutral:
        raise ConfigError(
            f"say what to change: like, neutral, or a strength of {', '.join(SLIDERS)}", hint="such as --smile 0.7"
        )
    if like is not None and neutral:
        raise ConfigError("like and neutral contradict each other; name only one of them")
    for name, value in wanted.items():
        if not abs(value) <= LARGEST:  # not a number fails too
            raise ConfigError(f"{name} must be -{LARGEST:g} to {LARGEST:g}, got {value:g}")
    if not 0.0 <= strength <= LARGEST:
        raise ConfigError(f"strength must be 0 to {LARGEST:g}, got {strength:g}")
    return Expression(wanted, like, neutral, strength)
