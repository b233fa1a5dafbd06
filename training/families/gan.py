"""What the GAN methods share: generator, discriminator, their optimizers, the averaged generator, samples, export.

A method adds `discriminator_step` and `generator_loss` (or its own `generator_step`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.method import Graph
from training.networks import dense
from training.run.optim import EMA, adam, descend, frozen, on_device, restore, set_lr, state_of

STEPS_AN_EPOCH = 859
"""Batches of 64 in MNIST's 55,000 training pictures."""
REPORTED_STEPS = (150 + 30) * STEPS_AN_EPOCH
SECOND_PHASE = 30 / (150 + 30)
POINTS: dict[str, object] = {"channels": 2, "size": 1, "z_dim": 16, "batch_size": 256, "steps": 6000, "lr": 1e-3}
"""Settings for `gaussians:ring8` and the like, about a minute on one core."""
_SHOWN = 16


@dataclass(frozen=True)
class AdversarialConfig:
    """Settings of one training that every GAN method has."""

    network: dense.Kind = "dense"
    """Fully connected, the same with hyperbolic tangents, or convolutional."""
    channels: int = 1
    """Of the pictures; 2 with size 1 are points of the plane."""
    size: int = 28
    """Side of the pictures, px."""
    z_dim: int = 100
    """Length of the noise vector, standard normal."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = REPORTED_STEPS
    """Steps of the discriminator: 150 + 30 passes over MNIST at batch 64."""
    n_critic: int = 1
    """Steps of the discriminator for each of the generator."""
    lr: float = 2e-4
    """Learning rate of both optimizers."""
    second_phase: float = SECOND_PHASE
    """Last share of the steps, at `second_lr`."""
    second_lr: float = 2e-5
    """Learning rate of the second phase."""
    ema_decay: float = 0.999
    """Decay of the averaged generator."""
    seed: int = 0
    """Seed of weights, noise and data order."""

    def __post_init__(self) -> None:
        if self.channels not in (1, 2, 3):
            raise ValueError(f"channels must be 1, 3, or 2 (points of the plane), got {self.channels}")
        if self.network == "conv" and self.size % 4:
            raise ValueError(f"network=conv needs a size that is a multiple of 4, got {self.size}")
        if self.n_critic < 1:
            raise ValueError(f"n_critic must be 1 or more, got {self.n_critic}")
        if not 0 <= self.second_phase < 1:
            raise ValueError(f"second_phase is a share of the steps, 0 or more and below 1, got {self.second_phase}")


@dataclass(frozen=True)
class AdamConfig(AdversarialConfig):
    """Settings of the GAN methods whose two optimizers are Adam."""

    beta1: float = 0.5
    """Adam's first decay."""
    beta2: float = 0.999
    """Adam's second decay."""


def rate(config: AdversarialConfig, step: int) -> float:
    """Return the learning rate at a step: `lr`, and `second_lr` over the last `second_phase` of the steps."""
    return config.second_lr if step >= config.steps * (1.0 - config.second_phase) else config.lr


