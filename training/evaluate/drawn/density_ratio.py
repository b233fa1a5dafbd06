"""A classifier of real and generated pictures, trained after the GAN, for rejection sampling.

Its logit estimates the log of the ratio of the two densities. The discriminator of a finished GAN is a poor estimate:
it followed the generator through the training and is small on purpose. Azadi et al. 2019 (arXiv 1810.06758) therefore
train the discriminator further (`KeepTraining`, algorithm 1).

Deviations: a new convolutional network is trained in its place. That also serves critics, whose value is no logit.

It does not always help: where it recognises generated pictures of some kinds by their noise and others not at all, the
kinds are mixed wrongly. `training.evaluate.drawn.fid` therefore compares all ways of sampling on the validation split.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imgedit.edits.sample import Array, Generator
from imgedit.files import write_whole
from imgedit.pixels import to_pixels, to_tensor
from imgedit.progress import with_progress
from training.losses.adversarial import logistic_discriminator
from training.method import Graph
from training.publish.export import DENSITY_RATIO, compare, to_onnx
from training.run.optim import descend, one_cycle, set_lr

NAME = "density_ratio_classifier"
"""What figures call it."""
VARIANT = f"rejection_{NAME}"
STEPS = 1200
BATCH = 128
"""Real pictures a step, and as many generated ones."""
LR = 2e-3
WIDTH, HIDDEN = 32, 64
SEED = 3_000_003
"""Added to the seed of what is measured, so that its pictures are not among those that it learns from."""


class DensityRatioClassifier(nn.Module):
    """`(N, channels, size, size)` in [-1, 1] -> the logit of being real `(N,)`.

    Args:
        channels: of the pictures.
        size: their side, px.
    """

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        side = -(-size // 2)
        side = -(-side // 2)
        self.body = nn.Sequential(
            nn.Conv2d(channels, WIDTH, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.2), nn.Flatten(), nn.Dropout(0.4),
            nn.Linear(2 * WIDTH * side**2, HIDDEN), nn.LeakyReLU(0.2), nn.Dropout(0.4), nn.Linear(HIDDEN, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit a picture."""
        out: Tensor = self.body(image)
        return out.squeeze(1)


class ScoredGenerator:
    """A generator whose pictures a density-ratio classifier scores."""

    def __init__(self, generator: Generator, classifier: DensityRatioClassifier) -> None:
        self.generator = generator
        self.classifier = classifier.eval()
        self.z_dim = generator.z_dim

    def generate(self, z: Array) -> Array:
        """Map `(N, z_dim)` to `(N, C, H, W)` in [-1, 1]."""
        return self.generator.generate(z)

    @torch.no_grad()
    def score(self, image: Array) -> Array:
        """Map `(N, C, H, W)` to `(N,)`."""
        return np.asarray(self.classifier(torch.from_numpy(np.ascontiguousarray(image))).numpy(), np.float32)


def train(generator: Generator, real: Array, *, seed: int = 0, steps: int = STEPS) -> DensityRatioClassifier:
    """Train a classifier, with progress on stderr; a minute and a half for MNIST on one core.

    Args:
        generator: makes new pictures for every step.
        real: training pictures `(N, C, H, W)`, [-1, 1].
        seed: of weights, dropout, order and noise.
        steps: optimizer steps.
    """
    rng = np.random.default_rng(seed + SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + SEED)
        network = DensityRatioClassifier(real.shape[1], real.shape[2])
        optimizer = torch.optim.AdamW(network.parameters(), lr=LR, weight_decay=1e-2)
        for step in with_progress(range(steps), "Training the density-ratio classifier"):
            set_lr(optimizer, LR * one_cycle(step, steps))
            fake = generator.generate(rng.standard_normal((BATCH, generator.z_dim), np.float32))
            image = np.concatenate([real[rng.integers(0, len(real), BATCH)], as_stored(fake)])
            real_logits, fake_logits = network(torch.from_numpy(image)).chunk(2)
            descend(optimizer, logistic_discriminator(real_logits, fake_logits))
    return network.eval()


def as_stored(image: Array) -> Array:
    """Round pictures in [-1, 1] to 256 levels, as a file holds them: else the rounding tells the real ones."""
    return to_tensor(to_pixels(image))


def keep(network: DensityRatioClassifier, run: Path, channels: int, size: int) -> dict[str, Any]:
    """Write a classifier into its GAN's run folder, where the export takes it for the graph `score`.

    Returns:
        What `evaluation.json` says of it: `sha256` of the graph, and how far it is from torch.

    Raises:
        ModelError: torch and ONNX Runtime differ.
        OutputError: it cannot be written.
    """
    graph = Graph(network, {"image": torch.zeros(1, channels, size, size)}, ["logit"])
    content = to_onnx(graph)
    difference = compare("score", graph, content)
    write_whole(run / DENSITY_RATIO, content)
    return {"sha256": hashlib.sha256(content).hexdigest(), "onnx_max_difference": difference}
