"""PixelVAE (Gulrajani et al. 2016, arXiv 1611.05013): a VAE whose decoder ends in a PixelCNN.

Symbols of the paper: encoder = q(z | x), decoder = p(x | z) = the product of p(x_i | x_1 ... x_{i-1}, z).
`paper` is the authors' code for binary MNIST (igul222/PixelVAE, mnist_pixelvae_train.py) with the arguments of its
README: the PixelCNN of `training.networks.pixelvae`, Adam at 1e-3, each number of a gradient within 1, the weight of
the KL rising from 0 over 10,000 of 200,000 steps. It trains on pictures whose greys were drawn once (Larochelle's file,
50,000 of them); ours are drawn anew each time a picture is seen, from 55,000. `paper-threshold` splits greys in the
middle instead. `binary-vae` is what `binary` is beside: a VAE whose pixels do not see each other.
Deviations of the other presets: other networks, one level of latent variables, the weights are averaged, one-cycle
learning rate.
Convolutions are shifted instead of masked, and a draft picture is learned from the decoder's features (without touching
them), for what one pass can show. A graph has no loop: the exported model has two, of which `imgedit sample` runs the
second once a value.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.families import latent, pictures
from training.losses.latent import kl_normal, log_normal, reparametrise, squared_error
from training.method import Graph
from training.networks.autoencoder import Encoder
from training.networks.pixelcnn import Levels, PixelDecoder, without_weight_norm
from training.networks.pixelvae import SIDE, ReleasedEncoder, ReleasedPixelDecoder
from training.run.optim import EMA, descend, on_device, one_cycle, set_lr


@dataclass(frozen=True)
class Config(latent.PlainConfig):
    """Settings of one training, beside those of `PlainConfig`.

    `width` is also the channels of the map that each pixel is conditioned on.
    """

    network: Literal["ours", "released"] = "ours"
    """Networks: ours, or those that the authors released for binary MNIST (`training.networks.pixelvae`)."""
    binarise: Literal["threshold", "drawn"] = "threshold"
    """With two levels, what a grey becomes: split in the middle, or white as probably as it is light, drawn anew each
    time a picture is seen."""
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    """Learning rate."""
    clip: float = 0.0
    """Each number of a gradient is kept within this of 0; 0: as it is."""
    levels: int = 16
    """Levels that the likelihood tells apart, 2 to 256; 256 are the bytes of the picture."""
    gated: bool = True
    """Gated layers instead of ReLU."""
    pixel_width: int = 16
    """Channels of the PixelCNN."""
    pixel_layers: int = 4
    """Layers of the PixelCNN; each lets a pixel see one further away. 0: none sees another, and it is a plain VAE."""
    steps: int = 10000
    """Optimizer steps."""
    lambda_kl: float = 1.0
    """Weight of the KL; 1 is the evidence lower bound."""
    warmup: float = 0.2
    """Share of the steps over which that weight rises from 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.levels <= 256:
            raise ValueError(f"levels must be 2..256, got {self.levels}")
        if self.binarise == "drawn" and self.levels != 2:
            raise ValueError(f"binarise=drawn needs levels=2, got {self.levels}")
        if self.pixel_layers < (self.network == "released"):
            raise ValueError(f"pixel_layers must be 0 or more, of the released networks 1, got {self.pixel_layers}")
        if self.clip < 0:
            raise ValueError(f"clip must be 0 or more, got {self.clip}")
        if self.network == "released" and (self.size, self.channels, self.levels) != (SIDE, 1, 2):
            raise ValueError(f"the released networks see grey pictures of {SIDE} px in levels=2")


_PAPER: dict[str, object] = {
    "network": "released", "levels": 2, "binarise": "drawn", "z_dim": 16, "pixel_width": 16, "pixel_layers": 13,
    "batch_size": 100, "steps": 200_000, "warmup": 0.05, "lr": 1e-3, "schedule": "constant", "clip": 1.0,
    "ema_decay": 0.0,
}  # fmt: skip
PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "binary": {"levels": 2, "binarise": "drawn"},
    "binary-vae": {"levels": 2, "binarise": "drawn", "pixel_layers": 0},
    "paper": _PAPER,
    "paper-threshold": {**_PAPER, "binarise": "threshold"},
    "face": {"size": 64, "channels": 3, "z_dim": 64, "levels": 32, "batch_size": 16},
}


