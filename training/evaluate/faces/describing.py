"""Networks that tell people apart: dlib's, which this project did not train, and one that it did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.vision import geometry
from training.evaluate.faces import identity
from training.evaluate.subject import open_model

__all__ = ["KIND", "Describes", "Recogniser", "networks"]

KIND = "recognise"
Describes = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float64]]
"""Describes frames `(218, 178, 3)`, RGB, aligned as CelebA's: `(N, F)`, near each other for one person."""


class Recogniser:
    """A model of kind `recognise` on aligned frames.

    Args:
        model: the model.
        device: as `imgedit.models.devices.providers`.

    Raises:
        ConfigError: the model does something else.
    """

    def __init__(self, model: Model, device: str = "auto") -> None:
        if model.manifest.kind != KIND:
            raise ConfigError(
                f"{model.id} is there to {model.manifest.kind}; --network needs one that tells people apart"
            )
        crop = model.manifest.crop
        self.id = model.id
        self._size = crop.width
        self._matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, crop.kind, crop.width)
        self._session = Sessions(device).open(model, "describe")

    def __call__(self, frames: Sequence[NDArray[np.uint8]], batch_size: int = 64) -> NDArray[np.float64]:
        """Describe frames, as `Describes`."""
        parts = []
        for start in range(0, len(frames), batch_size):
            crops = [geometry.cut(frame, self._matrix, self._size) for frame in frames[start : start + batch_size]]
            parts.append(self._session.run({"image": to_tensor(np.stack(crops))})["descriptor"])
        return np.concatenate(parts).astype(np.float64)


@contextlib.contextmanager
def networks(name: str | None, device: str = "auto") -> Iterator[dict[str, Describes]]:
    """Yield the networks that describe people by name: dlib's, and another.

    Args:
        name: run folder, model folder or id of the other one; None: there is none.
        device: as `imgedit.models.devices.providers`.

    Raises:
        ConfigError: it is no such network.
    """
    found: dict[str, Describes] = {identity.NETWORK: identity.descriptors}
    if name is None:
        yield found
        return
    with open_model(name) as model:
        other = Recogniser(model, device)
        yield {**found, other.id: other}
