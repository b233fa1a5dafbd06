"""The labels that a translation is asked for in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

UNCHANGED = 1 / 8
"""Share of the pictures of which `one_flipped` asks nothing."""


def one_flipped(labels: Tensor) -> Tensor:
    """Draw target labels: one of a picture's own turned round.

    In a share of `UNCHANGED` none is, so that a generator also learns to leave a picture alone.

    Args:
        labels: `(N, K)`, 0 or 1: what the pictures show.
    """
    n, k = labels.shape
    wanted = labels.clone()
    pick = torch.randint(k, (n,), device=labels.device)
    rows = torch.arange(n, device=labels.device)[torch.rand(n, device=labels.device) >= UNCHANGED]
    wanted[rows, pick[rows]] = 1.0 - wanted[rows, pick[rows]]
    return wanted


def switched(labels: Tensor, k: int, exclusive: Sequence[int] = ()) -> Tensor:
    """Return labels with column `k` turned round; an `exclusive` one is set, and clears the rest of them."""
    wanted = labels.clone()
    if k in exclusive:
        wanted[:, list(exclusive)] = 0.0
        wanted[:, k] = 1.0
    else:
        wanted[:, k] = 1.0 - wanted[:, k]
    return wanted
