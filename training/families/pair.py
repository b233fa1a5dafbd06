"""What the two adversarial autoencoders share (Mathieu et al. 2016, Szabo et al. 2017): settings, networks, one step.

A method adds its encoder, its discriminator and `update`, which steps both sides on one batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.families import latent, pictures
from training.method import Graph
from training.networks.autoencoder import Decoder, Encoder
from training.networks.pair import Adversarial, discriminator_step
from training.run.optim import EMA, on_device, one_cycle, set_lr


@dataclass(frozen=True)
class PairedAdversarialConfig(latent.SplitConfig):
    """Settings of one training, beside those of `SplitConfig`.

    "Jha's code" is the re-implementation of Jha et al. 2018, behind the published MNIST figures. It takes errors as
    means over pixels, so that its adversarial weight of 1 is 784 beside our sums, in an optimizer of its own; its
    learning rates are constant (1e-4).
    """

    d_width: int = 16
    """Channels of the discriminator's first layer (32 in Jha's code: four times the work)."""
    lambda_adv: float = 10.0
    """Weight of fooling the discriminator (ours)."""
    adversarial: Adversarial = "hinge"
    """The adversarial losses: `non_saturating` are the paper's, `hinge` ours."""
    lambda_r1: float = 1.0
    """Weight of R1 at the real pictures (ours), applied every `r1_every`-th step times as much; 0 leaves it out."""
    r1_every: int = 8
    """Steps from one R1 penalty to the next."""
    accuracy_limit: float = 1.0
    """The discriminator makes no step where it is right more often than this (0.8 in Jha's code)."""
    lr_d: float = 1e-3
    """Peak learning rate of the discriminator's Adam, one cycle."""
    beta1: float = 0.5
    """First moment of both Adams (0.5 in Jha's code); the second is 0.999."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.r1_every < 1:
            raise ValueError(f"r1_every must be at least 1, got {self.r1_every}")


PAPER: dict[str, object] = {
    "adversarial": "non_saturating", "lambda_r1": 0.0, "accuracy_limit": 0.8, "kernel": 5, "d_width": 32,
    "lambda_adv": 784.0, "lr": 1e-4, "lr_d": 1e-4, "steps": 50_000,
}  # fmt: skip
FACE: dict[str, object] = {
    "size": 64, "channels": 3, "s_dim": 128, "z_dim": 64, "width": 32, "kernel": 5, "batch_size": 32,
}  # fmt: skip


class PairedAdversarialMethod(latent.Coder):
    """Encoder and decoder with one optimizer, the discriminator with its own.

    Args:
        config: the method's settings.
        device: where to compute.
        encoder: of pictures.
        discriminator: `(image, condition) -> (N,)` logits.
    """

    id: str
    title: str
    paper: str
    parts = (*latent.Coder.parts, "discriminator", "optimizer_d")

    def __init__(
        self, config: PairedAdversarialConfig, device: torch.device | str, encoder: Encoder, discriminator: nn.Module
    ):
        c = config
        self.config = config
        self.device = torch.device(device)
        self.encoder = on_device(encoder, self.device)
        self.decoder = on_device(Decoder(c.channels, c.size, c.s_dim, c.z_dim, c.width), self.device)
        self.discriminator = on_device(discriminator, self.device)
        betas = (c.beta1, 0.999)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(both, lr=c.lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=c.lr_d, betas=betas)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.steps = 0

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Step the discriminator, then encoder and decoder, on the same pictures; return detached terms."""
        raise NotImplementedError

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "s_dim": 3, "z_dim": 4, "width": 4, "d_width": 4, "batch_size": 4, "steps": 40,
                "lambda_adv": 1.0}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of the discriminator, then one of encoder and decoder, on the same pictures."""
        c = self.config
        batch = next(stream).to(self.device)
        factor = one_cycle(self.steps, c.steps)
        set_lr(self.optimizer, c.lr * factor)
        set_lr(self.optimizer_d, c.lr_d * factor)
        logs = self.update(batch)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return logs

    def train_discriminator(
        self, real: Tensor, condition: Tensor, fakes: Sequence[Tensor], fake_condition: Tensor
    ) -> dict[str, Tensor]:
        """One step of the discriminator; the arguments are those of `discriminator_step`."""
        c = self.config
        penalised = c.lambda_r1 > 0 and self.steps % c.r1_every == 0
        return discriminator_step(
            self.discriminator, self.optimizer_d, real, condition, fakes, fake_condition, adversarial=c.adversarial,
            r1=c.lambda_r1 * c.r1_every if penalised else 0.0, accuracy_limit=c.accuracy_limit,
        )  # fmt: skip

    def samples(self, batch: Batch) -> Tensor:
        """A swap grid: s from the top row, z from the left column."""
        return pictures.swap_grid(self.encode, self.decode, batch.image.to(self.device)).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The roles `encode` and `decode`."""
        c = self.config
        return latent.graphs(self.ema_encoder.network, self.ema_decoder.network, c.channels, c.size)

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        c = self.config
        return latent.manifest_fields("swap", f"Swap of {c.specified} and the rest, {self.title}", self.paper, c.size)
