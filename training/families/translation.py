"""What the methods share that edit attributes with a small network: hinge losses, R1 and a cycle.

Symbols of StarGAN (Choi et al. 2018), on which they build: `generator` = G, `discriminator` = D with heads D_src and
D_cls, `present` = c' (the labels of a picture), `wanted` = c (those it is asked for).
Deviations from it: hinge losses (Lim and Ye 2017) with lazy R1 (Mescheder et al. 2018) in place of WGAN-GP;
augmentation of what D sees (Zhao et al. 2020); a frozen classifier, the teacher, as a second D_cls; an L1 term for
pictures of which nothing is asked.
A method adds `apply`, and what differs of `draw_wanted`, `edit_of`, `classification` and the other hooks below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.augment import augment_colour, diff_augment
from training.data.batch import Batch
from training.families.pictures import tile
from training.losses import adversarial as losses
from training.networks.patch import PatchClassifier
from training.networks.teacher import FrozenClassifier
from training.run.optim import EMA, descend, frozen, load_matching, on_device, restore, set_lr, state_of

D_LAYERS = 4
"""Strided layers of the discriminator."""
R1_EVERY = 16
"""Steps from one R1 penalty to the next."""
BETAS = (0.5, 0.999)
EMA_DECAY = 0.999
LEAST_CLS = 0.3
"""Least weight of D_cls on real pictures, so that D keeps learning the labels where G hardly listens to them."""

G = TypeVar("G", bound=nn.Module)


@dataclass(frozen=True)
class TranslationConfig:
    """Settings that all of them have."""

    attributes: tuple[str, ...] = ()
    """Labels that can be edited, in the order of the edit vector."""
    size: int = 64
    """Side of the crop, or its width where it has a height of its own, px."""
    width: int = 24
    """Channels of the generator's first layer."""
    d_width: int = 48
    """Channels of the discriminator's first layer."""
    lambda_adv: float = 1.0
    """Weight of the adversarial loss in the generator's sum."""
    lambda_cls: float = 1.0
    """Weight of D_cls on edited pictures (generator) and on real ones (discriminator, there at least 0.3)."""
    lambda_rec: float = 5.0
    """Weight of the L1 cycle reconstruction."""
    teacher: str = ""
    """Frozen classifier: run folder or model of `attribute_classifier` or, with masks, of `hair_classifier`."""
    lambda_teacher: float = 0.0
    """Weight of its loss on augmented edited pictures; needs `teacher`."""
    parts: tuple[str, ...] = ("full", "half")
    """Folders of the data set to use."""
    groups: tuple[str, ...] = ()
    """Labels whose combinations are drawn equally often; none: the edited attributes, each by itself."""
    d_warmup: int = 300
    """Steps at the start in which only the discriminator learns (its classifier must know before G listens)."""
    batch_size: int = 16
    """Pictures a step."""
    steps: int = 2000
    """Steps, each of the discriminator and of the generator."""
    lr_g: float = 4e-4
    """Adam's learning rate for the generator."""
    lr_d: float = 4e-4
    """Adam's learning rate for the discriminator."""
    decay_from: float = 0.6
    """Share of the steps after which both rates fall linearly to zero."""
    seed: int = 0
    """Seed of weights and data order."""

    def helpers(self) -> dict[str, str]:
        """Return the frozen classifiers to be handed in, by keyword of the method."""
        return {"teacher": self.teacher} if self.teacher else {}

    def __post_init__(self) -> None:
        if not self.attributes:
            raise ConfigError("name the attributes to edit, such as attributes=Smiling")
        if self.size % (1 << D_LAYERS):
            raise ConfigError(f"size={self.size} must be a multiple of {1 << D_LAYERS}")
        if (self.lambda_teacher > 0) != bool(self.teacher):
            raise ConfigError(
                "teacher and lambda_teacher go together: give a classifier's run folder or model, and a weight"
            )


class Edited(NamedTuple):
    """What a generator made of pictures.

    Attributes:
        raw: what it returned: an image, a grid, or fields.
        image: the edited pictures, `(N, 3, H, W)`, [-1, 1].
        mask: where in them is now what the mask showed, `(N, 1, H, W)`; None without masks.
    """

    raw: Tensor
    image: Tensor
    mask: Tensor | None


