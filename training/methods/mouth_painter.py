"""Paint what an opened mouth shows, by masked reconstruction: teeth, tongue and shade between given contours of lips.

The place between the lips is erased; a U-Net sees what is left, and the contours. It learns on every picture with the
picture's own contours, where the truth is known, and plays against a discriminator on mouths that were closed and have
been opened by moving pixels, as in use.
Symbols: G = `generator`, D = `discriminator`.

Reference:
    Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv 1604.07379 (reconstruction and an
    adversary); Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
    arXiv 1711.11585, equation 3 (feature matching).
Deviations:
    From Pathak et al.: a hinge loss with lazy R1 in place of the logistic one, a U-Net in place of an encoder with a
    fully connected bottleneck, contours as masks, L1 in place of L2, D sees the hole and a few pixels around it.
    From Wang et al.: one scale of D.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.data.batch import Batch
from training.families.pictures import tile
from training.families.translation import patch_weights
from training.losses import adversarial as losses
from training.method import Graph
from training.networks.painter import N_MASKS, Painter, RegionDiscriminator, around
from training.run.optim import EMA, descend, frozen, load_matching, on_device, one_cycle, restore, set_lr, state_of

R1_EVERY = 16
"""Steps from one R1 penalty to the next."""
BETAS = (0.5, 0.99)


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    size: int = 80
    """Side of the crop, px; a multiple of 16."""
    width: int = 32
    """Channels of G at half resolution."""
    d_width: int = 32
    """Channels of D's first layer."""
    lambda_rec: float = 10.0
    """Weight of the L1 in the hole, on the picture's own contours."""
    lambda_features: float = 5.0
    """Weight of D's features matched, on the picture's own contours."""
    lambda_adv: float = 0.5
    """Weight of the hinge loss in G's sum."""
    lambda_opened: float = 1.0
    """How much opened mouths count in G's hinge loss, beside pictures with their own contours."""
    lambda_r1: float = 2.0
    """Weight gamma of R1, taken of D's patches as much as they see of the hole."""
    d_warmup: int = 200
    """Steps at the start in which G only reconstructs; D learns meanwhile."""
    batch_size: int = 12
    """Pictures a step, and as many opened mouths."""
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

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")


PRESETS: dict[str, dict[str, object]] = {"compact": {}, "large": {"width": 64, "d_width": 64, "steps": 60000}}


class Method:
    """G, D, their optimizers and the averaged G."""

    id = "mouth_painter"
    parts = ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema")

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.generator = on_device(Painter(config.width), self.device)
        self.discriminator = on_device(RegionDiscriminator(config.d_width), self.device)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=config.lr_g, betas=BETAS)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=config.lr_d, betas=BETAS)
        self.ema = EMA(self.generator, config.ema_decay)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "mouth_masks": True}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "width": 4, "d_width": 4, "batch_size": 2, "steps": 40, "d_warmup": 2}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of D and one of G, on pictures with their own contours and on opened mouths."""
        factor = one_cycle(self.steps, self.config.steps)
        set_lr(self.optimizer_d, self.config.lr_d * factor)
        set_lr(self.optimizer_g, self.config.lr_g * factor)
        batch = next(stream).to(self.device)
        masks = batch.require_mask()
        own, wanted = masks[:, :N_MASKS], masks[:, N_MASKS:]
        images, both = torch.cat([batch.image, batch.require_partner()]), torch.cat([own, wanted])
        painted = self.generator(images, both)
        logs = self._discriminator_step(batch.image, own, painted.detach(), both)
        logs |= self._generator_step(batch.image, own, painted, both)
        self.ema.update(self.generator)
        self.steps += 1
        return logs

    def _discriminator_step(self, real: Tensor, own: Tensor, painted: Tensor, both: Tensor) -> dict[str, Tensor]:
        penalised = self.config.lambda_r1 > 0 and self.steps % R1_EVERY == 0
        real = real.detach().requires_grad_(penalised)
        real_logits, _ = self.discriminator(real, own)
        fake_logits, _ = self.discriminator(painted, both)
        loss_adv = 0.5 * (
            losses.hinge_discriminator(real_logits, fake_logits[: len(real)], self._focus(own, real_logits))
            + losses.hinge_discriminator(real_logits, fake_logits[len(real) :], self._focus(own, real_logits))
        )
        loss = loss_adv
        if penalised:
            seen = (self._focus(own, real_logits) * real_logits).mean((1, 2, 3))
            loss = loss + losses.lazy_r1(real, seen, self.config.lambda_r1, R1_EVERY)
        descend(self.optimizer_d, loss)
        return {"loss_d_adv": loss_adv.detach()}

    def _generator_step(self, real: Tensor, own: Tensor, painted: Tensor, both: Tensor) -> dict[str, Tensor]:
        config, n = self.config, len(real)
        hole = own[:, 2:3]
        loss_rec = ((painted[:n] - real).abs() * hole).sum() / (3.0 * hole.sum()).clamp_min(1.0)
        terms = {"loss_g_rec": (config.lambda_rec, loss_rec)}
        if self.steps >= config.d_warmup:
            with frozen(self.discriminator):
                logits, features = self.discriminator(painted, both)
                with torch.no_grad():
                    _, of_real = self.discriminator(real, own)
            counts = self._focus(both, logits) * self._halves(logits)
            loss_adv = losses.hinge_generator(logits, counts)
            matched = [(f[:n] - r).abs().mean() for f, r in zip(features, of_real, strict=True)]
            terms["loss_g_adv"] = (config.lambda_adv, loss_adv)
            terms["loss_g_features"] = (config.lambda_features, torch.stack(matched).mean())
        loss = sum((weight * value for weight, value in terms.values()), torch.zeros((), device=self.device))
        descend(self.optimizer_g, loss)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def _halves(self, logits: Tensor) -> Tensor:
        """Return 1 for pictures with their own contours and `lambda_opened` for opened mouths, `(2 N, 1, 1, 1)`."""
        counts = logits.new_ones((len(logits), 1, 1, 1))
        counts[len(logits) // 2 :] = self.config.lambda_opened
        return counts

    @staticmethod
    def _focus(masks: Tensor, logits: Tensor) -> Tensor:
        """Return how much each patch of D counts: as much as it sees of the hole."""
        return patch_weights(around(masks), logits)

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run."""
        load_matching(self.generator, state["ema"]["network"])
        load_matching(self.discriminator, state["discriminator"])
        self.ema = EMA(self.generator, self.config.ema_decay)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, self.parts)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, self.parts)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: pictures, painted with their own contours, opened mouths, painted; by the averaged G."""
        batch = batch.to(self.device)
        masks = batch.require_mask()
        rows = []
        for image, of_image in ((batch.image, masks[:, :N_MASKS]), (batch.require_partner(), masks[:, N_MASKS:])):
            rows += [image[:8], self.ema.network(image[:8], of_image[:8])]
        return tile(torch.stack(rows)).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The role `paint`."""
        size = self.config.size
        inputs = {"image": torch.zeros(1, 3, size, size), "masks": torch.zeros(1, N_MASKS, size, size)}
        return {"paint": Graph(self.ema.network.eval().cpu(), inputs, ["painted"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        return {
            "kind": "paint",
            "title": "Mouth painter: teeth and shade between given lips",
            "crop": {"kind": "none", "height": self.config.size, "width": self.config.size},
            "output": "image",
            "paper": "Context Encoders, Pathak et al. 2016, arXiv 1604.07379",
        }
