"""Take glasses off: find where they are, and paint what they hide.

G sees a window around the eyes and returns what it paints and where. It learns on faces without glasses, on which
frames of any shape are drawn, so that what they hide is known, and plays against a discriminator that sees faces
without glasses. Real glasses may take part in that game (`real_weight`): their lenses shine and bend as drawn ones do
not. But who wears glasses differs otherwise too from who does not, and what D asks of them then changes the eyes.
Symbols: G = `generator`, D = `discriminator`; mask = where G paints.

Reference:
    Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv 1604.07379 (reconstruction and an
    adversary); Pumarola et al. 2018, "GANimation", arXiv 1807.09251, equations 2 and 5 (colours and a mask that says
    where they count, kept small); Wang et al. 2018, arXiv 1711.11585, equation 3 (feature matching).
Deviations:
    From Pathak et al.: the network finds the hole; a hinge loss with lazy R1 in place of the logistic one; a U-Net.
    From GANimation: the mask of drawn glasses is known and asked for; that of real ones is kept small.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from imgedit.models.manifest import Word
from training.data.batch import Batch
from training.families.painting import R1_EVERY, Painting, Terms
from training.families.pictures import tile
from training.losses import adversarial as losses
from training.method import Graph
from training.networks.remover import PictureDiscriminator, Remover
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
    """Weight of the cross-entropy of the mask of drawn glasses, nats."""
    missed_weight: float = 3.0
    """How much a pixel of glasses counts in it beside one of skin: to paint skin too is no fault, a missed rim is."""
    real_weight: float = 0.0
    """How much faces whose real glasses were taken off count in G's hinge loss, beside drawn ones; 0: not at all."""
    lambda_small: float = 0.3
    """Weight of the mean mask of real glasses, where they take part."""
    lambda_features: float = 5.0
    """Weight of D's features matched, of drawn glasses."""
    lambda_adv: float = 0.3
    """Weight of the hinge loss in G's sum."""
    lambda_r1: float = 5.0
    """Weight gamma of R1."""
    d_warmup: int = 300
    """Steps at the start in which G only learns of drawn glasses; D learns meanwhile."""
    batch_size: int = 8
    """Faces without glasses a step, and as many with real ones."""
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
            raise ValueError(f"size must be a multiple of 32, got {self.size}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "large": {"width": 64, "d_width": 64, "batch_size": 32, "steps": 100_000},
}


class Method(Painting):
    """G, D, their optimizers and the averaged G."""

    id = "glasses_remover"

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
        """One step of D and one of G, on drawn and on real glasses."""
        self.set_learning_rates()
        batch = next(stream).to(self.device)
        bare, true = batch.image, batch.require_mask()
        drawn, real = batch.require_partner().chunk(2, 1)
        given = torch.cat([drawn, bare] if self.config.real_weight <= 0 else [drawn, bare, real])
        painted, mask = self.generator(given)
        left = _over(given, painted, mask)
        n = len(bare)
        off = torch.cat([left[:n], left[2 * n :]])  # what glasses were taken off
        logs = self._discriminator_step(bare, off.detach())
        logs |= self._generator_step(bare, true, left, off, mask)
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

    def _generator_step(self, bare: Tensor, true: Tensor, left: Tensor, off: Tensor, mask: Tensor) -> dict[str, Tensor]:
        c, n = self.config, len(bare)
        error = (left[:n] - bare).abs()
        under = (true > 0).to(error.dtype)
        terms: Terms = {
            "loss_g_rec": (c.lambda_rec, (error * under).sum() / (3.0 * under.sum()).clamp_min(1.0)),
            "loss_g_around": (
                c.lambda_around,
                ((error * (1.0 - under)).mean() + (left[n : 2 * n] - bare).abs().mean()) / 2.0,
            ),
            "loss_g_mask": (c.lambda_mask, self._mask_error(mask[:n], true)),
        }
        if len(mask) > 2 * n:
            terms["loss_g_small"] = (c.lambda_small, mask[2 * n :].mean())
        if self.steps >= c.d_warmup:
            with frozen(self.discriminator):
                logits, features = self.discriminator(off)
                with torch.no_grad():
                    _, of_bare = self.discriminator(bare)
            matched = [(f[:n] - b).abs().mean() for f, b in zip(features, of_bare, strict=True)]
            counts = logits.new_ones((len(off), 1, 1, 1))
            counts[n:] = c.real_weight
            terms["loss_g_adv"] = (c.lambda_adv, losses.hinge_generator(logits, counts))
            terms["loss_g_features"] = (c.lambda_features, torch.stack(matched).mean())
        return self.descend_g(terms)

    def _mask_error(self, mask: Tensor, true: Tensor) -> Tensor:
        weight = 1.0 + (self.config.missed_weight - 1.0) * true
        return F.binary_cross_entropy(mask.clamp(1e-4, 1.0 - 1e-4), true, weight)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: drawn glasses, taken off, the truth, real glasses, taken off, and where; by the averaged G."""
        batch = batch.to(self.device)
        drawn, real = batch.require_partner().chunk(2, 1)
        network = self.ema.network.eval()
        off = _over(drawn, *network(drawn))
        painted, mask = network(real)
        where = mask.expand(-1, 3, -1, -1) * 2.0 - 1.0
        rows = [drawn, off, batch.image, real, _over(real, painted, mask), where]
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


def _over(image: Tensor, painted: Tensor, mask: Tensor) -> Tensor:
    """Put what is painted over a picture, where the mask says."""
    return image * (1.0 - mask) + painted * mask
