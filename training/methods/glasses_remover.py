"""Take glasses off: find where they are, clear what lenses and shadows change, and paint what frames hide.

G sees a window around the eyes. Its finder says where a frame is; of that nothing is shown to its painter, which could
otherwise learn on drawn frames to see through them, and leaves ghosts of real ones. It learns on faces without glasses,
on which frames of any shape are drawn, so that what they hide is known, and plays against a discriminator that sees
faces without glasses. Real glasses have no part in it: who wears some differs otherwise too, and D would ask for that.
Symbols: G = `generator`, D = `discriminator`; mask = where the finder clears, hole = where the painter paints.

Reference:
    Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv 1604.07379 (reconstruction and an
    adversary); Pumarola et al. 2018, "GANimation", arXiv 1807.09251, equation 2 (colours and a mask that says where
    they count); Wang et al. 2018, arXiv 1711.11585, equation 3 (feature matching).
Deviations:
    From Pathak et al.: a network finds the hole; a hinge loss with lazy R1 in place of the logistic one; a U-Net.
    From GANimation: the masks of drawn glasses are known and asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from imgedit.errors import ConfigError
from imgedit.models.manifest import Word
from training.data.batch import Batch
from training.families.painting import R1_EVERY, Painting, Terms
from training.families.pictures import tile
from training.losses import adversarial as losses
from training.method import Graph
from training.networks.remover import PictureDiscriminator, Remover, Taken, grown
from training.run.optim import descend, frozen


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    size: int = 96
    """Height of the window, px; it is twice as wide. A multiple of 32."""
    width: int = 24
    """Channels of G at half resolution."""
    d_width: int = 32
    """Channels of D's first layer."""
    lambda_rec: float = 10.0
    """Weight of the L1 of what was under drawn glasses."""
    lambda_around: float = 5.0
    """Weight of the L1 of everything else, and of faces without glasses, which are to stay as they are."""
    lambda_mask: float = 1.0
    """Weight of the cross-entropy of both masks of drawn glasses, nats."""
    missed_weight: float = 3.0
    """How much a pixel of glasses counts in it beside one of skin: to paint skin too is no fault, a missed rim is."""
    lambda_features: float = 5.0
    """Weight of D's features matched, of drawn glasses."""
    lambda_adv: float = 0.3
    """Weight of the hinge loss in G's sum."""
    lambda_r1: float = 5.0
    """Weight gamma of R1."""
    d_warmup: int = 300
    """Steps at the start in which G only learns of drawn glasses; D learns meanwhile."""
    own_holes: float = 0.5
    """Share of the holes that are those found; the rest are those of the drawn frames, grown by 1 to 4 pixels."""
    batch_size: int = 8
    """Faces without glasses a step; as many get some."""
    steps: int = 12_000
    """Steps, each of D and of G."""
    lr_g: float = 1e-3
    """Peak of Adam's learning rate for G, one cycle."""
    lr_d: float = 4e-4
    """The same for D."""
    ema_decay: float = 0.998
    """Decay of the averaged network that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 32:
            raise ConfigError(f"size must be a multiple of 32, got {self.size}")
        if not 0.0 <= self.own_holes <= 1.0:
            raise ConfigError(f"own_holes is a share, 0 to 1, got {self.own_holes}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "large": {"width": 64, "d_width": 64, "batch_size": 32, "steps": 100_000},
}


class Method(Painting):
    """G, D, their optimizers and the averaged G."""

    id = "glasses_remover"
    generator: Remover

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, Remover(config.width), PictureDiscriminator(config.d_width), device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "glasses_masks": True}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "width": 4, "d_width": 4, "batch_size": 2, "steps": 40, "d_warmup": 2}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of D and one of G, on drawn glasses and on faces without."""
        self.set_learning_rates()
        batch = next(stream).to(self.device)
        bare, true = batch.image, batch.require_mask()
        drawn, _ = batch.require_partner().chunk(2, 1)
        n = len(bare)
        n_true = n - round(self.config.own_holes * n)
        taken = self.generator.take(torch.cat([drawn, bare]), _holes(true[:n_true, 1:]))
        logs = self._discriminator_step(bare, taken.left[:n].detach())
        logs |= self._generator_step(bare, true, taken)
        self.ema.update(self.generator)
        self.steps += 1
        return logs

    def _discriminator_step(self, bare: Tensor, left: Tensor) -> dict[str, Tensor]:
        penalised = self.config.lambda_r1 > 0 and self.steps % R1_EVERY == 0
        real = bare.detach().requires_grad_(penalised)
        real_logits, _ = self.discriminator(real)
        fake_logits, _ = self.discriminator(left)
        loss_adv = losses.hinge_discriminator(real_logits, fake_logits)
        loss = loss_adv
        if penalised:
            loss = loss + losses.lazy_r1(real, real_logits.mean((1, 2, 3)), self.config.lambda_r1, R1_EVERY)
        descend(self.optimizer_d, loss)
        return {"loss_d_adv": loss_adv.detach()}

    def _generator_step(self, bare: Tensor, true: Tensor, taken: Taken) -> dict[str, Tensor]:
        c, n = self.config, len(bare)
        clear = (taken.cleared[:n] - bare).abs()
        under = (true[:, :1] > 0).to(clear.dtype)
        hole = taken.hole[:n]
        unharmed = (taken.left[n:] - bare).abs().mean() + (taken.cleared[n:] - bare).abs().mean()
        terms: Terms = {
            "loss_g_rec": (c.lambda_rec, _mean_in((taken.left[:n] - bare).abs(), hole)),
            "loss_g_clear": (c.lambda_rec / 2.0, _mean_in(clear, under)),
            "loss_g_around": (c.lambda_around, ((clear * (1.0 - under)).mean() + unharmed) / 2.0),
            "loss_g_mask": (c.lambda_mask, self._mask_error(taken, true)),
        }
        if self.steps >= c.d_warmup:
            with frozen(self.discriminator):
                logits, features = self.discriminator(taken.left[:n])
                with torch.no_grad():
                    _, of_bare = self.discriminator(bare)
            matched = [(f - b).abs().mean() for f, b in zip(features, of_bare, strict=True)]
            terms["loss_g_adv"] = (c.lambda_adv, losses.hinge_generator(logits))
            terms["loss_g_features"] = (c.lambda_features, torch.stack(matched).mean())
        return self.descend_g(terms)

    def _mask_error(self, taken: Taken, true: Tensor) -> Tensor:
        """Return the cross-entropy of both masks; faces without glasses have neither."""
        n = len(true)
        changed, frames = true[:, :1], _whole(true[:, 1:])
        more = self.config.missed_weight - 1.0
        of_mask = F.binary_cross_entropy(taken.mask[:n].clamp(1e-4, 1.0 - 1e-4), changed, 1.0 + more * changed)
        found = F.binary_cross_entropy_with_logits(taken.solid[:n], frames, 1.0 + more * frames)
        none = F.binary_cross_entropy_with_logits(taken.solid[n:], torch.zeros_like(taken.solid[n:]))
        return of_mask + found + none

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: drawn glasses, taken off, the truth; real glasses, cleared, the hole, taken off; by the averaged G."""
        batch = batch.to(self.device)
        drawn, real = batch.require_partner().chunk(2, 1)
        network = self.ema.network.eval()
        assert isinstance(network, Remover)
        off, _ = network(drawn)
        taken = network.take(real)
        where = taken.hole.expand(-1, 3, -1, -1) * 2.0 - 1.0
        rows = [drawn, off, batch.image, real, taken.cleared, where, taken.left]
        return tile(torch.stack([row[:6] for row in rows])).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The averaged G."""
        size = (self.config.size, 2 * self.config.size)
        image = torch.zeros(2, 3, *size)
        return {"translate": Graph(self.ema.network.eval().cpu(), {"image": image}, ["image_out", "mask"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says of the method."""
        size = self.config.size
        return {
            "title": "Remover of glasses: what they hide is painted",
            "kind": "translate",
            "crop": {"kind": "none", "height": size, "width": 2 * size},
            "output": "removal",
            "attributes": ["Eyeglasses"],
            "words": {"eyeglasses": Word({"Eyeglasses": 1.0}, region="all", also=("glasses",))},
            "conditioning": "target",
            "paper": "GANimation, Pumarola et al. 2018, arXiv 1807.09251",
        }


def _holes(frames: Tensor) -> Tensor:
    """Return holes that cover frames `(N, 1, H, W)`, 0..1, by 1 to 4 pixels more."""
    by = 2 * int(torch.randint(1, 5, ())) + 1
    return grown(_whole(frames), by)


def _whole(frames: Tensor) -> Tensor:
    """Return where frames are, `(N, 1, H, W)`, of how much of each pixel they cover: also thin ones hide all of it."""
    return (2.5 * frames).clamp(max=1.0)


def _mean_in(error: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of an error `(N, 3, H, W)` where a weight `(N, 1, H, W)` is."""
    return (error * weight).sum() / (3.0 * weight.sum()).clamp_min(1.0)
