"""Where the person is and where the ground: a matte of a subject's window."""

from __future__ import annotations

import cv2
import numpy as np

from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import Floats, to_tensor
from imgedit.vision.subject import Subject

__all__ = ["person"]


def person(subject: Subject, model: Model, kind: str, height: int, width: int, *, down: int = 0) -> Floats:
    """Return how probably each pixel of a window is a person, `(height, width)`, 0..1; found once.

    Args:
        subject: whose window; any other person in it counts too.
        model: of kind `matte`, with a crop of the window's kind.
        kind: of the window's crop.
        height: of the window, px.
        width: of the window, px.
        down: rows of the window by which it is moved down.

    Raises:
        ModelError: the model sees another kind of crop, or does not tell persons.
    """
    crop = model.manifest.crop
    if crop.kind != kind:
        raise ModelError(f"{model.id} sees crops of kind {crop.kind!r}, not {kind!r}")
    own = round(down * crop.height / height)

    def run() -> Floats:
        pixels = subject.pixels(crop.kind, crop.height, crop.width, down=own)
        return _probability(subject.sessions, model, to_tensor(pixels)[None])

    found = subject.cached(("person", str(model.folder), own), run)
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _probability(sessions: Sessions, model: Model, crops: Floats) -> Floats:
    found = sessions.open(model, "matte").run({"image": crops}, ["probability"])["probability"]
    if found.shape != (1, 1, *crops.shape[2:]):
        raise ModelError(f"{model.id} returned a matte of shape {found.shape}, not {(1, 1, *crops.shape[2:])}")
    return np.asarray(found[0, 0], np.float32)
