"""Face parsing with a small U-Net (Ronneberger et al. 2015) on CelebAMask-HQ.

Deviations from the U-Net: the picture enters and the classes leave through a 2x2 pixel shuffle (half the resolution
inside, a quarter of the cost), strided convolutions in place of pooling, batch norm, dilated convolutions and a global
mean at the bottom, and a soft Dice term for hair, because hair is what the colour edits need. Half of the pictures may
come without masks, from CelebA, with a finished parser for a teacher (noisy student, Xie et al. 2020). People whose
masks were drawn may be put before other grounds (cut and paste, Dvornik et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batch import UNKNOWN_CLASS, Batch
from training.families.supervised import Activated, Supervised
from training.method import Graph
from training.networks.blocks import conv_norm_act


@dataclass(frozen=True)
class Config:
    """Settings of one parser training."""

    classes: tuple[str, ...] = (
        "background", "skin", "brows", "eyes", "mouth", "hair", "hat", "glasses", "neck", "cloth",
    )  # fmt: skip
    """Names of the classes, in the order of the masks' indices."""
    dice_class: str = "hair"
    """The class with a soft Dice loss of its own."""
    matte: str = "person_matte.mediapipe"
    """Id of the model that tells a person from the ground wherever the parser is used; empty: none."""
    size: int = 192
    """Side of the training canvas, px; a multiple of 16."""
    export_size: int = 272
    """Side of the crop that the exported model asks for, px: the `HEAD` window at 1.13 px per CelebA px."""
    share: tuple[float, float] = (0.5, 1.0)
    """Smallest and largest share of the canvas side that a picture fills (0.64 where the model is used)."""
    width: int = 32
    """Channels at half resolution; doubled, quadrupled and times six below."""
    batch_size: int = 12
    """Pictures a step."""
    steps: int = 4800
    """Optimizer steps."""
    lr: float = 2e-3
    """Peak learning rate of AdamW, one cycle."""
    weight_decay: float = 1e-2
    """AdamW's decoupled weight decay."""
    lambda_dice: float = 0.5
    """Weight of that loss."""
    ema_decay: float = 0.998
    """Decay of the averaged network that is exported."""
    unlabelled: str = ""
    """Folder of CelebA, whose training pictures are half of each batch with masks that `teacher` draws; empty: none."""
    teacher: str = ""
    """Id or folder of a face parser; needs `unlabelled`."""
    relit: float = 0.0
    """Share of the pictures whose ground is shown in another light, mostly darker; a third as many are dim."""
    composed: float = 0.0
    """Share of the pictures with drawn masks whose people stand before another ground, and whose hair is uneven."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 16 or self.export_size % 16:
            raise ValueError(f"size and export_size must be multiples of 16, got {self.size} and {self.export_size}")
        if not 0.0 <= self.relit <= 1.0:
            raise ValueError(f"relit must be from 0 to 1, got {self.relit}")
        if not 0.0 <= self.composed <= 1.0:
            raise ValueError(f"composed must be from 0 to 1, got {self.composed}")
        if self.dice_class not in self.classes:
            raise ValueError(f"dice_class must be one of {', '.join(self.classes)}, got {self.dice_class}")
        if bool(self.unlabelled) != bool(self.teacher):
            raise ValueError("unlabelled and teacher go together: give a folder of CelebA, and a face parser")


PRESETS: dict[str, dict[str, object]] = {"compact": {}, "paper": {"width": 64, "steps": 20000}}


class Context(nn.Module):
    """Adds what lies far away: a dilated convolution and the mean of the whole crop; adds nothing at first.

    Reference: Yu and Koltun 2016 (arXiv 1511.07122) for the dilation, Liu et al. 2015 (arXiv 1506.04579) for the mean.
    """

    def __init__(self, n: int, dilation: int) -> None:
        super().__init__()
        self.near = nn.Sequential(
            nn.Conv2d(n, n, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(n), nn.ReLU(inplace=True)
        )
        self.far = nn.Sequential(nn.Conv2d(n, n, 1), nn.ReLU(inplace=True))
        self.out = nn.Conv2d(n, n, 1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        out: Tensor = x + self.out(self.near(x) + self.far(x.mean((2, 3), keepdim=True)))
        return out


class Parser(nn.Module):
    """`(N, 3, H, W)` in [-1, 1] -> logits `(N, C, H, W)`; H and W multiples of 16."""

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        w1, w2, w3, w4 = width, 2 * width, 4 * width, 6 * width
        self.down = nn.ModuleList(
            [
                nn.Sequential(nn.PixelUnshuffle(2), conv_norm_act(12, w1), conv_norm_act(w1, w1)),
                nn.Sequential(conv_norm_act(w1, w2, 3, 2), conv_norm_act(w2, w2)),
                nn.Sequential(conv_norm_act(w2, w3, 3, 2), conv_norm_act(w3, w3)),
                nn.Sequential(conv_norm_act(w3, w4, 3, 2), conv_norm_act(w4, w4)),
            ]
        )
        self.context = nn.Sequential(Context(w4, 2), Context(w4, 4))
        self.up = nn.ModuleList([conv_norm_act(w4 + w3, w3), conv_norm_act(w3 + w2, w2), conv_norm_act(w2 + w1, w1)])
        self.head = nn.Sequential(nn.Conv2d(w1, 4 * n_classes, 3, 1, 1), nn.PixelShuffle(2))

    def forward(self, image: Tensor) -> Tensor:
        """Return logits at the image's resolution."""
        skips = []
        x = image
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = self.context(x)
        for stage, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], 1))
        logits: Tensor = self.head(x)
        return logits


