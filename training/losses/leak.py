"""The class in z: adversaries that find it, and the term by which the encoder hides it."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Leak = Literal["none", "pairs", "classes"]


class ClassLeaks(nn.Module):
    """Guesses the class from z; z is standardised first, so that differences far below its noise are seen as well.

    Args:
        z_dim: dimensions of z.
        n_out: classes.
        width: of the two hidden layers.
    """

    def __init__(self, z_dim: int, n_out: int, width: int = 128) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.BatchNorm1d(z_dim, affine=False),
            nn.Linear(z_dim, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, width),
            nn.ReLU(inplace=True),
            nn.Linear(width, n_out),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map `(N, Z)` to logits `(N, n_out)`."""
        out: Tensor = self.network(z)
        return out


class PairLeaks(nn.Module):
    """Guesses from z which of the batch's pictures is the partner, of which it sees the s; no class is told.

    All that z has in common with the s of another picture of its class is the class, so its cross-entropy bounds the
    information about the class in z, `log N - loss`, as far as s holds the class.

    Args:
        z_dim: dimensions of z.
        s_dim: dimensions of s.
        n_common: dimensions of the space in which both should agree.

    Reference: van den Oord et al. 2018, equation 4 (InfoNCE).
    """

    def __init__(self, z_dim: int, s_dim: int, n_common: int = 32) -> None:
        super().__init__()
        self.scale = n_common**-0.5
        self.of_z = ClassLeaks(z_dim, n_common)
        self.of_s = ClassLeaks(s_dim, n_common)

    def forward(self, z: Tensor, partner_s: Tensor) -> Tensor:
        """Return how well each z `(N, Z)` fits each partner's s `(N, S)`, logits `(N, N)`; the diagonal is right."""
        fit: Tensor = self.of_z(z) @ self.of_s(partner_s).T
        return fit * self.scale


def hide(logits: Tensor) -> Tensor:
    """Loss of the encoder in nats: how far the adversary's guess is from indifference, `KL(uniform || guess)`.

    Zero exactly where all guesses are equal; unlike the reversed loss of the adversary it is bounded below.

    Reference: Tzeng et al. 2015, equation 5 (domain confusion).
    """
    n = logits.shape[1]
    return -F.log_softmax(logits, 1).mean() - torch.log(torch.tensor(float(n), device=logits.device))
