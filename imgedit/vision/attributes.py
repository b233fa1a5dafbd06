"""What a classifier sees in crops of faces: attribute -> probability."""

from __future__ import annotations

from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import Floats

__all__ = ["Classifier"]


class Classifier:
    """One attribute classifier; its graph is opened on first use.

    Args:
        model: with a graph `classify`.
        sessions: where its graph is opened.

    Attributes:
        crop: the window that it sees.
        attributes: names of its outputs.
    """

    def __init__(self, model: Model, sessions: Sessions) -> None:
        self.model = model
        self.crop = model.manifest.crop
        self.attributes = model.manifest.attributes
        self._sessions = sessions

    def __call__(self, crops: Floats) -> list[dict[str, float]]:
        """Map crops `(N, 3, H, W)`, RGB in [-1, 1], to N times attribute -> probability."""
        session = self._sessions.open(self.model, "classify")
        probability = session.run({"image": crops}, ["probability"])["probability"]
        if probability.shape != (len(crops), len(self.attributes)):
            raise ModelError(
                f"{self.model.id} returned probabilities of shape {probability.shape} for {len(crops)} crops and"
                f" {len(self.attributes)} attributes"
            )
        return [{name: float(p) for name, p in zip(self.attributes, row, strict=True)} for row in probability]