class Translation(Generic[G]):
    """G, D, their optimizers and the averaged G.

    Args:
        config: the method's settings.
        generator: G, new.
        device: where to compute.
        crop: window of the frame that pictures show.
        teacher: a frozen classifier of the attributes.
        n_seen: channels that D sees.
        conditional: D_src also sees the labels (Miyato and Koyama 2018).
        height: of the pictures, px; 0: as high as wide.
    """

    id: str
    title: str
    output: str
    conditioning: str
    parts = ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema")

    def __init__(
        self,
        config: TranslationConfig,
        generator: G,
        device: torch.device | str,
        crop: str,
        teacher: FrozenClassifier | None = None,
        n_seen: int = 3,
        conditional: bool = True,
        height: int = 0,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.crop = crop
        self.shape = (height or config.size, config.size)
        critic = PatchClassifier(self.shape, n_seen, len(config.attributes), config.d_width, D_LAYERS, conditional)
        self.generator = on_device(generator, self.device)
        self.discriminator = on_device(critic, self.device)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=config.lr_g, betas=BETAS)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=config.lr_d, betas=BETAS)
        self.ema = EMA(self.generator, EMA_DECAY)
        self.teacher = None if teacher is None else teacher.selecting(config.attributes, crop)
        self.steps = 0

    # What differs from method to method.

    def apply(self, network: G, image: Tensor, edit: Tensor, mask: Tensor | None) -> Edited:
        """Edit pictures with a generator, the last or the averaged one.

        Args:
            network: G.
            image: `(N, 3, H, W)`, [-1, 1].
            edit: `(N, K)`, as `edit_of`.
            mask: `(N, 1, H, W)`, 0..1; None without masks.
        """
        raise NotImplementedError

    def draw_wanted(self, present: Tensor) -> Tensor:
        """Draw the labels `(N, K)` that pictures with the labels `present` are asked for."""
        raise NotImplementedError

    def switched(self, present: Tensor, k: int) -> Tensor:
        """Return `present` with label `k` turned round, for the sample sheet."""
        raise NotImplementedError

    def edit_of(self, present: Tensor, wanted: Tensor) -> Tensor:
        """Return what G is told: wanted minus present, as STGAN does (Liu et al. 2019, arXiv 1904.09709)."""
        return wanted - present

    def classification(self, logits: Tensor, labels: Tensor, weight: Tensor | float = 1.0) -> Tensor:
        """Return the cross-entropy of logits `(N, K)`, summed over labels; `weight` `(N,)` is each picture's."""
        each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none").sum(1)
        return (each * weight).mean()

    def returns(self, labels: Tensor) -> Tensor:
        """Tell `(N,)` which pictures know the labels that the cycle leads back to."""
        return torch.ones_like(labels[:, 0], dtype=torch.bool)

    def seen(self, image: Tensor, mask: Tensor | None) -> Tensor:
        """Return what D looks at."""
        return diff_augment(image)

    def focus(self, edit: Tensor, logits: Tensor) -> Tensor | float:
        """Return how much each patch `(N, 1, h, w)` of D_src counts."""
        return 1.0

    def teacher_weight(self, wanted: Tensor) -> Tensor | float:
        """Return how much each picture counts in the teacher's loss, `(N,)`."""
        return 1.0

    def own_terms(self, batch: Batch, wanted: Tensor, edited: Edited) -> dict[str, tuple[float, Tensor]]:
        """Return further terms of the generator's loss: name -> weight and value."""
        return {}

    # One step.

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of D and, after its warm-up, one of G on the same pictures."""
        if missing := [role for role in self.config.helpers() if getattr(self, role) is None]:
            raise ConfigError(f"{self.id} is to be trained with a {missing[0]}: hand it in (training.helpers.load)")
        factor = self.rate_factor()
        set_lr(self.optimizer_d, self.config.lr_d * factor)
        set_lr(self.optimizer_g, self.config.lr_g * factor)
        batch = next(stream).to(self.device)
        wanted = self.draw_wanted(batch.require_labels())
        logs = self.discriminator_step(batch, wanted)
        self.steps += 1
        if self.steps > self.config.d_warmup:
            logs |= self.generator_step(batch, wanted)
            self.ema.update(self.generator)
        return logs

    def rate_factor(self) -> float:
        """Return the share of the learning rates at this step: 1, then falling linearly to 0."""
        start = self.config.decay_from * self.config.steps
        return min(1.0, max(0.0, (self.config.steps - self.steps) / max(self.config.steps - start, 1.0)))

    def r1_weight(self) -> float:
        """Return gamma of R1."""
        return 1.0

    def discriminator_step(self, batch: Batch, wanted: Tensor) -> dict[str, Tensor]:
        """One step of D: tell real pictures from edited ones, and learn the labels of the real ones."""
        present = batch.require_labels()
        edit = self.edit_of(present, wanted)
        real = self.seen(batch.image, batch.mask)
        with torch.no_grad():
            fake = self.seen(self.apply(self.generator, batch.image, edit, batch.mask).image, batch.mask)
        penalised = self.r1_weight() > 0 and self.steps % R1_EVERY == 0
        real = real.requires_grad_(penalised)
        real_logits, real_cls = self.discriminator(real, present)
        fake_logits, _ = self.discriminator(fake, wanted)
        loss_cls = self.classification(real_cls, present)
        loss_adv = losses.hinge_discriminator(real_logits, fake_logits, self.focus(edit, real_logits))
        loss = loss_adv
        if penalised:
            loss = loss + losses.lazy_r1(real, real_logits.mean((1, 2, 3)), self.r1_weight(), R1_EVERY)
        loss = loss + max(self.config.lambda_cls, LEAST_CLS) * loss_cls
        descend(self.optimizer_d, loss)
        return {"loss_d_cls": loss_cls.detach(), "loss_d_adv": loss_adv.detach()}

    def generator_step(self, batch: Batch, wanted: Tensor) -> dict[str, Tensor]:
        """One step of G: fool D_src, satisfy D_cls and the teacher, and come back by the reverse edit."""
        config = self.config
        edit = self.edit_of(batch.require_labels(), wanted)
        with frozen(self.discriminator):
            edited = self.apply(self.generator, batch.image, edit, batch.mask)
            logits, cls = self.discriminator(self.seen(edited.image, batch.mask), wanted)
            terms = {
                "loss_g_adv": (config.lambda_adv, losses.hinge_generator(logits, self.focus(edit, logits))),
                "loss_g_cls": (config.lambda_cls, self.classification(cls, wanted)),
                "loss_g_rec": (config.lambda_rec, self.reconstruction(batch, wanted, edited)),
            }
            if self.teacher is not None:
                logits = self.teacher(augment_colour(edited.image, 0.05), batch.mask)
                loss_teacher = self.classification(logits, wanted, self.teacher_weight(wanted))
                terms["loss_g_teacher"] = (config.lambda_teacher, loss_teacher)
            terms |= self.own_terms(batch, wanted, edited)
            loss = sum((weight * value for weight, value in terms.values()), torch.zeros((), device=self.device))
            descend(self.optimizer_g, loss)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def reconstruction(self, batch: Batch, wanted: Tensor, edited: Edited) -> Tensor:
        """Return the L1 of the way back to the picture's own labels, and of edits that ask for nothing."""
        image, present = batch.image, batch.require_labels()
        back = self.apply(self.generator, edited.image, self.edit_of(wanted, present), edited.mask).image
        loss = (back - image)[self.returns(present)].abs().sum() / image.numel()
        unasked = (wanted == present).all(1)
        if unasked.any():  # nothing is to change where nothing was asked
            loss = loss + (edited.image - image)[unasked].abs().mean()
        return loss

    # What every method must have.

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, self.parts)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, self.parts)

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run, such as one at 64 px before 128."""
        load_matching(self.generator, state["generator"])
        load_matching(self.discriminator, state["discriminator"])
        self.ema = EMA(self.generator, EMA_DECAY)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """First row the pictures, then one row an attribute turned round, by the averaged G."""
        batch = batch.to(self.device)
        n = min(8, len(batch.image))
        image, labels = batch.image[:n], batch.require_labels()[:n]
        mask = None if batch.mask is None else batch.mask[:n]
        rows = [image]
        for k in range(len(self.config.attributes)):
            edit = self.edit_of(labels, self.switched(labels, k))
            rows.append(self.apply(self.ema.network, image, edit, mask).image)
        return tile(torch.stack(rows)).cpu()

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        height, width = self.shape
        return manifest_fields(
            self.title, self.config.attributes, self.crop, width, self.output, self.conditioning, height
        )


def example_inputs(config: TranslationConfig, height: int = 0) -> dict[str, Tensor]:
    """Return the inputs `image` and `edit` of a graph of one picture; a height of 0: as high as wide."""
    return {
        "image": torch.zeros(1, 3, height or config.size, config.size),
        "edit": torch.zeros(1, len(config.attributes)),
    }


def patch_weights(where: Tensor, logits: Tensor) -> Tensor:
    """Return how much each patch of D_src counts, with a mean of 1: as much of it as the edit may change.

    Most patches of a local edit are the photo's own, and would drown the few that tell it from a real picture.

    Args:
        where: `(N, 1, H, W)`, 0..1, where the edits may act.
        logits: `(N, 1, h, w)` of D_src.
    """
    height, width = logits.shape[2:]
    share = F.adaptive_avg_pool2d(where, (height, width))
    each = share / share.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)
    return each / each.mean().clamp_min(1e-6)


def required_mask(mask: Tensor | None) -> Tensor:
    """Return the mask.

    Raises:
        ConfigError: there is none.
    """
    if mask is None:
        raise ConfigError("this method needs labels and hair masks: use --data celeba:DIR")
    return mask


def largest_weight(wanted: Tensor, weights: tuple[float, ...]) -> Tensor | float:
    """Return how much each picture counts, `(N,)`: the largest weight of what it is asked for, `(N, K)`; none: 1."""
    return (wanted * wanted.new_tensor(weights)).amax(1) if weights else 1.0


def manifest_fields(
    title: str, attributes: tuple[str, ...], crop: str, size: int, output: str, conditioning: str, height: int = 0
) -> dict[str, Any]:
    """Return what the manifest of a `translate` model says; the export adds words, sources and terms."""
    return {
        "kind": "translate",
        "title": title,
        "crop": {"kind": crop, "height": height or size, "width": size},
        "output": output,
        "attributes": attributes,
        "conditioning": conditioning,
        "paper": "StarGAN, Choi et al. 2018, arXiv 1711.09020",
    }
