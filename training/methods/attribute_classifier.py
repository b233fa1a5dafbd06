"""A small residual network for the 40 CelebA attributes (He et al. 2016, basic blocks).

Two are trained, with different seeds, widths and augmentation: `compact` is bundled (it tells `translate` what a face
has, and is the frozen second classifier of the hair training), `judge` measures and is never shown to a generator.
Deviations: hair colours are weighted up, and labels are smoothed because about a tenth of CelebA's are doubtful.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.augment import augment_colour
from training.blocks import (
    EMA,
    ResidualBlock,
    conv_norm_act,
    descend,
    load_matching,
    on_device,
    one_cycle,
    restore,
    set_lr,
    state_of,
)
from training.data.batch import Batch
from training.data.celeba import HAIR, check_window
from training.graph import Graph

ATTRIBUTES = tuple(
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young".split()
)
"""CelebA's 40 attributes in the order of `list_attr_celeba.txt`."""


@dataclass(frozen=True)
class Config:
    """Settings of one classifier training."""

    size: int = 64
    """Side of the crop, px."""
    crop: str = "face"
    """Window of the CelebA frame: `face`, or `close` for the teacher of a training on `close`."""
    widths: tuple[int, ...] = (32, 64, 128, 224)
    """Channels of the four stages (1/2, 1/4, 1/8, 1/16 of the size)."""
    blocks: int = 2
    """Residual blocks a stage."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = 4800
    """Optimizer steps (400 are one pass over the 25,457 training pictures at batch 64)."""
    lr: float = 2e-3
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 5e-2
    """AdamW's decoupled weight decay."""
    smoothing: float = 0.05
    """Label smoothing: targets are `smoothing / 2` and `1 - smoothing / 2`."""
    hair_weight: float = 3.0
    """Weight of the hair colours in the mean over attributes."""
    colour: float = 0.06
    """Standard deviation of the augmentation's gain per channel and of its offset."""
    dropout: float = 0.2
    """Dropout before the last layer."""
    groups: tuple[str, ...] = ()
    """Attributes whose combinations are drawn equally often, such as Male with the hair colours; else plain passes."""
    ema_decay: float = 0.999
    """Decay of the averaged network that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 16:
            raise ValueError(f"size must be a multiple of 16, got {self.size}")
        check_window(self.crop)
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing must be in 0..1, got {self.smoothing}")


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "judge": {"widths": (40, 80, 144, 192), "seed": 7, "colour": 0.1, "smoothing": 0.0, "dropout": 0.3},
    "paper": {"size": 128, "widths": (64, 128, 256, 512), "steps": 60000},
}


class Classifier(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> logits `(N, K)`."""

    def __init__(self, widths: tuple[int, ...], blocks: int, dropout: float, n_attributes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_norm_act(3, widths[0], 5, 2)]
        n_in = widths[0]
        for i, n_out in enumerate(widths):
            for j in range(blocks):
                layers.append(ResidualBlock(n_in, n_out, 2 if i and not j else 1))
                n_in = n_out
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_in, n_attributes)

    def forward(self, image: Tensor) -> Tensor:
        """Return one logit an attribute."""
        logits: Tensor = self.head(self.dropout(self.features(image).mean((2, 3))))
        return logits


class _Probability(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.network(image))


_PARTS = ("network", "ema", "optimizer")


class Method:
    """One network, one optimizer."""

    id = "attribute_classifier"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        network = Classifier(config.widths, config.blocks, config.dropout, len(ATTRIBUTES))
        self.network = on_device(network, self.device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
        self.ema = EMA(self.network, config.ema_decay)
        weight = torch.tensor([config.hair_weight if a in HAIR else 1.0 for a in ATTRIBUTES], device=self.device)
        self.weight = weight / weight.mean()
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "attributes": ATTRIBUTES, "groups": config.groups, "crop": config.crop}

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the averaged weights of another run."""
        load_matching(self.network, state["ema"]["network"])
        self.ema = EMA(self.network, self.config.ema_decay)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "widths": (4, 8), "blocks": 1, "batch_size": 4, "steps": 40, "dropout": 0.0}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One optimizer step on one batch."""
        batch = next(stream).to(self.device)
        image, labels = augment_colour(batch.image, self.config.colour), batch.require_labels()
        set_lr(self.optimizer, self.config.lr * one_cycle(self.steps, self.config.steps))
        self.network.train()
        logits = self.network(image)
        soft = labels * (1.0 - self.config.smoothing) + 0.5 * self.config.smoothing
        loss = (F.binary_cross_entropy_with_logits(logits, soft, reduction="none") * self.weight).mean()
        descend(self.optimizer, loss)
        self.ema.update(self.network)
        self.steps += 1
        accuracy = ((logits.detach() > 0).float() == labels).float().mean()
        return {"loss_bce": loss.detach(), "accuracy": accuracy}

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, _PARTS)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, _PARTS)

    def samples(self, batch: Batch) -> Tensor | None:
        """A classifier draws nothing."""
        return None

    def graphs(self) -> dict[str, Graph]:
        """The `classify` role."""
        size = self.config.size
        return {
            "classify": Graph(
                _Probability(self.ema.network).eval().cpu(), {"image": torch.zeros(1, 3, size, size)}, ["probability"]
            )
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        size = self.config.size
        return {
            "kind": "classify",
            "title": "Face attributes: the 40 of CelebA",
            "crop": {"kind": self.config.crop, "height": size, "width": size},
            "attributes": ATTRIBUTES,
            "paper": "Deep residual learning, He et al. 2016, arXiv 1512.03385",
            "data_source": "CelebA, Liu et al. 2015 (25,457 pictures)",
            "licence": "weights: non-commercial research (terms of CelebA)",
        }
