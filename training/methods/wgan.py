"""Wasserstein GAN with weight clipping (Arjovsky et al. 2017, algorithm 1).

f_w = `discriminator` (the critic, no sigmoid), g_theta = `generator`, c = `clip`.
Deviations: a second phase at a lower learning rate; the average of the generator's weights is kept, and exported; batch
norm in the generator as an option (on by default, as in the figures to be beaten).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import dense, game
from training.losses import hinge_generator, wasserstein_critic


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    network: dense.Kind = "dense"
    """Fully connected, or convolutional."""
    channels: int = 1
    """Of the pictures; 2 with size 1 are points of the plane."""
    size: int = 28
    """Side of the pictures, px."""
    z_dim: int = 100
    """Length of the noise vector, standard normal."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = game.REPORTED_STEPS
    """Steps of the discriminator: 150 + 30 passes over MNIST at batch 64."""
    n_critic: int = 5
    """Steps of the discriminator for each of the generator."""
    lr: float = 5e-5
    """Learning rate of both RMSprops."""
    second_phase: float = game.SECOND_PHASE
    """Last share of the steps, at `second_lr`."""
    second_lr: float = 1e-5
    """Learning rate of the second phase."""
    clip: float = 0.01
    """Every weight of the critic is kept within this of 0."""
    batch_norm: bool = True
    """Batch norm in the generator."""
    ema_decay: float = 0.999
    """Decay of the averaged generator."""
    seed: int = 0
    """Seed of weights, noise and data order."""

    def __post_init__(self) -> None:
        game.check(self)
        if self.clip <= 0:
            raise ValueError(f"clip must be positive, got {self.clip}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": game.REPORTED_STEPS // 5},
    "paper": {},
    "points": {**game.POINTS, "lr": 5e-4, "clip": 0.1},
}


class Method(game.Game):
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
        self.optimizer_d.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer_d.step()
        with torch.no_grad():
            for weight in self.discriminator.parameters():
                weight.clamp_(-self.config.clip, self.config.clip)
        return {"loss_d": loss.detach()}

    def generator_step(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Raise the critic's value of the fakes."""
        with game.frozen(self.discriminator):
            loss = hinge_generator(self.discriminator(fake))
            self.optimizer_g.zero_grad(set_to_none=True)
            loss.backward()
        self.optimizer_g.step()
        return {"loss_g": loss.detach()}
