"""What a face parser finds in crops: classes, the person among them, and what is to be trusted of it."""

from __future__ import annotations

from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import Floats

__all__ = ["Parser", "Runs", "any_of", "class_probabilities", "features", "person", "widened", "without_islands"]

_OUTSIDE = ("background", "cloth")  # classes that are no part of the person
_FEATURES = ("brows", "eyes", "mouth", "glasses", "hat")  # classes that hair may touch but never is


class Runs(Protocol):
    """Runs a graph, as `imgedit.models.runtime.Session` does."""

    def run(self, feeds: dict[str, Any], outputs: list[str]) -> dict[str, NDArray[Any]]:
        """Map named inputs to the named outputs."""
        ...


class Parser:
    """One face parser; its graph is opened on first use.

    Args:
        model: of kind `parse`.
        sessions: where its graph is opened.

    Attributes:
        crop: the window that it sees.
        classes: names of its output's channels, `hair` among them.
        matte: the model that it is used with to tell a person from the ground; None where it is used alone.

    Raises:
        ModelError: the model does not know hair.
    """

    def __init__(self, model: Model, sessions: Sessions) -> None:
        self.model = model
        self.crop = model.manifest.crop
        self.classes = model.manifest.classes
        self._sessions = sessions
        matte = model.manifest.parts.get("matte")
        self.matte = None if matte is None else sessions.find(matte, "matte")
        if "hair" not in self.classes:
            raise ModelError(f"{model.id} does not tell where the hair is; its classes: {', '.join(self.classes)}")

    def __call__(self, crops: Floats) -> Floats:
        """Map crops `(N, 3, H, W)`, RGB in [-1, 1], to the classes' probabilities `(N, C, H, W)`."""
        probability = class_probabilities(self._sessions.open(self.model, "parse"), crops)
        if probability.shape[1] != len(self.classes):
            raise ModelError(f"{self.model.id} returned {probability.shape[1]} classes, not {len(self.classes)}")
        return probability


def class_probabilities(session: Runs, crops: NDArray[Any]) -> Floats:
    """Return the mean of what is found in crops and in their mirror images.

    The mirror takes off some of what is seen where nothing is, at twice the cost.

    Args:
        session: a `parse` graph.
        crops: `(N, 3, H, W)` RGB in [-1, 1].

    Returns:
        `(N, C, H, W)`, 0..1.
    """
    both = np.concatenate([crops, crops[..., ::-1]]).astype(np.float32, copy=False)
    straight, mirrored = np.split(session.run({"image": both}, ["probability"])["probability"], 2)
    return np.asarray((straight + mirrored[..., ::-1]) / 2.0, np.float32)


def features(probability: Floats, classes: tuple[str, ...]) -> Floats:
    """Return how probably pixels are brows, eyes, mouth, glasses or a hat, `(h, w)`; arguments as `person`."""
    return any_of(probability, classes, _FEATURES)


def any_of(probability: Floats, classes: tuple[str, ...], names: tuple[str, ...]) -> Floats:
    """Return how probably pixels are one of some classes, `(h, w)`; those that a parser does not know count as none.

    Args:
        probability: `(C, h, w)` of the classes.
        classes: their names.
        names: of those that are wanted.
    """
    known = [probability[classes.index(name)] for name in names if name in classes]
    return np.asarray(sum(known, start=np.zeros(probability.shape[1:], np.float32)), np.float32)


def person(probability: Floats, classes: tuple[str, ...]) -> Floats:
    """Return where the person is, hair and skin and all but the clothes, `(h, w)`, 0..1, and a little around it.

    Args:
        probability: `(C, h, w)` of the classes.
        classes: their names.
    """
    return widened(1.0 - any_of(probability, classes, _OUTSIDE), probability.shape[-1] // 24)


def without_islands(probability: Floats, share: float = 0.05) -> Floats:
    """Drop what a parser faintly sees far from the rest: islands with less than `share` of the largest one's mass."""
    count, labels = cv2.connectedComponents((probability > 0.05).astype(np.uint8), connectivity=8)
    if count < 3:  # label 0 is the ground
        return probability
    mass = np.bincount(np.asarray(labels).ravel(), weights=probability.ravel(), minlength=count)
    keep = mass >= share * mass[1:].max()
    keep[0] = True
    return np.asarray(np.where(keep[labels], probability, 0.0), np.float32)


def widened(probability: Floats, radius: int) -> Floats:
    """Grow a map by about `radius` pixels, softly."""
    side = 2 * max(1, radius) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grown = cv2.blur(cv2.dilate(probability, kernel), (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(grown, np.float32)
