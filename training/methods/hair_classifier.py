"""The hair colour by the hair alone: a small residual network (He et al. 2016) that is shown no face.

A classifier of whole faces knows hair colours from whom it saw them on: to it few young women are grey and few men
blond, whatever the hair. Here all but the hair is painted in one flat colour, the mean of skin and ground around the
middle of the face, by which the light of the picture can still be told. `compact` teaches the hair training; `judge`
measures it and is never shown to a generator.
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
from training.networks.teacher import FrozenClassifier

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")


@dataclass(frozen=True)
class Config:
    """Settings of one classifier training."""

    attributes: tuple[str, ...] = HAIR
    """Labels of the colours, of which a face has one."""
    size: int = 64
    """Side of the crop, px."""
    widths: tuple[int, ...] = (24, 48, 80, 112)
    """Channels of the four stages (1/2, 1/4, 1/8, 1/16 of the size)."""
    blocks: int = 2
    """Residual blocks a stage."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = 2500
    """Optimizer steps."""
    lr: float = 2e-3
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 5e-2
    """AdamW's decoupled weight decay."""
    smoothing: float = 0.05
    """Label smoothing."""
    colour: float = 0.04
    """Standard deviation of the augmentation's gain per channel and of its offset."""
    cut: float = 0.7
    """Share of pictures of which only the hair in a random box is shown, so that length and style say less."""
    dropout: float = 0.3
    """Dropout before the last layer."""
    groups: tuple[str, ...] = ("Male", "Young", *HAIR)
    """Attributes whose combinations are drawn equally often, as far as there are pictures."""
    mask_model: str = "face_parser.celebamask_hq"
    """The model that finds the hair, by id or folder."""
    ema_decay: float = 0.998
    """Decay of the averaged network that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in 0..1, got {self.smoothing}")
        if not 0 <= self.cut <= 1:
            raise ValueError(f"cut must be in 0..1, got {self.cut}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "judge": {"widths": (28, 56, 96, 96), "seed": 7, "colour": 0.06, "smoothing": 0.0},
}


class HairClassifier(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] and the hair `(N, 1, H, W)` in 0..1 -> logits `(N, K)`.

    Args:
        widths, blocks, dropout: as `Classifier`.
        n_colours: K.
    """

    def __init__(self, widths: tuple[int, ...], blocks: int, dropout: float, n_colours: int) -> None:
        super().__init__()
        self.classifier = Classifier(widths, blocks, dropout, n_colours)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return one logit a colour."""
        logits: Tensor = self.classifier(hair_alone(image, mask))
        return logits


class Method(Supervised):
    """The network, and pictures with the hair in them."""

    id = "hair_classifier"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        network = HairClassifier(config.widths, config.blocks, config.dropout, len(config.attributes))
        super().__init__(config, network, device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`: faces of one hair colour each."""
        return {"size": config.size, "attributes": config.attributes, "groups": config.groups, "one_hair_colour": True,
                "mask_model": config.mask_model}  # fmt: skip

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "widths": (8, 16), "blocks": 1, "batch_size": 4, "steps": 40, "dropout": 0.0}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the colours."""
        colour = batch.require_labels().argmax(1)
        image = augment_colour(batch.image, self.config.colour)
        logits = self.network(image, cut(batch.require_mask(), self.config.cut))
        loss = F.cross_entropy(logits, colour, label_smoothing=self.config.smoothing)
        return loss, {"loss_ce": loss, "accuracy": (logits.argmax(1) == colour).float().mean()}

    def classifier(self) -> FrozenClassifier:
        """Return the averaged network, as the frozen helper of another training."""
        return FrozenClassifier(self.ema.network, self.config.attributes, self.config.size, "face", masked=True)

    def graphs(self) -> dict[str, Graph]:
        """The `classify` role."""
        size = self.config.size
        inputs = {"image": torch.zeros(1, 3, size, size), "mask": torch.zeros(1, 1, size, size)}
        network = Activated(self.ema.network, nn.Softmax(1)).eval().cpu()
        return {"classify": Graph(network, inputs, ["probability"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        size = self.config.size
        return {
            "kind": "classify",
            "title": "Hair colour by the hair alone",
            "crop": {"kind": "face", "height": size, "width": size},
            "attributes": self.config.attributes,
            "parts": {"mask": self.config.mask_model},
            "paper": "Deep residual learning, He et al. 2016, arXiv 1512.03385",
        }


def hair_alone(image: Tensor, mask: Tensor) -> Tensor:
    """Paint all but the hair in the mean colour of what is no hair about the middle of the face.

    Args:
        image: `(N, 3, H, W)`, the `face` window.
        mask: `(N, 1, H, W)` the hair, 0..1.
    """
    height, width = image.shape[2:]
    middle = (..., slice(2 * height // 5, 4 * height // 5), slice(3 * width // 10, 7 * width // 10))
    weight = 1.0 - mask[middle]
    mean = (image[middle] * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1.0)
    return image * mask + mean * (1.0 - mask)


def cut(mask: Tensor, share: float, least: float = 0.02) -> Tensor:
    """Leave of some masks only what lies in a random box; a box with next to no hair in it leaves its mask whole.

    Args:
        mask: `(N, 1, H, W)`, 0..1.
        share: of the masks that are cut.
        least: hair that a box must hold, as a share of the picture.
    """
    n, _, height, width = mask.shape
    inside = torch.ones(n, 1, height, width, dtype=torch.bool, device=mask.device)
    for side, shape in ((height, (1, 1, height, 1)), (width, (1, 1, 1, width))):
        low, high = (torch.rand(2, n, 1, 1, 1, device=mask.device) * side).sort(0).values
        place = torch.arange(side, device=mask.device).view(shape)
        inside &= (place >= low) & (place < high)
    part = mask * inside
    enough = part.mean((1, 2, 3), keepdim=True) > least
    chosen = torch.rand(n, 1, 1, 1, device=mask.device) < share
    return torch.where(enough & chosen, part, mask)
