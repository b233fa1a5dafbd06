"""VAE-GAN (Larsen et al. 2016, arXiv 1512.09300): reconstruction by what a discriminator sees, and attribute vectors.

Symbols of the paper: `encoder` = Enc, `decoder` = Dec, `discriminator` = Dis, `gamma` = the weight of the
reconstruction in Dec's loss, Dis_l = the features that `Critic` returns. A visual attribute vector is the mean of z
over the pictures that have the attribute minus that over those that have not (section 4.2).

Beside the paper:
  - `vectors=decorrelated` are those of least squares, z = c + sum of label times vector over all labels at once:
    vectors of the plain kind drag along what mostly comes with an attribute. Both are of means and of products of z
    and labels that are gathered while it trains, with a memory of about 1 / (1 - `memory`) batches.
  - `similarity=pixel` compares pixels (a plain VAE with an adversary), `prior=adversarial` puts a discriminator of z
    in place of the KL (Makhzani et al. 2015, arXiv 1511.05644), as the first study does.
Deviations:
  - Dis_l are the features after their batch norm: without it their scale grows, and with it the reconstruction (from
    0.3 to 11 in 350 steps of `compact`, while z came to hold 1,150 nats).
  - Dec is trained by the non-saturating loss; Adam in place of RMSProp in the compact preset, where it needs half the
    steps; the exported networks are averages.
  - The published crops show more of the head; ours are those that the command line edits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.families import windows
from training.families.pictures import tile
from training.families.translation import manifest_fields
from training.losses import adversarial as losses
from training.losses.latent import kl_normal, reparametrise
from training.method import Graph
from training.methods.attribute_classifier import ATTRIBUTES
from training.methods.sleeve_classifier import CLOTHES
from training.networks.autoencoder import Code
from training.networks.vae_gan import Critic, Decoder, Encoder, LatentCritic
from training.run.optim import EMA, descend, frozen, on_device, restore, set_lr, state_of

_RIDGE = 1e-3  # of the mean square of a label, against labels that a batch never shows


@dataclass(frozen=True)
class Config:
    """Settings of one training; the defaults are the published ones for CelebA."""

    attributes: tuple[str, ...] = ATTRIBUTES
    """Labels that get a vector, in the order of the edit vector."""
    size: int = 64
    """Width of the pictures, px; a multiple of 8."""
    height: int = 0
    """Height of the pictures, px; a multiple of 8; 0: as wide as high."""
    crop: str = "face"
    """Window of the aligned frame that is shown."""
    z_dim: int = 128
    """Dimensions of z."""
    width: int = 64
    """Channels of Enc's first layer; Dec's first has four times as many, Dis' half as many."""
    hidden: int = 2048
    """Units of Enc's fully connected layer; Dis has a quarter of them."""
    similarity: Literal["learned", "pixel"] = "learned"
    """By what a reconstruction is measured: a layer of Dis, or pixels."""
    prior: Literal["kl", "adversarial"] = "kl"
    """What holds z to the normal distribution."""
    vectors: Literal["decorrelated", "plain"] = "decorrelated"
    """Which attribute vectors are exported."""
    gamma: float = 1.0
    """Weight of the reconstruction beside the adversarial loss in Dec's sum; it is a mean over features."""
    lambda_kl: float = 1e-3
    """Weight of the KL, nats, or of the adversary of z, beside the reconstruction in Enc's sum."""
    memory: float = 0.998
    """Share that stays of the gathered means from one batch to the next."""
    optimizer: Literal["rmsprop", "adam"] = "rmsprop"
    """Optimizer of all networks."""
    batch_size: int = 64
    """Pictures a step."""
    steps: int = 60_000
    """Steps, each of all networks."""
    lr: float = 3e-4
    """Learning rate."""
    ema_decay: float = 0.999
    """Decay of the averaged networks that are exported."""
    parts: tuple[str, ...] = ("full", "half", "64")
    """Folders of the data set to use."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if not self.height:
            windows.check_window(self.crop)
        if not self.attributes:
            raise ConfigError("name the attributes that get a vector, such as attributes=Smiling")
        if self.size % 8 or self.height % 8:
            raise ConfigError(f"size={self.size} and height={self.height} must be multiples of 8")

    @property
    def rows(self) -> int:
        """Height of the pictures, px."""
        return self.height or self.size


_COMPACT: dict[str, object] = {
    "width": 32, "hidden": 1024, "optimizer": "adam", "batch_size": 32, "steps": 4000, "lr": 1e-3,
}  # fmt: skip
PRESETS: dict[str, dict[str, object]] = {
    "celeba": {},
    "fashion": {"size": 128, "height": 256, "z_dim": 256, "hidden": 1024, "crop": "torso", "attributes": CLOTHES},
    "compact": _COMPACT,
    "compact-sleeves": {**_COMPACT, "size": 64, "height": 96, "crop": "torso", "attributes": CLOTHES},
}
_PARTS = (
    "encoder", "decoder", "discriminator", "optimizer_enc", "optimizer_dec", "optimizer_dis", "ema_encoder",
    "ema_decoder", "gathered",
)  # fmt: skip


class Method:
    """Enc, Dec and Dis, an optimizer each, averages of the first two, and what attribute vectors are made of."""

    id = "vae_gan"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.encoder = on_device(Encoder(c.rows, c.size, c.z_dim, c.width, c.hidden), self.device)
        self.decoder = on_device(Decoder(c.rows, c.size, c.z_dim, 4 * c.width), self.device)
        self.discriminator = on_device(Critic(c.rows, c.size, max(c.width // 2, 1), max(c.hidden // 4, 1)), self.device)
        self.parts: tuple[str, ...] = _PARTS
        self.latent: LatentCritic | None = None
        if c.prior == "adversarial":
            self.latent = on_device(LatentCritic(c.z_dim), self.device)
            self.parts = (*_PARTS, "latent")
        self.optimizer_enc = self._optimizer(self.encoder)
        self.optimizer_dec = self._optimizer(self.decoder)
        self.optimizer_dis = self._optimizer(*(n for n in (self.discriminator, self.latent) if n is not None))
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.gathered = _Gathered(len(c.attributes), c.z_dim, c.memory).to(self.device)
        self.steps = 0

    def _optimizer(self, *networks: nn.Module) -> torch.optim.Optimizer:
        parameters = [p for network in networks for p in network.parameters()]
        if self.config.optimizer == "rmsprop":
            return torch.optim.RMSprop(parameters, lr=self.config.lr)
        return torch.optim.Adam(parameters, lr=self.config.lr, betas=(0.5, 0.999))

    @staticmethod
    def data_options(config: Config) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return windows.data_options(config)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "z_dim": 6, "width": 4, "hidden": 16, "batch_size": 4, "steps": 40,
                "attributes": ("Blond_Hair", "Smiling"), "optimizer": "adam", "lr": 2e-3}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of each network on the same pictures (algorithm 1)."""
        config = self.config
        batch = next(stream).to(self.device)
        image, labels = batch.image, batch.require_labels()
        for optimizer in (self.optimizer_enc, self.optimizer_dec, self.optimizer_dis):
            set_lr(optimizer, config.lr * min(1.0, 2.0 - 2.0 * self.steps / config.steps))
        mean, log_variance = self.encoder(image)
        z = reparametrise(mean, log_variance)
        drawn = torch.randn_like(z)
        rebuilt, made = self.decoder(z), self.decoder(drawn)
        logs = self._discriminator_step(image, rebuilt.detach(), made.detach(), z.detach(), drawn)
        with contextlib.ExitStack() as stack:
            for network in (self.discriminator, self.latent):
                if network is not None:
                    stack.enter_context(frozen(network))
            (of_rebuilt, features), (of_made, _) = self.discriminator(rebuilt), self.discriminator(made)
            if config.similarity == "learned":
                with torch.no_grad():
                    _, wanted = self.discriminator(image)
                loss_rec = 0.5 * (features - wanted).square().mean()
            else:
                loss_rec = 0.5 * (rebuilt - image).square().mean()
            generator = losses.non_saturating_generator
            loss_gan = generator(of_rebuilt) + generator(of_made)
            if self.latent is None:
                loss_prior = kl_normal(mean, log_variance).mean()
            else:
                loss_prior = generator(self.latent(z))
        # The adversarial loss is not passed on to Enc (section 3.1), so each network has a gradient of its own.
        encoding = [*self.encoder.parameters()]
        decoding = [*self.decoder.parameters()]
        of_encoder = torch.autograd.grad(config.lambda_kl * loss_prior + loss_rec, encoding, retain_graph=True)
        of_decoder = torch.autograd.grad(config.gamma * loss_rec + loss_gan, decoding)
        for optimizer, parameters, gradients in (
            (self.optimizer_enc, encoding, of_encoder),
            (self.optimizer_dec, decoding, of_decoder),
        ):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            optimizer.step()
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.gathered.add(labels, mean.detach())
        self.steps += 1
        return logs | {
            "loss_rec": loss_rec.detach(), "loss_prior": loss_prior.detach(), "loss_dec_gan": loss_gan.detach(),
        }  # fmt: skip

    def _discriminator_step(
        self, image: Tensor, rebuilt: Tensor, made: Tensor, z: Tensor, drawn: Tensor
    ) -> dict[str, Tensor]:
        """One step of Dis, and of the discriminator of z: real against rebuilt and drawn pictures (equation 4)."""
        real, _ = self.discriminator(image)
        (first, _), (second, _) = self.discriminator(rebuilt), self.discriminator(made)
        loss = losses.logistic_discriminator(real, torch.cat([first, second]))
        logs = {"loss_dis": loss.detach()}
        if self.latent is not None:
            loss_z = losses.logistic_discriminator(self.latent(drawn), self.latent(z))
            logs["loss_dis_z"] = loss_z.detach()
            loss = loss + loss_z
        descend(self.optimizer_dis, loss)
        return logs

    def attribute_vectors(self, kind: str = "") -> Tensor:
        """Return the attribute vectors `(K, z_dim)`.

        Args:
            kind: `plain` or `decorrelated`; empty: what the settings say.
        """
        return self.gathered.vectors((kind or self.config.vectors) == "plain")

    @torch.no_grad()
    def encode(self, image: Tensor) -> Code:
        """Encode `(N, 3, H, W)` in [-1, 1]; z is the mean, s is empty."""
        mean, log_variance = self.ema_encoder.network(image.to(self.device))
        return Code(mean[:, :0], mean, log_variance)

    @torch.no_grad()
    def decode(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, Z)` to `(N, 3, H, W)` in [-1, 1]; s is empty."""
        image: Tensor = self.ema_decoder.network(z.to(self.device))
        return image

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, self.parts)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, self.parts)

    @torch.no_grad()
    def samples(self, batch: Batch) -> Tensor:
        """Rows: pictures, rebuilt, drawn from the prior, and some attributes turned round; by the averaged networks."""
        image, labels = batch.image[:8].to(self.device), batch.require_labels()[:8].to(self.device)
        code = self.encode(image)
        rows = [image, self.decode(code.s, code.z), self.decode(code.s, torch.randn_like(code.z))]
        vectors = self.attribute_vectors()
        shown = [i for i, name in enumerate(self.config.attributes) if name in _SHOWN] or range(len(vectors))
        for k in list(shown)[:4]:
            turned = 1.0 - 2.0 * labels[:, k : k + 1]
            rows.append(self.decode(code.s, code.z + turned * vectors[k]))
        return tile(torch.stack(rows)).cpu()

    def graphs(self) -> dict[str, Graph]:
        """The roles `translate`, picture plus what moving z changes in its reconstruction, `encode` and `decode`."""
        c = self.config
        encoder, decoder = (ema.network.eval().cpu() for ema in (self.ema_encoder, self.ema_decoder))
        image = torch.zeros(1, 3, c.rows, c.size)
        translate = _Translate(encoder, decoder, self.attribute_vectors().cpu())
        return {
            "translate": Graph(translate, {"image": image, "edit": torch.zeros(1, len(c.attributes))}, ["image_out"]),
            "encode": Graph(_Mean(encoder), {"image": image}, ["z"]),
            "decode": Graph(decoder, {"z": torch.zeros(1, c.z_dim)}, ["image"]),
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        c = self.config
        title = "Attribute vectors of a VAE-GAN"
        fields = manifest_fields(title, c.attributes, c.crop, c.size, "image", "difference", c.rows)
        return {**fields, "paper": "Autoencoding beyond pixels, Larsen et al. 2016, arXiv 1512.09300"}


_SHOWN = ("Blond_Hair", "Eyeglasses", "Male", "Smiling")  # on the sample sheet, where there are more attributes


class _Gathered(nn.Module):
    """Running means of labels, z and their products, from which attribute vectors are made.

    Args:
        n: labels, K.
        z_dim: dimensions of z.
        memory: share that stays from one batch to the next.
    """

    of_labels: Tensor
    of_z: Tensor

    def __init__(self, n: int, z_dim: int, memory: float) -> None:
        super().__init__()
        self.memory = memory
        self.register_buffer("of_labels", torch.zeros(n + 1, n + 1))  # means of products of (labels, 1) with themselves
        self.register_buffer("of_z", torch.zeros(n + 1, z_dim))  # and with z

    @torch.no_grad()
    def add(self, labels: Tensor, z: Tensor) -> None:
        """Add a batch: labels `(N, K)`, z `(N, z_dim)`."""
        known = torch.cat([labels, labels.new_ones(len(labels), 1)], 1)
        with torch.autocast(known.device.type, enabled=False):
            self.of_labels.lerp_(known.T @ known / len(known), 1.0 - self.memory)
            self.of_z.lerp_(known.T @ z.float() / len(known), 1.0 - self.memory)

    def vectors(self, is_plain: bool) -> Tensor:
        """Return the vectors, `(K, z_dim)`; zeros where nothing was gathered."""
        whole = self.of_labels[-1, -1].clamp_min(1e-12)  # the weights of all batches so far add up to this
        labels, z = self.of_labels / whole, self.of_z / whole
        share = labels.diagonal()[:-1].clamp(1e-6, 1.0 - 1e-6)[:, None]
        if is_plain:
            return (z[:-1] - share * z[-1:]) / (share * (1.0 - share))
        ridge = _RIDGE * torch.diag(torch.cat([share[:, 0], share.new_zeros(1)]))
        solved: Tensor = torch.linalg.lstsq((labels + ridge).double(), z.double()).solution[:-1]
        return solved.to(z.dtype)


class _Mean(nn.Module):
    """Picture -> mean of z."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> Tensor:
        mean: Tensor = self.encoder(image)[0]
        return mean


class _Translate(nn.Module):
    """Picture and edit `(N, K)` -> the picture plus what the edit changes in its reconstruction."""

    vectors: Tensor

    def __init__(self, encoder: nn.Module, decoder: nn.Module, vectors: Tensor) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.register_buffer("vectors", vectors)

    def forward(self, image: Tensor, edit: Tensor) -> Tensor:
        z, _ = self.encoder(image)
        change = self.decoder(z + edit @ self.vectors) - self.decoder(z)
        return (image + change).clamp(-1.0, 1.0)
