"""Hair colours by a bilateral grid of colour transforms (ours): StarGAN's losses, HDRNet's output (Gharbi et al. 2017).

The attributes are colours of which a face has one. G returns affine colour transforms, which are carried out on the
hair alone (`imgedit.render.grid`), so that it can recolour a photo of any size and draw nothing.
What it adds to `training.families.translation`:
  - D sees the picture, its hair alone, and the mask.
  - The targets are one colour each, whatever the present one. Faces without one label of colour (little hair, hats) are
    asked for one too, but have none to come back to, and teach D_cls nothing.
  - The colours of edited hair follow those of real hair of the wanted colour (`training.losses.colour_bank`).
  - A frozen classifier of faces, the preservation classifier, must say the same of all other attributes as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from imgedit.errors import ConfigError
from training.data.augment import diff_augment
from training.data.batch import Batch
from training.families import translation
from training.families.heads import guide_graph, recoloured
from training.families.translation import Edited, Translation, TranslationConfig
from training.losses.adversarial import bernoulli_kl
from training.losses.colour import curve_penalty
from training.losses.colour_bank import ColourBank
from training.method import Graph
from training.networks.bilateral import BilateralGenerator
from training.networks.teacher import FrozenClassifier

CROP = "face"
"""The window in which data sets draw hair masks."""
HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")


@dataclass(frozen=True)
class Config(TranslationConfig):
    """Settings of one training, beside those of `TranslationConfig`."""

    teacher_weights: tuple[float, ...] = ()
    """How much a picture counts in the teacher's loss that is asked for each colour; none: all alike, 1. A colour that
    little hair seldom shows needs more than the rest."""
    preserver: str = ""
    """Preservation classifier: a run folder or model of `attribute_classifier`."""
    lambda_preserve: float = 0.0
    """Weight of how far an edit moves its probabilities of all attributes but the edited ones; needs `preserver`."""
    preserve_weights: tuple[float, ...] = ()
    """As `teacher_weights`, of that term. Grey hair moves such a classifier more than other colours do."""
    lambda_colour: float = 2.0
    """Weight of the distance of edited hair pixels to real ones of the wanted colour."""
    lambda_tint: float = 100.0
    """Weight of tints that real hair of the wanted colour does not have at that lightness."""
    free_tint: tuple[float, ...] = (1.0,)
    """How far a tint may be from the mean of the real ones at no cost, in their standard deviations: one number, or one
    for each colour. Photos of grey hair differ much in tint, so that a free deviation lets it turn blue."""
    lambda_smooth: float = 2.0
    """Weight of squared differences between neighbours in the grid."""
    lambda_curve: float = 40.0
    """Weight of `training.losses.colour.curve_penalty` on the grid."""
    any_hair: bool = True
    """Also learn from faces that have no one label of colour."""
    mask_model: str = "face_parser.celebamask_hq"
    """The model that draws the hair masks, by id or folder."""

    def helpers(self) -> dict[str, str]:
        """Return the frozen classifiers to be handed in, by keyword of the method."""
        return {**super().helpers(), **({"preserver": self.preserver} if self.preserver else {})}

    def __post_init__(self) -> None:
        super().__post_init__()
        n = len(self.attributes)
        if n < 2:
            raise ConfigError(f"attributes are colours to choose from, at least two; got {', '.join(self.attributes)}")
        if (self.lambda_preserve > 0) != bool(self.preserver):
            raise ConfigError("preserver and lambda_preserve go together: give a classifier of faces, and a weight")
        for name in ("teacher_weights", "preserve_weights"):
            if (found := len(getattr(self, name))) not in (0, n):
                raise ConfigError(f"{name} has {found} numbers; give one for each attribute, or none")
        if len(self.free_tint) not in (1, n):
            raise ConfigError(f"free_tint has {len(self.free_tint)} numbers; give one, or one for each of {n} colours")


PRESETS: dict[str, dict[str, object]] = {
    "hair": {
        "attributes": HAIR, "groups": ("Male", *HAIR), "batch_size": 32, "steps": 2800, "lr_g": 1e-3,
        "decay_from": 0.4, "lambda_adv": 0.3, "lambda_cls": 0.6, "lambda_rec": 3.0, "free_tint": (0.5, 0.7, 1.0, 0.3),
    },
}  # fmt: skip


class Method(Translation[BilateralGenerator]):
    """G, D, their optimizers, the averaged G and the bank of real hair colours."""

    id = "hair_grid"
    title = "Hair colours"
    output = "grid"
    conditioning = "target"
    config: Config

    def __init__(
        self,
        config: Config,
        device: torch.device | str = "cpu",
        teacher: FrozenClassifier | None = None,
        preserver: FrozenClassifier | None = None,
    ) -> None:
        generator = BilateralGenerator(len(config.attributes), config.width, cells=1)
        # D sees the picture (3 channels), the hair alone (3), and the mask.
        super().__init__(config, generator, device, CROP, teacher, n_seen=7, conditional=False)
        self.preserver = None if preserver is None else preserver.without(config.attributes, CROP)
        self.bank = ColourBank(len(config.attributes), self.device)

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {
            "size": config.size, "attributes": config.attributes, "parts": config.parts, "balance": config.attributes,
            "groups": config.groups, "one_hair_colour": not config.any_hair, "mask_model": config.mask_model,
            "crop": CROP,
        }  # fmt: skip

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "width": 4, "d_width": 4, "batch_size": 8, "steps": 40, "d_warmup": 0, "attributes": HAIR}

    def apply(self, network: BilateralGenerator, image: Tensor, edit: Tensor, mask: Tensor | None) -> Edited:
        """Recolour the hair as an edit of a photo does: with its own contrast, within the mask."""
        mask = translation.required_mask(mask)
        grid = network(image, edit)
        return Edited(grid, recoloured(network, grid, image, mask), mask)

    def draw_wanted(self, present: Tensor) -> Tensor:
        """One colour each, now and then the present one."""
        k = present.shape[1]
        return F.one_hot(torch.randint(k, (len(present),), device=present.device), k).float()

    def switched(self, present: Tensor, k: int) -> Tensor:
        """Colour `k`."""
        return F.one_hot(torch.full_like(present[:, 0], k, dtype=torch.long), present.shape[1]).float()

    def edit_of(self, present: Tensor, wanted: Tensor) -> Tensor:
        """The wanted colour, as in StarGAN."""
        return wanted

    def classification(self, logits: Tensor, labels: Tensor, weight: Tensor | float = 1.0) -> Tensor:
        """Cross-entropy among the colours, over the pictures that have one."""
        each = F.cross_entropy(logits, labels.argmax(1), reduction="none") * self.returns(labels)
        return (each * weight).mean()

    def returns(self, labels: Tensor) -> Tensor:
        """Pictures with one label of colour."""
        return labels.sum(1) == 1

    def seen(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """The picture, the hair alone, and the mask."""
        mask = translation.required_mask(mask)
        return diff_augment(torch.cat([image, image * mask, mask], 1))

    def teacher_weight(self, wanted: Tensor) -> Tensor | float:
        """By the colour that is asked for."""
        return translation.largest_weight(wanted, self.config.teacher_weights)

    def own_terms(self, batch: Batch, wanted: Tensor, edited: Edited) -> dict[str, tuple[float, Tensor]]:
        """Preservation, colours of real hair, and a smooth grid of gentle curves."""
        config, present = self.config, batch.require_labels()
        terms: dict[str, tuple[float, Tensor]] = {}
        if self.preserver is not None:
            weight = translation.largest_weight(wanted, config.preserve_weights)
            loss_preserve = bernoulli_kl(self.preserver(batch.image), self.preserver(edited.image), weight)
            terms["loss_g_preserve"] = (config.lambda_preserve, loss_preserve)
        if config.lambda_colour > 0:
            with torch.autocast(self.device.type, enabled=False):  # tints are small differences
                loss_colour, loss_tint = self.bank.compare(
                    batch.image,
                    edited.image.float(),
                    batch.require_mask(),
                    present * self.returns(present)[:, None],
                    wanted,
                    free=config.free_tint,
                )
            terms["loss_g_colour"] = (config.lambda_colour, loss_colour)
            terms["loss_g_tint"] = (config.lambda_tint, loss_tint)
        if config.lambda_smooth > 0:
            axes = [d for d in range(2, edited.raw.dim()) if edited.raw.shape[d] > 1]
            across = sum((edited.raw.diff(dim=d).square().mean() for d in axes), torch.zeros(()))
            terms["loss_g_smooth"] = (config.lambda_smooth, across)
        if config.lambda_curve > 0:
            unasked = (wanted == present).all(1)  # of them no curve is expected but the one that changes nothing
            changed = edited.raw[~unasked] if not unasked.all() else edited.raw
            terms["loss_g_curve"] = (config.lambda_curve, curve_penalty(changed))
        return terms

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return {**super().state_dict(), **self.bank.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        super().load_state_dict(state)
        self.bank.load_state_dict(state)

    def graphs(self) -> dict[str, Graph]:
        """The roles `translate` (a grid) and `guide`."""
        network = self.ema.network.eval().cpu()
        inputs = translation.example_inputs(self.config)
        return {
            "translate": Graph(network, inputs, ["grid"]),
            "guide": guide_graph(network, inputs["image"]),
        }
