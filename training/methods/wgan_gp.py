"""Wasserstein GAN with a gradient penalty (Gulrajani et al. 2017, algorithm 1).

D = `discriminator` (the critic, no sigmoid), G = `generator`, lambda = `lambda_gp`.
Deviations: Adam's learning rate is 2e-4 and its beta1 0.5 (1e-4 and 0 in the paper); a second phase at a lower learning
rate; the average of the generator's weights is kept, and exported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.families.gan import POINTS, REPORTED_STEPS, AdamConfig, AdversarialMethod
from training.losses.adversarial import gradient_penalty, hinge_generator, wasserstein_critic
from training.run.optim import descend


@dataclass(frozen=True)
class Config(AdamConfig):
    """Settings of one training."""

    n_critic: int = 5
    """Steps of the discriminator for each of the generator."""
    beta2: float = 0.9
    """Adam's second decay."""
    lambda_gp: float = 10.0
    """Weight of the gradient penalty."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lambda_gp <= 0:
            raise ValueError(f"lambda_gp must be positive, got {self.lambda_gp}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": REPORTED_STEPS // 5},
    "paper": {},
    "points": {**POINTS, "lambda_gp": 0.1},
}


class Method(AdversarialMethod):
    """A critic and a generator, two Adams."""

    id = "wgan_gp"
    paper = "Improved training of Wasserstein GANs, Gulrajani et al. 2017, arXiv 1704.00028"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device, bias=False)

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Widen the gap between real and fake under the penalty."""
        gap = wasserstein_critic(*self.discriminator(torch.cat([real, fake])).chunk(2))
        penalty = gradient_penalty(self.discriminator, real, fake)
        descend(self.optimizer_d, gap + self.config.lambda_gp * penalty)
        return {"loss_d": gap.detach(), "loss_gp": penalty.detach()}

    def generator_loss(self, out: Tensor) -> Tensor:
        """Raise the critic's value of the fakes."""
        return hinge_generator(out)
