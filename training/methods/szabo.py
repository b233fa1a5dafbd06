"""Mixing autoencoder (Szabo et al. 2017, arXiv 1711.02245): triplets, a plain autoencoder, a judge of picture pairs.

Symbols of the paper: Enc and Dec = encoder and decoder, Dsc = `discriminator`, N_c = s (the common part), N_v = z (the
varying part), x1 and x2 = a picture and its partner of the same class, x3 = a picture of any class.
Autoencoder: x1 is decoded from z(x1) and s(x2), x2 from z(x2) and s(x1). Adversary: (x1, x2) is a real pair and
(x1, Dec(s(x1), z(x3))) a generated one; without it all may go through z, and s be ignored (the shortcut problem).
Deviations: x3 is the previous picture of the batch, so now and then it has x1's class; the squared error is summed over
pixels in units of 0..1; one optimizer for both losses; R1; one-cycle learning rate; averaged weights.
The paper's full text was not at hand when this was written: the loss weights are ours, `paper` says which form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training import swap
from training.blocks import EMA, descend, on_device, one_cycle, restore, set_lr, state_of
from training.data.batch import Batch
from training.graph import Graph
from training.latent import Decoder, Encoder, Norm, squared_error
from training.pair_discriminators import Adversarial, PairDiscriminator, discriminator_step, generator_loss


@dataclass(frozen=True)
class Config:
    """Settings of one training. Losses are means over the pictures of a batch.

    "Jha's code" is the re-implementation of Jha et al. 2018, behind the published MNIST figures. It takes errors as
    means over pixels, so that its adversarial weight of 1 is 784 beside our sums, in an optimizer of its own.
    """

    size: int = 28
    """Side of the picture, px."""
    channels: int = 1
    """Channels of the picture: 1 for MNIST, 3 for colour."""
    specified: str = "identity"
    """Which factor of the data set s is."""
    holdout: tuple[int, ...] = ()
    """Classes that training leaves out, as places among the data set's classes (for few-shot measurements)."""
    s_dim: int = 16
    """Dimensions of s (16 in the published figures)."""
    z_dim: int = 16
    """Dimensions of z (16 in the published figures)."""
    z_noise: float = 0.0
    """Noise on z in training, in standard deviations of each dimension over the batch (ours; 0 in the paper): what s
    already says is not worth its place in a noisy z."""
    width: int = 16
    """Channels of the encoder's first and the decoder's last hidden layer (16 in Jha's code)."""
    d_width: int = 16
    """Channels of the discriminator's first layer (32 in Jha's code: four times the work)."""
    kernel: int = 3
    """Side of the encoder's convolutions, px (5 in Jha's code)."""
    norm: Norm = "instance"
    """Normalisation in the encoder (`instance` in Jha's code)."""
    lambda_rec: float = 1.0
    """Weight of the squared error of both pictures of a pair, each with the other's s, summed over pixels in units of
    0..1."""
    lambda_adv: float = 30.0
    """Weight of fooling the discriminator (ours)."""
    adversarial: Adversarial = "hinge"
    """The game: `non_saturating` is the paper's, `hinge` ours."""
    lambda_r1: float = 1.0
    """Weight of R1 at the real pictures (ours), applied every `r1_every`-th step times as much; 0 leaves it out."""
    r1_every: int = 8
    """Steps from one R1 penalty to the next."""
    accuracy_limit: float = 1.0
    """The discriminator rests where it is right more often than this (0.8 in Jha's code)."""
    batch_size: int = 64
    """Pairs a step: twice as many pictures (64 in Jha's code)."""
    steps: int = 20_000
    """Optimizer steps."""
    lr: float = 2e-3
    """Peak learning rate of the encoder's and decoder's Adam, one cycle (1e-4, constant, in Jha's code)."""
    lr_d: float = 1e-3
    """Peak learning rate of the discriminator's Adam, one cycle (1e-4, constant, in Jha's code)."""
    beta1: float = 0.5
    """First moment of both Adams (0.5 in Jha's code); the second is 0.999."""
    ema_decay: float = 0.999
    """Decay of the averaged encoder and decoder, which are exported (ours)."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 4 or self.size < 8:
            raise ValueError(f"size must be a multiple of 4 from 8 on, got {self.size}")
        if self.s_dim < 1 or self.z_dim < 1:
            raise ValueError(f"s_dim and z_dim must be at least 1, got {self.s_dim} and {self.z_dim}")
        if self.r1_every < 1:
            raise ValueError(f"r1_every must be at least 1, got {self.r1_every}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "paper": {
        "adversarial": "non_saturating", "lambda_r1": 0.0, "accuracy_limit": 0.8,
        "kernel": 5, "d_width": 32, "lambda_adv": 784.0, "lr": 1e-4, "lr_d": 1e-4, "steps": 50_000,
    },
    "face": {
        "size": 64, "channels": 3, "s_dim": 128, "z_dim": 64, "width": 32, "kernel": 5, "batch_size": 32,
        "lambda_adv": 180.0,
    },
}  # fmt: skip

_PARTS = ("encoder", "decoder", "discriminator", "optimizer", "optimizer_d", "ema_encoder", "ema_decoder")


class Method(swap.Coder):
    """Encoder and decoder with one optimizer, the discriminator with its own."""

    id = "szabo"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        encoder = Encoder(
            c.channels, c.size, c.s_dim, c.z_dim, c.width, variational_z=False, norm=c.norm, kernel=c.kernel
        )
        self.encoder = on_device(encoder, self.device)
        self.decoder = on_device(Decoder(c.channels, c.size, c.s_dim, c.z_dim, c.width), self.device)
        self.discriminator = on_device(PairDiscriminator(c.channels, c.size, c.d_width), self.device)
        betas = (c.beta1, 0.999)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(both, lr=c.lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=c.lr_d, betas=betas)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "specified": config.specified, "pairs": True, "holdout": config.holdout}

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
        s, z, *_ = self.encoder(torch.cat([batch.image, batch.require_partner()]))
        if c.z_noise > 0:
            z = z + c.z_noise * z.detach().std(0) * torch.randn_like(z)
        (s1, s2), (z1, z2) = s.chunk(2), z.chunk(2)
        z3 = z1.roll(1, 0)
        mixed, fake = self.decoder(torch.cat([s2, s1, s1]), torch.cat([z1, z2, z3])).split([len(s), len(s1)])
        logs = self.discriminator_step(batch, fake)
        logs |= self.generator_step(batch, mixed, fake)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return logs

    def discriminator_step(self, batch: Batch, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator on real pairs and on pairs of a picture and `fake`."""
        c = self.config
        penalised = c.lambda_r1 > 0 and self.steps % c.r1_every == 0
        return discriminator_step(
            self.discriminator, self.optimizer_d, batch.require_partner(), batch.image, [fake], batch.image,
            adversarial=c.adversarial, r1=c.lambda_r1 * c.r1_every if penalised else 0.0,
            accuracy_limit=c.accuracy_limit,
        )  # fmt: skip

    def generator_step(self, batch: Batch, mixed: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of encoder and decoder.

        Args:
            batch: the pairs.
            mixed: `(2 N, C, H, W)` the reconstructions of all x1, then of all x2.
            fake: `(N, C, H, W)` what should pass for a partner of x1.
        """
        c = self.config
        both = torch.cat([batch.image, batch.require_partner()])
        loss_rec = 2.0 * squared_error(mixed, both).mean()  # the sum of both pictures of a pair
        loss_adv = generator_loss(self.discriminator, [fake], batch.image, c.adversarial)
        descend(self.optimizer, c.lambda_rec * loss_rec + c.lambda_adv * loss_adv)
        return {"loss_rec": loss_rec.detach(), "loss_adv": loss_adv.detach()}

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, _PARTS)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, _PARTS)

    def samples(self, batch: Batch) -> Tensor:
        """A swap grid: s from the top row, z from the left column."""
        return swap.grid(self.encode, self.decode, batch.image.to(self.device)).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The roles `encode` and `decode`."""
        c = self.config
        return swap.graphs(self.ema_encoder.network, self.ema_decoder.network, c.channels, c.size)

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        c = self.config
        paper = "Challenges in disentangling independent factors of variation, Szabo et al. 2017, arXiv 1711.02245"
        return swap.manifest_fields("swap", f"Swap of {c.specified} and the rest, mixing", paper, c.size)
