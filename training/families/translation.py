"""StarGAN's settings: as published (`paper`), and its small forms for hair colours, bangs and words of the face."""

from __future__ import annotations

from dataclasses import dataclass

from imgedit.errors import ConfigError
from imgedit.render.grid import CONTRAST
from training.data.celeba import HAIR, check_window

SEVEN = ("Black_Hair", "Blond_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling")
WIDER = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling",
         "Eyeglasses")  # fmt: skip
SHAPE = ("Bangs", "Eyeglasses", "Mustache", "Smiling", "Young")


@dataclass(frozen=True)
class Config:
    """Settings of one training; the defaults are `paper`'s unless a preset says otherwise."""

    attributes: tuple[str, ...] = WIDER
    """CelebA attributes that can be edited, in the order of the edit vector."""
    size: int = 128
    """Side of the crop, px."""
    crop: str = "face"
    """Window of the CelebA frame: `face` (as published), or `close` for words that change the face alone."""
    generator: str = "resnet"
    """`resnet` (as published), `compact`, `flow` or `bilateral`."""
    width: int = 64
    """Channels of the generator's first layer."""
    n_blocks: int = 6
    """Residual blocks of `resnet`, `compact` and `flow`."""
    cells: int = 2
    """Height and width of the bilateral grid."""
    depth: int = 8
    """Brightness levels of the bilateral grid."""
    local: bool = False
    """Of `compact` and `flow`, with `difference` and `hinge`: an attribute changes the part of the face that shows it
    (`training.publish.words.SEEN_IN`), so that a mustache brings no beard, and D_src judges that part."""
    d_width: int = 64
    """Channels of the discriminator's first layer."""
    d_layers: int = 6
    """Strided layers of the discriminator."""
    conditioning: str = "target"
    """`target`: the edit is the wanted vector; `difference`: wanted minus present."""
    targets: str = "permute"
    """Wanted labels: `permute` another picture's (as published) or `flip` one of the own."""
    adversarial: str = "wgan_gp"
    """`wgan_gp` (as published) or `hinge`."""
    lambda_adv: float = 1.0
    """Weight of the adversarial loss in the generator's sum."""
    lambda_cls: float = 1.0
    """Weight of D_cls on translated pictures (generator) and on real ones (discriminator, there at least 0.3)."""
    lambda_rec: float = 10.0
    """Weight of the L1 cycle reconstruction."""
    lambda_gp: float = 10.0
    """Weight of the gradient penalty (`wgan_gp`)."""
    lambda_r1: float = 0.0
    """Weight gamma of R1 on real pictures (`hinge`), applied every 16th step times 16."""
    lambda_teacher: float = 0.0
    """Weight of the frozen classifier's loss on augmented translated pictures; needs `teacher`."""
    teacher: str = ""
    """A frozen classifier: a run folder of `attribute_classifier` or, with masks, of `hair_classifier`, or a model."""
    teacher_share: tuple[float, ...] = ()
    """With `lambda_teacher`: how much a picture counts that is asked for each attribute, the largest of them; none: all
    alike, 1. A colour that little hair seldom shows needs more than the rest."""
    lambda_keep: float = 0.0
    """Weight of how far an edit moves the answers of a frozen classifier, `keeper`, on all other attributes."""
    keeper: str = ""
    """A frozen classifier of faces for `lambda_keep`: a run folder of `attribute_classifier`, or a model."""
    keep_share: tuple[float, ...] = ()
    """The same as `teacher_share`, with `lambda_keep`. Grey hair moves such a classifier more than other colours do."""
    lambda_colour: float = 0.0
    """Weight of the distance of edited hair pixels to real ones of the wanted colour; needs masks."""
    lambda_tint: float = 100.0
    """With `lambda_colour`: weight of tints that real hair of the wanted colour does not have at that lightness."""
    free_tint: tuple[float, ...] = (1.0,)
    """How far a tint may be from the mean of the real ones at no cost, in their standard deviations: one number, or one
    for each hair colour. Photos of grey hair differ much in tint, so that a free deviation lets it turn blue."""
    lambda_smooth: float = 0.0
    """Weight of squared differences between neighbours in the bilateral grid, or in the flow."""
    lambda_curve: float = 0.0
    """Weight of `training.losses.colour.curve_penalty` on the bilateral grid."""
    lambda_change: float = 0.0
    """Weight of the L1 between picture and edited picture (keeps what no attribute asks for)."""
    lambda_chroma: float = 0.0
    """Weight of the L1 of the change's tint, what of it is not brightness (a young generator draws rainbows)."""
    lambda_tv: float = 0.0
    """Weight of the total variation of the change (keeps it free of dots and stripes)."""
    diff_augment: bool = False
    """Brightness, shift and cutout on what the discriminator sees (Zhao et al. 2020)."""
    mask: bool = False
    """Limit the change to the data set's soft mask (hair), and show the mask to the discriminator; `flow` in place of
    that copies only what the mask shows."""
    contrast: float = 0.0
    """With `mask`, of the bilateral grid: share of the hair's contrast that is the picture's own, as when edited."""
    mask_model: str = "face_parser.celebamask_hq"
    """The model that draws the mask, by id or folder."""
    parts: tuple[str, ...] = ("full", "half")
    """CelebA folders to use (`training.data.celeba.FOLDERS`)."""
    groups: tuple[str, ...] = ()
    """CelebA attributes whose combinations are drawn equally often; none: the edited attributes, each by itself."""
    any_hair: bool = False
    """Where all attributes are hair colours: also faces that have no one label of them (little hair, hats).
    They are asked for a colour like the rest, but have none to come back to and teach D_cls nothing."""
    conditional: bool = False
    """D_src also sees the labels that a picture has or was asked for (projection, Miyato and Koyama 2018)."""
    n_critic: int = 5
    """Discriminator steps per generator step."""
    d_warmup: int = 0
    """Steps at the start in which only the discriminator learns (its classifier must know before G listens)."""
    batch_size: int = 16
    """Pictures a step."""
    steps: int = 200_000
    """Discriminator steps."""
    lr_g: float = 1e-4
    """Adam's learning rate for the generator."""
    lr_d: float = 1e-4
    """Adam's learning rate for the discriminator."""
    beta1: float = 0.5
    """Adam's first moment (beta2 is 0.999)."""
    decay_from: float = 0.5
    """Share of the steps after which both rates fall linearly to zero."""
    ema_decay: float = 0.999
    """Decay of the averaged generator that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def helpers(self) -> dict[str, str]:
        """Return the frozen classifiers to be handed in, by keyword of the method."""
        named = {"teacher": self.teacher, "keeper": self.keeper}
        return {role: name for role, name in named.items() if name}

    def __post_init__(self) -> None:
        choices = {
            "generator": ("resnet", "compact", "flow", "bilateral"),
            "conditioning": ("target", "difference"),
            "targets": ("permute", "flip"),
            "adversarial": ("wgan_gp", "hinge"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}={getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        check_window(self.crop)
        if self.size % (1 << self.d_layers):
            raise ConfigError(f"size={self.size} must be a multiple of 2**d_layers = {1 << self.d_layers}")
        if (self.lambda_teacher > 0) != bool(self.teacher):
            raise ConfigError(
                "teacher and lambda_teacher go together: give a classifier's run folder or model, and a weight"
            )
        if (self.lambda_keep > 0) != bool(self.keeper):
            raise ConfigError("keeper and lambda_keep go together: give a classifier of faces, and a weight")
        if self.local and (
            self.generator not in ("compact", "flow")
            or (self.conditioning, self.adversarial) != ("difference", "hinge")
        ):
            raise ConfigError("local=true needs generator=compact or flow, conditioning=difference, adversarial=hinge")
        if self.generator == "flow" and (not self.mask or self.conditioning != "difference"):
            raise ConfigError("generator=flow needs mask=true, what it may copy, and conditioning=difference")
        for name in ("teacher_share", "keep_share"):
            if (n_shares := len(getattr(self, name))) not in (0, len(self.attributes)):
                raise ConfigError(f"{name} has {n_shares} numbers; give one for each attribute, or none")
        if self.any_hair and not set(self.attributes) <= set(HAIR):
            raise ConfigError("any_hair=true needs attributes that are all hair colours")
        if self.lambda_colour > 0 and not self.mask:
            raise ConfigError("lambda_colour needs mask=true")
        n_hair = sum(a in HAIR for a in self.attributes)
        if len(self.free_tint) not in (1, n_hair):
            raise ConfigError(
                f"free_tint has {len(self.free_tint)} numbers; give one, or one for each of {n_hair} colours"
            )


_SMALL: dict[str, object] = {
    "adversarial": "hinge", "n_critic": 1, "d_warmup": 300, "diff_augment": True, "lambda_r1": 1.0,
    "size": 64, "width": 24, "d_width": 48, "d_layers": 4, "parts": ("full", "half", "64"),
    "lr_g": 4e-4, "lr_d": 4e-4, "decay_from": 0.6,
}  # fmt: skip
PRESETS: dict[str, dict[str, object]] = {
    "paper": {},
    "paper-seven": {"attributes": SEVEN},
    "compact": {
        **_SMALL, "generator": "compact", "attributes": SHAPE, "n_blocks": 4, "conditioning": "difference",
        "targets": "flip", "crop": "close", "conditional": True, "lambda_rec": 5.0, "lambda_r1": 0.1,
        "lambda_change": 0.5, "lambda_tv": 0.3, "decay_from": 0.9, "steps": 6000,
    },
    "bangs": {
        **_SMALL, "generator": "flow", "attributes": ("Bangs",), "n_blocks": 4, "conditioning": "difference",
        "targets": "flip", "mask": True, "local": True, "conditional": True, "size": 96, "parts": ("full", "half"),
        "lambda_cls": 0.8, "lambda_rec": 0.5, "lambda_smooth": 1500.0, "lr_g": 3e-4, "steps": 2000,
    },
    "hair": {
        **_SMALL, "generator": "bilateral", "attributes": HAIR, "mask": True, "batch_size": 32, "lambda_adv": 0.3,
        "lambda_cls": 0.6, "lambda_rec": 3.0, "lambda_colour": 2.0, "cells": 1, "lambda_smooth": 2.0,
        "lambda_curve": 40.0, "groups": ("Male", *HAIR), "lr_g": 1e-3, "decay_from": 0.4, "steps": 2800,
        "contrast": CONTRAST, "any_hair": True, "free_tint": (0.5, 0.7, 1.0, 0.3), "parts": ("full", "half"),
    },
}  # fmt: skip