class AdversarialMethod:
    """Base of the GAN methods.

    One step is `n_critic` steps of the discriminator on a new batch each and one of the generator;
    `steps` counts the batches drawn.

    Args:
        config: the method's settings.
        device: where to compute.
        n_outputs: what the discriminator returns for a picture.
        batch_norm: in the generator.
        bias: in the discriminator's last layer; Wasserstein losses do not depend on it.
    """

    id: str
    paper: str
    parts = ("generator", "discriminator", "ema", "optimizer_g", "optimizer_d")

    def __init__(
        self,
        config: AdversarialConfig,
        device: torch.device | str = "cpu",
        n_outputs: int = 1,
        batch_norm: bool = False,
        bias: bool = True,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        shape = (config.channels, config.size)
        generator = dense.generator(config.network, config.z_dim, *shape, batch_norm)
        discriminator = dense.discriminator(config.network, *shape, n_outputs, bias)
        self.generator = on_device(generator, self.device)
        self.discriminator = on_device(discriminator, self.device)
        self.ema = EMA(self.generator, config.ema_decay)
        self.optimizer_g = self.optimizer(self.generator)
        self.optimizer_d = self.optimizer(self.discriminator)
        self.steps = 0

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        """Return the optimizer of one network: Adam."""
        config = self.config
        if not isinstance(config, AdamConfig):
            raise NotImplementedError
        return adam(network.parameters(), config.lr, (config.beta1, config.beta2))

    def discriminator_step(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Move the discriminator only.

        Args:
            real: `(N, C, H, W)`, [-1, 1].
            fake: as `real`, without a gradient.
        """
        raise NotImplementedError

    def generator_loss(self, out: Tensor) -> Tensor:
        """Return what the generator lowers.

        Args:
            out: what the discriminator returns for the fakes.
        """
        raise NotImplementedError

    def generator_step(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        """Move the generator only.

        Args:
            fake: `(N, C, H, W)`, [-1, 1], with the generator's graph behind it.
            real: of the discriminator's last step, for a method that looks ahead.
        """
        with frozen(self.discriminator):
            loss = self.generator_loss(self.discriminator(fake))
            descend(self.optimizer_g, loss)
        return {"loss_g": loss.detach()}

    @staticmethod
    def data_options(config: AdversarialConfig) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 8, "batch_size": 4, "z_dim": 5, "steps": 40}

    def set_learning_rates(self, lr: float) -> None:
        """Set the learning rates of both networks."""
        set_lr(self.optimizer_g, lr)
        set_lr(self.optimizer_d, lr)

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """`n_critic` steps of the discriminator, one of the generator."""
        self.set_learning_rates(rate(self.config, self.steps))
        self.generator.train()
        terms: dict[str, Tensor] = {}
        for i in range(self.config.n_critic):
            real = next(stream).to(self.device).image
            # The generator does not move before its own step, so the last pictures drawn serve it too.
            with torch.set_grad_enabled(i == self.config.n_critic - 1):
                fake = self.generator(self.noise(len(real)))
            terms |= self.discriminator_step(real, fake.detach())
            self.steps += 1
        terms |= self.generator_step(fake, real)
        self.ema.update(self.generator)
        return terms

    def noise(self, n: int) -> Tensor:
        """Draw `(n, z_dim)` standard normal numbers."""
        return torch.randn(n, self.config.z_dim, device=self.device)

    def score(self) -> nn.Module:
        """Return what maps a picture to `(N,)`: the logit of being real, or a critic's value."""
        return Scalar(self.discriminator)

    @torch.no_grad()
    def generate(self, z: Tensor, averaged: bool = True) -> Tensor:
        """Draw `(N, C, H, W)` in [-1, 1] from `z` `(N, z_dim)`, standard normal.

        Args:
            z: noise.
            averaged: use the average of the generator's weights, else the last ones.
        """
        network = self.ema.network if averaged else self.generator
        return network.eval()(z.to(self.device))

    @torch.no_grad()
    def logit(self, image: Tensor) -> Tensor:
        """Return `(N,)`, larger for more real; a critic's value is no logarithm of odds."""
        score = self.score()
        return score.eval()(image.to(self.device))

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, self.parts)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, self.parts)

    def samples(self, batch: Batch) -> Tensor:
        """Draw with the last weights (above) and the averaged ones (below); points become a density."""
        if self.config.size == 1:
            return _density([self.generate(self.noise(2000), averaged) for averaged in (False, True)])
        z = self.noise(_SHOWN)
        rows = torch.cat([self.generate(z, averaged) for averaged in (False, True)]).unflatten(0, (4, _SHOWN // 2))
        grid = rows.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)
        return grid.add(1.0).div(2.0).expand(3, -1, -1)

    def graphs(self) -> dict[str, Graph]:
        """The `generate` role (averaged weights) and `score`."""
        config = self.config
        z, image = torch.zeros(1, config.z_dim), torch.zeros(1, config.channels, config.size, config.size)
        return {
            "generate": Graph(self.ema.network.eval().cpu(), {"z": z}, ["image"]),
            "score": Graph(self.score().eval().cpu(), {"image": image}, ["logit"]),
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        return {
            "kind": "sample",
            "output": "image",
            "title": f"Pictures from noise ({self.id})",
            "crop": {"kind": "none", "height": self.config.size, "width": self.config.size},
            "paper": self.paper,
        }


class Scalar(nn.Module):
    """A network with one output a picture, as `(N,)`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return one number a picture."""
        out: Tensor = self.network(image)
        return out.squeeze(1)


def _density(sets: list[Tensor], side: int = 128) -> Tensor:
    """Draw two-dimensional points `(N, 2, 1, 1)` in [-1, 1] as pictures one above the other, `(3, H, W)`."""
    pictures = []
    for points in sets:
        cell = ((points.flatten(1).cpu() + 1.0) / 2.0 * side).long().clamp(0, side - 1)
        counts = torch.bincount(cell[:, 1] * side + cell[:, 0], minlength=side * side).float()
        pictures.append((counts / 4.0).clamp(max=1.0).reshape(side, side).flip(0))
    return torch.cat(pictures).expand(3, -1, -1)
