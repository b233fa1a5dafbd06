"""CycleGAN (Zhu et al. 2017, arXiv 1703.10593): one generator from a first domain to a second, one back, no pairs.

Code to paper: `forward` = G: X -> Y, `backward` = F: Y -> X, `critic_y` = D_Y, `critic_x` = D_X, `lambda_cycle` =
lambda, `pool` = the 50 pictures made before, of which the discriminators are shown some (section 4).

`hair` and `sleeves` have the published size of network and picture; the data sets that are packed here are smaller.
Deviations:
  - Learning rates begin to fall after a share of the steps, in place of epochs.
  - Instance norm has a learnt scale and shift; the paper's transposed convolutions have kernels of 3, ours of 4.
  - `compact` has narrower networks and smaller pictures, for two processor cores.
  - `head` (ours) lets the generators return a change that is carried out on the photo's own pixels, not an image.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.families import windows
from training.families.heads import HEADS, guide_graph
from training.families.pictures import tile
from training.families.translation import manifest_fields
from training.losses import adversarial as losses
from training.method import Graph
from training.networks.bilateral import BilateralGenerator
from training.networks.patch import PatchDiscriminator
from training.run.optim import EMA, descend, frozen, load_matching, on_device, restore, set_lr, state_of


@dataclass(frozen=True)
class Config:
    """Settings of one training; the defaults are those of the authors."""

    attributes: tuple[str, ...] = ("Black_Hair", "Blond_Hair")
    """One or two labels that part the domains (`training.data.unpaired`)."""
    size: int = 256
    """Width of the pictures, px; a multiple of 8."""
    height: int = 0
    """Height of the pictures, px; a multiple of 8; 0: as wide as high."""
    crop: str = "face"
    """Window of the aligned frame that is shown."""
    width: int = 64
    """Channels of the generators' first layer."""
    n_blocks: int = 9
    """Residual blocks of a generator: nine at 256 px, six below."""
    head: Literal["image", "grid", "paint"] = "image"
    """What generators return: an image, as published; a grid of colour transforms, carried out on the hair; or a flow
    with paint."""
    mask_model: str = "face_parser.celebamask_hq"
    """With `head=grid` the model that draws the hair masks, by id or folder."""
    d_width: int = 64
    """Channels of the discriminators' first layer."""
    objective: Literal["least-squares", "logistic"] = "least-squares"
    """Adversarial loss: that of section 4, or that of equation 1."""
    lambda_cycle: float = 10.0
    """Weight of the cycle's L1, in both directions."""
    lambda_identity: float = 0.0
    """Weight of the identity loss beside the cycle's (section 5.2: 0.5 for paintings); 0: none."""
    pool: int = 50
    """Pictures made before that are kept for each discriminator; 0: none."""
    batch_size: int = 1
    """Pictures of each domain a step."""
    steps: int = 200_000
    """Steps, each of both generators and both discriminators."""
    lr: float = 2e-4
    """Adam's learning rate."""
    beta1: float = 0.5
    """Adam's first moment; the second is 0.999."""
    decay_from: float = 0.5
    """Share of the steps after which the rates fall linearly to 0."""
    ema_decay: float = 0.0
    """Decay of the averaged generators that are exported; 0: the last weights."""
    parts: tuple[str, ...] = ("full",)
    """Folders of the data set to use."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 8 or self.height % 8 or min(self.size, self.rows) < 32:
            raise ConfigError(f"size={self.size} and height={self.height} must be multiples of 8 from 32 on")
        if not self.height:
            windows.check_window(self.crop)
        if len(self.attributes) not in (1, 2):
            raise ConfigError("name one or two attributes that part the domains, such as attributes=Smiling")
        if self.pool < 0:
            raise ConfigError(f"pool must be 0 or more, got {self.pool}")
        if self.head == "grid" and (self.height or self.crop != "face"):
            raise ConfigError(
                "head=grid recolours hair, which is looked for on square crops of faces: crop=face, height=0"
            )

    @property
    def rows(self) -> int:
        """Height of the pictures, px."""
        return self.height or self.size


PRESETS: dict[str, dict[str, object]] = {
    "hair": {"batch_size": 8},
    "sleeves": {"size": 128, "height": 256, "batch_size": 32, "n_blocks": 6, "attributes": ("short",), "crop": "torso"},
    "compact": {
        "size": 64, "width": 24, "n_blocks": 4, "d_width": 32, "batch_size": 4, "steps": 4000, "ema_decay": 0.998,
        "parts": ("full", "half", "64"),
    },
    "compact-sleeves": {
        "size": 64, "height": 96, "width": 24, "n_blocks": 4, "d_width": 32, "batch_size": 4, "steps": 4000,
        "ema_decay": 0.998, "attributes": ("short",), "crop": "torso",
    },
}  # fmt: skip
_PARTS = (
    "forward", "backward", "critic_x", "critic_y", "optimizer_g", "optimizer_d", "ema_forward", "ema_backward",
    "pool_x", "pool_y",
)  # fmt: skip


class Method:
    """Two generators, two discriminators, an Adam for either two, averages of the generators, and the pools."""

    id = "cyclegan"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.head = HEADS[c.head]
        self.forward, self.backward = (on_device(self.head.build(c.width, c.n_blocks), self.device) for _ in range(2))
        self.critic_x, self.critic_y = (on_device(PatchDiscriminator(3, c.d_width), self.device) for _ in range(2))
        betas = (c.beta1, 0.999)
        self.optimizer_g = torch.optim.Adam(_parameters(self.forward, self.backward), lr=c.lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(_parameters(self.critic_x, self.critic_y), lr=c.lr, betas=betas)
        self.ema_forward, self.ema_backward = EMA(self.forward, c.ema_decay), EMA(self.backward, c.ema_decay)
        self.pool_x, self.pool_y = (Pool(c.pool, (3, c.rows, c.size)).to(self.device) for _ in range(2))
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`, mirrored half the time."""
        masks = {"mask_model": config.mask_model} if HEADS[config.head].is_masked else {}
        return {**windows.data_options(config), "domains": config.attributes, **masks}

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 32, "width": 4, "n_blocks": 1, "d_width": 4, "batch_size": 4, "steps": 40, "pool": 6,
                "lambda_identity": 0.5}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of both generators, then one of both discriminators."""
        c = self.config
        start = c.decay_from * c.steps
        rate = c.lr * min(1.0, max(0.0, (c.steps - self.steps) / max(c.steps - start, 1.0)))
        set_lr(self.optimizer_g, rate)
        set_lr(self.optimizer_d, rate)
        batch = next(stream).to(self.device)
        x, y = batch.image, batch.require_partner()
        masks = self._masks(batch)
        to_y, to_x = self._to(self.forward, x, masks[0]), self._to(self.backward, y, masks[1])
        logs = self._generator_step(x, y, to_y, to_x, masks)
        logs |= self._discriminator_step(x, y, self.pool_y.exchange(to_y.detach()), self.pool_x.exchange(to_x.detach()))
        self.ema_forward.update(self.forward)
        self.ema_backward.update(self.backward)
        self.steps += 1
        return logs

    def _to(self, network: nn.Module, image: Tensor, mask: Tensor | None) -> Tensor:
        """Translate pictures: `(N, 3, H, W)`, [-1, 1]."""
        return self.head.carry(network, network(image), image, mask)

    def _masks(self, batch: Batch) -> tuple[Tensor | None, Tensor | None]:
        """Return where pictures of either domain may be changed, `(N, 1, H, W)`; None: everywhere."""
        if not self.head.is_masked:
            return None, None
        first, second = batch.require_mask().to(self.device).chunk(2, 1)
        return first, second

    def _generator_step(
        self,
        x: Tensor,
        y: Tensor,
        to_y: Tensor,
        to_x: Tensor,
        masks: tuple[Tensor | None, Tensor | None] = (None, None),
    ) -> dict[str, Tensor]:
        """One step of G and F on the whole objective (equation 3)."""
        c = self.config
        with frozen(self.critic_x), frozen(self.critic_y):
            loss_adv = self._fooling(self.critic_y(to_y)) + self._fooling(self.critic_x(to_x))
            back_x, back_y = self._to(self.backward, to_y, masks[0]), self._to(self.forward, to_x, masks[1])
            loss_cycle = (back_x - x).abs().mean() + (back_y - y).abs().mean()
            terms = {"loss_g_adv": (1.0, loss_adv), "loss_g_cycle": (c.lambda_cycle, loss_cycle)}
            if c.lambda_identity > 0:
                same_y, same_x = self._to(self.forward, y, masks[1]), self._to(self.backward, x, masks[0])
                same = (same_y - y).abs().mean() + (same_x - x).abs().mean()
                terms["loss_g_identity"] = (c.lambda_cycle * c.lambda_identity, same)
            loss = sum((weight * value for weight, value in terms.values()), torch.zeros((), device=self.device))
            descend(self.optimizer_g, loss)
        return {name: value.detach() for name, (_, value) in terms.items()}

    def _discriminator_step(self, x: Tensor, y: Tensor, made_y: Tensor, made_x: Tensor) -> dict[str, Tensor]:
        """One step of D_X and D_Y (equation 1), halved against their haste, as section 7.1 says."""
        loss_x = self._telling(self.critic_x(x), self.critic_x(made_x))
        loss_y = self._telling(self.critic_y(y), self.critic_y(made_y))
        descend(self.optimizer_d, 0.5 * (loss_x + loss_y))
        return {"loss_d_x": loss_x.detach(), "loss_d_y": loss_y.detach()}

    def _fooling(self, logits: Tensor) -> Tensor:
        if self.config.objective == "logistic":
            return losses.non_saturating_generator(logits)
        return (logits - 1.0).square().mean()

    def _telling(self, real: Tensor, made: Tensor) -> Tensor:
        if self.config.objective == "logistic":
            return losses.logistic_discriminator(real, made)
        return (real - 1.0).square().mean() + made.square().mean()

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run."""
        for name in ("forward", "backward", "critic_x", "critic_y"):
            load_matching(getattr(self, name), state[name])
        c = self.config
        self.ema_forward, self.ema_backward = EMA(self.forward, c.ema_decay), EMA(self.backward, c.ema_decay)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, _PARTS)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, _PARTS)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: x, G(x), F(G(x)), y, F(y), G(F(y)), by the averaged generators."""
        there, back = self.ema_forward.network, self.ema_backward.network
        rows = []
        masks = self._masks(batch)
        for image, mask, first, second in (
            (batch.image[:8], masks[0], there, back),
            (batch.require_partner()[:8], masks[1], back, there),
        ):
            image, mask = image.to(self.device), None if mask is None else mask[:8]
            made = self._to(first, image, mask)
            rows += [image, made, self._to(second, made, mask)]
        return tile(torch.stack(rows)).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The roles `forward` and `backward`: from an image to what the head says; of a grid `guide` too."""
        inputs = {"image": torch.zeros(1, 3, self.config.rows, self.config.size)}
        averages = {"forward": self.ema_forward, "backward": self.ema_backward}
        networks = {role: average.network.eval().cpu() for role, average in averages.items()}
        found = {role: Graph(network, inputs, [self.head.name]) for role, network in networks.items()}
        if isinstance(network := networks["forward"], BilateralGenerator):
            found["guide"] = guide_graph(network, inputs["image"])
        return found

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        c = self.config
        title = "From one domain to another and back: " + ", ".join(c.attributes)
        fields = manifest_fields(title, c.attributes, c.crop, c.size, self.head.output, "domains", c.rows)
        return {**fields, "paper": "CycleGAN, Zhu et al. 2017, arXiv 1703.10593"}


class Pool(nn.Module):
    """Pictures made before: each new one is handed on, or kept in place of an old one, which is handed on.

    Args:
        size: pictures that are kept; 0: new ones are handed on.
        shape: of a picture.

    Reference: Shrivastava et al. 2017, arXiv 1612.07828, section 2.3.
    """

    pictures: Tensor
    filled: Tensor

    def __init__(self, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.register_buffer("pictures", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def exchange(self, made: Tensor) -> Tensor:
        """Return as many pictures as `made`, `(N, 3, H, W)`: half of them new, half of them from the pool."""
        size = len(self.pictures)
        if size == 0:
            return made
        result = []
        for picture in made.float():
            place = int(self.filled)
            if place < size:  # at first all are kept
                self.pictures[place] = picture
                self.filled += 1
                result.append(picture)
            elif float(torch.rand(())) < 0.5:
                place = int(torch.randint(size, ()))
                result.append(self.pictures[place].clone())
                self.pictures[place] = picture
            else:
                result.append(picture)
        return torch.stack(result)


def _parameters(*networks: nn.Module) -> list[nn.Parameter]:
    return list(itertools.chain.from_iterable(network.parameters() for network in networks))
