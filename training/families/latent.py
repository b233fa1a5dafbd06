"""What methods with a latent code have in common: settings, state, graphs, manifest fields."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.method import Graph
from training.networks.autoencoder import Code, Norm
from training.run.optim import EMA, restore, state_of


@dataclass(frozen=True)
class CoderConfig:
    """Settings that every method with a latent code has. Losses are means over the pictures of a batch."""

    size: int = 28
    """Side of the picture, px."""
    channels: int = 1
    """Channels of the picture: 1 for MNIST, 3 for colour."""
    specified: str = "identity"
    """Factor of the data set whose classes s is to hold, and a probe looks for in z."""
    s_dim: int = 0
    """Dimensions of s; 0 for a method without one."""
    z_dim: int = 16
    """Dimensions of z (16 in the published figures on MNIST)."""
    width: int = 16
    """Channels of the encoder's first and the decoder's last hidden layer (16 in the code of Jha et al.)."""
    kernel: int = 3
    """Side of the encoder's convolutions, px (5 in the code of Jha et al.)."""
    norm: Norm = "batch"
    """Normalisation in the encoder; `instance` uses the picture's own statistics at test time too."""
    batch_size: int = 64
    """Pictures a step; of a method that learns from pairs: pairs."""
    steps: int = 20_000
    """Optimizer steps."""
    lr: float = 2e-3
    """Peak learning rate of the encoder's and decoder's Adam, one cycle."""
    ema_decay: float = 0.999
    """Decay of the averaged networks, which are evaluated and exported (ours)."""
    seed: int = 0
    """Seed of weights and data order."""

    def __post_init__(self) -> None:
        if self.size % 4 or self.size < 8:
            raise ValueError(f"size must be a multiple of 4 from 8 on, got {self.size}")
        if self.z_dim < 1:
            raise ValueError(f"z_dim must be at least 1, got {self.z_dim}")

    def data_options(self) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`."""
        return {"size": self.size, "specified": self.specified}


@dataclass(frozen=True)
class PlainConfig(CoderConfig):
    """Settings of the methods that have z alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.s_dim != 0:
            raise ValueError(f"a method without s has s_dim=0, got {self.s_dim}")


@dataclass(frozen=True)
class SplitConfig(CoderConfig):
    """Settings of the methods that have s and z and learn from pairs."""

    s_dim: int = 16
    """Dimensions of s (16 in the published figures on MNIST)."""
    norm: Norm = "instance"
    """Normalisation in the encoder; `instance` uses the picture's own statistics at test time too."""
    holdout: tuple[int, ...] = ()
    """Classes that training leaves out, as places among the data set's classes (for few-shot measurements)."""
    shots: int = 0
    """Pictures of each of these classes that training has all the same (mnist)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.s_dim < 1:
            raise ValueError(f"s_dim must be at least 1, got {self.s_dim}")
        if self.shots < 0 or (self.shots and not self.holdout):
            raise ValueError(f"shots are of the classes in holdout, 0 or more, got {self.shots}")

    def data_options(self) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`, which draws pairs."""
        few = {"shots": self.shots} if self.shots else {}
        return {**super().data_options(), "pairs": True, "holdout": self.holdout, **few}


class Coder:
    """What every method with a latent code does alike: its state, and coding with its averaged networks.

    Attributes:
        parts: names of what the state holds beside `steps`; a method with more networks adds theirs.
    """

    parts: Sequence[str] = ("encoder", "decoder", "optimizer", "ema_encoder", "ema_decoder")
    steps: int
    device: torch.device
    ema_encoder: EMA[Any]
    ema_decoder: EMA[Any]

    @staticmethod
    def data_options(config: Any) -> dict[str, Any]:
        """Keyword arguments for the data set's `load`, as the configuration says."""
        options: dict[str, Any] = config.data_options()
        return options

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes."""
        return state_of(self, self.parts)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""
        restore(self, state, self.parts)

    @torch.no_grad()
    def encode(self, image: Tensor) -> Code:
        """Encode `(N, C, H, W)` in [-1, 1]; z is the mean, s is empty where the method has none."""
        code = self.coders()[0](image.to(self.device))
        return Code(code.s, code.z, code.z_logvar)

    @torch.no_grad()
    def decode(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, S)` and `(N, Z)` to `(N, C, H, W)` in [-1, 1]; of a PixelCNN, its draft."""
        image: Tensor = self.coders()[1](s.to(self.device), z.to(self.device))
        return image

    def coders(self) -> tuple[nn.Module, nn.Module]:
        """Return the averaged encoder and decoder, as they are evaluated and exported."""
        return self.ema_encoder.network, self.ema_decoder.network


class _Encode(nn.Module):
    """An `Encoder` whose outputs are a graph's: s, z and, where z is a distribution, z_logvar."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        code = self.encoder(image)
        return (code.s, code.z) if code.z_logvar is None else (code.s, code.z, code.z_logvar)


class _Generate(nn.Module):
    """z -> picture, by a decoder whose s is empty."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.decoder(z[:, :0], z)
        return image


def generate_graph(decoder: nn.Module, z_dim: int) -> dict[str, Graph]:
    """Return the role `generate` of a decoder that takes no s."""
    decoder = copy.deepcopy(decoder).eval().cpu()
    return {"generate": Graph(_Generate(decoder), {"z": torch.zeros(1, z_dim)}, ["image"])}


def graphs(encoder: nn.Module, decoder: nn.Module, channels: int, size: int) -> dict[str, Graph]:
    """Return the roles `encode` and `decode`.

    Args:
        encoder: picture -> `Encoded`.
        decoder: s, z -> picture.
        channels: of a picture.
        size: side of a picture, px.
    """
    # Copies: the exporter works on the CPU, and a run that goes on must find its averages where they were.
    encoder, decoder = (copy.deepcopy(network).eval().cpu() for network in (encoder, decoder))
    image = torch.zeros(1, channels, size, size)
    with torch.no_grad():
        code = encoder(image)
    outputs = ["s", "z"] if code.z_logvar is None else ["s", "z", "z_logvar"]
    return {
        "encode": Graph(_Encode(encoder), {"image": image}, outputs),
        "decode": Graph(decoder, {"s": torch.zeros_like(code.s), "z": torch.zeros_like(code.z)}, ["image"]),
    }


def manifest_fields(kind: str, title: str, paper: str, size: int) -> dict[str, Any]:
    """Return what the manifest of a `swap` or `sample` model says; the export adds what the data set tells."""
    return {
        "kind": kind,
        "output": "image",
        "title": title,
        "crop": {"kind": "none", "height": size, "width": size},
        "paper": paper,
    }
