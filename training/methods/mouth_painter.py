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

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.data.batch import Batch
from training.families.painting import Examples, PainterConfig, PaintingMethod
from training.families.pictures import tile
from training.method import Graph
from training.networks.painter import N_MASKS, Painter, RegionDiscriminator


@dataclass(frozen=True)
class Config(PainterConfig):
    """Settings of one training."""

    size: int = 80
    """Side of the crop, px; a multiple of 16."""
    lambda_opened: float = 1.0
    """How much opened mouths count in G's hinge loss, beside pictures with their own contours."""

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")


PRESETS: dict[str, dict[str, object]] = {"compact": {}, "large": {"width": 64, "d_width": 64, "steps": 60000}}


class Method(PaintingMethod):
    """G and D of mouths; what is wanted are opened ones."""

    id = "mouth_painter"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, Painter(config.width), RegionDiscriminator(config.d_width), device)
        self.wanted_weight = config.lambda_opened

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "mouth_masks": True}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "width": 4, "d_width": 4, "batch_size": 2, "steps": 40, "d_warmup": 2}

    def examples(self, batch: Batch) -> Examples:
        """Return mouths with their own contours, and opened ones."""
        masks = batch.require_mask()
        both = torch.cat([masks[:, :N_MASKS], masks[:, N_MASKS:]])
        return Examples(batch.image, torch.cat([batch.image, batch.require_partner()]), both)

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
