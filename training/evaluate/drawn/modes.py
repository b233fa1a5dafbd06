"""How many components of a mixture of Gaussians a GAN's points cover, and how many of the points are good."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from imgedit.edits.sample import draw
from imgedit.errors import ConfigError
from training.data import gaussians
from training.evaluate.drawn.subject import open_gan
from training.train import load_data

DATA = "gaussians"


def evaluate(model: str, data: str, *, n: int, seed: int = 0, device: str = "auto") -> dict[str, Any]:
    """Measure a run or model that generates points.

    Args:
        model: a run folder, or a model of kind `sample`.
        data: `gaussians:LAYOUT`.
        n: points.
        seed: of the points.
        device: as `imgedit.models.devices.providers`.

    Returns:
        `components`, `n_fake`, and `variants`: modes, good and balance of `gaussians.Coverage` for each generator.

    Raises:
        ConfigError: the model generates pictures.
    """
    subject = open_gan(model, device)
    if subject.size != 1:
        raise ConfigError(f"{subject.id} draws pictures of {subject.size} px, not points; {DATA} measures points")
    mixture: gaussians.Gaussians = load_data(data, "test", {})
    variants = {}
    for name, generator in subject.generators.items():
        points = np.concatenate([batch.images for batch in draw(generator, n, seed=seed)])
        variants[name] = dataclasses.asdict(mixture.coverage(torch.from_numpy(points)))
    return {"components": len(mixture.means), "n_fake": n, "variants": variants}
