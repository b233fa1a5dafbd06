"""LORD (Gabbay and Hoshen 2020, arXiv 1906.11796): s is learnt for each class, z for each picture, without encoders.

Symbols of the paper: `classes` = the class codes e_y, `contents` = the content codes c_i, `decoder` = G, `sigma` = the
noise that is added to c_i, `lambda_content` = lambda, the weight of its squared length. Noise and length bound what a
content code can say, so that it leaves to the class code what all pictures of a class have in common (equation 5).
Encoders then learn to find both codes of pictures that were not there (section 3.4): `encoder`, whose s is E_y and
whose z is E_c.

It is told the classes, where methods that learn from pairs know only which two pictures have the same one.

The encoders' z still tells the class, because nothing bounds what it says but the codes that it imitates. With
`flow_layers` (ours) the exported z is what an invertible map makes of it (`training.networks.coupling`): distributed
alike in every class, so that it says little of the class, while s and it together say all that z did.

Deviations:
  - Squared errors of pixels in place of a perceptual loss, which needs a network trained elsewhere.
  - In the second stage codes go on being learnt as before, beside encoders and decoder; networks are averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from imgedit.errors import DataError
from training.data.batch import Batch
from training.families import latent, pictures
from training.losses.latent import squared_error
from training.method import Graph
from training.networks.autoencoder import Decoder, Encoder
from training.networks.coupling import ClassFlow, ConditionalFlow, FlowDecoder, FlowEncoder
from training.run.optim import EMA, descend, load_matching, on_device, one_cycle, set_lr


@dataclass(frozen=True)
class Config(latent.SplitConfig):
    """Settings of one training, beside those of `SplitConfig`."""

    n_classes: int = 10
    """Classes of the data set, or more."""
    n_pictures: int = 55_000
    """Pictures of the data set, or more."""
    sigma: float = 1.0
    """Standard deviation of the noise that is added to content codes."""
    lambda_content: float = 1.0
    """Weight of the squared length of content codes, beside the squared error summed over pixels in units of 0..1."""
    lr_codes: float = 1e-2
    """Peak learning rate of the codes' Adam, one cycle."""
    encoders_from: float = 0.5
    """Share of the steps after which the encoders learn."""
    lambda_codes: float = 1.0
    """Weight of the encoders' squared distance from the codes, summed over dimensions."""
    flow_layers: int = 0
    """Layers of the flow between the encoder's z and the exported one (ours); 0: the encoder's own."""
    flow_width: int = 128
    """Hidden units of a layer of the flow."""
    lr_flow: float = 2e-3
    """Peak learning rate of the flow's Adam, one cycle over the encoders' steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.n_classes < 2 or self.n_pictures < 1:
            raise ValueError(f"n_classes={self.n_classes} and n_pictures={self.n_pictures} must be 2 and 1, or more")
        if not 0 <= self.encoders_from < 1:
            raise ValueError(f"encoders_from must be from 0 to below 1, got {self.encoders_from}")
        if self.flow_layers < 0 or (self.flow_layers and self.z_dim < 2):
            raise ValueError(f"flow_layers must be 0 or more, and need z_dim of 2 or more, got {self.flow_layers}")

    def data_options(self) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`; there are no pairs."""
        return {**latent.CoderConfig.data_options(self), "holdout": self.holdout}


PRESETS: dict[str, dict[str, object]] = {
    # A code learns only when its picture comes by, about once in 215 steps: hence large batches and a high rate.
    "compact": {"width": 20, "batch_size": 256, "lr_codes": 0.3, "lambda_content": 0.5, "steps": 8000},
    # Hardly a trace of the class in z. The weight of the codes was chosen on the validation split.
    "independent": {
        "width": 20,
        "batch_size": 256,
        "lr_codes": 0.3,
        "lambda_content": 0.5,
        "lambda_codes": 4.0,
        "flow_layers": 10,
        "steps": 12_000,
    },
}


