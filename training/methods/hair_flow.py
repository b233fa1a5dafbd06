"""Bangs by moving the photo's own hair (ours): StarGAN's losses, appearance flow for output (Zhou et al. 2016).

G says from where hair is copied, down onto the forehead, and where skin is painted over hair that is to go
(`imgedit.render.flow` carries it out on a photo of any size). It draws no hair, so it cannot draw stripes.
What it adds to `training.families.translation`:
  - An edit acts in the box of its attribute, and D_src is weighted towards that box.
  - The flow is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.data.targets import one_flipped, switched
from training.families import translation
from training.families.translation import Edited, Translation, TranslationConfig
from training.families.windows import Box, windows_of
from training.method import Graph
from training.networks.flow import FlowGenerator
from training.networks.teacher import FrozenClassifier

CROP = "face"
"""The window in which data sets draw hair masks."""


@dataclass(frozen=True)
class Config(TranslationConfig):
    """Settings of one training, beside those of `TranslationConfig`."""

    n_blocks: int = 4
    """Residual blocks of the generator."""
    boxes: tuple[Box, ...] = ()
    """Where each attribute may act: x0, y0, x1, y1 in the aligned frame of 178 x 218 px; none: anywhere. They begin at
    the hairline, so that no hair is copied into hair."""
    lambda_smooth: float = 1500.0
    """Weight of squared differences between neighbours in the flow."""
    mask_model: str = "face_parser.celebamask_hq"
    """The model that draws the hair masks, by id or folder."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.boxes) not in (0, len(self.attributes)):
            raise ConfigError(f"boxes has {len(self.boxes)} boxes; give one for each attribute, or none")


PRESETS: dict[str, dict[str, object]] = {
    "bangs": {
        "attributes": ("Bangs",), "boxes": ((36.0, 56.0, 142.0, 112.0),), "size": 96, "lr_g": 3e-4,
        "lambda_cls": 0.8, "lambda_rec": 0.5,
    },
}  # fmt: skip


class Method(Translation[FlowGenerator]):
    """G, D, their optimizers and the averaged G."""

    id = "hair_flow"
    output = "flow"
    conditioning = "difference"
    config: Config

    def __init__(
        self, config: Config, device: torch.device | str = "cpu", teacher: FrozenClassifier | None = None
    ) -> None:
        windows = windows_of(config.boxes, CROP, config.size // 2) if config.boxes else None
        generator = FlowGenerator(len(config.attributes), config.width, config.n_blocks, windows)
        super().__init__(config, generator, device, CROP, teacher)
        self.title = "Moved hair: " + ", ".join(config.attributes)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {
            "size": config.size, "attributes": config.attributes, "parts": config.parts, "balance": config.attributes,
            "groups": config.groups, "mask_model": config.mask_model, "crop": CROP,
        }  # fmt: skip

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {
            "size": 16, "width": 4, "n_blocks": 1, "d_width": 4, "batch_size": 4, "steps": 40, "d_warmup": 0,
            "attributes": ("Bangs", "Young"), "boxes": ((36.0, 56.0, 142.0, 112.0), (24.0, 58.0, 154.0, 192.0)),
        }  # fmt: skip

    def apply(self, network: FlowGenerator, image: Tensor, edit: Tensor, mask: Tensor | None) -> Edited:
        """Move hair, as an edit of a photo does."""
        mask = translation.required_mask(mask)
        fields = network(image, edit, mask)
        return Edited(fields, *network.render(fields, image, mask))

    def draw_wanted(self, present: Tensor) -> Tensor:
        """One label turned round, now and then none."""
        return one_flipped(present)

    def switched(self, present: Tensor, k: int) -> Tensor:
        """Label `k` turned round."""
        return switched(present, k)

    def focus(self, edit: Tensor, logits: Tensor) -> Tensor | float:
        """The patches of the box in which the edit acts."""
        return translation.patch_weights(self.generator.where(edit), logits) if self.config.boxes else 1.0

    def own_terms(self, batch: Batch, wanted: Tensor, edited: Edited) -> dict[str, tuple[float, Tensor]]:
        """A smooth flow."""
        flow = edited.raw[:, :2]
        across = flow.diff(dim=2).square().mean() + flow.diff(dim=3).square().mean()
        return {"loss_g_smooth": (self.config.lambda_smooth, across)}

    def graphs(self) -> dict[str, Graph]:
        """The role `translate`: fields."""
        config = self.config
        mask = torch.zeros(1, 1, config.size, config.size)
        inputs = {**translation.example_inputs(config), "mask": mask}
        return {"translate": Graph(self.ema.network.eval().cpu(), inputs, ["fields"])}
