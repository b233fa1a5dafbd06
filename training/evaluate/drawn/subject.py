"""What draws pictures and is measured: a run, of a GAN with averaged and last weights, or a model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from imgedit.edits.pixelwise import uniform_of
from imgedit.edits.sample import Array, Generator, OnnxGenerator
from imgedit.errors import ModelError
from imgedit.models import library
from training.evaluate.subject import is_run
from training.method import Draws, Method
from training.methods.pixel_vae import Method as PixelVAE
from training.run import checkpoint
from training.run.device import torch_device


@dataclass(frozen=True)
class GanSubject:
    """What is measured: a GAN's generators by name (`averaged` weights, and of a run also the `last` ones).

    Attributes:
        id: for people.
        size: side of the pictures, px.
        generators: by name.
        has_score: they can score pictures.
        run: the run folder; None for a model.
        bits: bits a value of pictures `(N, C, H, W)` in [-1, 1] by so many draws of z, `(N,)`; None where the method
            tells no likelihood.
        shown: pictures as training sees them, such as their greys drawn as black and white; for `bits`.
    """

    id: str
    size: int
    generators: dict[str, Generator]
    has_score: bool
    run: Path | None = None
    bits: Callable[[Tensor, int], Tensor] | None = None
    shown: Callable[[Tensor], Tensor] = lambda image: image


class GanMethod(Draws, Method, Protocol):
    """A method that draws."""


class TorchGenerator:
    """A GAN of a run, with the average of its generator's weights or the last ones.

    Args:
        method: of the run.
        z_dim: numbers of its noise.
        averaged: whose weights.
    """

    def __init__(self, method: GanMethod, z_dim: int, *, averaged: bool) -> None:
        self.method = method
        self.averaged = averaged
        self.z_dim = z_dim

    @torch.no_grad()
    def generate(self, z: Array) -> Array:
        """Map `(N, z_dim)` to `(N, C, H, W)` in [-1, 1]."""
        tensor = torch.from_numpy(z).to(self.method.device)
        return np.asarray(self.method.generate(tensor, averaged=self.averaged).cpu().numpy(), np.float32)

    @torch.no_grad()
    def score(self, image: Array) -> Array:
        """Map `(N, C, H, W)` to `(N,)`."""
        return np.asarray(self.method.logit(torch.from_numpy(image).to(self.method.device)).cpu().numpy(), np.float32)


class PixelGenerator:
    """A PixelVAE of a run, which draws value by value: z is its code and one number more for each value.

    Args:
        method: of the run.
    """

    def __init__(self, method: PixelVAE) -> None:
        self.method = method
        c = method.config
        self.values = (c.size, c.size, c.channels)
        self.z_dim = c.z_dim + math.prod(self.values)

    def generate(self, z: Array) -> Array:
        """Map `(N, z_dim)` to `(N, C, H, W)` in [-1, 1]."""
        code = torch.from_numpy(z[:, : self.method.config.z_dim])
        uniform = uniform_of(z[:, self.method.config.z_dim :]).reshape(len(z), *self.values)
        return np.asarray(self.method.generate(code, torch.from_numpy(uniform).float()).cpu().numpy(), np.float32)

    def score(self, image: Array) -> Array:
        """Nothing can be scored.

        Raises:
            ModelError: always.
        """
        raise ModelError("a PixelVAE has no discriminator, so its pictures cannot be compared with real ones")


def open_gan(name: str, device: str = "auto") -> GanSubject:
    """Load a run folder or model.

    Raises:
        ModelError: it does not generate pictures.
    """
    if is_run(name):
        method = checkpoint.load_method(name, torch_device(device))
        if isinstance(method, PixelVAE):
            generators: dict[str, Generator] = {"averaged": PixelGenerator(method)}
            likelihood = (method.bits_per_dim, method.shown)
            return GanSubject(Path(name).name, method.config.size, generators, False, Path(name), *likelihood)
        if not isinstance(method, Draws):
            raise ModelError(
                f"{name} is a run of {method.id}; `imgedit evaluate drawn` measures GANs and models of kind sample"
            )
        graphs = method.graphs()
        z_dim = int(graphs["generate"].inputs["z"].shape[1])
        generators = {
            "averaged": TorchGenerator(method, z_dim, averaged=True),
            "last": TorchGenerator(method, z_dim, averaged=False),
        }
        return GanSubject(Path(name).name, int(method.config.size), generators, "score" in graphs, Path(name))
    model = library.find(name)
    return GanSubject(
        model.id, model.manifest.crop.height, {"averaged": OnnxGenerator(model, device)}, model.has("score")
    )
