"""Disentangling by adversarial training (Mathieu et al. 2016, arXiv 1611.03383): s and z from pairs.

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
The loss weights are ours, also in `paper`, which has the form of the paper and the adversarial weight of Jha's code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.families.pair import FACE, PAPER, PairedAdversarialConfig, PairedAdversarialMethod
from training.losses.latent import kl_normal, reparametrise, squared_error
from training.networks.autoencoder import Encoded, Encoder
from training.networks.pair import ClassDiscriminator, PairDiscriminator, generator_loss
from training.run.optim import descend


@dataclass(frozen=True)
class Config(PairedAdversarialConfig):
    """Settings of one training, beside those of `PairedAdversarialConfig`."""

    n_classes: int = 10
    """Classes of that factor (`discriminator = class_embedding`)."""
    gaussian: Literal["z", "s", "both"] = "z"
    """Which code is modelled as a VAE (z in the paper)."""
    discriminator: Literal["class_embedding", "image_pair"] = "image_pair"
    """How the discriminator learns the class: an embedding (as the paper) or a picture of it (as Jha's code)."""
    lambda_own: float = 1.0
    """Weight of the squared error of Dec(z1, s1), summed over pixels in units of 0..1."""
    lambda_cross: float = 1.0
    """Weight of the same error of Dec(z1, s1')."""
    lambda_kl: float = 3.0
    """Weight of the KL of z, nats (there are two squared errors beside it)."""
    lambda_kl_s: float = 0.1
    """Weight of the KL of s where it is a VAE, nats (ours)."""


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "paper": {**PAPER, "discriminator": "class_embedding", "lambda_kl": 1.0},
    "face": {**FACE, "lambda_adv": 60.0},
}


class Method(PairedAdversarialMethod):
    """Encoder and decoder against a discriminator of pictures and their classes."""

    id = "mathieu"
    title = "adversarial"
    paper = (
        "Disentangling factors of variation in deep representations using adversarial training, Mathieu et al. 2016, "
        "arXiv 1611.03383"
    )

    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        c = config
        encoder = Encoder(
            c.channels, c.size, c.s_dim, c.z_dim, c.width, c.gaussian != "s", c.norm, c.gaussian != "z", c.kernel
        )
        super().__init__(config, device, encoder, _new_discriminator(config))

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {**PairedAdversarialMethod.tiny(), "n_classes": 2, "lambda_kl": 1.0}

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One step of the discriminator, then one of encoder and decoder, on the same pictures."""
        code = self.encoder(torch.cat([batch.image, batch.require_partner()]))
        own, cross, fakes = self._decode_all(code)
        return self.discriminator_step(batch, fakes) | self.generator_step(batch, code, own, cross, fakes)

    def _decode_all(self, code: Encoded) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Return Dec(z1, s1), Dec(z1, s1') and the pictures that the discriminator sees.

        Args:
            code: of x1 in its first half, of x1' in its second.
        """
        s = code.s if code.s_logvar is None else reparametrise(code.s, code.s_logvar)
        z = code.z if code.z_logvar is None else reparametrise(code.z, code.z_logvar)
        (s1, s1_partner), z1 = s.chunk(2), z.chunk(2)[0]
        s2 = _next(s1)
        z_fake = [z1] if code.z_logvar is None else [z1, torch.randn_like(z1)]
        styles = torch.cat([z1, z1, *z_fake])
        pictures = self.decoder(torch.cat([s1, s1_partner, *[s2] * len(z_fake)]), styles).split(len(z1))
        return pictures[0], pictures[1], pictures[2:]

    def discriminator_step(self, batch: Batch, fakes: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """One step of the discriminator; `fakes` should be of the class of the next picture of the batch."""
        real, condition = self._judged(batch)
        return self.train_discriminator(real, condition, fakes, _next(condition))

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


def _next(x: Tensor) -> Tensor:
    """Give every picture of a batch what belongs to the next one."""
    return x.roll(-1, 0)


def _new_discriminator(c: Config) -> nn.Module:
    if c.discriminator == "image_pair":
        return PairDiscriminator(c.channels, c.size, c.d_width)
    return ClassDiscriminator(c.channels, c.size, c.d_width, c.n_classes)
