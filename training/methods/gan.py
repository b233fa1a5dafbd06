"""The first GAN, with the generator's non-saturating loss (Goodfellow et al. 2014), optionally regularized.

D = `discriminator` (returns logits), G = `generator`.
Deviations: R1 (Mescheder et al. 2018) and one-sided label smoothing (Salimans et al. 2016) as options; a second phase
at a lower learning rate; the average of G's weights is kept beside the last ones, and exported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training import dense, game
from training.losses import logistic_discriminator, non_saturating_generator, r1_penalty


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
    n_critic: int = 1
    """Steps of the discriminator for each of the generator."""
    lr: float = 2e-4
    """Learning rate of both Adams."""
    second_phase: float = game.SECOND_PHASE
    """Last share of the steps, at `second_lr`."""
    second_lr: float = 2e-5
    """Learning rate of the second phase."""
    beta1: float = 0.5
    """Adam's first decay."""
    beta2: float = 0.999
    """Adam's second decay."""
    r1_gamma: float = 0.0
    """Weight of R1 (half of it times the squared gradient norm at real pictures); 0 leaves it out."""
    label_smoothing: float = 0.0
    """The discriminator's target for real pictures is 1 less this."""
    ema_decay: float = 0.999
    """Decay of the averaged generator."""
    seed: int = 0
    """Seed of weights, noise and data order."""

    def __post_init__(self) -> None:
        game.check(self)
        if self.r1_gamma < 0:
            raise ValueError(f"r1_gamma must be 0 or more, got {self.r1_gamma}")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"label_smoothing must be 0 or more and below 0.5, got {self.label_smoothing}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"steps": game.REPORTED_STEPS // 5},
    "paper": {},
    "r1": {"r1_gamma": 10.0},
    "points": dict(game.POINTS),
}


class Method(game.Game):
    """Two networks, two Adams."""

    id = "gan"
    paper = "Generative adversarial nets, Goodfellow et al. 2014, arXiv 1406.2661"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, device)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return game.fused_adam(network, self.config.lr, (self.config.beta1, self.config.beta2))

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
        self.optimizer_d.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer_d.step()
        return terms

    def generator_step(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Non-saturating loss."""
        with game.frozen(self.discriminator):
            loss = non_saturating_generator(self.discriminator(fake).squeeze(1))
            self.optimizer_g.zero_grad(set_to_none=True)
            loss.backward()
        self.optimizer_g.step()
        return {"loss_g": loss.detach()}
