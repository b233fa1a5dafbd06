"""A small network that tells people apart: descriptors whose angles are small within a person and large between two.

A residual network describes a face by a unit vector; cosines with one learnt vector for each training person are the
logits of a cross-entropy, the right one lowered by a margin. After the training those vectors are dropped.

Reference: Wang et al. 2018, "CosFace: Large Margin Cosine Loss for Deep Face Recognition", eq. 4 (arXiv 1801.09414).
    s = `scale`, m = `margin`.
Deviations: a few hundred people and 64 px in place of ten thousand and 112, so scale and margin are smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.augment import augment_colour
from training.data.batch import Batch
from training.families.supervised import Supervised
from training.method import Graph
from training.networks.classifiers import Classifier


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    size: int = 64
    """Side of the crop, px."""
    crop: str = "inner"
    """Window of the CelebA frame, from the brows to the chin."""
    widths: tuple[int, ...] = (32, 64, 128, 192)
    """Channels of the four stages (1/2, 1/4, 1/8, 1/16 of the size)."""
    blocks: int = 1
    """Residual blocks a stage."""
    dim: int = 128
    """Numbers of a descriptor."""
    n_people: int = 400
    """People of the training set."""
    scale: float = 24.0
    """s: what cosines are multiplied by."""
    margin: float = 0.2
    """m: by how much the cosine with the right person's vector is lowered."""
    poses: tuple[str, ...] = ("left", "front", "right")
    """Views of the set that are drawn."""
    jitter: int = 3
    """Pictures are moved by up to so many pixels."""
    colour: float = 0.1
    """Standard deviation of the augmentation's gain per channel and of its offset."""
    dropout: float = 0.3
    """Dropout before the last layer."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = 1200
    """Optimizer steps (73 are one pass over the 4,700 training pictures of CFP)."""
    lr: float = 2e-3
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 5e-2
    """AdamW's decoupled weight decay."""
    ema_decay: float = 0.998
    """Decay of the averaged network that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")
        if not 0.0 <= self.margin < 1.0:
            raise ValueError(f"margin must be from 0 to below 1, got {self.margin}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "paper": {"size": 112, "widths": (64, 128, 256, 512), "blocks": 3, "dim": 512, "scale": 64.0, "margin": 0.35},
}


class Recogniser(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> unit vectors `(N, dim)`; in training also the people's.

    Args:
        config: the settings.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.features = Classifier(config.widths, config.blocks, 0.0, 1).features
        side = config.size // 2 ** len(config.widths)
        self.dropout = nn.Dropout(config.dropout)
        # Where something is tells people apart, so that features are not averaged over the picture.
        self.head = nn.Sequential(
            nn.Linear(config.widths[-1] * side * side, config.dim, bias=False), nn.BatchNorm1d(config.dim)
        )
        self.people = nn.Parameter(torch.randn(config.n_people, config.dim) * 0.1)

    def forward(self, image: Tensor) -> Tensor:
        """Return descriptors."""
        found: Tensor = self.head(self.dropout(self.features(image)).flatten(1))
        return F.normalize(found, dim=1)

    def cosines(self, image: Tensor) -> Tensor:
        """Return the cosines with the people's vectors, `(N, n_people)`."""
        return self(image) @ F.normalize(self.people, dim=1).T


class Method(Supervised):
    """The network, and the people's vectors."""

    id = "face_recognition"
    config: Config
    network: Recogniser

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, Recogniser(config), device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`: people, from several sides."""
        return {"size": config.size, "specified": "identity", "poses": config.poses, "mirror": True,
                "jitter": config.jitter}  # fmt: skip

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "widths": (4, 8), "dim": 8, "n_people": 5, "batch_size": 4, "steps": 40, "dropout": 0.0}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the people, with a margin.

        Raises:
            ConfigError: the set has more people than `n_people`.
        """
        person = batch.require_specified()
        if int(person.max()) >= self.config.n_people:
            raise ConfigError(
                f"n_people={self.config.n_people}, but the set has at least {int(person.max()) + 1}; give their number"
            )
        cosines = self.network.cosines(augment_colour(batch.image, self.config.colour))
        loss = F.cross_entropy(with_margin(cosines, person, self.config.margin) * self.config.scale, person)
        return loss, {"loss_ce": loss, "accuracy": (cosines.argmax(1) == person).float().mean()}

    def graphs(self) -> dict[str, Graph]:
        """The `describe` role."""
        size = self.config.size
        network = self.ema.network.eval().cpu()
        return {"describe": Graph(network, {"image": torch.zeros(1, 3, size, size)}, ["descriptor"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        size = self.config.size
        return {
            "kind": "recognise",
            "title": "Face recognition: descriptors of people",
            "crop": {"kind": self.config.crop, "height": size, "width": size},
            "paper": "CosFace, Wang et al. 2018, arXiv 1801.09414",
        }


def with_margin(cosines: Tensor, person: Tensor, margin: float) -> Tensor:
    """Return cosines `(N, K)`, those with the right person lowered by a margin."""
    return cosines - margin * F.one_hot(person, cosines.shape[1])
