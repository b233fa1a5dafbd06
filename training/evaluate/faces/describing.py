"""Networks that tell people apart: dlib's, which this project did not train, and one that it did."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.vision import geometry
from training.evaluate.faces import identity
from training.evaluate.subject import open_model

__all__ = ["KIND", "LIKENESS", "Describes", "Recogniser", "described", "likeness", "likeness_rows", "networks"]

KIND = "recognise"
Features = NDArray[np.float64]
Describes = Callable[[Sequence[NDArray[np.uint8]]], Features]
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


def described(describes: Mapping[str, Describes], frames: Sequence[NDArray[np.uint8]]) -> dict[str, Features]:
    """Return what each network makes of frames, by its name: `(N, F)`."""
    return {name: network(frames) for name, network in describes.items()}


def likeness(
    gallery: Mapping[str, Features], of: Sequence[int], edited: Mapping[str, Features]
) -> dict[str, dict[str, float]]:
    """Say of each network how like themselves it finds edited faces.

    Args:
        gallery: `described`, all faces before.
        of: of each edited face, its place in the gallery.
        edited: `described`, the edited faces.

    Returns:
        Name -> `centred_cosine` with the face before, around the mean of the gallery: 0 in the mean for two different
        people; `least` of them; `nearest`, the share of edited faces to which no other face of the gallery is nearer.
    """
    found = {}
    for name, known in gallery.items():
        after = edited[name]
        centre = known.mean(0)
        cosines = _unit(after - centre) @ _unit(known - centre).T
        own = cosines[np.arange(len(after)), list(of)]
        found[name] = {
            "centred_cosine": float(own.mean()),
            "least": float(own.min()),
            "nearest": float((cosines.argmax(1) == np.array(of)).mean()),
        }
    return found


def likeness_rows(found: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Return what `likeness` found as rows: network, centred cosine, its least, nearest in percent."""
    return [
        [name, f"{one['centred_cosine']:.3f}", f"{one['least']:.3f}", f"{100 * one['nearest']:.1f}"]
        for name, one in found.items()
    ]


LIKENESS = ("described by", "centred cosine", "least", "nearest to itself, %")
"""Titles of `likeness_rows`."""


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
