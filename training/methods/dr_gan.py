"""DR-GAN (Tran, Yin and Liu 2017, CVPR; arXiv 1705.11136): who a face is, and the same face from another side.

Code to paper: `generator` = G with `encoder` = G_enc and `decoder` = G_dec, `discriminator` = D with the heads D^d
(`identity`, N_d people and one class for drawn pictures) and D^p (`pose`), `code` = f(x), `wanted` = the pose code c,
`noise` = z, `confidence` = w. With `group` = 1 it is the single-image form, above that the multi-image one: pictures
of one person are drawn together, each makes a picture by itself, and their codes, weighted by w, make one more.

Deviations:
  - Layers that double the size are transposed convolutions of 4x4, which leave no chequered pattern, not of 3x3.
  - The multi-image form does not start from the weights of the single-image one (`--init` does that).
  - Weights are averaged for the export, where z is 0, the mean of the noise.
  - `paper` trains on CFP, which is at hand, not on Multi-PIE or CASIA-WebFace; N_d and the poses are its.
  - `compact` and `small` (for FEI) have narrower networks, smaller pictures, a discriminator that sees augmented
    pictures, and a term of pixels (`lambda_pixel`). With a few hundred people D soon knows all pictures by heart, and
    what it then asks of G says little of who somebody is: the pixels of the same person in the wanted pose do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.errors import ConfigError, DataError
from imgedit.models.schema import CROPS
from training.data.augment import diff_augment
from training.data.batch import Batch
from training.families.pictures import tile
from training.method import Graph
from training.networks.rotation import HALVINGS, Discriminator, Generator, fuse
from training.run.optim import EMA, descend, frozen, load_matching, on_device, restore, set_lr, state_of


@dataclass(frozen=True)
class Config:
    """Settings of one training; the defaults are the paper's."""

    poses: tuple[str, ...] = ("left", "front", "right")
    """Names of the poses of the data set, in the order of the pose code."""
    n_people: int = 400
    """People of the data set (N_d), or more."""
    size: int = 96
    """Side of the pictures, px."""
    crop: str = "inner"
    """Window of the face that the pictures show, for the manifest."""
    width: int = 32
    """Channels of the first layer of G and D; the code has ten times as many numbers."""
    thin: bool = False
    """G and D have one layer at the size of the picture, not two, which takes a third of the time."""
    n_noise: int = 50
    """Numbers of the noise (N_z), uniform in [-1, 1]."""
    group: int = 1
    """Pictures of a person that are drawn together (n); 1: the single-image form."""
    batch_size: int = 64
    """Groups a step."""
    steps: int = 100_000
    """Steps of G."""
    d_every: int = 4
    """Steps of G to one of D. D is taught by labels too, and would leave G behind."""
    d_alone: int = 0
    """Steps at the start in which D alone learns, people and poses of real pictures, at a fraction of the time (ours):
    what a D says that knows nobody yet teaches G nothing of who somebody is."""
    drawn_as: Literal["class", "head"] = "class"
    """How D says that a picture is drawn: as one more person, as in the paper, or by an output of its own, as in the
    authors' later form (Tran, Yin and Liu 2018, arXiv 1705.11136, section 3.1), whose D does not have to doubt who
    somebody is as it learns to tell drawn faces."""
    encoder_from_d: bool = False
    """A training that starts from another run takes the layers of G's encoder from that run's D, which has the same
    ones and knows the people already (ours)."""
    lr: float = 2e-4
    """Learning rate of both Adams."""
    d_rate: float = 1.0
    """Learning rate of D in units of that; a D that was taught alone forgets the people at the full one (ours)."""
    beta1: float = 0.5
    """Adam's first moment; the second is 0.999."""
    decay_from: float = 1.0
    """Share of the steps after which the rate falls linearly to 0; 1: never."""
    mirror: bool = True
    """Half of the pictures are mirrored, where the set shows both sides."""
    jitter: int = 2
    """Pixels by which pictures are moved at most (the paper cuts 96 out of 100)."""
    d_keeps_norms: bool = False
    """D's batch norm keeps the statistics that it started with (ours): those of a few people's pictures, or of drawn
    ones, are others, and a D that was taught alone knows fewer people by them."""
    lambda_identity: float = 1.0
    """Weight of D^d in the loss of G; raise it where faces are sharp and of nobody in particular."""
    lambda_pose: float = 1.0
    """Weight of D^p in the loss of G; its task is easy, so that less will do."""
    lambda_pixel: float = 0.0
    """Weight of the L1 to the group's picture in the wanted pose, where it has one (ours)."""
    augment: bool = False
    """D sees shifted, cut and brightened pictures, so that it knows few pictures by heart (ours)."""
    ema_decay: float = 0.999
    """Decay of the averaged G that is exported."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size < 1 or self.size % (1 << HALVINGS):
            raise ConfigError(f"size={self.size} must be a multiple of {1 << HALVINGS}")
        if len(self.poses) < 2 or len(set(self.poses)) < len(self.poses):
            raise ConfigError(f"poses must be two names or more, each once, got {', '.join(self.poses)}")
        for name in ("n_people", "width", "group", "d_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.n_noise < 0 or self.jitter < 0:
            raise ConfigError(f"n_noise={self.n_noise} and jitter={self.jitter} must be 0 or more")
        if self.d_alone < 0 or not 0 <= self.d_rate < math.inf:
            raise ConfigError(f"d_alone={self.d_alone} and d_rate={self.d_rate} must be numbers from 0")
        if self.crop not in CROPS:
            raise ConfigError(f"crop={self.crop!r}; choose one of {', '.join(CROPS)}")


_COMPACT: dict[str, object] = {
    "group": 4, "batch_size": 8, "d_every": 1, "jitter": 1, "lambda_pose": 0.3, "lambda_pixel": 4.0, "augment": True,
    "lr": 4e-4, "decay_from": 0.6, "thin": True,
}  # fmt: skip
PRESETS: dict[str, dict[str, object]] = {
    "paper": {},
    "paper-multi": {"group": 6, "batch_size": 10},
    "compact": {**_COMPACT, "size": 64, "width": 16, "steps": 4500},
    "small": {
        **_COMPACT,
        "size": 32,
        "width": 16,
        "n_people": 160,
        "crop": "none",
        "steps": 5000,
        "poses": ("-90", "-70", "-50", "-30", "-10", "10", "30", "50", "70", "90"),
    },
}
_PARTS = ("generator", "discriminator", "optimizer_g", "optimizer_d", "ema")


class Method:
    """G and D, an Adam each, and the averaged G."""

    id = "dr_gan"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.generator = on_device(Generator(c.width, c.size, len(c.poses), c.n_noise, c.thin), self.device)
        self.discriminator = on_device(Discriminator(c.width, c.n_people, len(c.poses), c.thin), self.device)
        betas = (c.beta1, 0.999)
        self.optimizer_g = torch.optim.Adam(self.generator.parameters(), lr=c.lr, betas=betas, fused=True)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=c.lr, betas=betas, fused=True)
        self.ema = EMA(self.generator, c.ema_decay)
        self.steps = 0

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`: people, poses, and groups of pictures of one person."""
        return {"size": config.size, "specified": "identity", "poses": config.poses, "group": config.group,
                "mirror": config.mirror, "jitter": config.jitter}  # fmt: skip

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "width": 2, "n_noise": 3, "n_people": 5, "batch_size": 4, "steps": 40}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """Draw faces in other poses, step D where it is its turn, then G, both on these pictures."""
        self.set_learning_rates()
        batch = next(stream).to(self.device)
        self._check(batch)
        self.generator.train()
        self.discriminator.train(not self.config.d_keeps_norms)
        if self.steps < self.config.d_alone:
            logs = self.discriminator_step(batch)
            self.steps += 1
            return logs
        fake, wanted, person = self.rotate(batch)
        logs = {}
        if self.steps % self.config.d_every == 0:
            logs |= self.discriminator_step(batch, fake.detach())
        logs |= self.generator_step(batch, fake, wanted, person)
        self.ema.update(self.generator)
        self.steps += 1
        return logs

    def rotate(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Draw each face in a pose drawn at random, and behind them one face a group from the fused codes.

        Returns:
            The pictures, `(M, 3, H, W)`; the wanted poses `(M,)`; the people `(M,)`.
        """
        group, person = self.config.group, batch.require_specified()
        code, confidence = self.generator.encode(batch.image)
        if group > 1:
            code = torch.cat([code, fuse(code, confidence, group)])
            person = torch.cat([person, person[::group]])
        wanted = torch.randint(len(self.config.poses), (len(code),), device=self.device)
        return self.generator(code, self._one_hot(wanted), self.noise(len(code))), wanted, person

    def discriminator_step(self, batch: Batch, fake: Tensor | None = None) -> dict[str, Tensor]:
        """One step of D: the person and the pose of real pictures, and the last class for drawn ones (equation 6).

        Args:
            batch: real pictures, with their people and poses.
            fake: `(M, 3, H, W)`, without a gradient; None: D learns of real ones alone.
        """
        n, person = self.config.n_people, batch.require_specified()
        identity, pose = self.discriminator(self._seen(batch.image))
        has_head = self.config.drawn_as == "head"
        # Of a last class without any example D would only learn that there is none.
        loss_identity = F.cross_entropy(identity[:, :n] if has_head or fake is None else identity, person)
        loss_pose = F.cross_entropy(pose, batch.require_pose())
        right = (identity[:, :n].argmax(1) == person).float().mean()
        logs = {"loss_d_identity": loss_identity.detach(), "loss_d_pose": loss_pose.detach(), "d_right": right}
        if fake is None:
            descend(self.optimizer_d, loss_identity + loss_pose)
            return logs
        drawn, _ = self.discriminator(self._seen(fake))
        if has_head:
            loss_drawn = (_says(drawn[:, n], drawn=True) + _says(identity[:, n], drawn=False)) / 2.0
        else:
            loss_drawn = F.cross_entropy(drawn, torch.full_like(drawn[:, 0], n, dtype=torch.int64))
        descend(self.optimizer_d, loss_identity + loss_pose + loss_drawn)
        return logs | {"loss_d_drawn": loss_drawn.detach()}

    def generator_step(self, batch: Batch, fake: Tensor, wanted: Tensor, person: Tensor) -> dict[str, Tensor]:
        """One step of G: D is to see the person, not a drawn picture, in the wanted pose (equation 7).

        Args:
            batch: what the faces were drawn from.
            fake: what `rotate` drew, with its graph.
            wanted: the poses that were asked for.
            person: who the pictures are to show.
        """
        c = self.config
        with frozen(self.discriminator):
            identity, pose = self.discriminator(self._seen(fake))
            n, has_head = c.n_people, c.drawn_as == "head"
            loss_identity = F.cross_entropy(identity[:, :n] if has_head else identity, person)
            loss_pose = F.cross_entropy(pose, wanted)
            loss = c.lambda_identity * loss_identity + c.lambda_pose * loss_pose
            logs = {"loss_g_identity": loss_identity.detach(), "loss_g_pose": loss_pose.detach()}
            if has_head:
                loss_real = _says(identity[:, n], drawn=False)
                loss = loss + loss_real
                logs["loss_g_real"] = loss_real.detach()
            if c.lambda_pixel > 0:
                loss_pixel = self.pixels(batch, fake, wanted)
                loss = loss + c.lambda_pixel * loss_pixel
                logs["loss_g_pixel"] = loss_pixel.detach()
            descend(self.optimizer_g, loss)
        return logs

    def pixels(self, batch: Batch, fake: Tensor, wanted: Tensor) -> Tensor:
        """Return the L1 between drawn pictures and a picture of their group in the wanted pose, the own one first.

        Those whose group has none in that pose count nothing.
        """
        n, group = len(batch.image), self.config.group
        first = torch.arange(n, device=self.device) // group * group
        mates = first[:, None] + torch.arange(group, device=self.device)  # (n, group) of the own group
        rank = torch.zeros(n, group, device=self.device)
        rank[torch.arange(n), torch.arange(n) % group] = 1.0  # the picture itself comes first
        if len(fake) > n:
            mates, rank = torch.cat([mates, mates[::group]]), torch.cat([rank, torch.zeros_like(rank[::group])])
        fits = batch.require_pose()[mates] == wanted[:, None]
        target = mates.gather(1, (rank + 2.0 * fits).argmax(1, keepdim=True)).squeeze(1)
        known = fits.any(1)
        each = (fake - batch.image[target]).abs().mean((1, 2, 3))
        return (each * known).sum() / known.sum().clamp(min=1)

    def noise(self, n: int) -> Tensor:
        """Draw `(n, n_noise)` uniform numbers in [-1, 1]."""
        return 2.0 * torch.rand(n, self.config.n_noise, device=self.device) - 1.0

    def set_learning_rates(self) -> None:
        """Let both rates fall linearly to 0 from `decay_from` on."""
        c = self.config
        start = c.decay_from * c.steps
        factor = 1.0 if self.steps < start else max(0.0, (c.steps - self.steps) / max(c.steps - start, 1.0))
        set_lr(self.optimizer_g, c.lr * factor)
        set_lr(self.optimizer_d, c.lr * c.d_rate * factor)

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, _PARTS)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, _PARTS)

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the weights of another run, as the multi-image form from the single-image one."""
        load_matching(self.generator, state["generator"])
        load_matching(self.discriminator, state["discriminator"])
        if self.config.encoder_from_d:
            self.generator.encoder.take(self.discriminator.features)
        self.ema = EMA(self.generator, self.config.ema_decay)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """First row the pictures, then one row a pose, by the averaged G without noise."""
        image = batch.image[:8].to(self.device)
        rotate = Rotate(self.ema.network.eval(), self.config.n_noise)
        wanted = torch.eye(len(self.config.poses), device=self.device)
        return tile(torch.stack([image, *(rotate(image, p.expand(len(image), -1)) for p in wanted)])).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The role `rotate`: image, pose -> image."""
        c = self.config
        inputs = {"image": torch.zeros(1, 3, c.size, c.size), "pose": torch.eye(len(c.poses))[:1]}
        return {"rotate": Graph(Rotate(self.ema.network, c.n_noise).eval().cpu(), inputs, ["image_out"])}

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes; its attributes are the poses."""
        c = self.config
        return {
            "kind": "rotate",
            "output": "image",
            "title": "Faces in another pose",
            "crop": {"kind": c.crop, "height": c.size, "width": c.size},
            "attributes": c.poses,
            "conditioning": "target",
            "paper": "DR-GAN, Tran et al. 2017, arXiv 1705.11136",
        }

    def _one_hot(self, pose: Tensor) -> Tensor:
        return F.one_hot(pose, len(self.config.poses)).float()

    def _seen(self, image: Tensor) -> Tensor:
        """Return what D looks at."""
        return diff_augment(image, shift=0.06, cutout=0.25) if self.config.augment else image

    def _check(self, batch: Batch) -> None:
        """Complain of people and poses that the networks have no place for, and of pictures that are in no groups."""
        c = self.config
        people, poses = int(batch.require_specified().max()) + 1, int(batch.require_pose().max()) + 1
        if people > c.n_people or poses > len(c.poses):
            raise DataError(f"the data set has {people} people and {poses} poses or more; use --set n_people={people}")
        if len(batch.image) % c.group:
            raise DataError(f"{len(batch.image)} pictures are no groups of {c.group}")


def _says(logit: Tensor, *, drawn: bool) -> Tensor:
    """Return the cross-entropy of D's output for pictures that it is to call drawn, or real; nats."""
    return F.softplus(-logit if drawn else logit).mean()


class Rotate(nn.Module):
    """G as it is exported: one picture and a pose, no noise.

    Args:
        generator: G.
        n_noise: its numbers of noise.
    """

    def __init__(self, generator: Generator, n_noise: int) -> None:
        super().__init__()
        self.generator = generator
        self.n_noise = n_noise

    def forward(self, image: Tensor, pose: Tensor) -> Tensor:
        """Draw `(N, 3, H, W)` in a pose `(N, K)`, one-hot."""
        code, _ = self.generator.encode(image)
        noise = code[:, :1].expand(-1, self.n_noise) * 0.0
        drawn: Tensor = self.generator(code, pose, noise)
        return drawn
