"""Mixtures of Gaussians in the plane, on a ring or a grid: where a GAN's lost modes can be counted.

A point is a picture with two channels and one pixel, so the methods need to know nothing of it.

Reference: Metz et al. 2017, section 3.1 (ring); Lin et al. 2018 (PacGAN), section 4.1 (grid and its two measures).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imgedit.errors import DataError
from training.data.batch import Batch

EXTENT = 0.8
"""Radius of a ring and half side of a grid; a generator's tanh reaches 1."""
RING_SIGMA = 0.02
GRID_SIGMA = 0.02
N_TRAIN = 100_000
N_OTHER = 10_000


@dataclass(frozen=True)
class Coverage:
    """What generated points cover.

    Attributes:
        modes: how many means have at least one good point of their own.
        good: share of points within `n_sigmas` of their nearest mean.
        balance: entropy of the good points over the means, as a share of the largest possible.
    """

    modes: int
    good: float
    balance: float


class Gaussians:
    """Points drawn once from an even mixture of round Gaussians.

    Args:
        means: `(K, 2)`, inside [-1, 1].
        sigma: standard deviation of each component along each axis.
        n: how many points.
        seed: of the points.
    """

    attributes: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    def __init__(self, means: np.ndarray, sigma: float, n: int = N_TRAIN, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.means = np.asarray(means, np.float64)
        self.sigma = sigma
        self.specified = rng.integers(len(means), size=n)
        self.points = (self.means[self.specified] + rng.normal(0.0, sigma, (n, 2))).astype(np.float32)

    def __len__(self) -> int:
        return len(self.points)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return points as `(N, 2, 1, 1)` and the component of each."""
        image = torch.from_numpy(self.points[index])[:, :, None, None]
        return Batch(image, specified=torch.from_numpy(self.specified[index]))

    def coverage(self, points: Tensor, n_sigmas: float = 3.0) -> Coverage:
        """Count the modes and the good points among generated ones.

        Args:
            points: `(N, 2, 1, 1)` or `(N, 2)`.
            n_sigmas: how far from its mean a good point may lie; 98.9 % of the true ones lie within 3.
        """
        flat = points.detach().cpu().flatten(1).double().numpy()
        distance = np.linalg.norm(flat[:, None] - self.means, axis=2)
        nearest, good = distance.argmin(1), distance.min(1) <= n_sigmas * self.sigma
        counts = np.bincount(nearest[good], minlength=len(self.means))
        share = counts[counts > 0] / max(counts.sum(), 1)
        balance = float(-(share * np.log(share)).sum() / np.log(len(self.means)))
        return Coverage(int((counts > 0).sum()), float(good.mean()), balance)


def ring(k: int, n: int = N_TRAIN, seed: int = 0) -> Gaussians:
    """Return `k` components on a circle."""
    angle = 2.0 * np.pi * np.arange(k) / k
    return Gaussians(EXTENT * np.stack([np.cos(angle), np.sin(angle)], 1), RING_SIGMA, n, seed)


def grid(side: int, n: int = N_TRAIN, seed: int = 0) -> Gaussians:
    """Return `side * side` components on a square grid."""
    axis = np.linspace(-EXTENT, EXTENT, side)
    return Gaussians(np.stack(np.meshgrid(axis, axis), 2).reshape(-1, 2), GRID_SIGMA, n, seed)


def load(folder: Path, split: str, *, size: int = 1) -> Gaussians:
    """Make one split; no file is read.

    Args:
        folder: what stands after `gaussians:`, `ringK` or `gridSIDE`, such as `ring8` or `grid5`.
        split: `train` (100,000 points), `valid` or `test` (10,000 each), drawn apart.
        size: 1.

    Raises:
        DataError: the layout is not known, or the size is not 1.
    """
    match = re.fullmatch(r"(ring|grid)([1-9][0-9]?)", str(folder))
    if match is None or int(match[2]) < 2:
        raise DataError(f"gaussians:LAYOUT wants ringK or gridSIDE from 2 to 99, such as ring8 or grid5; got {folder}")
    if size != 1:
        raise DataError(f"points have size 1; got {size} (use --preset points, or --set size=1 --set channels=2)")
    n = N_TRAIN if split == "train" else N_OTHER
    layout = ring if match[1] == "ring" else grid
    return layout(int(match[2]), n, ("train", "valid", "test").index(split))
