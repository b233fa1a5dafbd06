"""Give a face the pose and the expression of another: what `swap` does to photos.

The expression is carried over in the frame of the mean face, then the head is turned as `imgedit.edits.pose` turns it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imgedit.edits import express, pose
from imgedit.edits.driver import Driver
from imgedit.edits.plan import Warn
from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.render.change import Change
from imgedit.vision import expressions
from imgedit.vision.mesh import Pose
from imgedit.vision.subject import Subject

__all__ = ["LIMIT", "TAKES", "Transfer", "prepare"]

TAKES = ("pose", "expression", "both")
"""What may be taken over."""
LIMIT = 25.0
"""Degrees to which a head is turned: with another expression, what a wider turn draws out is seen more."""
_WITHIN = 3.0  # degrees from the other's pose that are near enough


@dataclass(frozen=True, eq=False)
class Transfer:
    """A plan to take pose, expression or both over from another face.

    Attributes:
        driver: the other face.
        take: one of `TAKES`.
        is_forced: turn further than `LIMIT` too.
    """

    driver: Driver
    take: str = "both"
    is_forced: bool = False

    @property
    def names(self) -> Sequence[str]:
        """`swap` or `swap-pose`, and the other photo's name."""
        return ["swap" if self.take == "both" else f"swap-{self.take}", self.driver.name]

    @property
    def description(self) -> str:
        """What is taken over."""
        what = "pose and expression" if self.take == "both" else self.take
        return f"{what} of another face"

    @property
    def models(self) -> Sequence[Model]:
        """The face mesh, its expressions, and the painter."""
        return express.Expression().models

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Find where the mesh goes; as `Plan.changes`."""
        face = subject.mesh
        if face is None:
            warn("stays as it is: no face mesh fits it")
            return []
        target = face.points
        if self.take != "pose":
            displacement = expressions.between(face.points, self.driver.mesh.points)
            target = express.possible(expressions.moved(face.points, displacement), face.points)
        if self.take != "expression":
            wanted = self._reachable(face.pose, warn)
            if np.abs(np.subtract(wanted, face.pose)).max() > _WITHIN:
                pose.warn_of_edge(subject, face, warn)
                target = pose.reached(subject, face, wanted, _WITHIN, target)
        return express.changes_of(subject, face.points, target)

    def _reachable(self, own: Pose, warn: Warn) -> Pose:
        """Return the other face's pose, or the nearest to it that the photo shows."""
        wanted = self.driver.mesh.pose
        return wanted if self.is_forced else pose.nearest(own, wanted, warn, LIMIT)


def prepare(driver: Driver, take: str | None = None, *, force: bool = False) -> Transfer:
    """Settle what is taken over.

    Args:
        driver: the other face.
        take: one of `TAKES`; None for both.
        force: turn further than `LIMIT` too.

    Raises:
        ConfigError: `take` is something else.
    """
    if take not in (None, *TAKES):
        raise ConfigError(f"take must be {', '.join(TAKES[:-1])} or {TAKES[-1]} for photos of faces, got {take!r}")
    return Transfer(driver, take or "both", force)
