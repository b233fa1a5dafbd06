"""The first GAN, with the generator's non-saturating loss (Goodfellow et al. 2014), optionally regularized.

D = `discriminator` (returns logits), G = `generator`.
Deviations: R1 (Mescheder et al. 2018) and one-sided label smoothing (Salimans et al. 2016) as options; a second phase
at a lower learning rate; the average of G's weights is kept beside the last ones, and exported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.families.gan import POINTS, REPORTED_STEPS, AdamConfig, AdversarialMethod
from training.losses.adversarial import logistic_discriminator, non_saturating_generator, r1_penalty
from training.run.optim import descend


@dataclass(frozen=True)
class Config(AdamConfig):
    """Settings of one training."""

    r1_gamma: float = 0.0
    """Weight of R1 (half of it times the squared gradient norm at real pictures); 0 leaves it out."""
    label_smoothing: float = 0.0
    """The discriminator's target for real pictures is 1 less this."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.r1_gamma < 0:
            raise ValueError(f"r1_gamma must be 0 or more, got {self.r1_gamma}")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"label_smoothing must be 0 or more and below 0.5, got {self.label_smoothing}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": REPORTED_STEPS // 5},
    "paper": {},
    "r1": {"r1_gamma": 10.0},
    "points": dict(POINTS),
}


class Method(AdversarialMethod):
    """Two networks, two Adams."""

    id = "gan"
    paper = "Generative adversarial nets, Goodfellow et al. 2014, arXiv 1406.2661"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device)

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Logistic loss, and R1 if asked for."""
        gamma = self.config.r1_gamma
        real = real.detach().requires_grad_(gamma > 0)
        real_logits, fake_logits = self.discriminator(torch.cat([real, fake])).squeeze(1).chunk(2)
        loss = logistic_discriminator(real_logits, fake_logits, self.config.label_smoothing)
        terms = {"loss_d": loss.detach()}
        if gamma > 0:
            penalty = r1_penalty(real, real_logits)
            loss = loss + 0.5 * gamma * penalty
            terms["loss_r1"] = penalty.detach()
        descend(self.optimizer_d, loss)
        return terms

    def generator_loss(self, out: Tensor) -> Tensor:
        """Non-saturating loss."""
        return non_saturating_generator(out.squeeze(1))
