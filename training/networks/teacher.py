"""A frozen classifier of attributes or of hair alone, trained apart, that tells a generator what its pictures show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from training.data.celeba import HAIR
from training.methods import attribute_classifier, hair_classifier
from training.run import checkpoint


class Teacher(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> logits `(N, K)` of the wanted attributes; gradients reach the picture only.

    Args:
        network: the classifier.
        index: K of its outputs.
        size: side of the pictures that it was trained on, px; others are resized.
        masked: it also takes where the hair is.
    """

    def __init__(self, network: nn.Module, index: Sequence[int], size: int, masked: bool = False) -> None:
        super().__init__()
        self.masked = masked
        self.network = network.eval().requires_grad_(False)
        self.index = list(index)
        self.size = size

    def forward(self, image: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return one logit an attribute; `mask` `(N, 1, H, W)` is the hair, 0..1, which a `masked` one needs."""
        if self.masked:
            if mask is None:
                raise ValueError("this teacher looks at the hair alone: give it the mask")
            logits: Tensor = self.network(self._resized(image), self._resized(mask))
        else:
            logits = self.network(self._resized(image))
        return logits[:, self.index]

    def _resized(self, image: Tensor) -> Tensor:
        if image.shape[2] == self.size:
            return image
        return F.interpolate(image, size=self.size, mode="bilinear", antialias=True, align_corners=False)


def load_teacher(name: str | Path, attributes: Sequence[str], crop: str, device: torch.device) -> Teacher:
    """Load the averaged network of a classifier: of a run folder, or of a model.

    Raises:
        ConfigError: there is neither, it is of another method, was trained on another window than `crop`, or does not
            know an attribute.
        TrainingError: the run's checkpoint is damaged.
    """
    method = _load(name, device)
    masked = isinstance(method, hair_classifier.Method)
    if not masked and not isinstance(method, attribute_classifier.Method):
        raise ConfigError(f"teacher={str(name)!r} is neither an attribute_classifier nor a hair_classifier")
    window = "face" if masked else method.config.crop
    if window != crop:
        raise ConfigError(f"teacher={str(name)!r} knows the {window} window, not {crop}")
    known = HAIR if masked else attribute_classifier.ATTRIBUTES
    if unknown := [a for a in attributes if a not in known]:
        raise ConfigError(f"teacher={str(name)!r} does not know {unknown[0]!r}; known: {', '.join(known)}")
    return Teacher(method.ema.network, [known.index(a) for a in attributes], method.config.size, masked)


def _load(name: str | Path, device: torch.device) -> Any:
    if checkpoint.found(Path(name)):
        return checkpoint.load_method(name, device)
    try:
        model = library.find(name)
    except ModelError as error:
        raise ConfigError(f"teacher={str(name)!r} is no run folder with a checkpoint, and no model: {error}") from error
    from training.publish import adopt  # onnx, which a run's teacher does not need

    return adopt.method(model, device)
