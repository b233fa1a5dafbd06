"""The frontal refiner: paints the half of a face that a photo from the side does not show.

It is given a face from the front, as the mesh renders it from a photo, and which pixels of it the photo shows, and
paints the rest. It needs no pairs of views: faces from the front are turned aside as their meshes would be, what a
picture from there does not show is hidden, and the original is asked for. `generator` = G, `discriminator` = D.

Reference:
    Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv 1604.07379, sections 3.2 and 3.3;
    Huang et al. 2017, "Beyond Face Rotation", arXiv 1704.04086 (symmetry, identity and adversary for frontal views).
Deviations:
    From Pathak et al.: a hinge loss with lazy R1 in place of the logistic one, a U-Net, L1 in place of L2, and a term
    of the gradients across the border, against a seam along the nose.
    From Huang et al.: self-supervised, one path, the mirror image as an input in place of a symmetry loss. In place of
    a recognition network, of which none is at hand that gradients could pass, a frozen classifier of attributes must
    see the same face (`bernoulli_kl`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.families.painting import R1_EVERY, Painting, Terms
from training.families.pictures import tile
from training.families.translation import patch_weights
from training.losses import adversarial as losses
from training.method import Graph
from training.networks.halves import HalfDiscriminator, HalfPainter
from training.networks.teacher import FrozenClassifier
from training.run.optim import descend, frozen

CROP = "face"
"""Window of a face that is painted (`imgedit.vision.geometry.WINDOWS`)."""
_BAND = 5  # px; a maximum over so many pixels makes the band along the border 2 px wide on either side


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    size: int = 128
    """Side of the crop, px; a multiple of 32."""
    width: int = 24
    """Channels of G at half resolution."""
    d_width: int = 24
    """Channels of D's first layer."""
    lambda_rec: float = 10.0
    """Weight of the L1 of what is painted."""
    lambda_seam: float = 5.0
    """Weight of the L1 of the gradients along the border of what is seen."""
    lambda_adv: float = 0.3
    """Weight of the hinge loss in G's sum."""
    lambda_r1: float = 2.0
    """Weight gamma of R1."""
    classifier: str = ""
    """Frozen classifier of attributes that must see the same face: run folder or model; empty: none."""
    lambda_identity: float = 0.0
    """Weight of its divergence, nats; needs `classifier`."""
    d_warmup: int = 300
    """Steps at the start in which G only reconstructs; D learns meanwhile."""
    batch_size: int = 8
    """Pictures a step."""
    steps: int = 6000
    """Steps, each of D and of G."""
    lr_g: float = 1e-3
    """Peak of Adam's learning rate for G, one cycle."""
    lr_d: float = 4e-4
    """The same for D."""
    ema_decay: float = 0.998
    """Decay of the averaged network that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def helpers(self) -> dict[str, str]:
        """Return the frozen classifiers to be handed in, by keyword of the method."""
        return {"classifier": self.classifier} if self.classifier else {}

    def __post_init__(self) -> None:
        if self.size % 32:
            raise ConfigError(f"size={self.size} must be a multiple of 32")
        if (self.lambda_identity > 0) != bool(self.classifier):
            raise ConfigError(
                "classifier and lambda_identity go together: give a classifier's run or model, and a weight"
            )


PRESETS: dict[str, dict[str, object]] = {
    "compact": {"classifier": "attribute_classifier.celeba", "lambda_identity": 5.0},
    "large": {
        "classifier": "attribute_classifier.celeba", "lambda_identity": 5.0, "width": 48, "d_width": 48,
        "batch_size": 16, "steps": 100_000,
    },
}  # fmt: skip


class Method(Painting):
    """G, D, their optimizers and the averaged G."""

    id = "frontal_refiner"

    def __init__(
        self, config: Config, device: torch.device | str = "cpu", classifier: FrozenClassifier | None = None
    ) -> None:
        super().__init__(config, HalfPainter(config.width), HalfDiscriminator(config.d_width), device)
        self.classifier = None if classifier is None else classifier.selecting(classifier.attributes, CROP)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "side_masks": True}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "width": 4, "d_width": 4, "batch_size": 2, "steps": 40, "d_warmup": 1}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of D and one of G on faces whose hidden half is known."""
        if self.classifier is None and self.config.classifier:
            raise ConfigError(f"{self.id} is to be trained with a classifier: hand it in (training.helpers.load)")
        self.set_learning_rates()
        batch = next(stream).to(self.device)
        image, visible = batch.image, (batch.require_mask() > 0.5).to(batch.image.dtype)
        self.generator.train()
        painted = self.generator(image, visible)
        logs = self.discriminator_step(image, painted.detach(), visible)
        logs |= self.generator_step(image, painted, visible)
        self.ema.update(self.generator)
        self.steps += 1
        return logs

    def discriminator_step(self, image: Tensor, painted: Tensor, visible: Tensor) -> dict[str, Tensor]:
        """One step of D: tell faces from painted ones, by the patches that were painted.

        Args:
            image: `(N, 3, H, W)`, [-1, 1].
            painted: the same with its hidden half painted, without a gradient.
            visible: `(N, 1, H, W)`, 0 or 1.
        """
        penalised = self.config.lambda_r1 > 0 and self.steps % R1_EVERY == 0
        image = image.detach().requires_grad_(penalised)
        real, fake = self.discriminator(image, visible), self.discriminator(painted, visible)
        loss_adv = losses.hinge_discriminator(real, fake, patch_weights(1.0 - visible, real))
        loss = loss_adv
        if penalised:
            loss = loss + losses.lazy_r1(image, real.mean((1, 2, 3)), self.config.lambda_r1, R1_EVERY)
        descend(self.optimizer_d, loss)
        return {"loss_d_adv": loss_adv.detach()}

    def generator_step(self, image: Tensor, painted: Tensor, visible: Tensor) -> dict[str, Tensor]:
        """One step of G; arguments as `discriminator_step`, `painted` with its graph."""
        c = self.config
        terms: Terms = {
            "loss_g_rec": (c.lambda_rec, masked_l1(painted - image, 1.0 - visible)),
            "loss_g_seam": (c.lambda_seam, seam(painted, image, visible)),
        }
        if self.classifier is not None:
            with torch.no_grad():
                before = self.classifier(image)
            terms["loss_g_identity"] = (c.lambda_identity, losses.bernoulli_kl(before, self.classifier(painted)))
        if self.steps >= c.d_warmup:
            with frozen(self.discriminator):
                logits = self.discriminator(painted, visible)
                loss_adv = losses.hinge_generator(logits, patch_weights(1.0 - visible, logits))
        else:
            loss_adv = torch.zeros((), device=self.device)
        terms["loss_g_adv"] = (c.lambda_adv, loss_adv)
        return self.descend_g(terms)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: faces, what is seen of them, painted by the averaged G."""
        batch = batch.to(self.device)
        image, visible = batch.image[:8], (batch.require_mask()[:8] > 0.5).to(batch.image.dtype)
        return tile(torch.stack([image, image * visible, self.ema.network.eval()(image, visible)])).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The role `rotate`: image, visible -> image."""
        size = self.config.size
        inputs = {"image": torch.zeros(1, 3, size, size), "visible": torch.zeros(1, 1, size, size)}
        return {"rotate": Graph(self.ema.network.eval().cpu(), inputs, ["image_out"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        return {
            "kind": "rotate",
            "output": "image",
            "title": "Frontal refiner: the half of a face that a photo from the side does not show",
            "crop": {"kind": CROP, "height": self.config.size, "width": self.config.size},
            "paper": "Context Encoders, Pathak et al. 2016, arXiv 1604.07379",
        }


def masked_l1(difference: Tensor, where: Tensor) -> Tensor:
    """Return the mean absolute value of `(N, 3, H, W)` where a mask `(N, 1, H, W)`, 0 or 1, is 1."""
    return (difference.abs() * where).sum() / (3.0 * where.sum()).clamp_min(1.0)


def seam(painted: Tensor, image: Tensor, visible: Tensor) -> Tensor:
    """Return how far the gradients of a painted picture are from the true ones along the border of what is seen.

    Args:
        painted: `(N, 3, H, W)`.
        image: the true picture.
        visible: `(N, 1, H, W)`, 0 or 1.
    """
    pad = _BAND // 2
    band = F.max_pool2d(visible, _BAND, 1, pad) * F.max_pool2d(1.0 - visible, _BAND, 1, pad)
    off = painted - image
    across = masked_l1(off[..., 1:] - off[..., :-1], band[..., 1:] * band[..., :-1])
    down = masked_l1(off[..., 1:, :] - off[..., :-1, :], band[..., 1:, :] * band[..., :-1, :])
    return across + down
