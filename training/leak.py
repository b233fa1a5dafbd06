"""The class in z: adversaries that find it, the term by which the encoder hides it, and a measure of dependence."""

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


def dependence(z: Tensor, s: Tensor) -> Tensor:
    """Return how much two codes depend on each other: 0 for none on average, 1 for a code and itself.

    The unbiased estimate of HSIC with Gaussian kernels (width: the mean squared distance), over that of each code with
    itself, which gets no gradient. Where s is that of *another* picture of the same class, what both depend on is the
    class. A batch is enough: unlike an adversary it need not be trained, and does not lag behind the encoder.

    Args:
        z: `(N, Z)`, N of at least 4.
        s: `(N, S)`; it is standardised.

    Reference: Song et al. 2012, Feature selection via dependence maximization (the estimate); Kornblith et al. 2019,
    arXiv 1905.00414 (the normalisation).
    """
    k, m = _kernel(z), _kernel((s - s.mean(0)) / (s.std(0) + 1e-6))
    return _hsic(k, m) / (_hsic(k, k) * _hsic(m, m)).clamp_min(1e-8).sqrt().detach()


def _kernel(x: Tensor) -> Tensor:
    """Return the Gaussian kernel of each pair of rows, `(N, N)`, 0 on the diagonal."""
    squared = (x[:, None] - x).square().sum(2)
    kernel = torch.exp(-squared / (squared.detach().mean() + 1e-6))
    return kernel - torch.diag(kernel.diagonal())


def _hsic(k: Tensor, m: Tensor) -> Tensor:
    n = len(k)
    product = k @ m
    corner = k.sum() * m.sum() / ((n - 1) * (n - 2))
    return (product.diagonal().sum() + corner - 2.0 / (n - 2) * product.sum()) / (n * (n - 3))
