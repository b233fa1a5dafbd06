"""Disentangling by adversarial training (Mathieu et al. 2016, arXiv 1611.03383): s and z from pairs.

Symbols of the paper: Enc and Dec = encoder and decoder, Adv = `discriminator`, x1 and x1' = a picture and its partner
of the same class, x2 = a picture of any class, z1 and s2 = their codes.
Phase I: x1 is decoded from (z1, s1) and from (z1, s1'); z is a VAE. Phase II: Dec(z1, s2) and Dec(z, s2) with z from
the prior must pass for pictures of x2's class.
`jha` is the code of Jha et al. 2018 (ananyahjha93/disentangling-factors-of-variation-using-adversarial-training), whose
figures are the published ones on MNIST: its networks, a step and an Adam each for reconstruction, adversarial loss (two
steps a step) and discriminator; it shows a picture of the class in place of its embedding, and real pictures of a pair.
Deviations of the other presets: both phases are one step with one sum of losses; x2 is the next picture of the batch,
so now and then it has x1's class; the squared error is summed over pixels in units of 0..1; the class enters the
discriminator by projection; R1; one-cycle learning rate; averaged weights.
`discriminator = image_pair` shows a picture of the class in place of its embedding (as Szabo et al. 2017, and as Jha et
al. 2018 did for their comparison, whose figures are the published ones on MNIST). `gaussian` says which code is a VAE;
the prior draws z only where z is one.
Their loss weights are ours. No preset is the authors' own code (MichaelMathieu/factors-variation): it has deeper
networks with batch norm at 32 px, s of 64 and z of 512, a lookup of the class added in three layers of D, labels of
0.95 and 0, rates of 1e-2 (on MNIST an Adam for each side, 0.5 as first moment), batches of three times 16, and weights
0.5 (reconstruction), 1 (swap within a class), 0.01 (adversarial) and 0.1 (KL) of means over pixels; z from the prior
has the weight 0. `class-embedding` has its form in our networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.families.pair import FACE, RELEASED, PairedAdversarialConfig, PairedAdversarialMethod
from training.losses.latent import kl_normal, reparametrise, squared_error
from training.networks.autoencoder import Encoded, Encoder
from training.networks.jha import JhaDiscriminator, JhaEncoder
from training.networks.pair import ClassDiscriminator, PairDiscriminator, generator_loss
from training.run.optim import descend


@dataclass(frozen=True)
class Config(PairedAdversarialConfig):
    """Settings of one training, beside those of `PairedAdversarialConfig`."""

    n_classes: int = 10
    """Classes of that factor (`discriminator = class_embedding`)."""
    gaussian: Literal["z", "s", "both", "none"] = "z"
    """Which code is modelled as a VAE (z in the paper); what is none has neither noise nor a KL."""
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

    def __post_init__(self) -> None:
        super().__post_init__()
        is_released = "released" in self.network or self.procedure == "alternating"
        if is_released and (self.gaussian, self.discriminator) != ("z", "image_pair"):
            raise ValueError("network=released and procedure=alternating need gaussian=z and discriminator=image_pair")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "jha": {**RELEASED, "lambda_kl": 1.0},
    "class-embedding": {
        "adversarial": "non_saturating", "lambda_r1": 0.0, "accuracy_limit": 0.8, "kernel": 5, "d_width": 32,
        "lambda_adv": 784.0, "lr": 1e-4, "lr_d": 1e-4, "steps": 50_000, "discriminator": "class_embedding",
        "lambda_kl": 1.0,
    },
    "face": {**FACE, "lambda_adv": 60.0},
}  # fmt: skip


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
        if c.network == "released":
            super().__init__(config, device, JhaEncoder(c.s_dim, c.z_dim), JhaDiscriminator())
            return
        encoder = Encoder(
            c.channels, c.size, c.s_dim, c.z_dim, c.width, c.gaussian in ("z", "both"), c.norm,
            c.gaussian in ("s", "both"), c.kernel,
        )  # fmt: skip
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

    def autoencode(self, batch: Batch) -> dict[str, Tensor]:
        """One step of encoder and decoder: x1 from its z and its own s, and from its z and the partner's s."""
        c = self.config
        code = self.encoder(batch.image)
        z = reparametrise(code.z, code.z_logvar)
        partner_s = self.encoder(batch.require_partner()).s
        own, cross = self.decoder(torch.cat([code.s, partner_s]), z.repeat(2, 1)).chunk(2)
        terms = {
            "loss_own": (c.lambda_own, squared_error(own, batch.image).mean()),
            "loss_cross": (c.lambda_cross, squared_error(cross, batch.image).mean()),
            "loss_kl": (c.lambda_kl, kl_normal(code.z, code.z_logvar).mean()),
        }
        descend(self.optimizer, torch.stack([weight * value for weight, value in terms.values()]).sum())
        return {name: value.detach() for name, (_, value) in terms.items()}

    def fool(self, first: Batch, second: Batch) -> dict[str, Tensor]:
        """One step of encoder and decoder: z of x1 (`first`), and z from the prior, with s of x2 (`second`)."""
        c = self.config
        code = self.encoder(first.image)
        z = reparametrise(code.z, code.z_logvar)
        s = self.encoder(second.image).s.repeat(2, 1)
        fakes = self.decoder(s, torch.cat([z, torch.randn_like(z)])).chunk(2)
        loss = 2.0 * generator_loss(self.discriminator, fakes, second.image, c.adversarial)  # the sum of both
        kl = kl_normal(code.z, code.z_logvar).mean()
        descend(self.optimizer_g, c.lambda_adv * loss + c.lambda_kl * kl)
        return {"loss_adv": loss.detach()}

    def tell(self, first: Batch, second: Batch) -> dict[str, Tensor]:
        """One step of the discriminator: a pair (`second`) against z of x1 (`first`) with s of the pair's first."""
        with torch.no_grad():
            fake = self.decoder(self.encoder(second.image).s, self.encoder(first.image).z)
        return self.train_discriminator(second.require_partner(), second.image, [fake], second.image)

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
