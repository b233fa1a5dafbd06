"""What methods do alike that paint a hole of a picture: reconstruct it, and play against a discriminator that sees it.

G = `generator`, D = `discriminator`. D sees real pictures, what G painted of them as they are (`own`), and what it
painted as wanted in use, where no truth is known (`wanted`).

Reference:
    Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv 1604.07379 (reconstruction and an
    adversary); Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
    arXiv 1711.11585, equation 3 (feature matching).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.families.translation import patch_weights
from training.losses import adversarial as losses
from training.networks.painter import RegionDiscriminator, around
from training.run.optim import EMA, descend, frozen, load_matching, on_device, one_cycle, restore, set_lr, state_of

__all__ = ["BETAS", "R1_EVERY", "Examples", "PainterConfig", "Painting", "PaintingMethod", "Terms"]

R1_EVERY = 16
"""Steps from one R1 penalty to the next."""
BETAS = (0.5, 0.99)

Terms = dict[str, tuple[float, Tensor]]
"""Name of a loss -> its weight and its value."""


@dataclass(frozen=True)
class PainterConfig:
    """Settings that all painters have."""

    width: int = 32
    """Channels of G at half resolution."""
    d_width: int = 32
    """Channels of D's first layer."""
    lambda_rec: float = 10.0
    """Weight of the L1 in the hole, of pictures as they are."""
    lambda_features: float = 5.0
    """Weight of D's features matched, of pictures as they are."""
    lambda_adv: float = 0.5
    """Weight of the hinge loss in G's sum."""
    lambda_r1: float = 2.0
    """Weight gamma of R1, taken of D's patches as much as they see of the hole."""
    d_warmup: int = 200
    """Steps at the start in which G only reconstructs; D learns meanwhile."""
    batch_size: int = 12
    """Pictures a step, and as many as wanted."""
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


class Examples(NamedTuple):
    """What one step paints: N pictures as they are, then N as wanted.

    Attributes:
        real: `(N, 3, H, W)`, [-1, 1], the truth of the first N.
        image: `(2N, 3, H, W)`, what G sees around the holes.
        masks: `(2N, M, H, W)`; the third is the hole.
        ground: `(2N, 3, H, W)`, what is behind what is painted; None where G paints the whole hole.
        truth: what else is known of the first N; None: nothing.
    """

    real: Tensor
    image: Tensor
    masks: Tensor
    ground: Tensor | None = None
    truth: Tensor | None = None


class Painting:
    """G, D, their optimizers and the averaged G of a method that paints, and what such methods do alike.

    Args:
        config: has `lr_g`, `lr_d`, `ema_decay` and `steps`.
        generator: G.
        discriminator: D.
        device: where.
    """

    parts = ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema")
    config: Any

    def __init__(
        self, config: Any, generator: nn.Module, discriminator: nn.Module, device: torch.device | str = "cpu"
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.generator = on_device(generator, self.device)
        self.discriminator = on_device(discriminator, self.device)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=config.lr_g, betas=BETAS)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=config.lr_d, betas=BETAS)
        self.ema = EMA(self.generator, config.ema_decay)
        self.steps = 0

    def set_learning_rates(self) -> None:
        """Let both rates go through one cycle."""
        factor = one_cycle(self.steps, self.config.steps)
        set_lr(self.optimizer_d, self.config.lr_d * factor)
        set_lr(self.optimizer_g, self.config.lr_g * factor)

    def descend_g(self, terms: Terms) -> dict[str, Tensor]:
        """Step G down the weighted sum of losses, and return their values for the log."""
        descend(self.optimizer_g, sum((w * value for w, value in terms.values()), torch.zeros((), device=self.device)))
        return {name: value.detach() for name, (_, value) in terms.items()}

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


class PaintingMethod(Painting):
    """G, D, their optimizers and the averaged G; a child says what is painted.

    Args:
        config: a `PainterConfig`.
        generator: G: `image`, `masks` -> what `carried_out` takes.
        discriminator: D.
        device: where.
    """

    wanted_weight = 1.0
    """How much pictures as wanted count in G's hinge loss, beside those as they are."""
    discriminator: RegionDiscriminator

    def __init__(
        self,
        config: PainterConfig,
        generator: nn.Module,
        discriminator: RegionDiscriminator,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(config, generator, discriminator, device)

    def examples(self, batch: Batch) -> Examples:
        """Return what is painted of a batch."""
        raise NotImplementedError

    def carried_out(self, drawn: Tensor, examples: Examples) -> Tensor:
        """Return the pictures `(2N, 3, H, W)` that G's output stands for."""
        return drawn

    def own_terms(self, drawn: Tensor, examples: Examples) -> Terms:
        """Return further losses of G's output `(N, C, H, W)` for pictures as they are."""
        return {}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of D and one of G, on pictures as they are and as wanted."""
        self.set_learning_rates()
        examples = self.examples(next(stream).to(self.device))
        drawn = self.generator(examples.image, examples.masks)
        painted = self.carried_out(drawn, examples)
        logs = self._discriminator_step(examples, painted.detach())
        logs |= self._generator_step(examples, drawn, painted)
        self.ema.update(self.generator)
        self.steps += 1
        return logs

    def _discriminator_step(self, examples: Examples, painted: Tensor) -> dict[str, Tensor]:
        n = len(examples.real)
        own = examples.masks[:n]
        penalised = self.config.lambda_r1 > 0 and self.steps % R1_EVERY == 0
        real = examples.real.detach().requires_grad_(penalised)
        real_logits, _ = self.discriminator(real, own)
        fake_logits, _ = self.discriminator(painted, examples.masks)
        focus = self._focus(own, real_logits)
        loss_adv = 0.5 * (
            losses.hinge_discriminator(real_logits, fake_logits[:n], focus)
            + losses.hinge_discriminator(real_logits, fake_logits[n:], focus)
        )
        loss = loss_adv
        if penalised:
            score = (real_logits * focus).mean((1, 2, 3))
            loss = loss + losses.lazy_r1(real, score, self.config.lambda_r1, R1_EVERY)
        descend(self.optimizer_d, loss)
        return {"loss_d_adv": loss_adv.detach()}

    def _generator_step(self, examples: Examples, drawn: Tensor, painted: Tensor) -> dict[str, Tensor]:
        config, n, real = self.config, len(examples.real), examples.real
        hole = examples.masks[:n, 2:3]
        loss_rec = ((painted[:n] - real).abs() * hole).sum() / (3.0 * hole.sum()).clamp_min(1.0)
        terms: Terms = {"loss_g_rec": (config.lambda_rec, loss_rec), **self.own_terms(drawn[:n], examples)}
        if self.steps >= config.d_warmup:
            with frozen(self.discriminator):
                logits, features = self.discriminator(painted, examples.masks)
                with torch.no_grad():
                    _, of_real = self.discriminator(real, examples.masks[:n])
            counts = logits.new_ones((2 * n, 1, 1, 1))
            counts[n:] = self.wanted_weight
            loss_adv = losses.hinge_generator(logits, self._focus(examples.masks, logits) * counts)
            matched = [(f[:n] - r).abs().mean() for f, r in zip(features, of_real, strict=True)]
            terms["loss_g_adv"] = (config.lambda_adv, loss_adv)
            terms["loss_g_features"] = (config.lambda_features, torch.stack(matched).mean())
        return self.descend_g(terms)

    @staticmethod
    def _focus(masks: Tensor, logits: Tensor) -> Tensor:
        """Return how much each patch of D counts: as much as it sees of the hole."""
        return patch_weights(around(masks), logits)
