"""A method and data small enough to test the loop with."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imgedit.models.manifest import Word
from training.data.batch import Batch, to_tensor
from training.method import METHODS, Graph
from training.run.optim import restore, state_of


class Pictures:
    """Random pictures with labels, masks of any number of classes, partners of one of two classes, and poses."""

    def __init__(
        self,
        n: int,
        size: int,
        attributes: tuple[str, ...] = (),
        mask: str | None = None,
        channels: int = 3,
        pairs: bool = False,
        poses: int = 0,
        group: int = 1,
    ) -> None:
        self.pairs = pairs
        self.poses, self.group = poses, group
        rng = np.random.default_rng(5)
        self.attributes = attributes
        self.weights = None
        self.images = rng.integers(0, 256, (n, size, size, channels), dtype=np.uint8)
        self.labels = (np.arange(n)[:, None] >> np.arange(max(len(attributes), 1)) & 1).astype(np.float32)
        hair = [i for i, a in enumerate(attributes) if a in ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")]
        if len(hair) > 1:
            self.labels[:, hair] = np.eye(len(hair), dtype=np.float32)[np.arange(n) % len(hair)]
        self.mask = mask

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        if self.group > 1:  # the other pictures of a group are the next ones but one, of the same of the two classes
            index = (index[:, None] + 2 * np.arange(self.group)).reshape(-1) % len(self.images)
        image = to_tensor(self.images[index])
        image = image + torch.from_numpy(rng.normal(0.0, 0.01, image.shape).astype(np.float32))
        mask = None
        if self.mask == "classes":
            mask = torch.from_numpy(self.images[index, :, :, 0] // 64).long()
        elif self.mask in ("soft", "glasses"):
            mask = torch.from_numpy(self.images[index, :, :, :1].astype(np.float32) / 255.0).permute(0, 3, 1, 2)
            mask = torch.cat([mask, (mask > 0.8).float()], 1) if self.mask == "glasses" else mask
        elif self.mask == "domains":  # of the pictures and of their partners
            mask = torch.from_numpy(self.images[index, :, :, :2].astype(np.float32) / 255.0).permute(0, 3, 1, 2)
        elif self.mask == "mouths":
            mask = torch.from_numpy(self.images[index] > 127).float().permute(0, 3, 1, 2).repeat(1, 2, 1, 1)
        elif self.mask == "arms":
            mask = torch.from_numpy(self.images[index] > 127).float().permute(0, 3, 1, 2).repeat(1, 4, 1, 1)[:, :10]
        labels = torch.from_numpy(self.labels[index][:, : len(self.attributes)])
        partner = to_tensor(self.images[(index + 2) % len(self.images)]) if self.pairs else None
        if self.mask == "glasses":
            partner = torch.cat([image.roll(1, 0), image.roll(2, 0)], 1)
        pose = torch.from_numpy(index % self.poses).long() if self.poses else None
        which = torch.from_numpy(np.asarray(index, np.int64))
        return Batch(image, labels, mask, torch.from_numpy(index % 2).long(), partner, pose, which)


@dataclass(frozen=True)
class Config:
    """Settings of the toy."""

    size: int = 8
    batch_size: int = 4
    steps: int = 12
    lr: float = 1e-2
    seed: int = 3
    stride: int = 1
    nan_at: int = -1
    broken: str = "nan"


class Method:
    """A linear map with dropout that learns to reproduce its input; `stride` counts per step, as StarGAN's n_critic."""

    id = "toy"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Dropout(0.2))
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=config.lr)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        return {"size": config.size}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        for _ in range(self.config.stride):
            image = next(stream).image
            loss = (self.network(image) - image).square().mean()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.steps += 1
        broken = torch.tensor(float(self.config.broken) if self.steps == self.config.nan_at else 0.5)
        return {"loss_l2": loss.detach(), "loss_other": broken}

    def state_dict(self) -> dict[str, Any]:
        return state_of(self, ("network", "optimizer"))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        restore(self, state, ("network", "optimizer"))

    def samples(self, batch: Batch) -> Tensor | None:
        return (self.network(batch.image)[0] + torch.rand(3, 1, 1)) * 0.5 + 0.5  # draws random numbers on purpose

    def graphs(self) -> dict[str, Graph]:
        example = torch.zeros(1, 3, self.config.size, self.config.size)
        free = {2: "height", 3: "width"}
        return {"guide": Graph(self.network.eval(), {"image": example}, ["guide"], {"image": free, "guide": free})}

    def manifest_fields(self) -> dict[str, Any]:
        return {
            "kind": "translate",
            "title": "A toy",
            "crop": {"kind": "face", "height": self.config.size, "width": self.config.size},
            "attributes": ("Blond_Hair",),
            "output": "image",
            "words": {"blond": Word({"Blond_Hair": 1.0}, "hair")},
            "conditioning": "target",
            "paper": "none",
            "data_source": "random numbers",
            "licence": "CC0-1.0",
        }


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `toy` a known method for one test."""
    module = types.ModuleType("toy_method")
    module.Config, module.Method, module.PRESETS = Config, Method, {"compact": {}}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_method", module)
    monkeypatch.setitem(METHODS, "toy", "toy_method")
