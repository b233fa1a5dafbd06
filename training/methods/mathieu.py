"""Disentangling by adversarial training (Mathieu et al. 2016, arXiv 1611.03383): s and z from pairs, and a judge.

Symbols of the paper: Enc and Dec = encoder and decoder, Adv = `discriminator`, x1 and x1' = a picture and its partner
of the same class, x2 = a picture of any class, z1 and s2 = their codes.
Phase I: x1 is decoded from (z1, s1) and from (z1, s1'); z is a VAE. Phase II: Dec(z1, s2) and Dec(z, s2) with z from
the prior must pass for pictures of x2's class.
Deviations: both phases are one step with one sum of losses; x2 is the next picture of the batch, so now and then it has
x1's class; the squared error is summed over pixels in units of 0..1; the class enters the discriminator by projection;
R1; one-cycle learning rate; averaged weights.
`discriminator = image_pair` shows a picture of the class in place of its embedding (as Szabo et al. 2017, and as Jha et
al. 2018 did for their comparison, whose figures are the published ones on MNIST). `gaussian` says which code is a VAE;
the prior draws z only where z is one.
The paper's full text was not at hand when this was written: the loss weights are ours, `paper` says which form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training import swap
from training.blocks import EMA, descend, on_device, one_cycle, restore, set_lr, state_of
from training.data.batch import Batch
from training.graph import Graph
from training.latent import Decoder, Encoded, Encoder, Norm, kl_normal, reparametrise, squared_error
from training.pair_discriminators import (
    Adversarial,
    ClassDiscriminator,
    PairDiscriminator,
    discriminator_step,
    generator_loss,
)


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
    n_classes: int = 10
    """Classes of that factor (`discriminator = class_embedding`)."""
    s_dim: int = 16
    """Dimensions of s (16 in the published figures)."""
    z_dim: int = 16
    """Dimensions of z (16 in the published figures)."""
    gaussian: Literal["z", "s", "both"] = "z"
    """Which code is modelled as a VAE (z in the paper)."""
    discriminator: Literal["class_embedding", "image_pair"] = "image_pair"
    """How the discriminator learns the class: an embedding (as the paper) or a picture of it (as Jha's code)."""
    width: int = 16
    """Channels of the encoder's first and the decoder's last hidden layer (16 in Jha's code)."""
    d_width: int = 16
    """Channels of the discriminator's first layer (32 in Jha's code: four times the work)."""
    kernel: int = 3
    """Side of the encoder's convolutions, px (5 in Jha's code)."""
    norm: Norm = "instance"
    """Normalisation in the encoder (`instance` in Jha's code)."""
    lambda_own: float = 1.0
    """Weight of the squared error of Dec(z1, s1), summed over pixels in units of 0..1."""
    lambda_cross: float = 1.0
    """Weight of the same error of Dec(z1, s1')."""
    lambda_kl: float = 3.0
    """Weight of the KL of z, nats (there are two squared errors beside it)."""
    lambda_kl_s: float = 0.1
    """Weight of the KL of s where it is a VAE, nats (ours)."""
    lambda_adv: float = 10.0
    """Weight of fooling the discriminator with both kinds of generated pictures (ours)."""
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
        "discriminator": "class_embedding", "adversarial": "non_saturating", "lambda_r1": 0.0, "accuracy_limit": 0.8,
        "kernel": 5, "d_width": 32, "lambda_kl": 1.0, "lambda_adv": 784.0, "lr": 1e-4, "lr_d": 1e-4, "steps": 50_000,
    },
    "face": {
        "size": 64, "channels": 3, "s_dim": 128, "z_dim": 64, "width": 32, "kernel": 5, "batch_size": 32,
        "lambda_adv": 60.0,
    },
}  # fmt: skip

_PARTS = ("encoder", "decoder", "discriminator", "optimizer", "optimizer_d", "ema_encoder", "ema_decoder")


