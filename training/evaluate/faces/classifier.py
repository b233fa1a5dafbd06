"""A classifier of faces on aligned frames: what is measured, or what measures edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.vision import geometry
from training.data import hair_masks


class FaceClassifier:
    """A `classify` model on aligned frames; one that looks at the hair alone is shown where the parser finds it.

    Args:
        model: of kind `classify`.
        device: as `imgedit.models.devices.providers`.

    Raises:
        ConfigError: the model does something else.
    """

    def __init__(self, model: Model, device: str = "auto") -> None:
        if model.manifest.kind != "classify":
            raise ConfigError(f"{model.id} is of kind {model.manifest.kind}; a judge must be a classifier")
        self.id = model.id
        self.attributes = model.manifest.attributes
        self.size = model.manifest.crop.width
        self.matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, model.manifest.crop.kind, self.size)
        self.session = Sessions(device).open(model, "classify")
        self.parser: Model | None = None
        if "mask" in self.session.inputs:
            if "mask" not in model.manifest.parts:
                raise ConfigError(f"{model.id} looks at a mask, and its manifest names no part that finds it")
            self.parser = hair_masks.hair_parser(model.manifest.parts["mask"])

    def probabilities(self, frames: Sequence[NDArray[np.uint8]], batch_size: int = 64) -> NDArray[np.float32]:
        """Return `(N, K)` in the order of `attributes`."""
        parts: list[NDArray[Any]] = []
        for start in range(0, len(frames), batch_size):
            part = frames[start : start + batch_size]
            feeds: dict[str, NDArray[Any]] = {
                "image": to_tensor(np.stack([geometry.cut(f, self.matrix, self.size) for f in part]))
            }
            if self.parser is not None:
                feeds["mask"] = hair_masks.draw(part, self.size, self.parser)[:, None] / np.float32(255.0)
            parts.append(self.session.run(feeds)["probability"])
        return np.concatenate(parts)

    def column(self, attribute: str) -> int:
        """Return the place of an attribute.

        Raises:
            ConfigError: the classifier does not know it.
        """
        if attribute not in self.attributes:
            raise ConfigError(f"the judge {self.id} does not know {attribute}")
        return self.attributes.index(attribute)
