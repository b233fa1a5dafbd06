"""A frozen attribute classifier, trained apart, that tells a generator what its pictures show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit import library
from imgedit.errors import ConfigError, ModelError
from training import checkpoint
from training.methods import attribute_classifier


class Teacher(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> logits `(N, K)` of the wanted attributes; gradients reach the picture only.

    Args:
        network: the classifier.
        index: K of its outputs.
        size: side of the pictures that it was trained on, px; others are resized.
    """

    def __init__(self, network: nn.Module, index: Sequence[int], size: int) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.index = list(index)
        self.size = size

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit an attribute."""
        if image.shape[2] != self.size:
            image = F.interpolate(image, size=self.size, mode="bilinear", antialias=True, align_corners=False)
        logits: Tensor = self.network(image)[:, self.index]
        return logits


def load_teacher(name: str | Path, attributes: Sequence[str], crop: str, device: torch.device) -> Teacher:
    """Load the averaged network of a classifier: of a run folder, or of a model.

    Raises:
        ConfigError: there is neither, it is of another method, was trained on another window than `crop`, or does not
            know an attribute.
        TrainingError: the run's checkpoint is damaged.
    """
    method = _load(name, device)
    if not isinstance(method, attribute_classifier.Method):
        raise ConfigError(f"teacher={str(name)!r} is not an attribute_classifier")
    if method.config.crop != crop:
        raise ConfigError(f"teacher={str(name)!r} knows the {method.config.crop} window, not {crop}")
    known = attribute_classifier.ATTRIBUTES
    if unknown := [a for a in attributes if a not in known]:
        raise ConfigError(f"teacher={str(name)!r} does not know {unknown[0]!r}; known: {', '.join(known)}")
    return Teacher(method.ema.network, [known.index(a) for a in attributes], method.config.size)


def _load(name: str | Path, device: torch.device) -> Any:
    if checkpoint.found(Path(name)):
        return checkpoint.load_method(name, device)
    try:
        model = library.find(name)
    except ModelError as error:
        raise ConfigError(f"teacher={str(name)!r} is no run folder with a checkpoint, and no model: {error}") from error
    from training import adopt  # onnx, which a run's teacher does not need

    return adopt.method(model, device)
