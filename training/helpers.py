"""Frozen classifiers that a training is handed: each is found by the name that the settings hold, and loaded once."""

from __future__ import annotations

from pathlib import Path

import torch

from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from training.method import Classifies, Method, NeedsHelpers
from training.networks.teacher import FrozenClassifier
from training.run import checkpoint


def load(config: object, device: torch.device | str = "cpu") -> dict[str, FrozenClassifier]:
    """Return the helpers that a method's settings name, by keyword of the method; none where they name none.

    Raises:
        ConfigError, TrainingError: as `classifier`.
    """
    if not isinstance(config, NeedsHelpers):
        return {}
    return {role: classifier(name, device) for role, name in config.helpers().items()}


def classifier(name: str | Path, device: torch.device | str = "cpu") -> FrozenClassifier:
    """Load the averaged network of a classifier.

    Args:
        name: a run folder, or id or folder of a model.
        device: where it computes.

    Raises:
        ConfigError: there is neither, or it is of a method that does not classify faces.
        TrainingError: the run's checkpoint is damaged.
    """
    method = _method(name, device)
    if not isinstance(method, Classifies):
        raise ConfigError(
            f"{str(name)!r} is of {method.id}; give a run or a model of attribute_classifier or hair_classifier"
        )
    found = method.classifier()
    found.name = str(name)
    return found


def _method(name: str | Path, device: torch.device | str) -> Method:
    if checkpoint.found(Path(name)):
        return checkpoint.load_method(name, device)
    try:
        model = library.find(name)
    except ModelError as error:
        raise ConfigError(f"{str(name)!r} is no run folder with a checkpoint, and no model: {error}") from error
    from training.publish import adopt  # onnx, which a run's classifier does not need

    return adopt.method(model, device)
