"""Mixture density GAN (Eghbal-zadeh et al. 2019): real pictures are embedded into Gaussians on a simplex's corners.

e = D(x) = `discriminator` (an embedding), lk(e) = sum of the components' likelihoods, lambda = the maximum of lk, so
that lk / lambda in 0..1 is the probability of being real: `max_D min_G E[log lk(D(x))] + E[log(lambda - lk(D(G(z))))]`.
Deviations: in log space throughout, where the likelihood of a far embedding does not vanish; the generator maximizes
`log lk` (non-saturating) unless `saturating`; a second phase at a lower learning rate; the average of the generator's
weights is kept, and exported.
`paper` has the generator's loss of the paper, and the distance of the means of the authors' code (eghbalz/mdgan): for
ten Gaussians its corners lie 1.407 apart at a covariance of 0.25 times the identity, 2.81 standard deviations.
A distance of 4 is ours. That code draws its noise evenly from -1 to 1, ours is normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.families.gan import POINTS, REPORTED_STEPS, AdamConfig, AdversarialMethod
from training.run.optim import descend


@dataclass(frozen=True)
class Config(AdamConfig):
    """Settings of one training."""

    n_components: int = 10
    """Gaussians; the embedding has one dimension less."""
    distance: float = 4.0
    """Between the means of any two Gaussians, in standard deviations."""
    saturating: bool = False
    """The generator minimizes `log(lambda - lk)` as in the paper, not `-log lk`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_components < 2:
            raise ValueError(f"n_components must be 2 or more, got {self.n_components}")
        if self.distance <= 0:
            raise ValueError(f"distance must be positive, got {self.distance}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": REPORTED_STEPS // 5},
    "paper": {"saturating": True, "distance": 2.81},
    "points": {**POINTS, "distance": 2.5},
}


def simplex(n: int, distance: float) -> Tensor:
    """Return the `n` corners of a regular simplex round the origin, `(n, n - 1)` float64.

    Args:
        n: corners.
        distance: between any two.
    """
    # The unit vectors of n dimensions, centred, lie in n - 1 dimensions; the SVD finds axes for them.
    centred = torch.eye(n, dtype=torch.float64) - 1.0 / n
    _, _, axes = torch.linalg.svd(centred)
    return centred @ axes[: n - 1].T * (distance / 2.0**0.5)


class Mixture(nn.Module):
    """`log(lk / lambda)`, with `lk` the sum of unit Gaussians (their common factor cancels) and `lambda` its maximum.

    Args:
        means: `(K, D)`, the corners of a regular simplex.
    """

    def __init__(self, means: Tensor) -> None:
        super().__init__()
        self.register_buffer("means", means.float())
        point = means[:1].double()
        for _ in range(_SHIFTS):  # mean shift: it climbs to the maximum nearest to a corner, and all corners are alike
            weight = torch.softmax(-0.5 * torch.cdist(point, means.double()).square(), 1)
            point = weight @ means.double()
        peak = torch.logsumexp(-0.5 * torch.cdist(point, means.double()).square(), 1)
        self.log_lambda = float(peak)

    means: Tensor

    def forward(self, e: Tensor) -> Tensor:
        """Return `log(lk(e) / lambda)`, `(N,)`, 0 or below, of embeddings `(N, D)`."""
        squared = (e[:, None] - self.means).square().sum(2)
        return torch.logsumexp(-0.5 * squared, 1) - self.log_lambda


_SHIFTS = 2000


def log_rest(log_share: Tensor) -> Tensor:
    """Return `log(1 - exp(log_share))` for numbers of 0 or below; at 0 that of the nearest number below."""
    return torch.log(-torch.expm1(log_share.clamp(max=-_CLOSEST)))


_CLOSEST = 1e-6


class _Score(nn.Module):
    """`(N, C, H, W)` -> the logit of `lk / lambda`, `(N,)`."""

    def __init__(self, network: nn.Module, mixture: Mixture) -> None:
        super().__init__()
        self.network = network
        self.mixture = mixture

    def forward(self, image: Tensor) -> Tensor:
        log_share = self.mixture(self.network(image)).clamp(max=-_CLOSEST)
        return log_share - torch.log(1.0 - torch.exp(log_share))  # ONNX has no expm1


class Method(AdversarialMethod):
    """An embedding network and a generator, two Adams."""

    id = "md_gan"
    paper = "Mixture density generative adversarial networks, Eghbal-zadeh et al. 2019, arXiv 1811.00152"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device, n_outputs=config.n_components - 1)
        self.mixture = Mixture(simplex(config.n_components, config.distance)).to(self.device)

    def score(self) -> nn.Module:
        return _Score(self.discriminator, self.mixture)

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Draw real embeddings to the Gaussians, push fake ones away."""
        real_share, fake_share = self.mixture(self.discriminator(torch.cat([real, fake]))).chunk(2)
        loss = -(real_share + log_rest(fake_share)).mean()
        descend(self.optimizer_d, loss)
        return {"loss_d": loss.detach()}

    def generator_loss(self, out: Tensor) -> Tensor:
        """Draw fake embeddings to the Gaussians."""
        share = self.mixture(out)
        return log_rest(share).mean() if self.config.saturating else -share.mean()
