"""A memory of the codes of past steps, and what they say of the class in z."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

SHARPNESS = 0.1
"""Squared distance of two s, as a share of the mean one, at which pictures count for one class by a factor of 1/e."""
BANDWIDTH = 0.2
"""Standard deviation added to every posterior: smooths a density that is made of few."""


class PastCodes(nn.Module):
    """The posteriors of z of the last pictures, each with the s of another picture of its class.

    Beside a batch they are enough to estimate densities of z: of all pictures, and of one class alone. An adversary
    would have to be trained to do so, and lags behind the encoder. Which pictures are of one class is told by s.

    Args:
        n: codes to keep.
        z_dim: dimensions of z.
        s_dim: dimensions of s.
    """

    mean: Tensor
    logvar: Tensor
    partner_s: Tensor
    seen: Tensor

    def __init__(self, n: int, z_dim: int, s_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n, z_dim))
        self.register_buffer("logvar", torch.zeros(n, z_dim))
        self.register_buffer("partner_s", torch.zeros(n, s_dim))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @property
    def full(self) -> bool:
        """Whether as many codes were seen as are kept; before, the estimate would be of zeros."""
        return int(self.seen) >= len(self.mean)

    @torch.no_grad()
    def remember(self, mean: Tensor, logvar: Tensor, partner_s: Tensor) -> None:
        """Put codes in the place of the oldest.

        Args:
            mean: `(N, Z)`, at most as many as are kept.
            logvar: `(N, Z)`.
            partner_s: `(N, S)`.
        """
        places = (self.seen + torch.arange(len(mean), device=mean.device)) % len(self.mean)
        for kept, new in ((self.mean, mean), (self.logvar, logvar), (self.partner_s, partner_s)):
            kept[places] = new.to(kept.dtype)
        self.seen += len(mean)

    def information(self, z: Tensor, partner_s: Tensor) -> Tensor:
        """Estimate what z tells of the class, in nats: the mean of `log q(z | class) - log q(z)`.

        Both densities are mixtures of the kept posteriors; that of a class weighs each by how near its s is. Gradients
        reach z, and through it the encoder; the densities are taken as given. From few codes the estimate is too low,
        and may fall below 0.

        Args:
            z: `(N, Z)` drawn from the posteriors of pictures that are not among the kept ones.
            partner_s: `(N, S)`, each of another picture of the same class.

        Reference: Chen et al. 2018, arXiv 1802.04942, section 4.1 (the density of z as a mixture over pictures).
        """
        scale = self.partner_s.std(0) + 1e-6
        apart = torch.cdist(partner_s.detach() / scale, self.partner_s / scale).square()
        of_class = torch.log_softmax(-apart / (SHARPNESS * apart.mean() + 1e-6), 1)
        variance = self.logvar.exp() + BANDWIDTH**2
        precision = 1.0 / variance
        squared = z.square() @ precision.T - 2.0 * z @ (self.mean * precision).T
        squared = squared + (self.mean.square() * precision).sum(1)
        density = -0.5 * (squared + variance.log().sum(1))  # the constant is the same in both
        own, all_codes = torch.logsumexp(of_class + density, 1), torch.logsumexp(density, 1) - math.log(len(self.mean))
        return (own - all_codes).mean()
