"""Whether sleeves are short: a small residual network (He et al. 2016) on a body from the shoulders to the hands.

It measures the sleeve painter and is never shown to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.augment import augment_colour
from training.data.batch import Batch
from training.families.supervised import Activated, Supervised
from training.method import Graph
from training.networks.classifiers import Classifier

CLOTHES = ("short", "tshirt", "shirt", "sweater", "top", "sweatshirt", "jacket", "kurta")
"""Labels of clothes: whether sleeves are short, and which garment it is."""


@dataclass(frozen=True)
class Config:
    """Settings of one classifier training."""

    attributes: tuple[str, ...] = ("short",)
    """The label: 1 short, 0 long."""
    size: int = 96
    """Side of the crop, px."""
    widths: tuple[int, ...] = (16, 32, 48, 64)
    """Channels of the four stages (1/2, 1/4, 1/8, 1/16 of the size)."""
    blocks: int = 1
    """Residual blocks a stage."""
    batch_size: int = 32
    """Pictures a step."""
    steps: int = 1200
    """Optimizer steps."""
    lr: float = 2e-3
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 5e-2
    """AdamW's decoupled weight decay."""
    colour: float = 0.05
    """Standard deviation of the augmentation's gain per channel and of its offset."""
    dropout: float = 0.3
    """Dropout before the last layer."""
    smoothing: float = 0.05
    """Label smoothing: the labels of the set are estimates."""
    ema_decay: float = 0.995
    """Decay of the averaged network that is exported."""
    seed: int = 7
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in 0..1, got {self.smoothing}")


PRESETS: dict[str, dict[str, object]] = {"compact": {}}


class Method(Supervised):
    """The network, and bodies with the length of their sleeves."""

    id = "sleeve_classifier"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        network = Classifier(config.widths, config.blocks, config.dropout, len(config.attributes))
        super().__init__(config, network, device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "sleeve_lengths": True}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "widths": (8, 16), "blocks": 1, "batch_size": 4, "steps": 40, "dropout": 0.0}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Binary cross-entropy with smoothed labels."""
        label = batch.require_labels()
        logits = self.network(augment_colour(batch.image, self.config.colour))
        target = label * (1.0 - self.config.smoothing) + 0.5 * self.config.smoothing
        loss = F.binary_cross_entropy_with_logits(logits.float(), target)
        return loss, {"loss_bce": loss, "accuracy": ((logits > 0) == (label > 0.5)).float().mean()}

    def graphs(self) -> dict[str, Graph]:
        """The `classify` role."""
        size = self.config.size
        network = Activated(self.ema.network, nn.Sigmoid()).eval().cpu()
        return {"classify": Graph(network, {"image": torch.zeros(1, 3, size, size)}, ["probability"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        return {
            "kind": "classify",
            "title": "Sleeves: short or long",
            "crop": {"kind": "torso", "height": self.config.size, "width": self.config.size},
            "attributes": self.config.attributes,
            "paper": "Deep residual learning, He et al. 2016, arXiv 1512.03385",
        }
