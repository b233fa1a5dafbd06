"""A small residual network for the 40 CelebA attributes (He et al. 2016, basic blocks).

Two are trained, with different seeds, widths and augmentation: `compact` is bundled (it tells `translate` what a face
has, and is the frozen second classifier of the hair training), `judge` measures and is no helper of a training.
Deviations: hair colours are weighted up, and labels are smoothed because about a tenth of CelebA's are doubtful.
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
from training.families.windows import check_window
from training.method import Graph
from training.networks.classifiers import Classifier
from training.networks.teacher import FrozenClassifier

ATTRIBUTES = tuple(
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair "
    "Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male "
    "Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks "
    "Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace "
    "Wearing_Necktie Young".split()
)
"""CelebA's 40 attributes in the order of `list_attr_celeba.txt`."""
HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")


@dataclass(frozen=True)
class Config:
    """Settings of one classifier training."""

    attributes: tuple[str, ...] = ATTRIBUTES
    """Labels to learn, in the order of the outputs."""
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
    hair: tuple[str, ...] = HAIR
    """Labels of hair colours, which are weighted up."""
    hair_weight: float = 3.0
    """Their weight in the mean over attributes."""
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


class Method(Supervised):
    """The network, and weights of the attributes."""

    id = "attribute_classifier"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        network = Classifier(config.widths, config.blocks, config.dropout, len(config.attributes))
        super().__init__(config, network, device)
        each = [config.hair_weight if a in config.hair else 1.0 for a in config.attributes]
        weight = torch.tensor(each, device=self.device)
        self.weight = weight / weight.mean()

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": config.size, "attributes": config.attributes, "groups": config.groups, "crop": config.crop}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "widths": (8, 16), "blocks": 1, "batch_size": 4, "steps": 40, "dropout": 0.0}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Weighted cross-entropy of the attributes."""
        image, labels = augment_colour(batch.image, self.config.colour), batch.require_labels()
        logits = self.network(image)
        soft = labels * (1.0 - self.config.smoothing) + 0.5 * self.config.smoothing
        loss = (F.binary_cross_entropy_with_logits(logits, soft, reduction="none") * self.weight).mean()
        return loss, {"loss_bce": loss, "accuracy": ((logits > 0).float() == labels).float().mean()}

    def classifier(self) -> FrozenClassifier:
        """Return the averaged network, as the frozen helper of another training."""
        return FrozenClassifier(self.ema.network, self.config.attributes, self.config.size, self.config.crop)

    def graphs(self) -> dict[str, Graph]:
        """The `classify` role."""
        size = self.config.size
        network = Activated(self.ema.network, nn.Sigmoid()).eval().cpu()
        return {"classify": Graph(network, {"image": torch.zeros(1, 3, size, size)}, ["probability"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        size = self.config.size
        return {
            "kind": "classify",
            "title": f"Face attributes: {len(self.config.attributes)} labels",
            "crop": {"kind": self.config.crop, "height": size, "width": size},
            "attributes": self.config.attributes,
            "paper": "Deep residual learning, He et al. 2016, arXiv 1512.03385",
        }
