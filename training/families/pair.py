"""What the two adversarial autoencoders share (Mathieu et al. 2016, Szabo et al. 2017): settings, networks, one step.

A method adds its encoder, its discriminator and `update`, which steps both sides on one batch; and, for the procedure
of the released code, `autoencode`, `fool` and `tell`, which step one side each on pictures of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.families import latent, pictures
from training.method import Graph
from training.networks.autoencoder import Decoder
from training.networks.jha import SIDE, JhaDecoder
from training.networks.pair import Adversarial, discriminator_step, generator_loss
from training.run.optim import EMA, on_device, one_cycle, set_lr


@dataclass(frozen=True)
class PairedAdversarialConfig(latent.SplitConfig):
    """Settings of one training, beside those of `SplitConfig`.

    "Jha's code" is the re-implementation of Jha et al. 2018, behind the published MNIST figures. It takes errors as
    means over pixels, so that its adversarial weight of 1 is 784 beside our sums, in an optimizer of its own; its
    learning rates are constant (1e-4). `procedure = alternating` with `network = released` is that code.
    """

    network: str = "ours"
    """Whose networks, one of the method's own choices."""
    procedure: str = "joint"
    """What a step is made of, one of the method's own choices."""
    generator_steps: int = 2
    """Steps of the adversarial loss a step (`procedure = alternating`)."""
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    """Learning rates."""

    d_width: int = 16
    """Channels of the discriminator's first layer (32 in Jha's code: four times the work)."""
    lambda_adv: float = 10.0
    """Weight of fooling the discriminator (ours)."""
    adversarial: Adversarial = "hinge"
    """The adversarial losses: `non_saturating` are the paper's, `hinge` ours."""
    label_real: float = 1.0
    """Probability that the discriminator is to give real pictures, and that encoder and decoder aim at: above 0.5, and
    1 where `adversarial` is hinge (0.95 in the code of Mathieu et al.)."""
    lambda_r1: float = 1.0
    """Weight of R1 at the real pictures (ours), applied every `r1_every`-th step times as much; 0 leaves it out."""
    r1_every: int = 8
    """Steps from one R1 penalty to the next."""
    accuracy_limit: float = 1.0
    """The discriminator makes no step where it is right more often than this (0.8 in Jha's code)."""
    lr_d: float = 1e-3
    """Peak learning rate of the discriminator's Adam, one cycle."""
    beta1: float = 0.5
    """First moment of both Adams (0.5 in Jha's code); the second is 0.999."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.r1_every < 1 or self.generator_steps < 1:
            raise ValueError(f"r1_every={self.r1_every} and generator_steps={self.generator_steps} must be at least 1")
        if not 0.5 < self.label_real <= 1.0:
            raise ValueError(f"label_real must be above 0.5 and at most 1, got {self.label_real}")
        if self.label_real < 1.0 and self.adversarial != "non_saturating":
            raise ValueError(f"label_real={self.label_real} needs adversarial=non_saturating")
        if self.network == "released" and (self.size, self.channels) != (SIDE, 1):
            raise ValueError(f"the released networks see grey pictures of {SIDE} px")


RELEASED: dict[str, object] = {
    "network": "released", "procedure": "alternating", "schedule": "constant", "adversarial": "non_saturating",
    "lambda_r1": 0.0, "accuracy_limit": 0.8, "lambda_adv": 784.0, "lr": 1e-4, "lr_d": 1e-4, "ema_decay": 0.0,
    "steps": 46_850,
}  # fmt: skip
"""50 epochs of MNIST's 60,000 pictures in batches of 64."""
FACE: dict[str, object] = {
    "size": 64, "channels": 3, "s_dim": 128, "z_dim": 64, "width": 32, "kernel": 5, "batch_size": 32,
}  # fmt: skip


