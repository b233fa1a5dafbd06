"""The hair colour by how often each colour is in the hair: a logistic regression on histograms.

It sees no shape, so it cannot know who wears the hair, nor what a generator's texture looks like. The form is another
than that of `hair_classifier`, and so are pictures and labels (`training.data.utkface_hair`). It measures; no
generator, teacher or choice may use it.

Features, over the pixels of the hair: how many have a brightness, a difference of red and green, and of yellow and
blue, and both differences as shares of the brightness (soft bins); and how much lighter the hair is than the skin.
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

HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
_RANGES = ((0.0, 1.0), (-0.05, 0.25), (-0.05, 0.45), (-0.1, 0.5), (-0.1, 0.8))
"""Of the bins: brightness, red less green, yellow less blue, and the last two by brightness."""
_DARK = 0.05  # added to the brightness that differences are divided by


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    attributes: tuple[str, ...] = HAIR
    """Labels of the colours, of which a face has one."""
    size: int = 64
    """Side of the crop, px."""
    bins: int = 12
    """Bins of each histogram."""
    colour: float = 0.04
    """Standard deviation of the augmentation's gain per channel and of its offset."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = 1000
    """Optimizer steps."""
    lr: float = 2e-2
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 0.1
    """AdamW's decoupled weight decay."""
    mask_model: str = "face_parser.celebamask_hq"
    """The model that finds the hair, by id or folder."""
    ema_decay: float = 0.99
    """Decay of the averaged weights that are exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.bins < 2:
            raise ValueError(f"bins must be at least 2, got {self.bins}")


PRESETS: dict[str, dict[str, object]] = {"compact": {}}


class HairHistogram(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] and the hair `(N, 1, H, W)` in 0..1 -> logits `(N, K)`.

    Args:
        bins: of each histogram.
        n_colours: K.
    """

    def __init__(self, bins: int, n_colours: int) -> None:
        super().__init__()
        centres = [torch.linspace(low, high, bins) for low, high in _RANGES]
        self.register_buffer("centres", torch.stack(centres), persistent=False)
        self.head = nn.Linear(len(_RANGES) * bins + 1, n_colours)

    centres: Tensor

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return one logit a colour."""
        logits: Tensor = self.head(self.features(image, mask))
        return logits

    def features(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the histograms and the lightness beside the skin, `(N, F)`."""
        planes = opponents(image * 0.5 + 0.5)
        weight = mask.flatten(1) / mask.sum((1, 2, 3)).clamp(min=1.0)[:, None]
        found = [
            (weight[:, None] * _near(planes[:, k].flatten(1), self.centres[k])).sum(2) for k in range(len(_RANGES))
        ]
        height, width = image.shape[2:]
        middle = (..., slice(2 * height // 5, 4 * height // 5), slice(3 * width // 10, 7 * width // 10))
        bare = 1.0 - mask[middle][:, 0]
        skin = (planes[:, 0][middle] * bare).sum((1, 2)) / bare.sum((1, 2)).clamp(min=1.0)
        hair = (weight * planes[:, 0].flatten(1)).sum(1)
        return torch.cat([*found, (hair - skin)[:, None]], 1)


class Method(Supervised):
    """The regression."""

    id = "hair_histogram"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, HairHistogram(config.bins, len(config.attributes)), device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`: faces of one hair colour each, with masks of the hair."""
        return {"size": config.size, "attributes": config.attributes, "mask_model": config.mask_model}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "bins": 4, "batch_size": 4, "steps": 40}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the colours."""
        colour = batch.require_labels().argmax(1)
        logits = self.network(augment_colour(batch.image, self.config.colour), batch.require_mask())
        loss = F.cross_entropy(logits, colour)
        return loss, {"loss_ce": loss, "accuracy": (logits.argmax(1) == colour).float().mean()}

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
            "title": "Hair colour by histograms, a judge of another form",
            "crop": {"kind": "face", "height": size, "width": size},
            "attributes": self.config.attributes,
            "parts": {"mask": self.config.mask_model},
            "paper": "Color indexing, Swain and Ballard 1991, International Journal of Computer Vision 7(1)",
        }


def opponents(rgb: Tensor) -> Tensor:
    """Return what the histograms are of, `(N, 5, H, W)`, of colours `(N, 3, H, W)` in 0..1."""
    red, green, blue = rgb.unbind(1)
    bright = 0.3 * red + 0.6 * green + 0.1 * blue
    warm, yellow = red - green, (red + green) / 2.0 - blue
    return torch.stack([bright, warm, yellow, warm / (bright + _DARK), yellow / (bright + _DARK)], 1)


def _near(values: Tensor, centres: Tensor) -> Tensor:
    """Return how much each of `(N, P)` values belongs to each of K bins, `(N, K, P)`: linear between two centres.

    Beyond the outer centres a value belongs to the outer bin.
    """
    step = centres[1] - centres[0]
    inside = values.clamp(float(centres[0]), float(centres[-1]))
    return (1.0 - (inside[:, None] - centres[:, None]).abs() / step).clamp(min=0.0)