def dice_loss(prob: Tensor, target: Tensor) -> Tensor:
    """Soft Dice loss of one class: `1 - 2 |p t| / (|p| + |t|)` over the batch; both of one shape, in 0..1."""
    return 1.0 - (2.0 * (prob * target).sum() + 1.0) / (prob.sum() + target.sum() + 1.0)


class Method(Supervised):
    """The U-Net."""

    id = "face_parser"
    config: Config

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__(config, Parser(config.width, len(config.classes)), device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {
            "size": config.size,
            "share": config.share,
            "unlabelled": config.unlabelled,
            "teacher": config.teacher,
            "relit": config.relit,
            "composed": config.composed,
        }

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "export_size": 32, "width": 4, "batch_size": 2, "steps": 40}

    def loss(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the classes where they are known, and the Dice loss of hair."""
        target = batch.require_mask()
        logits = self.network(batch.image)
        known = target != UNKNOWN_CLASS
        loss_ce = F.cross_entropy(logits, target, ignore_index=UNKNOWN_CLASS)
        hair = self.config.classes.index(self.config.dice_class)
        loss_dice = dice_loss(torch.softmax(logits, 1)[:, hair][known], (target == hair).float()[known])
        accuracy = (logits.argmax(1) == target)[known].float().mean()
        terms = {"loss_ce": loss_ce, "loss_dice": loss_dice, "accuracy": accuracy}
        return loss_ce + self.config.lambda_dice * loss_dice, terms

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: pictures, true hair, found hair; `(3, H, W)` in 0..1."""
        image = batch.image[:8].to(self.device)
        hair = self.config.classes.index(self.config.dice_class)
        found = torch.softmax(self.ema.network(image), 1)[:, hair : hair + 1].expand(-1, 3, -1, -1)
        true = (batch.require_mask()[:8].to(self.device) == hair).float()[:, None].expand(-1, 3, -1, -1)
        return torch.cat([torch.cat(list(row), 2) for row in (image * 0.5 + 0.5, true, found)], 1).clamp(0, 1).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The `parse` role."""
        size = self.config.export_size
        free = {2: "height", 3: "width"}
        return {
            "parse": Graph(
                Activated(self.ema.network, nn.Softmax(1)).eval().cpu(),
                {"image": torch.zeros(1, 3, size, size)},
                ["probability"],
                {"image": free, "probability": free},
            )
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        size = self.config.export_size
        return {
            "kind": "parse",
            "title": "Face parser: skin, hair, hat, glasses, neck, cloth",
            "crop": {"kind": "head", "height": size, "width": size},
            "classes": self.config.classes,
            "parts": {"matte": self.config.matte} if self.config.matte else {},
            "paper": "U-Net, Ronneberger et al. 2015, arXiv 1505.04597",
        }
