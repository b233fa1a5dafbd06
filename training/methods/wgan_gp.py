"""Wasserstein GAN with a gradient penalty (Gulrajani et al. 2017, algorithm 1).

D = `discriminator` (the critic, no sigmoid), G = `generator`, lambda = `lambda_gp`.
Deviations: Adam's beta1 is 0.5 (0 in the paper); a second phase at a lower learning rate; the average of the
generator's weights is kept, and exported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import dense, game
from training.losses import gradient_penalty, hinge_generator, wasserstein_critic


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
    lr: float = 2e-4
    """Learning rate of both Adams."""
    second_phase: float = game.SECOND_PHASE
    """Last share of the steps, at `second_lr`."""
    second_lr: float = 2e-5
    """Learning rate of the second phase."""
    beta1: float = 0.5
    """Adam's first decay."""
    beta2: float = 0.9
    """Adam's second decay."""
    lambda_gp: float = 10.0
    """Weight of the gradient penalty."""
    ema_decay: float = 0.999
    """Decay of the averaged generator."""
    seed: int = 0
    """Seed of weights, noise and data order."""

    def __post_init__(self) -> None:
        game.check(self)
        if self.lambda_gp <= 0:
            raise ValueError(f"lambda_gp must be positive, got {self.lambda_gp}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": game.REPORTED_STEPS // 5},
    "paper": {},
    "points": {**game.POINTS, "lambda_gp": 0.1},
}


class Method(game.Game):
    """A critic and a generator, two Adams."""

    id = "wgan_gp"
    paper = "Improved training of Wasserstein GANs, Gulrajani et al. 2017, arXiv 1704.00028"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device, bias=False)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return game.fused_adam(network, self.config.lr, (self.config.beta1, self.config.beta2))

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Widen the gap between real and fake under the penalty."""
        gap = wasserstein_critic(*self.discriminator(torch.cat([real, fake])).chunk(2))
        penalty = gradient_penalty(self.discriminator, real, fake)
        self.optimizer_d.zero_grad(set_to_none=True)
        (gap + self.config.lambda_gp * penalty).backward()
        self.optimizer_d.step()
        return {"loss_d": gap.detach(), "loss_gp": penalty.detach()}

    def generator_step(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Raise the critic's value of the fakes."""
        with game.frozen(self.discriminator):
            loss = hinge_generator(self.discriminator(fake))
            self.optimizer_g.zero_grad(set_to_none=True)
            loss.backward()
        self.optimizer_g.step()
        return {"loss_g": loss.detach()}
