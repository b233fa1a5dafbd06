"""StarGAN (Choi et al. 2018, arXiv 1711.09020): one generator for many attributes, and this project's small forms of it.

Code to paper: `generator` = G, `discriminator` = D with heads D_src (`adversarial`) and D_cls (`classify`), `edit` = c,
`lambda_cls`, `lambda_rec`, `lambda_gp` as there. `paper` is the published configuration.

Deviations, each a field of `Config` that `paper` leaves off:
  - `generator = bilateral` returns a grid of affine colour transforms in place of pixels (HDRNet, Gharbi et al. 2017),
    limited by a hair mask; `compact` is a U-Net of about 0.3 GMAC at 128 px that adds a change to its input.
  - `adversarial = hinge` (Lim and Ye 2017) with lazy R1 (Mescheder et al. 2018) in place of WGAN-GP.
  - `conditioning = difference` gives G only the change, as STGAN does (Liu et al. 2019, arXiv 1904.09709).
  - `teacher`: a frozen attribute classifier, trained apart and shown augmented pictures, as a second D_cls.
  - `lambda_colour`: the Lab colours of the edited hair pixels follow those of real hair of the wanted colour.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training import losses
from training.augment import augment_colour, diff_augment
from training.blocks import EMA, set_lr
from training.colour import curve_penalty, rgb_to_lab, sliced_wasserstein
from training.data.batch import Batch
from training.data.celeba import HAIR
from training.generators import BilateralGenerator, CompactGenerator, ResnetGenerator
from training.graph import Graph
from training.methods import attribute_classifier

SEVEN = ("Black_Hair", "Blond_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling")
WIDER = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling",
         "Eyeglasses")  # fmt: skip
SHAPE = ("Bangs", "Eyeglasses", "Mustache", "Smiling", "Young")
WORDS = {
    "Black_Hair": ("black-hair", "black"),
    "Blond_Hair": ("blond", "blond-hair", "blonde"),
    "Brown_Hair": ("brown-hair", "brown"),
    "Gray_Hair": ("grey-hair", "grey", "gray", "gray-hair"),
    "Bangs": ("bangs",),
    "Eyeglasses": ("eyeglasses", "glasses"),
    "Male": ("male",),
    "Mustache": ("mustache", "moustache"),
    "Smiling": ("smiling", "smile"),
    "Young": ("young",),
}
"""What a user may type for an attribute; the first is the name that file names and lists use."""

REGION = {"Bangs": "all", "Male": "all", "Young": "all"}
"""Where an edit may act, where that is neither the hair (hair colours) nor the face."""


@dataclass(frozen=True)
class Config:
    """Settings of one training; the defaults are `paper`'s unless a preset says otherwise."""

    attributes: tuple[str, ...] = WIDER
    """CelebA attributes that can be edited, in the order of the edit vector."""
    size: int = 128
    """Side of the crop, px."""
    generator: str = "resnet"
    """`resnet` (as published), `compact` or `bilateral`."""
    width: int = 64
    """Channels of the generator's first layer."""
    n_blocks: int = 6
    """Residual blocks of `resnet` and `compact`."""
    cells: int = 2
    """Height and width of the bilateral grid."""
    depth: int = 8
    """Brightness levels of the bilateral grid."""
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
    """Weight of D_cls on translated (generator) and real (discriminator) pictures."""
    lambda_rec: float = 10.0
    """Weight of the L1 cycle reconstruction."""
    lambda_gp: float = 10.0
    """Weight of the gradient penalty (`wgan_gp`)."""
    lambda_r1: float = 0.0
    """Weight gamma of R1 on real pictures (`hinge`), applied every 16th step times 16."""
    lambda_teacher: float = 0.0
    """Weight of the frozen classifier's loss on augmented translated pictures; needs `teacher`."""
    teacher: str = ""
    """Run folder of an `attribute_classifier` training."""
    lambda_colour: float = 0.0
    """Weight of the sliced Wasserstein distance of hair pixels in Lab / 100; needs masks and hair attributes."""
    lambda_smooth: float = 0.0
    """Weight of squared differences between neighbours in the bilateral grid."""
    lambda_curve: float = 0.0
    """Weight of `training.colour.curve_penalty` on the bilateral grid."""
    lambda_change: float = 0.0
    """Weight of the L1 between picture and edited picture (keeps what no attribute asks for)."""
    diff_augment: bool = False
    """Brightness, shift and cutout on what the discriminator sees (Zhao et al. 2020)."""
    mask: bool = False
    """Limit the change to the data set's soft mask (hair), and show the mask to the discriminator."""
    mask_model: str = "face_parser.celebamask_hq"
    """The model that draws the mask, by id or folder."""
    parts: tuple[str, ...] = ("full", "half")
    """CelebA folders to use (`training.data.celeba.FOLDERS`)."""
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

    def __post_init__(self) -> None:
        choices = {
            "generator": ("resnet", "compact", "bilateral"),
            "conditioning": ("target", "difference"),
            "targets": ("permute", "flip"),
            "adversarial": ("wgan_gp", "hinge"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}={getattr(self, name)!r}; choose one of {', '.join(allowed)}")
        if self.size % (1 << self.d_layers):
            raise ConfigError(f"size={self.size} must be a multiple of 2**d_layers = {1 << self.d_layers}")
        if (self.lambda_teacher > 0) != bool(self.teacher):
            raise ConfigError("teacher and lambda_teacher go together: give a classifier's run folder and a weight")
        if self.lambda_colour > 0 and not self.mask:
            raise ConfigError("lambda_colour needs mask=true")


_SMALL: dict[str, object] = {
    "adversarial": "hinge",
    "n_critic": 1,
    "diff_augment": True,
    "lr_g": 4e-4,
    "lr_d": 4e-4,
    "decay_from": 0.6,
    "d_warmup": 300,
    "parts": ("full", "half", "64"),
}
PRESETS: dict[str, dict[str, object]] = {
    "paper": {},
    "paper-seven": {"attributes": SEVEN},
    "compact": {
        **_SMALL,
        "generator": "compact",
        "attributes": SHAPE,
        "width": 24,
        "n_blocks": 4,
        "d_width": 48,
        "d_layers": 4,
        "size": 64,
        "conditioning": "difference",
        "targets": "flip",
        "lambda_rec": 6.0,
        "lambda_change": 1.0,
        "lambda_r1": 1.0,
        "steps": 9000,
    },
    "hair": {
        **_SMALL,
        "generator": "bilateral",
        "attributes": HAIR,
        "width": 24,
        "d_width": 48,
        "d_layers": 4,
        "size": 64,
        "batch_size": 32,
        "lambda_adv": 0.5,
        "lambda_cls": 0.3,
        "lambda_rec": 3.0,
        "lambda_r1": 1.0,
        "lambda_colour": 10.0,
        "lambda_smooth": 2.0,
        "lambda_curve": 10.0,
        "mask": True,
        "steps": 6000,
    },
}


class Discriminator(nn.Module):
    """PatchGAN with a classification head (Choi et al. 2018, table 5)."""

    def __init__(self, size: int, n_in: int, n_attributes: int, width: int, n_layers: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i in range(n_layers):
            n_out = width * min(1 << i, 32)
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.01)]
            n_in = n_out
        self.main = nn.Sequential(*layers)
        self.adversarial = nn.Conv2d(n_in, 1, 3, 1, 1, bias=False)
        self.classify = nn.Conv2d(n_in, n_attributes, size >> n_layers, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return source logits `(N, 1, h, w)` and attribute logits `(N, K)`."""
        features = self.main(image)
        return self.adversarial(features), self.classify(features).flatten(1)


class Method:
    """G, D, their optimizers, the averaged G and the bank of real hair colours."""

    id = "stargan"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        k = len(config.attributes)
        to = {"device": self.device, "memory_format": torch.channels_last}
        self.generator = build_generator(config).to(**to)  # type: ignore[call-overload]
        n_in = 7 if config.mask else 3
        self.discriminator = Discriminator(config.size, n_in, k, config.d_width, config.d_layers).to(**to)  # type: ignore[call-overload]
        betas = (config.beta1, 0.999)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=config.lr_g, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=config.lr_d, betas=betas)
        self.ema = EMA(self.generator, config.ema_decay)
        self.hair = [config.attributes.index(a) for a in HAIR if a in config.attributes]
        self.bank = torch.zeros(len(self.hair), 4096, 3, device=self.device)
        self.banked = [0] * len(self.hair)
        self.teacher = load_teacher(config, self.device)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {
            "size": config.size,
            "attributes": config.attributes,
            "parts": config.parts,
            "balance": config.attributes,
            "one_hair_colour": set(config.attributes) <= set(HAIR),
            "mask_model": config.mask_model if config.mask else None,
        }

    @staticmethod
    def for_inference(config: Config) -> Config:
        """The same settings without what only training needs (the teacher)."""
        return dataclasses.replace(config, teacher="", lambda_teacher=0.0)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "width": 4, "n_blocks": 1, "d_width": 4, "d_layers": 3, "batch_size": 4, "steps": 40,
                "attributes": ("Blond_Hair", "Smiling"), "d_warmup": 0}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """`n_critic` discriminator steps, each on its own batch, then one generator step on the last of them."""
        factor = self._lr_factor()
        set_lr(self.optimizer_d, self.config.lr_d * factor)
        set_lr(self.optimizer_g, self.config.lr_g * factor)
        logs: dict[str, Tensor] = {}
        for _ in range(self.config.n_critic):
            batch = self._to_device(next(stream))
            wanted = self._wanted(batch.labels)
            logs = self.discriminator_step(batch, wanted)
            self.steps += 1
        if self.steps > self.config.d_warmup:
            logs |= self.generator_step(batch, wanted)
            self.ema.update(self.generator)
        return logs

    def discriminator_step(self, batch: Batch, wanted: Tensor) -> dict[str, Tensor]:
        """One step of D: real against translated, and the labels of real pictures."""
        config = self.config
        real = self._seen(batch.image, batch.mask)
        with torch.no_grad():
            fake = self._seen(self.translate(batch.image, batch.labels, wanted, batch.mask), batch.mask)
        use_r1 = config.adversarial == "hinge" and config.lambda_r1 > 0 and self.steps % 16 == 0
        real = real.requires_grad_(use_r1)
        real_logits, real_cls = self.discriminator(real)
        fake_logits, _ = self.discriminator(fake)
        logs = {"loss_d_cls": self._classification(real_cls, batch.labels)}
        if config.adversarial == "hinge":
            logs["loss_d_adv"] = losses.hinge_discriminator(real_logits, fake_logits)
            loss = logs["loss_d_adv"]
            if use_r1:
                loss = loss + 8 * config.lambda_r1 * losses.r1_penalty(real, real_logits.mean((1, 2, 3)))
        else:
            logs["loss_d_adv"] = losses.wasserstein_critic(real_logits, fake_logits)
            logs["loss_d_gp"] = losses.gradient_penalty(self._source, real, fake)
            loss = logs["loss_d_adv"] + config.lambda_gp * logs["loss_d_gp"]
        loss = loss + max(config.lambda_cls, 0.3) * logs["loss_d_cls"]
        self.optimizer_d.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer_d.step()
        return {name: value.detach() for name, value in logs.items()}

    def generator_step(self, batch: Batch, wanted: Tensor) -> dict[str, Tensor]:
        """One step of G: fool D_src, satisfy D_cls (and the teacher), come back by the reverse edit."""
        config = self.config
        self.discriminator.requires_grad_(False)
        edit = self._edit(batch.labels, wanted)
        raw = self.generator(batch.image, edit)
        fake = self._render(raw, batch.image, batch.mask)
        logits, cls = self.discriminator(self._seen(fake, batch.mask))
        terms = {"loss_g_adv": (config.lambda_adv, losses.hinge_generator(logits))}
        terms["loss_g_cls"] = (config.lambda_cls, self._classification(cls, wanted))
        back = self.translate(fake, wanted, batch.labels, batch.mask)
        terms["loss_g_rec"] = (config.lambda_rec, (back - batch.image).abs().mean())
        if self.teacher is not None:
            loss_teacher = self._classification(self.teacher(augment_colour(fake, 0.05)), wanted)
            terms["loss_g_teacher"] = (config.lambda_teacher, loss_teacher)
        if config.lambda_change > 0:
            terms["loss_g_change"] = (config.lambda_change, (fake - batch.image).abs().mean())
        if config.lambda_colour > 0:
            terms["loss_g_colour"] = (config.lambda_colour, self._colour_loss(batch, fake, wanted))
        if config.lambda_smooth > 0:
            across = sum((raw.diff(dim=d).square().mean() for d in (2, 3, 4)), torch.zeros(()))
            terms["loss_g_smooth"] = (config.lambda_smooth, across)
        if config.lambda_curve > 0:
            terms["loss_g_curve"] = (config.lambda_curve, curve_penalty(raw))
        loss = sum((weight * value for weight, value in terms.values()), torch.zeros((), device=self.device))
        self.optimizer_g.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer_g.step()
        self.discriminator.requires_grad_(True)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def translate(self, image: Tensor, present: Tensor, wanted: Tensor, mask: Tensor | None) -> Tensor:
        """Edit `image` `(N, 3, H, W)` from labels `present` to `wanted` `(N, K)`, within `mask` where one is used."""
        return self._render(self.generator(image, self._edit(present, wanted)), image, mask)

    def _render(self, raw: Tensor, image: Tensor, mask: Tensor | None, network: nn.Module | None = None) -> Tensor:
        generator = self.generator if network is None else network
        out = generator.render(raw, image) if isinstance(generator, BilateralGenerator) else raw
        if self.config.mask and mask is not None:
            out = image + mask * (out - image)
        return out.clamp(-1.0, 1.0) if isinstance(generator, BilateralGenerator) else out

    def _seen(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """What D looks at: the picture, with a mask also the region alone and the mask."""
        if self.config.mask and mask is not None:
            image = torch.cat([image, image * mask, mask], 1)
        return diff_augment(image) if self.config.diff_augment else image

    def _source(self, seen: Tensor) -> Tensor:
        """One source logit a picture, `(N,)`."""
        logits: Tensor = self.discriminator(seen)[0].mean((1, 2, 3))
        return logits

    def _edit(self, present: Tensor, wanted: Tensor) -> Tensor:
        return wanted if self.config.conditioning == "target" else wanted - present

    def _wanted(self, labels: Tensor) -> Tensor:
        """Target labels, each different from the present ones where that is possible."""
        n, k = labels.shape
        if self.config.targets == "permute" and not self._only_hair():
            return labels[torch.randperm(n, device=self.device)]
        wanted = labels.clone()
        pick = torch.randint(k, (n,), device=self.device)
        if self._only_hair():
            present = labels.argmax(1)
            pick = (present + 1 + torch.randint(k - 1, (n,), device=self.device)) % k
            return F.one_hot(pick, k).float()
        rows = torch.arange(n, device=self.device)
        wanted[rows, pick] = 1.0 - wanted[rows, pick]
        if len(self.hair) > 1:
            is_hair = torch.zeros(k, dtype=torch.bool, device=self.device)
            is_hair[self.hair] = True
            new_hair = is_hair[pick] & (wanted[rows, pick] == 1)
            wanted[new_hair[:, None] & is_hair[None]] = 0.0
            wanted[rows[new_hair], pick[new_hair]] = 1.0
        return wanted

    def _only_hair(self) -> bool:
        return len(self.hair) == len(self.config.attributes) > 1

    def _classification(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy among exclusive hair colours, else binary cross-entropy a label (summed over K, as published)."""
        if self._only_hair():
            return F.cross_entropy(logits, labels.argmax(1))
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / len(labels)

    def _colour_loss(self, batch: Batch, fake: Tensor, wanted: Tensor, n_pixels: int = 96) -> Tensor:
        """Distance of edited hair pixels to real ones of the wanted colour, in Lab / 100."""
        where = batch.mask.flatten(1).square() + 1e-6  # type: ignore[union-attr]
        index = torch.multinomial(where, n_pixels)[:, None].expand(-1, 3, -1)
        real = rgb_to_lab(batch.image.flatten(2).gather(2, index)) / 100.0
        made = rgb_to_lab(fake.flatten(2).gather(2, index)) / 100.0
        loss, n = torch.zeros((), device=self.device), 0
        for i, k in enumerate(self.hair):
            known = real[batch.labels[:, k] == 1].transpose(1, 2).reshape(-1, 3)  # type: ignore[index]
            self._remember(i, known.detach())
            points = made[wanted[:, k] == 1].transpose(1, 2).reshape(-1, 3)
            filled = min(self.banked[i], self.bank.shape[1])
            if len(points) and filled >= 512:
                drawn = torch.randint(filled, (len(points),), device=self.device)
                loss, n = loss + sliced_wasserstein(points, self.bank[i, drawn]), n + 1
        return loss / max(n, 1)

    def _remember(self, i: int, points: Tensor) -> None:
        size = self.bank.shape[1]
        where = (self.banked[i] + torch.arange(len(points), device=self.device)) % size
        self.bank[i, where] = points
        self.banked[i] += len(points)

    def _lr_factor(self) -> float:
        start = self.config.decay_from * self.config.steps
        return min(1.0, max(0.0, (self.config.steps - self.steps) / max(self.config.steps - start, 1.0)))

    def _to_device(self, batch: Batch) -> Batch:
        if batch.labels is None or (self.config.mask and batch.mask is None):
            raise ConfigError("stargan needs labels, and with mask=true masks: use --data celeba:DIR")
        image = batch.image.to(self.device, memory_format=torch.channels_last)
        return Batch(image, batch.labels.to(self.device), None if batch.mask is None else batch.mask.to(self.device))

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return {
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "optimizer_g": self.optimizer_g.state_dict(),
            "optimizer_d": self.optimizer_d.state_dict(),
            "ema": self.ema.state_dict(),
            "bank": self.bank,
            "banked": list(self.banked),
            "steps": self.steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        for name in ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema"):
            getattr(self, name).load_state_dict(state[name])
        self.bank = state["bank"].to(self.device)
        self.banked = [int(n) for n in state["banked"]]
        self.steps = int(state["steps"])

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run, as one at 64 px before 128: all tensors of the same shape are taken."""
        for name in ("generator", "discriminator"):
            network = getattr(self, name)
            own, given = network.state_dict(), state[name]
            taken = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
            network.load_state_dict({**own, **taken})
        self.ema = EMA(self.generator, self.config.ema_decay)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """First row the pictures, then one row an attribute switched on (or off where the face has it)."""
        batch = self._to_device(batch)
        n = min(8, len(batch.image))
        image, labels = batch.image[:n], batch.labels[:n]  # type: ignore[index]
        mask = None if batch.mask is None else batch.mask[:n]
        rows = [image]
        for k in range(len(self.config.attributes)):
            wanted = labels.clone()
            if k in self.hair:
                wanted[:, self.hair] = 0.0
                wanted[:, k] = 1.0
            else:
                wanted[:, k] = 1.0 - wanted[:, k]
            raw = self.ema.network(image, self._edit(labels, wanted))
            rows.append(self._render(raw, image, mask, self.ema.network))
        return torch.cat([torch.cat(list(row), 2) for row in rows], 1).mul(0.5).add(0.5).clamp(0, 1).cpu()

    def graphs(self) -> dict[str, Graph]:
        """`translate`, and for the bilateral generator `guide`."""
        config = self.config
        example = {
            "image": torch.zeros(1, 3, config.size, config.size),
            "edit": torch.zeros(1, len(config.attributes)),
        }
        network = self.ema.network.eval().cpu()
        if not isinstance(network, BilateralGenerator):
            return {"translate": Graph(_Keyword(network), example, ["image_out"])}
        free = {2: "height", 3: "width"}
        return {
            "translate": Graph(network, example, ["grid"]),
            "guide": Graph(network.guide, {"image": example["image"]}, ["guide"], {"image": free, "guide": free}),
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        config = self.config
        words: dict[str, dict[str, float]] = {}
        region = {}
        for attribute in config.attributes:
            others = {h: 0.0 for h in HAIR if h in config.attributes} if attribute in HAIR else {}
            for word in WORDS.get(attribute, (attribute.lower().replace("_", "-"),)):
                words[word] = {**others, attribute: 1.0}
                region[word] = "hair" if attribute in HAIR else REGION.get(attribute, "face")
        return {
            "kind": "translate",
            "title": "Hair colours" if self._only_hair() else "Face attributes: " + ", ".join(config.attributes),
            "crop": {"kind": "face", "height": config.size, "width": config.size},
            "attributes": config.attributes,
            "words": words,
            "region": region,
            "conditioning": config.conditioning,
            "paper": "StarGAN, Choi et al. 2018, arXiv 1711.09020",
            "data_source": "CelebA, Liu et al. 2015",
            "licence": "weights: non-commercial research (terms of CelebA)",
        }


class _Keyword(nn.Module):
    """Gives the generator's output a name of its own in the graph."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, edit: Tensor) -> Tensor:
        out: Tensor = self.network(image, edit)
        return out


def build_generator(config: Config) -> nn.Module:
    """Make the generator that `config.generator` names."""
    k = len(config.attributes)
    if config.generator == "bilateral":
        return BilateralGenerator(k, config.width, config.cells, config.depth)
    if config.generator == "compact":
        return CompactGenerator(k, config.width, config.n_blocks)
    return ResnetGenerator(k, config.width, config.n_blocks)


class _Teacher(nn.Module):
    """The frozen classifier's logits of the wanted attributes."""

    def __init__(self, network: nn.Module, index: list[int], size: int) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.index = index
        self.size = size

    def forward(self, image: Tensor) -> Tensor:
        if image.shape[2] != self.size:
            image = F.interpolate(image, size=self.size, mode="bilinear", antialias=True, align_corners=False)
        logits: Tensor = self.network(image)[:, self.index]
        return logits


def load_teacher(config: Config, device: torch.device) -> _Teacher | None:
    """Load the averaged network of `config.teacher`, or None where no teacher is used."""
    if not config.teacher:
        return None
    from training.checkpoint import load_method

    method = load_method(config.teacher, device)
    if not isinstance(method, attribute_classifier.Method):
        raise ConfigError(f"teacher={config.teacher!r} is not a run of attribute_classifier")
    index = [attribute_classifier.ATTRIBUTES.index(a) for a in config.attributes]
    return _Teacher(method.ema.network, index, method.config.size)
