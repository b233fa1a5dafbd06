"""The labels that a translation is asked for in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

UNCHANGED = 1 / 8
"""Share of the pictures that `flip` asks nothing of."""


def wanted_labels(labels: Tensor, how: str, exclusive: Sequence[int] = ()) -> Tensor:
    """Draw target labels.

    Args:
        labels: `(N, K)`, 0 or 1: what the pictures show.
        how: `permute` takes another picture's labels; `flip` turns one of the own round, or none in a share of
            `UNCHANGED`, so that a generator also learns to leave a picture alone.
        exclusive: columns of which at most one is set (hair colours). Where these are all columns, one of them is drawn
            whatever `how` says, now and then the present one; a flip that sets one clears the rest of them.
    """
    n, k = labels.shape
    is_one_of_k = only_exclusive(exclusive, k)
    if how == "permute" and not is_one_of_k:
        return labels[torch.randperm(n, device=labels.device)]
    wanted = labels.clone()
    pick = torch.randint(k, (n,), device=labels.device)
    if is_one_of_k:
        return F.one_hot(pick, k).float()
    rows = torch.arange(n, device=labels.device)[torch.rand(n, device=labels.device) >= UNCHANGED]
    pick = pick[rows]
    wanted[rows, pick] = 1.0 - wanted[rows, pick]
    if len(exclusive) > 1:
        columns = torch.tensor(list(exclusive), device=labels.device)
        is_new = torch.isin(pick, columns) & (wanted[rows, pick] == 1)
        wanted[rows[is_new, None], columns] = 0.0
        wanted[rows[is_new], pick[is_new]] = 1.0
    return wanted


def switched(labels: Tensor, k: int, exclusive: Sequence[int] = ()) -> Tensor:
    """Return labels with column `k` turned round; an exclusive one is set, and clears the rest of them."""
    wanted = labels.clone()
    if k in exclusive:
        wanted[:, list(exclusive)] = 0.0
        wanted[:, k] = 1.0
    else:
        wanted[:, k] = 1.0 - wanted[:, k]
    return wanted


def only_exclusive(exclusive: Sequence[int], k: int) -> bool:
    """Tell whether labels of length `k` are a choice of one among several."""
    return len(exclusive) == k > 1
