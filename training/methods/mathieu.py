"""Disentangling by adversarial training (Mathieu et al. 2016, arXiv 1611.03383): s and z from pairs.

Symbols of the paper: Enc and Dec = encoder and decoder, Adv = `discriminator`, x1 and x1' = a picture and its partner
of the same class, x2 = a picture of any class, z1 and s2 = their codes.
Phase I: x1 is decoded from (z1, s1) and from (z1, s1'); z is a VAE. Phase II: Dec(z1, s2) and Dec(z, s2) with z from
the prior must pass for pictures of x2's class.
`authors` is the authors' code (MichaelMathieu/factors-variation) as its README starts it for MNIST: its networks, whose
discriminator looks the class up in three layers; real pictures are labelled 0.95, generated ones 0; one Adam for
encoder and decoder and one for the discriminator, 1e-2 and constant, 0.5 as first moment; three times 16 pictures a
step, its x1 and x2 of one class and x3 of any. All are decoded from their own codes, x1 and x2 also from the other's s,
and Dec(z3, s2) and Dec(z2, s3) must pass for real; z from the prior has the weight 0. Each decoding has its own noise.
Its weights are 0.5 (own), 1 (crossed) and 0.01 (adversarial), of squared errors in -1..1 and a cross-entropy that are
means over pixels and pictures, and 0.1 * 6 / pixels of the KL summed over dimensions. Our errors are summed over pixels
in units of 0..1, that is pixels / 4 = 196 times theirs, so all weights are times 196: 0.5, 1, 1.96 and 0.15. Its KL
takes the log variance for the logarithm of the standard deviation, its draws do not (`kl_of_log_std`).
Deviations of `authors`: digits are drawn as often as they are in the data, theirs evenly over classes; x2 is never the
same picture as x1; training leaves out the last 5,000 digits; the number of steps is ours (theirs goes on until it is
stopped); those of `training.networks.mathieu`.
`jha` is the code of Jha et al. 2018 (ananyahjha93/disentangling-factors-of-variation-using-adversarial-training), whose
figures are the published ones on MNIST: its networks, a step and an Adam each for reconstruction, adversarial loss (two
steps a step) and discriminator; it shows a picture of the class in place of its embedding, and real pictures of a pair.
Deviations of the other presets: both phases are one step with one sum of losses; x2 is the next picture of the batch,
so now and then it has x1's class; the squared error is summed over pixels in units of 0..1; the class enters the
discriminator by projection (`class-embedding`) or by a picture of it; R1; one-cycle learning rate; averaged weights.
Their loss weights are ours. `gaussian` says which code is a VAE; the prior draws z only where z is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from training.networks.mathieu import SIDE, LookupDiscriminator, MathieuDecoder, MathieuEncoder
from training.networks.pair import ClassDiscriminator, PairDiscriminator
from training.run.optim import descend


@dataclass(frozen=True)
class Config(PairedAdversarialConfig):
    """Settings of one training, beside those of `PairedAdversarialConfig`."""

    network: Literal["ours", "released", "authors"] = "ours"
    """Networks: ours, those of Jha's code for MNIST (`training.networks.jha`), or the authors' for pictures of up to 32
    px (`training.networks.mathieu`)."""
    procedure: Literal["joint", "alternating", "triples"] = "joint"
    """`joint`: one sum of losses on one batch. `alternating`: reconstruction, adversarial loss and discriminator have a
    step, pictures and an Adam of their own, as in Jha's code. `triples`: x1 and x2 of one class and x3 of any, encoder
    and decoder before the discriminator, as in the authors' code; the discriminator knows classes."""
    n_classes: int = 10
    """Classes of that factor, where the discriminator knows them."""
    gaussian: Literal["z", "s", "both", "none"] = "z"
    """Which code is modelled as a VAE (z in the paper); what is none has neither noise nor a KL."""
    discriminator: Literal["class_embedding", "class_lookup", "image_pair"] = "image_pair"
    """How the discriminator learns the class: an embedding that its features are compared with (ours), one that is
    added in three layers (as the authors' code, pictures of up to 32 px), or a picture of it (as Jha's code)."""
    lambda_own: float = 1.0
    """Weight of the squared error of Dec(z1, s1), summed over pixels in units of 0..1."""
    lambda_cross: float = 1.0
    """Weight of the same error of Dec(z1, s1')."""
    lambda_kl: float = 3.0
    """Weight of the KL of z, nats (there are two squared errors beside it)."""
    lambda_kl_s: float = 0.1
    """Weight of the KL of s where it is a VAE, nats (ours)."""
    kl_of_log_std: bool = False
    """The KL takes what the encoder says for the logarithm of the standard deviation, though it is drawn with as that
    of the variance (an oversight of the authors' code, whose posteriors it holds nearer to a variance of 1)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        is_released = "released" in self.network or self.procedure == "alternating"
        if is_released and (self.gaussian, self.discriminator) != ("z", "image_pair"):
            raise ValueError("network=released and procedure=alternating need gaussian=z and discriminator=image_pair")
        if self.procedure == "triples" and self.discriminator == "image_pair":
            raise ValueError("procedure=triples needs discriminator=class_lookup or class_embedding")
        if self.size > SIDE and (self.network == "authors" or self.discriminator == "class_lookup"):
            raise ValueError(f"the authors' networks see pictures of up to {SIDE} px, got size={self.size}")
        if self.n_classes < 1:
            raise ValueError(f"n_classes must be at least 1, got {self.n_classes}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "authors": {
        "network": "authors", "procedure": "triples", "discriminator": "class_lookup", "n_classes": 10,
        "s_dim": 64, "z_dim": 512, "width": 16, "d_width": 16, "norm": "batch", "batch_size": 16, "steps": 50_000,
        "adversarial": "non_saturating", "label_real": 0.95, "lambda_r1": 0.0,
        "lambda_own": 0.5, "lambda_cross": 1.0, "lambda_adv": 1.96, "lambda_kl": 0.15, "kl_of_log_std": True,
        "lr": 1e-2, "lr_d": 1e-2, "beta1": 0.5, "schedule": "constant", "ema_decay": 0.0,
    },
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
        of_z, of_s = c.gaussian in ("z", "both"), c.gaussian in ("s", "both")
        if c.network == "authors":
            encoder: nn.Module = MathieuEncoder(c.channels, c.s_dim, c.z_dim, c.width, of_z, of_s)
        else:
            encoder = Encoder(c.channels, c.size, c.s_dim, c.z_dim, c.width, of_z, c.norm, of_s, c.kernel)
        super().__init__(config, device, encoder, _new_discriminator(config))

    @staticmethod
    def new_decoder(config: Config) -> nn.Module:
        """Return a decoder with new weights."""
        c = config
        if c.network == "authors":
            return MathieuDecoder(c.channels, c.size, c.s_dim, c.z_dim, c.width)
        return PairedAdversarialMethod.new_decoder(config)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {**PairedAdversarialMethod.tiny(), "n_classes": 2, "lambda_kl": 1.0}

    def learn(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """Step all networks on pictures of the stream as `procedure` says; return detached terms."""
        if self.config.procedure == "triples":
            return self.update_triples(next(stream).to(self.device), next(stream).to(self.device))
        return super().learn(stream)

    def update_triples(self, pair: Batch, third: Batch) -> dict[str, Tensor]:
        """One step of encoder and decoder, then one of the discriminator on what they had drawn.

        Args:
            pair: x1, and x2 as its partner.
            third: x3; its partner is not used.
        """
        c = self.config
        x1, x2, x3 = pair.image, pair.require_partner(), third.image
        of_pair, of_third = self._classes(pair), self._classes(third)
        x = torch.cat([x1, x2, x3])
        code = self.encoder(x)
        s, z = self._crossed(code)
        own, cross, fake = self.decoder(s, z).split([len(x), 2 * len(x1), 2 * len(x1)])
        terms = {
            "loss_own": (c.lambda_own, squared_error(own, x).mean()),
            "loss_cross": (c.lambda_cross, squared_error(cross, torch.cat([x1, x2])).mean()),
            **self._kl_terms(code),
        }
        real, classes = torch.cat([x2, x3]), torch.cat([of_pair, of_third])
        terms["loss_adv"] = (c.lambda_adv, self.adversarial_loss([fake], classes))
        descend(self.optimizer, torch.stack([weight * value for weight, value in terms.values()]).sum())
        logs = {name: value.detach() for name, (_, value) in terms.items()}
        return logs | self.train_discriminator(real, classes, [fake], classes)

    def _crossed(self, code: Encoded) -> tuple[Tensor, Tensor]:
        """Return s and z of all that is decoded of x1, x2 and x3, whose codes follow each other in `code`.

        First their own, then (s2, z1) and (s1, z2), which are x1 and x2, then (s2, z3) and (s3, z2), which are fakes.
        """

        def drawn(mean: Tensor, logvar: Tensor | None, order: Sequence[int]) -> Tensor:
            mean = torch.cat([mean.chunk(3)[i] for i in order])
            if logvar is None:
                return mean
            return reparametrise(mean, torch.cat([logvar.chunk(3)[i] for i in order]))

        s = drawn(code.s, code.s_logvar, (0, 1, 2, 1, 0, 1, 2))
        return s, drawn(code.z, code.z_logvar, (0, 1, 2, 0, 1, 2, 1))

    def _kl(self, mean: Tensor, logvar: Tensor) -> Tensor:
        """Return the mean KL of a code over pictures, in nats; see `kl_of_log_std`."""
        return kl_normal(mean, 2.0 * logvar if self.config.kl_of_log_std else logvar).mean()

    def _kl_terms(self, code: Encoded) -> dict[str, tuple[float, Tensor]]:
        """Return weight and KL of each code that is a VAE."""
        c = self.config
        terms = {}
        if code.z_logvar is not None:
            terms["loss_kl"] = (c.lambda_kl, self._kl(code.z, code.z_logvar))
        if code.s_logvar is not None:
            terms["loss_kl_s"] = (c.lambda_kl_s, self._kl(code.s, code.s_logvar))
        return terms

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
            "loss_kl": (c.lambda_kl, self._kl(code.z, code.z_logvar)),
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
        loss = 2.0 * self.adversarial_loss(fakes, second.image)  # the sum of both
        kl = self._kl(code.z, code.z_logvar)
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
            **self._kl_terms(code),
        }
        condition = _next(self._judged(batch)[1])
        terms["loss_adv"] = (c.lambda_adv, self.adversarial_loss(fakes, condition))
        loss = torch.stack([weight * value for weight, value in terms.values()]).sum()
        descend(self.optimizer, loss)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def _judged(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return real pictures, and what tells the discriminator their class."""
        if self.config.discriminator == "image_pair":
            return batch.require_partner(), batch.image
        return batch.image, self._classes(batch)

    def _classes(self, batch: Batch) -> Tensor:
        """Return the classes of a batch.

        Raises:
            ConfigError: the discriminator has fewer.
        """
        specified = batch.require_specified()
        if int(specified.max()) >= self.config.n_classes:
            raise ConfigError(f"the data has class {int(specified.max())}, but n_classes={self.config.n_classes}")
        return specified


def _next(x: Tensor) -> Tensor:
    """Give every picture of a batch what belongs to the next one."""
    return x.roll(-1, 0)


def _new_discriminator(c: Config) -> nn.Module:
    if c.discriminator == "image_pair":
        return PairDiscriminator(c.channels, c.size, c.d_width)
    if c.discriminator == "class_lookup":
        return LookupDiscriminator(c.channels, c.d_width, c.n_classes)
    return ClassDiscriminator(c.channels, c.size, c.d_width, c.n_classes)