class Method(latent.Coder):
    """Encoder and decoder, one optimizer."""

    id = "pixel_vae"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.encoder = on_device(self._encoder(), self.device)
        self.decoder = on_device(self._decoder(), self.device)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=c.lr)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.steps = 0

    def _encoder(self) -> nn.Module:
        c = self.config
        if c.network == "released":
            return ReleasedEncoder(c.z_dim)
        return Encoder(c.channels, c.size, 0, c.z_dim, c.width, norm=c.norm, kernel=c.kernel)

    def _decoder(self) -> PixelDecoder | ReleasedPixelDecoder:
        c = self.config
        if c.network == "released":
            return ReleasedPixelDecoder(c.z_dim, c.pixel_width, c.pixel_layers)
        sizes = (c.width, c.levels, c.pixel_width, c.pixel_layers)
        return PixelDecoder(c.channels, c.size, 0, c.z_dim, *sizes, gated=c.gated)

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 8, "z_dim": 4, "width": 4, "batch_size": 4, "steps": 40, "levels": 4, "pixel_width": 4,
                "pixel_layers": 2}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step on the evidence lower bound, and on the draft."""
        image = self.shown(next(stream).to(self.device).image)
        c = self.config
        set_lr(self.optimizer, c.lr * (one_cycle(self.steps, c.steps) if c.schedule == "one_cycle" else 1.0))
        weight = c.lambda_kl * min(1.0, (self.steps + 1) / max(c.warmup * c.steps, 1.0))
        self.encoder.train()
        self.decoder.train()
        code = self.encoder(image)
        features = self.decoder.features(code.s, reparametrise(code.z, code.z_logvar))
        kl = kl_normal(code.z, code.z_logvar).mean()
        nll = self.decoder.pixels.nll(image, features).mean()
        error = squared_error(self.decoder.draft(features.detach()), image).mean()
        descend(self.optimizer, nll + weight * kl + error, clip=c.clip)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        bits = (nll + kl).detach() / (image[0].numel() * math.log(2.0))
        return {"bits_per_dim": bits, "loss_nll": nll.detach(), "kl": kl.detach(), "loss_draft": error.detach()}

    def shown(self, image: Tensor) -> Tensor:
        """Return the pictures `(N, C, H, W)` that are learned and measured; with `binarise = drawn` new draws."""
        if self.config.binarise == "threshold":
            return image
        return 2.0 * torch.bernoulli((0.5 * image + 0.5).clamp(0.0, 1.0)) - 1.0

    @property
    def draws_pixels(self) -> bool:
        """A PixelVAE always does."""
        return True

    @torch.no_grad()
    def sample_pixels(self, s: Tensor, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw pictures from p(x | z), pixel by pixel."""
        decoder, side = self.ema_decoder.network, self.config.size
        condition = decoder.features(s.to(self.device), z.to(self.device))
        return decoder.pixels.sample(condition, generator, size=(side, side))

    @torch.no_grad()
    def generate(self, z: Tensor, uniform: Tensor) -> Tensor:
        """Draw `(N, C, H, W)` from p(x | z) by the numbers `(N, H, W, C)` in 0..1."""
        decoder, side = self.ema_decoder.network, self.config.size
        z = z.to(self.device)
        return decoder.pixels.sample(decoder.features(z[:, :0], z), uniform=uniform.to(self.device), size=(side, side))

    @torch.no_grad()
    def bits_per_dim(self, image: Tensor, n_draws: int = 1) -> Tensor:
        """Return an upper bound of `-log2 p(image)` a value, at the configured levels; p(x | z) in it is exact.

        Args:
            image: `(N, C, H, W)` in [-1, 1], as `shown` returns them.
            n_draws: importance samples of z; the more, the closer the bound (1 is the evidence lower bound).

        Returns:
            `(N,)` bits a value.

        Reference: Burda et al. 2015, equation 8.
        """
        code, decoder = self.encode(image), self.ema_decoder.network
        if code.z_logvar is None:
            raise TypeError("z must be a distribution")
        image = image.to(self.device)
        draws = []
        for _ in range(n_draws):
            z = reparametrise(code.z, code.z_logvar)
            ratio = log_normal(z) - log_normal(z, code.z, code.z_logvar)
            draws.append(ratio - decoder.pixels.nll(image, decoder.features(code.s, z)))
        nats = math.log(n_draws) - torch.logsumexp(torch.stack(draws), 0)
        return nats / (image[0].numel() * math.log(2.0))

    def samples(self, batch: Batch) -> Tensor | None:
        """Rows: pictures, their drafts, draws from p(x | z) of theirs, draws with z from the prior."""
        image = batch.image[:8].to(self.device)
        code = self.encode(image)
        drawn = self.sample_pixels(code.s.repeat(2, 1), torch.cat([code.z, torch.randn_like(code.z)]))
        return pictures.tile(torch.stack([image, self.decode(code.s, code.z), *drawn.chunk(2)]))

    def graphs(self) -> dict[str, Graph]:
        """The roles `condition`, z -> features, and `pixels`, picture so far and features -> probability of levels."""
        c = self.config
        decoder = copy.deepcopy(self.ema_decoder.network).eval().cpu()
        without_weight_norm(decoder)
        z = torch.zeros(1, c.z_dim)
        inputs = {"image": torch.zeros(1, c.channels, c.size, c.size), "condition": decoder.features(z[:, :0], z)}
        heights = {name: {2: "height"} for name, value in inputs.items() if value.shape[2] > 1}
        return {
            "condition": Graph(_Condition(decoder), {"z": z}, ["condition"]),
            "pixels": Graph(Levels(decoder.pixels), inputs, ["probability"], heights),
        }

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        paper = "PixelVAE: a latent variable model for natural images, Gulrajani et al. 2016, arXiv 1611.05013"
        return latent.manifest_fields("sample", "Random pictures: a VAE with a PixelCNN", paper, self.config.size)


class _Condition(nn.Module):
    """z -> what the PixelCNN is conditioned on."""

    def __init__(self, decoder: PixelDecoder | ReleasedPixelDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> Tensor:
        return self.decoder.features(z[:, :0], z)
