"""Precision and recall, density and coverage of generated pictures, by neighbourhoods in feature space.

Kynkaanniemi et al. 2019, arXiv 1904.06991 (precision, recall); Naeem et al. 2020, arXiv 2002.09797 (density, coverage,
which one far-off real picture moves less).
"""

from __future__ import annotations

import torch
from torch import Tensor

from imgedit.errors import ConfigError

K_PRECISION, K_DENSITY = 3, 5
"""Neighbours that make a manifold; the papers' choices."""


def radii(points: Tensor) -> Tensor:
    """Return the distance of each point to its `K_PRECISION`-th and its `K_DENSITY`-th neighbour, `(N, 2)`."""
    if len(points) <= K_DENSITY:
        raise ConfigError(f"neighbourhoods need more than {K_DENSITY} pictures, got {len(points)}; give a larger --n")
    rows = []
    for chunk in points.split(1000):
        nearest = torch.cdist(chunk, points).topk(K_DENSITY + 1, largest=False).values  # the nearest is the point
        rows.append(nearest[:, [K_PRECISION, K_DENSITY]])
    return torch.cat(rows)


def manifolds(real: Tensor, real_radii: Tensor, fake: Tensor) -> dict[str, float]:
    """Return precision, recall, density and coverage.

    Args:
        real: features `(N, F)`.
        real_radii: `radii(real)`.
        fake: features `(M, F)`.
    """
    fake_radii = radii(fake)[:, 0]
    precise, dense = 0, 0
    recalled = torch.zeros(len(real), dtype=torch.bool)
    covered = torch.zeros(len(real), dtype=torch.bool)
    for chunk, chunk_radii in zip(fake.split(1000), fake_radii.split(1000), strict=True):
        apart = torch.cdist(chunk, real)
        precise += int((apart <= real_radii[:, 0]).any(1).sum())
        recalled |= (apart <= chunk_radii[:, None]).any(0)
        within = apart <= real_radii[:, 1]
        dense += int(within.sum())
        covered |= within.any(0)
    return {
        "precision": precise / len(fake),
        "recall": float(recalled.double().mean()),
        "density": dense / (K_DENSITY * len(fake)),
        "coverage": float(covered.double().mean()),
    }