class Method(swap.Coder):
    """Encoder and decoder with one optimizer, the discriminator with its own."""

    id = "mathieu"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        encoder = Encoder(
            c.channels, c.size, c.s_dim, c.z_dim, c.width, c.gaussian != "s", c.norm, c.gaussian != "z", c.kernel
        )
        self.encoder = on_device(encoder, self.device)
        self.decoder = on_device(Decoder(c.channels, c.size, c.s_dim, c.z_dim, c.width), self.device)
        self.discriminator = on_device(self._new_discriminator(), self.device)
        betas = (c.beta1, 0.999)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(both, lr=c.lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=c.lr_d, betas=betas)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.steps = 0

    def _new_discriminator(self) -> nn.Module:
        c = self.config
        if c.discriminator == "image_pair":
            return PairDiscriminator(c.channels, c.size, c.d_width)
        return ClassDiscriminator(c.channels, c.size, c.d_width, c.n_classes)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "specified": config.specified, "pairs": True, "holdout": config.holdout}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "s_dim": 3, "z_dim": 4, "width": 4, "d_width": 4, "batch_size": 4, "steps": 40,
                "n_classes": 2, "lambda_kl": 1.0, "lambda_adv": 1.0}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of the discriminator, then one of encoder and decoder, on the same pictures."""
        c = self.config
        batch = next(stream).to(self.device)
        factor = one_cycle(self.steps, c.steps)
        set_lr(self.optimizer, c.lr * factor)
        set_lr(self.optimizer_d, c.lr_d * factor)
        code = self.encoder(torch.cat([batch.image, batch.require_partner()]))
        own, cross, fakes = self._decode_all(code)
        logs = self.discriminator_step(batch, fakes)
        logs |= self.generator_step(batch, code, own, cross, fakes)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return logs

    def _decode_all(self, code: Encoded) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return Dec(z1, s1), Dec(z1, s1') and the pictures that the discriminator judges.

        Args:
            code: of x1 in its first half, of x1' in its second.
        """
        s = code.s if code.s_logvar is None else reparametrise(code.s, code.s_logvar)
        z = code.z if code.z_logvar is None else reparametrise(code.z, code.z_logvar)
        (s1, s1_partner), z1 = s.chunk(2), z.chunk(2)[0]
        s2 = _next(s1)
        judged = [z1] if code.z_logvar is None else [z1, torch.randn_like(z1)]
        styles = torch.cat([z1, z1, *judged])
        pictures = self.decoder(torch.cat([s1, s1_partner, *[s2] * len(judged)]), styles).split(len(z1))
        return pictures[0], pictures[1], pictures[2:]

    def discriminator_step(self, batch: Batch, fakes: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One step of the discriminator; `fakes` should be of the class of the next picture of the batch."""
        c = self.config
        real, condition = self._judged(batch)
        penalised = c.lambda_r1 > 0 and self.steps % c.r1_every == 0
        return discriminator_step(
            self.discriminator, self.optimizer_d, real, condition, fakes, _next(condition),
            adversarial=c.adversarial, r1=c.lambda_r1 * c.r1_every if penalised else 0.0,
            accuracy_limit=c.accuracy_limit,
        )  # fmt: skip

    def generator_step(
        self, batch: Batch, code: Encoded, own: Tensor, cross: Tensor, fakes: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """One step of encoder and decoder: phases I and II in one sum."""
        c = self.config
        terms = {
            "loss_own": (c.lambda_own, squared_error(own, batch.image).mean()),
            "loss_cross": (c.lambda_cross, squared_error(cross, batch.image).mean()),
        }
        if code.z_logvar is not None:
            terms["loss_kl"] = (c.lambda_kl, kl_normal(code.z, code.z_logvar).mean())
        if code.s_logvar is not None:
            terms["loss_kl_s"] = (c.lambda_kl_s, kl_normal(code.s, code.s_logvar).mean())
        condition = _next(self._judged(batch)[1])
        terms["loss_adv"] = (c.lambda_adv, generator_loss(self.discriminator, fakes, condition, c.adversarial))
        loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        descend(self.optimizer, loss)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def _judged(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return real pictures, and what tells the discriminator their class."""
        if self.config.discriminator == "image_pair":
            return batch.require_partner(), batch.image
        specified = batch.require_specified()
        if int(specified.max()) >= self.config.n_classes:
            raise ConfigError(f"the data has class {int(specified.max())}, but n_classes={self.config.n_classes}")
        return batch.image, specified

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
        title = f"Swap of {c.specified} and the rest, adversarial"
        paper = "Disentangling factors of variation in deep representations using adversarial training, Mathieu et al. "
        return swap.manifest_fields("swap", title, paper + "2016, arXiv 1611.03383", c.size)


def _next(x: Tensor) -> Tensor:
    """Give every picture of a batch what belongs to the next one."""
    return x.roll(-1, 0)