class Method(latent.Coder):
    """Codes, decoder and encoder, and an Adam for each kind."""

    id = "lord"
    parts: Sequence[str] = (
        "classes", "contents", "encoder", "decoder", "optimizer", "optimizer_codes", "optimizer_encoder",
        "ema_encoder", "ema_decoder",
    )  # fmt: skip

    def __init__(self, config: Config, device: torch.device | str = "cpu") -> None:
        self.config = c = config
        self.device = torch.device(device)
        self.classes = nn.Embedding(c.n_classes, c.s_dim).to(self.device)
        self.contents = nn.Embedding(c.n_pictures, c.z_dim, sparse=True).to(self.device)
        nn.init.normal_(self.contents.weight, 0.0, 0.05)
        self.encoder = on_device(
            Encoder(
                c.channels, c.size, c.s_dim, c.z_dim, c.width, variational_z=False, norm=c.norm, kernel=c.kernel
            ),
            self.device,
        )  # fmt: skip
        self.decoder = on_device(Decoder(c.channels, c.size, c.s_dim, c.z_dim, c.width), self.device)
        self.optimizer = torch.optim.Adam([*self.decoder.parameters(), *self.classes.parameters()], lr=c.lr)
        self.optimizer_codes = torch.optim.SparseAdam(list(self.contents.parameters()), lr=c.lr_codes)
        self.optimizer_encoder = torch.optim.Adam(self.encoder.parameters(), lr=c.lr)
        self.ema_encoder = EMA(self.encoder, c.ema_decay)
        self.ema_decoder = EMA(self.decoder, c.ema_decay)
        if c.flow_layers > 0:
            flow = ConditionalFlow(c.z_dim, c.s_dim, c.flow_layers, c.flow_width)
            self.flow = on_device(flow, self.device)
            self.optimizer_flow = torch.optim.Adam(self.flow.parameters(), lr=c.lr_flow)
            self.ema_flow = EMA(self.flow, c.ema_decay)
            self.parts = [*self.parts, "flow", "optimizer_flow", "ema_flow"]
        self.steps = 0

    @staticmethod
    def tiny() -> dict[str, object]:
        """Overrides that make a test-sized configuration."""
        return {"size": 16, "s_dim": 3, "z_dim": 4, "width": 4, "batch_size": 4, "steps": 40, "n_classes": 4,
                "n_pictures": 64, "encoders_from": 0.0}  # fmt: skip

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """One step of codes and decoder, and, in the second stage, one of the encoders."""
        c = self.config
        batch = next(stream).to(self.device)
        image, own, which = batch.image, batch.require_specified(), self._which(batch)
        rate = one_cycle(self.steps, c.steps)
        set_lr(self.optimizer, c.lr * rate)
        set_lr(self.optimizer_codes, c.lr_codes * rate)
        self.encoder.train()
        self.decoder.train()
        s, z = self.classes(own), self.contents(which)
        noisy = z + c.sigma * torch.randn_like(z)
        error = squared_error(self.decoder(s, noisy), image).mean()
        length = z.square().sum(1).mean()
        self.optimizer_codes.zero_grad(set_to_none=True)
        descend(self.optimizer, error + c.lambda_content * length)
        self.optimizer_codes.step()
        logs = {"loss_rec": error.detach(), "length": length.detach()}
        if self.steps >= c.encoders_from * c.steps:
            logs |= self._encoder_step(image, s.detach(), z.detach())
        self.ema_decoder.update(self.decoder)
        self.steps += 1
        return logs

    def _encoder_step(self, image: Tensor, s: Tensor, z: Tensor) -> dict[str, Tensor]:
        """One step of the encoders towards the codes of their pictures, and of all networks on the pictures."""
        c = self.config
        set_lr(self.optimizer_encoder, c.lr * self._encoder_rate())
        code = self.encoder(image)
        apart = ((code.s - s).square().sum(1) + (code.z - z).square().sum(1)).mean()
        error = squared_error(self.decoder(code.s, code.z), image).mean()
        self.optimizer.zero_grad(set_to_none=True)
        descend(self.optimizer_encoder, c.lambda_codes * apart + error)
        self.optimizer.step()
        self.ema_encoder.update(self.encoder)
        logs = {"loss_codes": apart.detach(), "loss_again": error.detach()}
        return logs | (self._flow_step(image, s) if c.flow_layers > 0 else {})

    def _flow_step(self, image: Tensor, s: Tensor) -> dict[str, Tensor]:
        """One step of the flow towards a normal distribution of the averaged encoder's z in every class."""
        set_lr(self.optimizer_flow, self.config.lr_flow * self._encoder_rate())
        with torch.no_grad():
            z = self.ema_encoder.network(image).z
        loss = self.flow.loss(z, s).mean()
        descend(self.optimizer_flow, loss)
        self.ema_flow.update(self.flow)
        return {"loss_flow": loss.detach()}

    def _encoder_rate(self) -> float:
        """Return the share of the learning rates of encoders and flow at this step."""
        c = self.config
        begin = c.encoders_from * c.steps
        return one_cycle(int(self.steps - begin), int(c.steps - begin))

    def _which(self, batch: Batch) -> Tensor:
        """Return which picture of the data set each is.

        Raises:
            DataError: the set does not say, or there is no code for it.
        """
        which, c = batch.require_index(), self.config
        if int(which.max()) >= c.n_pictures or int(batch.require_specified().max()) >= c.n_classes:
            raise DataError(
                f"the data set has more than {c.n_pictures} pictures or {c.n_classes} classes; "
                "use --set n_pictures and n_classes"
            )
        return which

    def initialise(self, state: dict[str, Any]) -> None:
        """Start from the averaged networks of another run; codes begin anew."""
        for name in ("encoder", "decoder", *(["flow"] if "flow" in self.parts and "ema_flow" in state else [])):
            network = getattr(self, name)
            load_matching(network, state[f"ema_{name}"]["network"])
            setattr(self, f"ema_{name}", EMA(network, self.config.ema_decay))

    def samples(self, batch: Batch) -> Tensor | None:
        """Swap grid: s from the top row, z from the left column."""
        return pictures.swap_grid(self.encode, self.decode, batch.image.to(self.device))

    def graphs(self) -> dict[str, Graph]:
        """The roles `encode` and `decode`."""
        return latent.graphs(*self.coders(), self.config.channels, self.config.size)

    def coders(self) -> tuple[nn.Module, nn.Module]:
        """Return the averaged encoder and decoder, with the flow where there is one."""
        encoder, decoder = super().coders()
        if self.config.flow_layers == 0:
            return encoder, decoder
        flow = ClassFlow(self.ema_flow.network, self.classes.weight)
        return FlowEncoder(encoder, flow), FlowDecoder(decoder, flow)

    def manifest_fields(self) -> dict[str, Any]:
        """What the manifest says beside graphs and hashes."""
        paper = "Demystifying inter-class disentanglement, Gabbay and Hoshen 2020, arXiv 1906.11796"
        return latent.manifest_fields("swap", "Swap s and z: LORD", paper, self.config.size)
