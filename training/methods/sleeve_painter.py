"""Paint short or long sleeves by masked reconstruction: the tube around an arm is erased, and painted by a label.

A U-Net sees what is left of the picture, the lines of the arm, the tones of skin and cloth, and whether sleeves are
short. It returns colours, and where the person is in the tube; the ground is put behind. It learns on every picture
with the picture's own label, where the truth is known, and plays against a discriminator with the other
label, as in use.
Symbols: G = `generator`, D = `discriminator`.

Reference:
    Pathak et al. 2016, "Context Encoders: Feature Learning by Inpainting", arXiv 1604.07379 (reconstruction and an
    adversary); Wang et al. 2018, "High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs",
    arXiv 1711.11585, equation 3 (feature matching).
Deviations:
    From Pathak et al.: a hinge loss with lazy R1 in place of the logistic one, a U-Net, L1 in place of L2, a label, and
    a matte of the person beside the colours.
    From Wang et al.: one scale of D.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imgedit.vision import arms
from training.data.batch import Batch
from training.families.painting import Examples, PainterConfig, PaintingMethod, Terms
from training.families.pictures import tile
from training.method import Graph
from training.networks.painter import N_SLEEVE_MASKS, RegionDiscriminator, SleevePainter, over


@dataclass(frozen=True)
class Config(PainterConfig):
    """Settings of one training."""

    width: int = 32
    """Channels of G at half resolution."""
    d_width: int = 32
    """Channels of D's first layer."""
    lambda_person: float = 2.0
    """Weight of the L1 of where the person is, of pictures as they are."""
    batch_size: int = 6
    """Arms a step, and as many with the other label."""
    steps: int = 4000
    """Steps, each of D and of G."""
    size: int = arms.SIZE[0]
    """Height of the window, px, a multiple of 32; it is half as wide."""

    def __post_init__(self) -> None:
        if self.size % 32:
            raise ValueError(f"size must be a multiple of 32, got {self.size}")


PRESETS: dict[str, dict[str, object]] = {"compact": {}, "large": {"width": 64, "d_width": 64, "steps": 60000}}


class Method(PaintingMethod):
    """G and D of sleeves."""

    id = "sleeve_painter"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(
            config, SleevePainter(config.width), RegionDiscriminator(config.d_width, N_SLEEVE_MASKS), device
        )

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "arm_masks": True}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "width": 4, "d_width": 4, "batch_size": 2, "steps": 40, "d_warmup": 2}

    def examples(self, batch: Batch) -> Examples:
        """Return arms with their own label and with the other one."""
        known, label = batch.require_mask(), batch.require_labels()
        own, wanted = (torch.cat([known[:, :9], _plane(x, known)], 1) for x in (label, 1.0 - label))
        image, ground = batch.image, batch.require_partner()
        return Examples(image, torch.cat([image] * 2), torch.cat([own, wanted]), torch.cat([ground] * 2), known[:, 9:])

    def carried_out(self, drawn: Tensor, examples: Examples) -> Tensor:
        """Return the person before the ground, in the tube."""
        if examples.ground is None:
            raise ValueError("sleeves are painted before a ground")
        return over(drawn, examples.image, examples.ground, examples.masks[:, 2:3])

    def own_terms(self, drawn: Tensor, examples: Examples) -> Terms:
        """The L1 of where the person is."""
        if examples.truth is None:
            return {}
        hole = examples.masks[: len(drawn), 2:3]
        apart = ((drawn[:, 3:] - examples.truth).abs() * hole).sum() / hole.sum().clamp_min(1.0)
        return {"loss_g_person": (self.config.lambda_person, apart)}

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: arms, painted with their own label, painted with the other one, and where the person then is."""
        examples = self.examples(batch.to(self.device))
        drawn = self.ema.network(examples.image, examples.masks)
        painted, n = self.carried_out(drawn, examples), len(batch.image)
        matte = drawn[n:, 3:].expand(-1, 3, -1, -1) * 2.0 - 1.0
        return tile(torch.stack([examples.real, painted[:n], painted[n:], matte])[:, :16]).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The role `paint`."""
        height, width = self.config.size, self.config.size // 2
        inputs = {"image": torch.zeros(1, 3, height, width), "masks": torch.zeros(1, N_SLEEVE_MASKS, height, width)}
        return {"paint": Graph(self.ema.network.eval().cpu(), inputs, ["painted"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        return {
            "kind": "paint",
            "title": "Sleeve painter: short or long sleeves on arms whose lines are given",
            "crop": {"kind": "none", "height": self.config.size, "width": self.config.size // 2},
            "output": "image",
            "paper": "Context Encoders, Pathak et al. 2016, arXiv 1604.07379",
        }


def _plane(label: Tensor, like: Tensor) -> Tensor:
    """Return labels `(N, 1)` as planes `(N, 1, H, W)`."""
    return label[:, :, None, None].expand(-1, -1, *like.shape[2:])
