"""Wasserstein GAN with weight clipping (Arjovsky et al. 2017, algorithm 1).

f_w = `discriminator` (the critic, no sigmoid), g_theta = `generator`, c = `clip`.
Deviations: a second phase at a lower learning rate; the average of the generator's weights is kept, and exported; batch
norm in the generator as an option (on by default, as in the figures to be beaten).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.families.gan import POINTS, REPORTED_STEPS, AdversarialConfig, AdversarialMethod
from training.losses.adversarial import hinge_generator, wasserstein_critic
from training.run.optim import descend


@dataclass(frozen=True)
class Config(AdversarialConfig):
    """Settings of one training."""

    n_critic: int = 5
    """Steps of the discriminator for each of the generator."""
    lr: float = 5e-5
    """Learning rate of both RMSprops."""
    second_lr: float = 1e-5
    """Learning rate of the second phase."""
    clip: float = 0.01
    """Every weight of the critic is kept within this of 0."""
    batch_norm: bool = True
    """Batch norm in the generator."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip <= 0:
            raise ValueError(f"clip must be positive, got {self.clip}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": REPORTED_STEPS // 5},
    "paper": {},
    "points": {**POINTS, "lr": 5e-4, "clip": 0.1},
}


class Method(AdversarialMethod):
    """A clipped critic and a generator, two RMSprops."""

    id = "wgan"
    paper = "Wasserstein GAN, Arjovsky et al. 2017, arXiv 1701.07875"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device, batch_norm=config.batch_norm, bias=False)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(network.parameters(), lr=self.config.lr)

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Widen the gap between real and fake, then clip."""
        loss = wasserstein_critic(*self.discriminator(torch.cat([real, fake])).chunk(2))
        descend(self.optimizer_d, loss)
        with torch.no_grad():
            for weight in self.discriminator.parameters():
                weight.clamp_(-self.config.clip, self.config.clip)
        return {"loss_d": loss.detach()}

    def generator_loss(self, out: Tensor) -> Tensor:
        """Raise the critic's value of the fakes."""
        return hinge_generator(out)
