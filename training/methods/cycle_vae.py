"""Cycle-consistent VAE (Jha, Anand, Singh and Veeravasarapu 2018, arXiv 1804.10469): s and z from pairs of one class.

Symbols of the paper: Enc and Dec = encoder and decoder, z = unspecified (mean and log variance), s = specified.
Forward cycle: both pictures of a pair are decoded from their own z and the other's s (equation 3). Reverse cycle: one z
from the prior is decoded with the s of two pictures and encoded again, both codes must agree (equation 4).
`paper` is the authors' repository (ananyahjha93/cycle-consistent-vae): its networks, both crossed pictures of a pair,
two new batches for the reverse cycle, learning rates of 1e-4, a tenth of it after 80 of 100 epochs. Their weights are
means over pixels and dimensions, 2 (squared error), 3 (KL) and 10 (reverse cycle, with an Adam of its own); ours are
sums, so 1 and 1.5 stand for the first two. They train on all 60,000 digits, ours leave out the last 5,000.
Deviations of the other presets: other networks, the reverse cycle takes its two s from the same batch, the weights are
averaged, one-cycle learning rate.
The options beyond the paper: a reverse reconstruction, a discriminator on pairs, the distance of the reverse cycle, a
decoder that ends in a PixelCNN (the reverse cycle uses its draft), and two ways to keep the class out of z: an
adversary (`leak`), and an estimate of what z says of it from the codes of past steps (`lambda_information`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batch import Batch
from training.families import latent, pictures
from training.losses import leak, reverse
from training.losses.latent import kl_normal, reparametrise, squared_error
from training.losses.past_codes import PastCodes
from training.method import Graph
from training.networks.autoencoder import Decoder, Encoded, Encoder
from training.networks.jha import SIDE, JhaDecoder, JhaEncoder
from training.networks.pixelcnn import PixelDecoder
from training.run.optim import EMA, adam, descend, load_matching, on_device, one_cycle, set_lr


@dataclass(frozen=True)
class Config(latent.SplitConfig):
    """Settings of one training, beside those of `SplitConfig`."""

    network: Literal["ours", "released"] = "ours"
    """Networks: ours, or those that the authors released for MNIST (`training.networks.jha`)."""
    schedule: Literal["one_cycle", "drop"] = "one_cycle"
    """Learning rates: one cycle, or a tenth after four fifths of the steps, as the released code."""
    z_step: float = 0.0
    """Grid on which the mean of z lies, in standard deviations of the prior (ours); 0: any real number."""
    lr_reverse: float = 1e-3
    """Peak learning rate of the reverse cycle's own Adam, one cycle."""
    lambda_rec: float = 1.0
    """Weight of the squared error, summed over pixels in units of 0..1."""
    lambda_own: float = 0.0
    """Weight of the same error with the picture's own s (ours; the released code decodes the crossed pairs alone)."""
    lambda_kl: float = 1.5
    """Weight of the KL of z, nats."""
    kl_warmup: float = 0.0
    """Share of the steps over which that weight rises from 0, so that z is not emptied before it is of use."""
    lambda_reverse: float = 1.0
    """Weight of the reverse cycle's distance."""
    reverse_trains: Literal["encoder", "both"] = "encoder"
    """What the reverse cycle trains; `both` with a high weight of the reconstruction leaks the class into z."""
    reverse_share: float = 0.5
    """Share of the batch's pictures that also go through the reverse cycle."""
    reverse_fresh: bool = False
    """The reverse cycle takes its two s from two new batches, as the released code does."""
    reverse_distance: reverse.Distance = "l1"
    """Distance of the two z: L1 of the means, or the 2-Wasserstein distance of the posteriors; or how unlikely both
    find the z that was decoded (ours), which an encoder that empties z does not make small."""
    reverse_reconstruction: bool = False
    """Also decode the picture's z with the s that the reverse cycle encoded, and compare with the picture."""
    lambda_reverse_rec: float = 1.0
    """Weight of that comparison (squared error as above)."""
    adversarial: Literal["none", "decoder", "both"] = "none"
    """Who must fool a discriminator of real and decoded pairs of one class: the decoder, or the encoder too."""
    lambda_adv: float = 1.0
    """Weight of fooling it."""
    lr_d: float = 2e-4
    """Learning rate of the discriminator's Adam."""
    leak: leak.Leak = "none"
    """An adversary guesses from z which s is that of the partner; with `classes` it is told them: more supervision."""
    leak_on: Literal["sample", "mean"] = "sample"
    """What the adversary sees of z."""
    lambda_leak: float = 1.0
    """Weight of hiding from it, nats."""
    lr_leak: float = 1e-3
    """Learning rate of the adversary's Adam."""
    leak_steps: int = 1
    """Steps of the adversary a step."""
    lambda_information: float = 0.0
    """Weight of what sampled z says of the class, nats, estimated from past codes; needs no adversary (ours)."""
    past_codes: int = 4096
    """Codes of past steps that this estimate is made from."""
    n_classes: int = 10
    """Classes that `leak = classes` tells apart."""
    decoder: Literal["conv", "pixelcnn"] = "conv"
    """Where the decoder ends: in convolutions, or in a PixelCNN on them."""
    lambda_pixel: float = 0.05
    """Weight of the PixelCNN's negative log-likelihood, nats a picture."""
    levels: int = 16
    """Grey levels that the PixelCNN tells apart, 2 to 256."""
    pixel_width: int = 16
    """Channels of the PixelCNN."""
    pixel_layers: int = 4
    """Layers of the PixelCNN."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.reverse_share <= 1:
            raise ValueError(f"reverse_share must be above 0 and at most 1, got {self.reverse_share}")
        if self.network == "released" and (self.size, self.channels, self.decoder) != (SIDE, 1, "conv"):
            raise ValueError(f"the released networks see grey pictures of {SIDE} px and have decoder=conv")
        if self.z_step < 0:
            raise ValueError(f"z_step must be 0 or more, got {self.z_step}")
        if not 2 <= self.levels <= 256:
            raise ValueError(f"levels must be 2..256, got {self.levels}")
        if self.leak_steps < 1:
            raise ValueError(f"leak_steps must be at least 1, got {self.leak_steps}")
        if self.n_classes < 2:
            raise ValueError(f"n_classes must be at least 2, got {self.n_classes}")
        if not 0 <= self.kl_warmup <= 1:
            raise ValueError(f"kl_warmup must be from 0 to 1, got {self.kl_warmup}")
        if self.lambda_information > 0 and self.past_codes < 2 * self.batch_size:
            raise ValueError(f"past_codes must be at least 2 batch_size, got {self.past_codes}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    # Hardly a trace of the class in z: the bundled model of MNIST.
    "independent": {
        "width": 20,
        "z_step": 0.5,
        "lambda_kl": 1.5,
        "kl_warmup": 0.3,
        "lambda_information": 20.0,
        "reverse_distance": "likelihood",
        "steps": 12000,
    },
    "paper": {
        "network": "released",
        "lambda_kl": 1.5,
        "lambda_reverse": 0.625,
        "reverse_share": 1.0,
        "reverse_fresh": True,
        "lr": 1e-4,
        "lr_reverse": 1e-4,
        "schedule": "drop",
        "steps": 93_700,
        "ema_decay": 0.0,
    },
    "face": {
        "size": 64,
        "channels": 3,
        "s_dim": 64,
        "z_dim": 64,
        "width": 20,
        "kernel": 5,
        "batch_size": 32,
        "lambda_kl": 8.0,
    },
}


class Method(latent.Coder):
    """Encoder and decoder with one optimizer, the reverse cycle with its own, and the adversaries that are on."""

    id = "cycle_vae"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.encoder = on_device(self._encoder(), self.device)
        self.decoder = on_device(self._decoder(), self.device)
        self.optimizer = self._adam(c.lr, self.encoder, self.decoder)
        reversed_networks = (self.encoder, self.decoder) if c.reverse_trains == "both" else (self.encoder,)
        self.reverse_optimizer = self._adam(c.lr_reverse, *reversed_networks)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.parts = [*self.parts, "reverse_optimizer"]
        if c.adversarial != "none":
            pair = Encoder(2 * c.channels, c.size, 0, 1, c.width, variational_z=False, norm="none", kernel=c.kernel)
            self.discriminator = on_device(pair, self.device)  # its one number z is the logit
            self.discriminator_optimizer = self._adam(c.lr_d, self.discriminator)
            self.parts = [*self.parts, "discriminator", "discriminator_optimizer"]
        if c.leak != "none":
            classes = c.leak == "classes"
            leaks = leak.ClassLeaks(c.z_dim, c.n_classes) if classes else leak.PairLeaks(c.z_dim, c.s_dim)
            self.leaks: nn.Module = leaks.to(self.device)
            self.leak_optimizer = self._adam(c.lr_leak, self.leaks)
            self.parts = [*self.parts, "leaks", "leak_optimizer"]
        if c.lambda_information > 0:
            self.past = PastCodes(c.past_codes, c.z_dim, c.s_dim).to(self.device)
            self.parts = [*self.parts, "past"]
        self.steps = 0

    def _encoder(self) -> nn.Module:
        c = self.config
        if c.network == "released":
            return JhaEncoder(c.s_dim, c.z_dim)
        return Encoder(c.channels, c.size, c.s_dim, c.z_dim, c.width, norm=c.norm, kernel=c.kernel, z_step=c.z_step)

    def _decoder(self) -> nn.Module:
        c = self.config
        if c.network == "released":
            return JhaDecoder(c.s_dim, c.z_dim)
        if c.decoder == "conv":
            return Decoder(c.channels, c.size, c.s_dim, c.z_dim, c.width)
        return PixelDecoder(c.channels, c.size, c.s_dim, c.z_dim, c.width, c.levels, c.pixel_width, c.pixel_layers)

    @staticmethod
    def _adam(lr: float, *networks: nn.Module) -> torch.optim.Adam:
        return adam(itertools.chain.from_iterable(n.parameters() for n in networks), lr)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        small = {"size": 16, "s_dim": 3, "z_dim": 4, "width": 4, "batch_size": 4, "steps": 40, "reverse_share": 1.0}
        return {**small, "pixel_width": 4, "pixel_layers": 2, "levels": 4}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of every adversary that is on, of the forward cycle, and of the reverse cycle."""
        batch = next(stream).to(self.device)
        c, factor = self.config, self._rate()
        set_lr(self.optimizer, c.lr * factor)
        set_lr(self.reverse_optimizer, c.lr_reverse * factor)
        self.encoder.train()
        self.decoder.train()
        both = torch.cat([batch.image, batch.require_partner()])
        code = self.encoder(both)
        z = reparametrise(code.z, code.z_logvar)
        kl = kl_normal(code.z, code.z_logvar).mean()
        terms = {"kl": kl}
        loss, terms["loss_rec"] = self._reconstruction(both, code.s.roll(len(batch.image), 0), z)
        warm = min(1.0, (self.steps + 1) / (c.kl_warmup * c.steps)) if c.kl_warmup > 0 else 1.0
        loss = c.lambda_rec * loss + warm * c.lambda_kl * kl
        if c.lambda_own > 0:
            loss = loss + c.lambda_own * self._reconstruction(both, code.s, z)[0]
        partner_s = code.s.detach().roll(len(batch.image), 0)
        if c.leak != "none":
            shown = z if c.leak_on == "sample" else code.z
            terms["loss_leak"] = self._leak_step(shown.detach(), partner_s, self._leak_target(batch))
            loss = loss + c.lambda_leak * leak.hide(self._guesses(shown, partner_s))
        if c.lambda_information > 0:
            if self.past.full:
                terms["information"] = self.past.information(z, partner_s)
                loss = loss + c.lambda_information * terms["information"]
            self.past.remember(code.z, code.z_logvar, partner_s)
        if c.adversarial != "none":
            fake_loss, terms["loss_d"] = self._adversarial(both, code.s, z)
            loss = loss + c.lambda_adv * fake_loss
        descend(self.optimizer, loss)
        if c.lambda_reverse > 0 or c.reverse_reconstruction:
            seen = self._new_pictures(stream) if c.reverse_fresh else self._same_pictures(both, code, z)
            terms |= self._reverse_cycle(*seen)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return {name: value.detach() for name, value in terms.items()}

    def _reconstruction(self, image: Tensor, s: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted loss of decoding, and the squared error alone."""
        if isinstance(self.decoder, PixelDecoder):
            features = self.decoder.features(s, z)
            error = squared_error(self.decoder.draft(features), image).mean()
            return error + self.config.lambda_pixel * self.decoder.pixels.nll(image, features).mean(), error
        error = squared_error(self.decoder(s, z), image).mean()
        return error, error

    def _rate(self) -> float:
        """Return the share of the learning rates at this step."""
        if self.config.schedule == "one_cycle":
            return one_cycle(self.steps, self.config.steps)
        return 1.0 if self.steps < 0.8 * self.config.steps else 0.1

    def _same_pictures(self, image: Tensor, code: Encoded, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the reverse cycle takes of the batch of the forward cycle, as `_reverse_cycle`."""
        s = code.s.detach()
        return image, s, s.roll(-max(1, len(s) // 2 - 1), 0), z.detach()  # its partner is half the batch away

    @torch.no_grad()
    def _new_pictures(self, stream: Iterator[Batch]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the reverse cycle takes of two new batches, as `_reverse_cycle`."""
        first, second = (next(stream).to(self.device).image for _ in range(2))
        code = self.encoder(first)
        return first, code.s, self.encoder(second).s, reparametrise(code.z, code.z_logvar)

    def _reverse_cycle(self, image: Tensor, s: Tensor, other: Tensor, z: Tensor) -> dict[str, Tensor]:
        """Decode one z from the prior with the s of two pictures; both results must encode to the same z.

        Args:
            image: `(N, C, H, W)`.
            s: `(N, S)` their codes, without gradients.
            other: `(N, S)` those of other pictures.
            z: `(N, Z)`, which only the reverse reconstruction uses.
        """
        c = self.config
        n = max(1, round(c.reverse_share * len(image)))
        prior = torch.randn_like(z[:n])
        trains_decoder = c.reverse_trains == "both"
        with torch.set_grad_enabled(trains_decoder):
            fakes = self.decoder(torch.cat([s[:n], other[:n]]), prior.repeat(2, 1))
        code = self.encoder(fakes)
        distance = reverse.distance(c.reverse_distance, code, prior.repeat(2, 1)).mean()
        loss, terms = c.lambda_reverse * distance, {"loss_reverse": distance}
        if c.reverse_reconstruction:
            again = squared_error(self.decoder(code.s[:n], z[:n]), image[:n]).mean()
            loss, terms["loss_reverse_rec"] = loss + c.lambda_reverse_rec * again, again
        descend(self.reverse_optimizer, loss)
        return terms

    def _adversarial(self, both: Tensor, s: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Train the discriminator on real pairs and on pairs with a decoded one; return how much that one must change.

        The decoded picture has the s of the pair and the z of a picture of another pair.
        """
        image, partner = both.chunk(2)
        n = len(image)
        if self.config.adversarial == "decoder":
            s, z = s.detach(), z.detach()
        fake = self.decoder(s[:n], z[:n].roll(1, 0))
        logits = self._pair_logits(image, partner), self._pair_logits(image, fake.detach())
        loss_d = F.softplus(-logits[0]).mean() + F.softplus(logits[1]).mean()
        descend(self.discriminator_optimizer, loss_d)
        return F.softplus(-self._pair_logits(image, fake)).mean(), loss_d

    def _pair_logits(self, first: Tensor, second: Tensor) -> Tensor:
        logits: Tensor = self.discriminator(torch.cat([first, second], 1)).z
        return logits

    def _leak_step(self, z: Tensor, partner_s: Tensor, target: Tensor) -> Tensor:
        """Train the adversary on codes without gradients; return its cross-entropy in nats."""
        self.leaks.train()
        for _ in range(self.config.leak_steps):
            loss = F.cross_entropy(self._guesses(z, partner_s), target)
            descend(self.leak_optimizer, loss)
        return loss.detach()

    def _guesses(self, z: Tensor, partner_s: Tensor) -> Tensor:
        guesses: Tensor = self.leaks(z) if self.config.leak == "classes" else self.leaks(z, partner_s)
        return guesses

    def _leak_target(self, batch: Batch) -> Tensor:
        if self.config.leak == "classes":
            return batch.require_specified().repeat(2)
        return torch.arange(2 * len(batch.image), device=self.device)

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the averaged weights of another run, such as one with other loss weights."""
        for name in ("encoder", "decoder"):
            network = getattr(self, name)
            load_matching(network, state[f"ema_{name}"]["network"])
            setattr(self, f"ema_{name}", EMA(network, self.config.ema_decay))

    @property
    def draws_pixels(self) -> bool:
        """Whether the decoder ends in a PixelCNN."""
        return self.config.decoder == "pixelcnn"

    @torch.no_grad()
    def sample_pixels(self, s: Tensor, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Decode pixel by pixel with the averaged PixelCNN."""
        decoder = self.ema_decoder.network
        if not isinstance(decoder, PixelDecoder):
            raise TypeError("only decoder=pixelcnn draws pixel by pixel")
        return decoder.pixels.sample(decoder.features(s.to(self.device), z.to(self.device)), generator)

    def samples(self, batch: Batch) -> Tensor | None:
        """Swap grid: s from the top row, z from the left column."""
        decode = self.decode if self.config.decoder == "conv" else self.sample_pixels
        return pictures.swap_grid(self.encode, decode, batch.image.to(self.device))

    def graphs(self) -> dict[str, Graph]:
        """The roles `encode` and `decode`."""
        networks = self.ema_encoder.network, self.ema_decoder.network
        return latent.graphs(*networks, self.config.channels, self.config.size)

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        paper = "Disentangling factors of variation with cycle-consistent VAEs, Jha et al. 2018, arXiv 1804.10469"
        return latent.manifest_fields("swap", "Swap s and z: cycle-consistent VAE", paper, self.config.size)
