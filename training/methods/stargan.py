"""StarGAN (Choi et al. 2018, arXiv 1711.09020): one generator for many attributes, trained as its authors do.

Code to paper: `generator` = G, `discriminator` = D with heads D_src (`adversarial`) and D_cls (`classify`), x = real
pictures, `c_org` = c' (their labels), `c_trg` = c (the labels that they are asked for), `lambda_cls`, `lambda_rec`,
`lambda_gp` as there. `paper` is the configuration of the paper and of the authors' repository (yunjey/stargan).

Deviations:
  - The learning rates fall to 0 over the second half of the steps, in stairs of `decay_every`, as the paper says. The
    authors' code lowers them once in 1,000 steps by 1/100,000 of their first value, so that they hardly fall.
  - Instance norm uses each picture's own statistics, also after the training; the authors keep running ones.
  - The splits are CelebA's own; the authors shuffle all pictures and hold back 1,999.
  - `compact-sleeves` is of people's clothes, which nobody has published.
  - `compact` has narrower networks at 64 px, fewer steps, and exports an average of G's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.data.targets import switched
from training.families import windows
from training.families.pictures import tile
from training.families.translation import manifest_fields
from training.losses.adversarial import gradient_penalty
from training.method import Graph
from training.methods.sleeve_classifier import CLOTHES
from training.networks.patch import PatchClassifier
from training.networks.translators import ResnetGenerator
from training.run.optim import EMA, adam, descend, frozen, load_matching, on_device, restore, set_lr, state_of


@dataclass(frozen=True)
class Config:
    """Settings of one training; the defaults are those of the authors."""

    attributes: tuple[str, ...] = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
    """Labels that can be edited, in the order of the label vector."""
    exclusive: tuple[str, ...] = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
    """Labels of which a face has one: on the sample sheet, to set one clears the others."""
    size: int = 128
    """Width of the pictures, px."""
    height: int = 0
    """Height of the pictures, px; 0: as wide as high."""
    crop: str = "face"
    """Window of the aligned frame that is shown, 178 px wide."""
    width: int = 64
    """Channels of G's first layer."""
    n_blocks: int = 6
    """Residual blocks of G."""
    d_width: int = 64
    """Channels of D's first layer."""
    d_layers: int = 6
    """Strided layers of D."""
    lambda_cls: float = 1.0
    """Weight of the classification losses."""
    lambda_rec: float = 10.0
    """Weight of the cycle reconstruction."""
    lambda_gp: float = 10.0
    """Weight of the gradient penalty."""
    n_critic: int = 5
    """Steps of D for each of G."""
    batch_size: int = 16
    """Pictures a step."""
    steps: int = 200_000
    """Steps of D."""
    lr_g: float = 1e-4
    """Adam's learning rate for G."""
    lr_d: float = 1e-4
    """Adam's learning rate for D."""
    beta1: float = 0.5
    """Adam's first moment; the second is 0.999."""
    decay_from: float = 0.5
    """Share of the steps after which both rates fall linearly to 0."""
    decay_every: int = 1000
    """Steps from one change of the rates to the next."""
    ema_decay: float = 0.0
    """Decay of the averaged G that is exported; 0: the last weights."""
    parts: tuple[str, ...] = ("full",)
    """Folders of the data set to use."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if not self.height:
            windows.check_window(self.crop)
        if not self.attributes:
            raise ConfigError("name the attributes to edit, such as attributes=Smiling")
        if self.size % (1 << self.d_layers) or self.rows % (1 << self.d_layers):
            raise ConfigError(
                f"size={self.size} and height={self.height} must be a multiple of 2**d_layers = {1 << self.d_layers}"
            )
        if self.n_critic < 1 or self.decay_every < 1:
            raise ConfigError(f"n_critic={self.n_critic} and decay_every={self.decay_every} must be 1 or more")

    @property
    def rows(self) -> int:
        """Height of the pictures, px."""
        return self.height or self.size


SEVEN = ("Black_Hair", "Blond_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling")
PRESETS: dict[str, dict[str, object]] = {
    "paper": {},
    "paper-seven": {"attributes": SEVEN},
    "compact": {
        "size": 64, "width": 24, "n_blocks": 3, "d_width": 32, "d_layers": 5, "steps": 30_000, "ema_decay": 0.999,
        "parts": ("full", "half", "64"),
    },
    "compact-sleeves": {
        "size": 64, "height": 96, "width": 24, "n_blocks": 3, "d_width": 32, "d_layers": 5, "steps": 30_000,
        "ema_decay": 0.999, "crop": "torso", "attributes": CLOTHES, "exclusive": CLOTHES[1:],
    },
}  # fmt: skip
_PARTS = ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema")


class Method:
    """G and D, an Adam each, and the averaged G."""

    id = "stargan"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        k = len(c.attributes)
        self.generator = on_device(ResnetGenerator(k, c.width, c.n_blocks), self.device)
        self.discriminator = on_device(PatchClassifier((c.rows, c.size), 3, k, c.d_width, c.d_layers), self.device)
        betas = (c.beta1, 0.999)
        self.optimizer_g = adam(self.generator.parameters(), c.lr_g, betas)
        self.optimizer_d = adam(self.discriminator.parameters(), c.lr_d, betas)
        self.ema = EMA(self.generator, c.ema_decay)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`: every picture as often as the others, mirrored half the time."""
        return windows.data_options(config)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "width": 4, "n_blocks": 1, "d_width": 4, "d_layers": 3, "batch_size": 4, "steps": 40,
                "attributes": ("Blond_Hair", "Smiling"), "decay_every": 1}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """`n_critic` steps of D, each on its own batch, then one of G on the last of them."""
        terms: dict[str, Tensor] = {}
        for i in range(self.config.n_critic):
            self.set_learning_rates()
            batch = next(stream).to(self.device)
            x, c_org = batch.image, batch.require_labels()
            c_trg = draw_targets(c_org)
            # G does not move before its own step, so the last pictures translated serve it too.
            with torch.set_grad_enabled(i == self.config.n_critic - 1):
                fake = self.generator(x, c_trg)
            terms = self.discriminator_step(x, c_org, fake.detach())
            self.steps += 1
        terms |= self.generator_step(x, c_org, c_trg, fake)
        self.ema.update(self.generator)
        return terms

    def discriminator_step(self, x: Tensor, c_org: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of D (equations 2, 5 and 8).

        Args:
            x: `(N, 3, H, W)`, [-1, 1].
            c_org: `(N, K)`, 0 or 1, the labels of x.
            fake: as x, what G made of it, without a gradient.
        """
        out_src, out_cls = self.discriminator(torch.cat([x, fake]))
        # Real pictures: D_src raises its answer, D_cls learns their labels. Translated pictures: D_src lowers it.
        loss_real, loss_fake = -out_src[: len(x)].mean(), out_src[len(x) :].mean()
        loss_cls = classification_loss(out_cls[: len(x)], c_org)
        # Gradient penalty on points between them, of the sum of D_src's patches.
        loss_gp = gradient_penalty(lambda x_hat: self.discriminator(x_hat)[0], x, fake)
        loss = loss_real + loss_fake + self.config.lambda_cls * loss_cls + self.config.lambda_gp * loss_gp
        descend(self.optimizer_d, loss)
        return {
            "loss_d_adv": (loss_real + loss_fake).detach(),
            "loss_d_cls": loss_cls.detach(),
            "loss_d_gp": loss_gp.detach(),
        }

    def generator_step(self, x: Tensor, c_org: Tensor, c_trg: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """One step of G (equations 3, 4 and 6).

        Args:
            x: as `discriminator_step`.
            c_org: as there.
            c_trg: `(N, K)`, what G was asked for.
            fake: what it made of that, with G's graph behind it.
        """
        with frozen(self.discriminator):
            # From the original to the target labels: D_src takes the result for real, D_cls for c_trg.
            out_src, out_cls = self.discriminator(fake)
            loss_adv = -out_src.mean()
            loss_cls = classification_loss(out_cls, c_trg)
            # From the target labels back to the original ones.
            loss_rec = (x - self.generator(fake, c_org)).abs().mean()
            descend(self.optimizer_g, loss_adv + self.config.lambda_rec * loss_rec + self.config.lambda_cls * loss_cls)
        return {"loss_g_adv": loss_adv.detach(), "loss_g_cls": loss_cls.detach(), "loss_g_rec": loss_rec.detach()}

    def set_learning_rates(self) -> None:
        """Let both rates fall linearly to 0 from `decay_from` on, in stairs of `decay_every` steps."""
        c = self.config
        done = self.steps - self.steps % c.decay_every
        start = c.decay_from * c.steps
        factor = min(1.0, max(0.0, (c.steps - done) / max(c.steps - start, 1.0)))
        set_lr(self.optimizer_g, c.lr_g * factor)
        set_lr(self.optimizer_d, c.lr_d * factor)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, _PARTS)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, _PARTS)

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run, such as one at 64 px before 128."""
        load_matching(self.generator, state["generator"])
        load_matching(self.discriminator, state["discriminator"])
        self.ema = EMA(self.generator, self.config.ema_decay)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """First row the pictures, then one row a label: turned round, or, of exclusive ones, set."""
        n = min(8, len(batch.image))
        image, labels = batch.image[:n].to(self.device), batch.require_labels()[:n].to(self.device)
        exclusive = [i for i, a in enumerate(self.config.attributes) if a in self.config.exclusive]
        rows = [self.ema.network(image, switched(labels, k, exclusive)) for k in range(len(self.config.attributes))]
        return tile(torch.stack([image, *rows])).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The role `translate`: an image; of bodies also `classify`, by D_cls: no other network knows their labels."""
        c = self.config
        image = {"image": torch.zeros(1, 3, c.rows, c.size)}
        inputs = {**image, "edit": torch.zeros(1, len(c.attributes))}
        graphs = {"translate": Graph(self.ema.network.eval().cpu(), inputs, ["image_out"])}
        if c.height:
            graphs["classify"] = Graph(_Classify(self.discriminator).eval().cpu(), image, ["probability"])
        return graphs

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        c = self.config
        title = "Attributes: " + ", ".join(c.attributes)
        return manifest_fields(title, c.attributes, c.crop, c.size, "image", "target", c.rows)


class _Classify(nn.Module):
    """D as a classifier: picture -> probability of each label, `(N, K)`."""

    def __init__(self, discriminator: PatchClassifier) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, image: Tensor) -> Tensor:
        _, logits = self.discriminator(image)
        return logits.sigmoid()


def draw_targets(c_org: Tensor) -> Tensor:
    """Return the labels `(N, K)` of the batch's pictures in another order."""
    return c_org[torch.randperm(len(c_org), device=c_org.device)]


def classification_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the binary cross-entropy of `(N, K)`, summed over labels, the mean over pictures (equations 2 and 3)."""
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum") / len(logits)