class PairedAdversarialMethod(latent.Coder):
    """Encoder and decoder with one optimizer, the discriminator with its own.

    Args:
        config: the method's settings.
        device: where to compute.
        encoder: of pictures.
        discriminator: `(image, condition) -> (N,)` logits.
    """

    id: str
    title: str
    paper: str
    tells_first = False  # whether the discriminator's step comes before those of the adversarial loss

    def __init__(
        self, config: PairedAdversarialConfig, device: torch.device | str, encoder: nn.Module, discriminator: nn.Module
    ):
        c = config
        self.config = config
        self.device = torch.device(device)
        self.encoder = on_device(encoder, self.device)
        self.decoder = on_device(self.new_decoder(config), self.device)
        self.discriminator = on_device(discriminator, self.device)
        betas = (c.beta1, 0.999)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(both, lr=c.lr, betas=betas)
        self.optimizer_d = torch.optim.Adam(self.discriminator.parameters(), lr=c.lr_d, betas=betas)
        self.parts = (*latent.Coder.parts, "discriminator", "optimizer_d")
        if c.procedure == "alternating":
            self.optimizer_g = torch.optim.Adam(both, lr=c.lr, betas=betas)
            self.parts = (*self.parts, "optimizer_g")
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.steps = 0

    @staticmethod
    def new_decoder(config: Any) -> nn.Module:
        """Return a decoder with new weights."""
        c: PairedAdversarialConfig = config
        if c.network == "released":
            return JhaDecoder(c.s_dim, c.z_dim)
        return Decoder(c.channels, c.size, c.s_dim, c.z_dim, c.width)

    def update(self, batch: Batch) -> dict[str, Tensor]:
        """Step the discriminator, then encoder and decoder, on the same pictures; return detached terms."""
        raise NotImplementedError

    def autoencode(self, batch: Batch) -> dict[str, Tensor]:
        """Step encoder and decoder on the reconstructions alone; return detached terms."""
        raise NotImplementedError

    def fool(self, first: Batch, second: Batch) -> dict[str, Tensor]:
        """Step encoder and decoder, by `optimizer_g`, on the adversarial loss of two batches; return detached terms."""
        raise NotImplementedError

    def tell(self, first: Batch, second: Batch) -> dict[str, Tensor]:
        """Step the discriminator on two batches; return detached terms."""
        raise NotImplementedError

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "s_dim": 3, "z_dim": 4, "width": 4, "d_width": 4, "batch_size": 4, "steps": 40,
                "lambda_adv": 1.0}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of the discriminator, then one of encoder and decoder, on the same pictures."""
        c = self.config
        factor = one_cycle(self.steps, c.steps) if c.schedule == "one_cycle" else 1.0
        set_lr(self.optimizer, c.lr * factor)
        set_lr(self.optimizer_d, c.lr_d * factor)
        if c.procedure == "alternating":
            set_lr(self.optimizer_g, c.lr * factor)
        logs = self.learn(stream)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return logs

    def learn(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """Step all networks on pictures of the stream as `procedure` says; return detached terms."""
        if self.config.procedure == "alternating":
            return self._alternate(stream)
        return self.update(next(stream).to(self.device))

    def _alternate(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step on reconstructions, `generator_steps` on the adversarial loss, and one of the discriminator."""

        def new() -> Batch:
            return next(stream).to(self.device)

        logs = self.autoencode(new())
        if self.tells_first:
            logs |= self.tell(new(), new())
        for _ in range(self.config.generator_steps):
            logs |= self.fool(new(), new())
        if not self.tells_first:
            logs |= self.tell(new(), new())
        return logs

    def train_discriminator(
        self, real: Tensor, condition: Tensor, fakes: Sequence[Tensor], fake_condition: Tensor
    ) -> dict[str, Tensor]:
        """One step of the discriminator; the arguments are those of `discriminator_step`."""
        c = self.config
        penalised = c.lambda_r1 > 0 and self.steps % c.r1_every == 0
        return discriminator_step(
            self.discriminator, self.optimizer_d, real, condition, fakes, fake_condition, adversarial=c.adversarial,
            r1=c.lambda_r1 * c.r1_every if penalised else 0.0, accuracy_limit=c.accuracy_limit,
            label_real=c.label_real,
        )  # fmt: skip

    def adversarial_loss(self, fakes: Sequence[Tensor], condition: Tensor) -> Tensor:
        """Return what encoder and decoder lose where `fakes` do not pass for pictures of `condition`."""
        c = self.config
        return generator_loss(self.discriminator, fakes, condition, c.adversarial, c.label_real)

    def samples(self, batch: Batch) -> Tensor:
        """A swap grid: s from the top row, z from the left column."""
        return pictures.swap_grid(self.encode, self.decode, batch.image.to(self.device)).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The roles `encode` and `decode`."""
        c = self.config
        return latent.graphs(self.ema_encoder.network, self.ema_decoder.network, c.channels, c.size)

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        c = self.config
        return latent.manifest_fields("swap", f"Swap of {c.specified} and the rest, {self.title}", self.paper, c.size)
