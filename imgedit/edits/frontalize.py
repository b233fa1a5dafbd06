"""Turn heads to the front: to a pose of 0, 0, 0, upright and looking straight into the camera.

Of a head that looks further aside than `imgedit.edits.pose.LIMIT` the photo shows half a face; the other half is
painted by a network that learnt it from faces from the front (`training/methods/frontal_refiner.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgedit.edits.plan import Warn
from imgedit.edits.pose import LIMIT, Turn
from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.pixels import Floats
from imgedit.render.change import Change
from imgedit.render.half import Half
from imgedit.render.warp import Warp
from imgedit.vision.subject import Subject

__all__ = ["REFINER", "Front", "prepare"]

REFINER = "frontal_refiner.fronts"

_WITHIN = 4.0  # degrees; who looks so nearly straight ahead seems to, and a further turn costs likeness


@dataclass(frozen=True)
class Front(Turn):
    """A plan to turn heads to the front."""

    @property
    def models(self) -> Sequence[Model]:
        """The face mesh and the painter."""
        return [*super().models, library.bundled(REFINER)]

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Find how far to turn, and of a profile what is to be painted; as `Plan.changes`."""
        face = subject.mesh
        if face is None or abs(face.pose.yaw) <= LIMIT or self.is_forced:
            return super().changes(subject, warn)
        warn(f"looks {abs(face.pose.yaw):.0f} degrees or more aside: the other half of the face is invented")
        turned = replace(self, is_forced=True).changes(subject, warn)
        painter = library.bundled(REFINER)
        size = painter.manifest.crop.width

        def paint(crop: Floats, seen: Floats) -> Floats:
            session = subject.sessions.open(painter, "rotate")
            found = session.run({"image": crop[None], "visible": seen[None]})["image_out"]
            if found.shape != (1, 3, size, size):
                raise ModelError(f"{painter.id} returned a picture of shape {found.shape}, not {(1, 3, size, size)}")
            return np.asarray(found[0], np.float32)

        return [*turned, *(Half(one.source, one.target, paint, size) for one in turned if isinstance(one, Warp))]


def prepare(*, force: bool = False) -> Front:
    """Settle the turn to the front.

    Args:
        force: turn heads further than `imgedit.edits.pose.LIMIT` too, with their own mirror image for what is not seen.
    """
    return Front(0.0, 0.0, 0.0, is_absolute=True, is_forced=force, names=("frontal",), within=_WITHIN)
