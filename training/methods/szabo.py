"""Mixing autoencoder (Szabo et al. 2017, arXiv 1711.02245): triplets, a plain autoencoder, a discriminator of pairs.

Symbols of the paper: Enc and Dec = encoder and decoder, Dsc = `discriminator`, N_c = s (the common part), N_v = z (the
varying part), x1 and x2 = a picture and its partner of the same class, x3 = a picture of any class.
Autoencoder: x1 is decoded from z(x1) and s(x2), x2 from z(x2) and s(x1). Adversary: (x1, x2) is a real pair and
(x1, Dec(s(x1), z(x3))) a generated one; without it all may go through z, and s be ignored (the shortcut problem).
`paper` is the code of Jha et al. 2018 (ananyahjha93/challenges-in-disentangling), whose figures are the published ones
on MNIST: its networks; reconstruction, adversarial loss (two steps a step) and discriminator have a step and an Adam
each.
Deviations of the other presets: x3 is the previous picture of the batch, so now and then it has x1's class; the squared
error is summed over pixels in units of 0..1; one optimizer for both losses; R1; one-cycle learning rate; averaged
weights.
Their loss weights are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.families.pair import FACE, RELEASED, PairedAdversarialConfig, PairedAdversarialMethod
from training.losses.latent import squared_error
from training.networks.autoencoder import Encoder
from training.networks.jha import JhaDecoder, JhaDiscriminator, JhaEncoder
from training.networks.pair import PairDiscriminator
from training.run.optim import descend


@dataclass(frozen=True)
class Config(PairedAdversarialConfig):
    """Settings of one training, beside those of `PairedAdversarialConfig`."""

    network: Literal["ours", "released"] = "ours"
    """Networks: ours, or those of Jha's code for MNIST (`training.networks.jha`)."""
    procedure: Literal["joint", "alternating"] = "joint"
    """`joint`: one sum of losses on one batch. `alternating`: reconstruction, adversarial loss and discriminator have a
    step, pictures and an Adam of their own, as in Jha's code."""
    z_noise: float = 0.0
    """Noise on z in training, in standard deviations of each dimension over the batch (ours; 0 in the paper): what s
    already says is not worth its place in a noisy z."""
    lambda_rec: float = 1.0
    """Weight of the squared error of both pictures of a pair, each with the other's s, summed over pixels in units of
    0..1."""
    lambda_adv: float = 30.0
    """Weight of fooling the discriminator (ours)."""


PRESETS: dict[str, dict[str, object]] = {"compact": {}, "paper": RELEASED, "face": {**FACE, "lambda_adv": 180.0}}


class Method(PairedAdversarialMethod):
    """A plain autoencoder against a discriminator of picture pairs."""

    id = "szabo"
    title = "mixing"
    paper = "Challenges in disentangling independent factors of variation, Szabo et al. 2017, arXiv 1711.02245"

    tells_first = True

    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        c = config
        if c.network == "released":
            super().__init__(config, device, JhaEncoder(c.s_dim, c.z_dim, variational_z=False), JhaDiscriminator())
            return
        encoder = Encoder(
            c.channels, c.size, c.s_dim, c.z_dim, c.width, variational_z=False, norm=c.norm, kernel=c.kernel
        )
        super().__init__(config, device, encoder, PairDiscriminator(c.channels, c.size, c.d_width))

    @staticmethod
    def new_decoder(config: Config) -> nn.Module:
        """Return a decoder with new weights; the released one has ReLU."""
        if config.network == "released":
            return JhaDecoder(config.s_dim, config.z_dim, leaky=False)
        return PairedAdversarialMethod.new_decoder(config)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """One step of the discriminator, then one of encoder and decoder, on the same pictures."""
        c = self.config
        s, z, *_ = self.encoder(torch.cat([batch.image, batch.require_partner()]))
        if c.z_noise > 0:
            z = z + c.z_noise * z.detach().std(0) * torch.randn_like(z)
        (s1, s2), (z1, z2) = s.chunk(2), z.chunk(2)
        z3 = z1.roll(1, 0)
        mixed, fake = self.decoder(torch.cat([s2, s1, s1]), torch.cat([z1, z2, z3])).split([len(s), len(s1)])
        return self.discriminator_step(batch, fake) | self.generator_step(batch, mixed, fake)

    def autoencode(self, batch: Batch) -> dict[str, Tensor]:
        """One step of encoder and decoder on both pictures of each pair."""
        both = torch.cat([batch.image, batch.require_partner()])
        s, z, *_ = self.encoder(both)
        loss = 2.0 * squared_error(self.decoder(s.roll(len(batch.image), 0), z), both).mean()
        descend(self.optimizer, self.config.lambda_rec * loss)
        return {"loss_rec": loss.detach()}

    def fool(self, first: Batch, second: Batch) -> dict[str, Tensor]:
        """One step of encoder and decoder: with s of x1 (`first`) and z of x3 (`second`) a partner of x1."""
        fake = self.decoder(self.encoder(first.image).s, self.encoder(second.image).z)
        loss = self.adversarial_loss([fake], first.image)
        descend(self.optimizer_g, self.config.lambda_adv * loss)
        return {"loss_adv": loss.detach()}

    def tell(self, first: Batch, second: Batch) -> dict[str, Tensor]:
        """One step of the discriminator: (x1, x2), both of `first`, against (x1, a picture as in `fool`)."""
        with torch.no_grad():
            fake = self.decoder(self.encoder(first.image).s, self.encoder(second.image).z)
        return self.discriminator_step(first, fake)

    def discriminator_step(self, batch: Batch, fake: Tensor) -> dict[str, Tensor]:
        """One step of the discriminator on real pairs and on pairs of a picture and `fake`."""
        return self.train_discriminator(batch.require_partner(), batch.image, [fake], batch.image)

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
        loss_adv = self.adversarial_loss([fake], batch.image)
        descend(self.optimizer, c.lambda_rec * loss_rec + c.lambda_adv * loss_adv)
        return {"loss_rec": loss_rec.detach(), "loss_adv": loss_adv.detach()}
