"""What a training method is: the types that the loop, the checkpoints, the export and the evaluation rely on.

A method is one module of `training/methods/`. It has a frozen dataclass `Config`, a class `Method` and `PRESETS`, a
dictionary from names to the settings that differ from the defaults. `Method` below is what each of them can do.
What only some can do has a small protocol of its own: `Draws`, `DrawsPixels`, `Codes`, `Features`, `Classifies`,
`Continues`, `NeedsHelpers`. Ask for them with `isinstance`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from training.data.batch import Batch
from training.networks.autoencoder import Code
from training.networks.teacher import FrozenClassifier

METHODS = {
    "attribute_classifier": "training.methods.attribute_classifier",
    "cycle_vae": "training.methods.cycle_vae",
    "cyclegan": "training.methods.cyclegan",
    "dr_gan": "training.methods.dr_gan",
    "digit_classifier": "training.methods.digit_classifier",
    "face_parser": "training.methods.face_parser",
    "face_recognition": "training.methods.face_recognition",
    "frontal_refiner": "training.methods.frontal_refiner",
    "gan": "training.methods.gan",
    "glasses_remover": "training.methods.glasses_remover",
    "hair_classifier": "training.methods.hair_classifier",
    "hair_flow": "training.methods.hair_flow",
    "hair_grid": "training.methods.hair_grid",
    "hair_histogram": "training.methods.hair_histogram",
    "local_edits": "training.methods.local_edits",
    "lord": "training.methods.lord",
    "mathieu": "training.methods.mathieu",
    "md_gan": "training.methods.md_gan",
    "mouth_painter": "training.methods.mouth_painter",
    "pixel_vae": "training.methods.pixel_vae",
    "sleeve_classifier": "training.methods.sleeve_classifier",
    "sleeve_painter": "training.methods.sleeve_painter",
    "stargan": "training.methods.stargan",
    "szabo": "training.methods.szabo",
    "unrolled_gan": "training.methods.unrolled_gan",
    "vae": "training.methods.vae",
    "vae_gan": "training.methods.vae_gan",
    "wgan": "training.methods.wgan",
    "wgan_gp": "training.methods.wgan_gp",
}
"""Method id -> its module. The id is the file's name, and the manifest's `method`."""


@dataclass(frozen=True)
class Graph:
    """One graph of a model, before it is ONNX.

    Attributes:
        module: the network in eval mode; its positional arguments are `inputs` in order.
        inputs: name -> example tensor; axis 0 is always free.
        outputs: names of what the module returns, in order.
        dynamic: name -> further free axes, `{"image": {2: "height", 3: "width"}}`.
        half: its large weights are stored in half precision.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: list[str]
    dynamic: dict[str, dict[int, str]] = field(default_factory=dict)
    half: bool = False


class MethodConfig(Protocol):
    """The settings that every method has; its `Config` is a frozen dataclass with more."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def size(self) -> int:
        """Side of the pictures, px."""

    @property
    def batch_size(self) -> int:
        """Pictures of one batch."""

    @property
    def steps(self) -> int:
        """Where the training ends, in the unit of `Method.steps`."""

    @property
    def seed(self) -> int:
        """Seed of weights and data order."""


class Method(Protocol):
    """Networks and optimizers in training.

    Attributes:
        id: the key in `METHODS`.
        steps: how many batches have been drawn.
        device: where its networks are.
    """

    id: str
    steps: int
    device: torch.device

    @property
    def config(self) -> MethodConfig:
        """The settings that it was made with."""

    @staticmethod
    def data_options(config: Any) -> dict[str, Any]:
        """Return keyword arguments for the data set's `load`; `config` is the method's own `Config`."""

    @staticmethod
    def tiny() -> dict[str, object]:
        """Return settings that make a method small enough for a test."""

    def step(self, stream: Iterator[Batch]) -> dict[str, Tensor]:
        """Draw one batch or more, move the networks, and return detached scalars for the log."""

    def state_dict(self) -> dict[str, Any]:
        """Return everything that changes in training: after `load_state_dict` the next step is the same bit for bit."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict`."""

    def samples(self, batch: Batch) -> Tensor | None:
        """Return a sheet of pictures, `(3, H, W)` in 0..1; None where there is nothing to see."""

    def graphs(self) -> dict[str, Graph]:
        """Return the graphs of the exported model by role (roles: `imgedit.models.schema`), with averaged weights."""

    def manifest_fields(self) -> dict[str, Any]:
        """Return what the manifest says of the method: kind, title, crop, paper and, where it has them, labels."""


class MethodClass(Protocol):
    """How a method is made."""

    id: str

    def __call__(self, config: Any, device: torch.device | str = "cpu", **helpers: FrozenClassifier) -> Method:
        """Return it with new weights; `helpers` are those of `NeedsHelpers`."""

    @staticmethod
    def data_options(config: Any) -> dict[str, Any]:
        """As `Method.data_options`."""

    @staticmethod
    def tiny() -> dict[str, object]:
        """As `Method.tiny`."""


class MethodModule(Protocol):
    """A file of `training/methods/`."""

    Config: type[Any]
    Method: MethodClass
    PRESETS: dict[str, dict[str, object]]


@runtime_checkable
class Draws(Protocol):
    """A method that draws pictures from noise, and tells drawn from real ones."""

    def noise(self, n: int) -> Tensor:
        """Draw `(n, z_dim)` from the prior."""

    def generate(self, z: Tensor, averaged: bool = True) -> Tensor:
        """Return `(N, C, H, W)` in [-1, 1] for `z` `(N, z_dim)`, by the averaged weights or the last ones."""

    def logit(self, image: Tensor) -> Tensor:
        """Return `(N,)` for `(N, C, H, W)`, larger for more real."""


@runtime_checkable
class Codes(Protocol):
    """A method that encodes a picture to s and z, and decodes them, with its averaged networks."""

    def encode(self, image: Tensor) -> Code:
        """Encode `(N, C, H, W)` in [-1, 1]; z is the mean, s is empty where the method has none."""

    def decode(self, s: Tensor, z: Tensor) -> Tensor:
        """Decode `(N, S)` and `(N, Z)` to `(N, C, H, W)` in [-1, 1]."""


@runtime_checkable
class DrawsPixels(Protocol):
    """A method that may decode pixel by pixel."""

    @property
    def draws_pixels(self) -> bool:
        """Whether it does, with these settings."""

    def sample_pixels(self, s: Tensor, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw `(N, C, H, W)` in [-1, 1] from `p(image | s, z)`."""


@runtime_checkable
class Features(Protocol):
    """A classifier whose activations are compared, as FID does."""

    def features(self, image: Tensor) -> Tensor:
        """Return the activations before the last layer, `(N, F)`."""

    def probability(self, image: Tensor) -> Tensor:
        """Return the probability of each class, `(N, K)`."""


@runtime_checkable
class Classifies(Protocol):
    """A method whose averaged network can be the frozen helper of another training."""

    def classifier(self) -> FrozenClassifier:
        """Return that network."""


@runtime_checkable
class Continues(Protocol):
    """A method that may start from the weights of another run."""

    def initialise(self, state: Mapping[str, Any]) -> None:
        """Take over the weights of `state`, another run's `state_dict`."""


@runtime_checkable
class NeedsHelpers(Protocol):
    """Settings (a `Config`) that name frozen classifiers; they are loaded by `training.helpers` and handed in."""

    def helpers(self) -> dict[str, str]:
        """Return keyword of the method -> run folder, or id of a model."""
