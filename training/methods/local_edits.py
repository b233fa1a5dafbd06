"""Words of the face by a compact image generator (ours): StarGAN's losses, a U-Net that adds a change to its input.

The U-Net costs 0.43 GMAC at 128 px, StarGAN's generator 9.96.
What it adds to `training.families.translation`:
  - An edit acts in the box of its attribute (a mustache brings no beard), and D_src is weighted towards that box.
  - The change is small, without tint of its own, and without dots and stripes.
  - `eyes` draws glasses on windows that follow the face mesh (`training.data.celeba_eyes`); no command uses it.
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
from training.families.windows import Box, check_window, windows_of
from training.losses.adversarial import total_variation
from training.losses.colour import without_brightness
from training.method import Graph
from training.networks.teacher import FrozenClassifier
from training.networks.translators import CompactGenerator


@dataclass(frozen=True)
class Config(TranslationConfig):
    """Settings of one training, beside those of `TranslationConfig`."""

    height: int = 0
    """Height of the pictures, px, of a set that cuts them by itself, such as `celeba_eyes`; 0: as high as wide."""
    crop: str = "close"
    """Window of the aligned frame: `close`, or `face` with the hair."""
    n_blocks: int = 4
    """Residual blocks of the generator."""
    boxes: tuple[Box, ...] = ()
    """Where each attribute may act: x0, y0, x1, y1 in the aligned frame of 178 x 218 px; none: anywhere. Outside of its
    box a face does not show whether it has the attribute."""
    lambda_r1: float = 0.1
    """Weight gamma of R1."""
    lambda_change: float = 0.5
    """Weight of the L1 between picture and edited picture (keeps what no attribute asks for)."""
    lambda_chroma: float = 0.0
    """Weight of the L1 of the change's tint, what of it is not brightness (a young generator draws rainbows)."""
    lambda_tv: float = 0.3
    """Weight of the total variation of the change (keeps it free of dots and stripes)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_window(self.crop)
        if self.height % (1 << translation.D_LAYERS):
            raise ConfigError(f"height={self.height} must be a multiple of {1 << translation.D_LAYERS}")
        if self.height and self.boxes:
            raise ConfigError("boxes lie in the aligned frame: with a height give none")
        if len(self.boxes) not in (0, len(self.attributes)):
            raise ConfigError(f"boxes has {len(self.boxes)} boxes; give one for each attribute, or none")


BOXES: dict[str, Box] = {
    "Bangs": (32.0, 40.0, 146.0, 116.0),
    "Eyeglasses": (40.0, 94.0, 138.0, 140.0),
    "Mustache": (60.0, 134.0, 118.0, 162.0),
    "Smiling": (42.0, 100.0, 136.0, 182.0),
    "Young": (24.0, 58.0, 154.0, 192.0),
}
PRESETS: dict[str, dict[str, object]] = {
    "face": {
        "attributes": tuple(BOXES), "boxes": tuple(BOXES.values()), "parts": ("full", "half", "64"),
        "decay_from": 0.9, "steps": 6000,
    },
    "eyes": {
        "attributes": ("Eyeglasses",), "groups": ("Eyeglasses", "Male"), "size": 128, "height": 64, "n_blocks": 2,
        "d_width": 32, "lambda_cls": 0.5, "lambda_rec": 2.0, "lambda_tv": 0.05, "lr_d": 8e-4, "batch_size": 8,
        "steps": 3500,
    },
}  # fmt: skip


class Method(Translation[CompactGenerator]):
    """G, D, their optimizers and the averaged G."""

    id = "local_edits"
    output = "image"
    conditioning = "difference"
    config: Config

    def __init__(
        self, config: Config, device: torch.device | str = "cpu", teacher: FrozenClassifier | None = None
    ) -> None:
        windows = windows_of(config.boxes, config.crop, config.size) if config.boxes else None
        generator = CompactGenerator(len(config.attributes), config.width, config.n_blocks, windows)
        super().__init__(
            config, generator, device, "none" if config.height else config.crop, teacher, height=config.height
        )
        self.title = "Face attributes: " + ", ".join(config.attributes)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`; a set that cuts by itself has one window."""
        if config.height:
            groups = config.groups or config.attributes
            return {"size": config.size, "height": config.height, "attributes": config.attributes, "groups": groups}
        return {
            "size": config.size, "attributes": config.attributes, "parts": config.parts, "balance": config.attributes,
            "groups": config.groups, "crop": config.crop,
        }  # fmt: skip

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "width": 4, "n_blocks": 1, "d_width": 4, "batch_size": 4, "steps": 40, "d_warmup": 0,
                "attributes": ("Smiling", "Young"), "boxes": (BOXES["Smiling"], BOXES["Young"])}  # fmt: skip

    def apply(self, network: CompactGenerator, image: Tensor, edit: Tensor, mask: Tensor | None) -> Edited:
        """Draw the edited picture."""
        out = network(image, edit)
        return Edited(out, out, mask)

    def draw_wanted(self, present: Tensor) -> Tensor:
        """One label turned round, now and then none."""
        return one_flipped(present)

    def switched(self, present: Tensor, k: int) -> Tensor:
        """Label `k` turned round."""
        return switched(present, k)

    def r1_weight(self) -> float:
        """Gamma of R1."""
        return self.config.lambda_r1

    def focus(self, edit: Tensor, logits: Tensor) -> Tensor | float:
        """The patches of the box in which the edit acts."""
        return translation.patch_weights(self.generator.where(edit), logits) if self.config.boxes else 1.0

    def own_terms(self, batch: Batch, wanted: Tensor, edited: Edited) -> dict[str, tuple[float, Tensor]]:
        """A change that is small, colourless and smooth."""
        config, change = self.config, edited.image - batch.image
        terms = {}
        if config.lambda_change > 0:
            terms["loss_g_change"] = (config.lambda_change, change.abs().mean())
        if config.lambda_chroma > 0:
            terms["loss_g_chroma"] = (config.lambda_chroma, without_brightness(change).abs().mean())
        if config.lambda_tv > 0:
            terms["loss_g_tv"] = (config.lambda_tv, total_variation(change))
        return terms

    def graphs(self) -> dict[str, Graph]:
        """The role `translate`: an image."""
        inputs = translation.example_inputs(self.config, self.config.height)
        return {"translate": Graph(self.ema.network.eval().cpu(), inputs, ["image_out"])}
