"""Variational autoencoder (Kingma and Welling 2013, arXiv 1312.6114): the plain reference, one code z and no s.

Symbols of the paper: encoder = q(z | x), decoder = p(x | z), a normal distribution of fixed variance.
Deviations: convolutions, the weights are averaged, one-cycle learning rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.data.batch import Batch
from training.families import latent, pictures
from training.losses.latent import kl_normal, reparametrise, squared_error
from training.method import Graph
from training.networks.autoencoder import Decoder, Encoder
from training.run.optim import EMA, descend, on_device, one_cycle, set_lr


@dataclass(frozen=True)
class Config(latent.PlainConfig):
    """Settings of one training, beside those of `PlainConfig`."""

    batch_size: int = 128
    """Pictures a step."""
    steps: int = 15000
    """Optimizer steps."""
    lambda_kl: float = 0.2
    """Weight of the KL, nats, beside the squared error summed over pixels in units of 0..1: twice the variance of p."""


PRESETS: dict[str, dict[str, object]] = {
    "compact": {},
    "face": {"size": 64, "channels": 3, "z_dim": 128, "width": 32, "kernel": 5, "batch_size": 64},
}


class Method(latent.Coder):
    """Encoder and decoder, one optimizer."""

    id = "vae"

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.encoder = on_device(
            Encoder(c.channels, c.size, 0, c.z_dim, c.width, norm=c.norm, kernel=c.kernel), self.device
        )
        self.decoder = on_device(Decoder(c.channels, c.size, 0, c.z_dim, c.width), self.device)
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=c.lr)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        self.steps = 0

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "z_dim": 8, "width": 4, "batch_size": 4, "steps": 40}

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step on the evidence lower bound."""
        image = next(stream).to(self.device).image
        set_lr(self.optimizer, self.config.lr * one_cycle(self.steps, self.config.steps))
        self.encoder.train()
        self.decoder.train()
        code = self.encoder(image)
        z = reparametrise(code.z, code.z_logvar)
        kl = kl_normal(code.z, code.z_logvar).mean()
        error = squared_error(self.decoder(code.s, z), image).mean()
        descend(self.optimizer, error + self.config.lambda_kl * kl)
        self.ema_encoder.update(self.encoder)
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return {"kl": kl.detach(), "loss_rec": error.detach()}

    def samples(self, batch: Batch) -> Tensor | None:
        """Rows: pictures, their reconstructions, pictures drawn from the prior."""
        image = batch.image[:8].to(self.device)
        code = self.encode(image)
        drawn = self.decode(code.s, torch.randn_like(code.z))
        return pictures.tile(torch.stack([image, self.decode(code.s, code.z), drawn]))

    def graphs(self) -> dict[str, Graph]:
        """The role `generate`."""
        return latent.generate_graph(self.ema_decoder.network, self.config.z_dim)

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        paper = "Auto-encoding variational Bayes, Kingma and Welling 2013, arXiv 1312.6114"
        return latent.manifest_fields("sample", "Random pictures: a plain VAE", paper, self.config.size)
