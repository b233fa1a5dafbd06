"""LeNet-5 (LeCun et al. 1998) for MNIST: the fixed feature network by which the generators are measured.

Deviations: ReLU and max pooling, wider layers, one cycle of AdamW, pictures shifted by up to two pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batch import Batch
from training.families.supervised import Supervised
from training.method import Graph


@dataclass(frozen=True)
class Config:
    """Settings of one training."""

    classes: tuple[str, ...] = tuple("0123456789")
    """Names of the classes, in the order of the outputs."""
    channels: int = 1
    """Of the pictures."""
    size: int = 28
    """Side of the pictures, px: 28 or 32."""
    widths: tuple[int, ...] = (16, 32)
    """Channels of the two 5x5 convolutions."""
    hidden: tuple[int, ...] = (120, 84)
    """Of the two fully connected layers; the last one is the features."""
    batch_size: int = 100
    """Pictures a step."""
    steps: int = 4400
    """Optimizer steps (550 are one pass over the training pictures)."""
    lr: float = 3e-3
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 1e-2
    """AdamW's decoupled weight decay."""
    shift: int = 2
    """Pictures are moved by up to so many pixels each way."""
    ema_decay: float = 0.995
    """Decay of the averaged network that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 4:
            raise ValueError(f"size must be a multiple of 4, got {self.size}")
        if len(self.widths) != 2 or len(self.hidden) != 2:
            raise ValueError(f"widths and hidden are two numbers each, got {self.widths} and {self.hidden}")


PRESETS: dict[str, dict[str, object]] = {
    "lenet": {},
    "compact": {"steps": 1100},
}


class LeNet(nn.Module):
    """`(N, C, size, size)` in [-1, 1] -> logits `(N, n_classes)`."""

    def __init__(
        self, channels: int, size: int, widths: tuple[int, ...], hidden: tuple[int, ...], n_classes: int = 10
    ) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, widths[0], 5, padding=2),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(widths[0], widths[1], 5, padding=2),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(widths[1] * (size // 4) ** 2, hidden[0]),
            nn.ReLU(),
            nn.Linear(hidden[0], hidden[1]),
            nn.ReLU(),
        )
        self.head = nn.Linear(hidden[1], n_classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit a digit."""
        logits: Tensor = self.head(self.features(image))
        return logits


class _Exported(nn.Module):
    """Probability of each digit, and the activations before the last layer, which FID compares."""

    def __init__(self, network: LeNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.network.features(image)
        return torch.softmax(self.network.head(features), 1), features


class Method(Supervised):
    """LeNet."""

    id = "digit_classifier"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        c = config
        super().__init__(c, LeNet(c.channels, c.size, c.widths, c.hidden, len(c.classes)), device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 8, "widths": (4, 8), "hidden": (12, 10), "batch_size": 4, "steps": 40, "shift": 0}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy."""
        image, digits = shifted(batch.image, self.config.shift), batch.require_specified()
        logits = self.network(image)
        loss = F.cross_entropy(logits, digits)
        return loss, {"loss_ce": loss, "accuracy": (logits.argmax(1) == digits).float().mean()}

    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        """Return the activations before the last layer, `(N, F)`, of `(N, 1, 28, 28)` in [-1, 1]."""
        network: Any = self.ema.network.eval()
        return network.features(image.to(self.device))

    @torch.no_grad()
    def probability(self, image: Tensor) -> Tensor:
        """Return the probability of each digit, `(N, 10)`."""
        return torch.softmax(self.ema.network.eval()(image.to(self.device)), 1)

    def graphs(self) -> dict[str, Graph]:
        """The `classify` role."""
        config = self.config
        image = torch.zeros(1, config.channels, config.size, config.size)
        network: Any = self.ema.network
        return {"classify": Graph(_Exported(network).eval().cpu(), {"image": image}, ["probability", "features"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        size = self.config.size
        return {
            "kind": "classify",
            "title": "Handwritten digits",
            "crop": {"kind": "none", "height": size, "width": size},
            "classes": self.config.classes,
            "paper": "Gradient-based learning applied to document recognition, LeCun et al. 1998",
        }


def shifted(image: Tensor, most: int) -> Tensor:
    """Move each picture by up to `most` pixels each way, with -1 (black) where nothing was."""
    if most == 0:
        return image
    n, _, h, w = image.shape
    padded = F.pad(image, (most,) * 4, value=-1.0)
    down, right = torch.randint(0, 2 * most + 1, (2, n), device=image.device)
    rows = down[:, None] + torch.arange(h, device=image.device)
    columns = right[:, None] + torch.arange(w, device=image.device)
    number = torch.arange(n, device=image.device)[:, None, None]
    # Indices apart from one another put their axes first: (N, H, W, C).
    return padded[number, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
