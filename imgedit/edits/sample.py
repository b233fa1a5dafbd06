"""Draw pictures from a `sample` model, and reject what its discriminator finds improbable; ONNX only.

Reference: Discriminator Rejection Sampling, Azadi et al. 2019, arXiv 1810.06758, section 3.

Deviations: the largest logit M and the shift gamma are fixed by a burn-in before the first picture is kept, and a
picture above M is always kept, so pictures are independent of each other and of the batch size (the paper raises M
while it samples, and takes gamma's percentile batch by batch).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit.errors import ModelError
from imgedit.files import write_whole
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions, check_kind

__all__ = ["Drawn", "Generator", "OnnxGenerator", "Rejection", "draw", "grid", "odds", "write_png"]

EPSILON = 1e-8
"""Keeps the odds of the best picture finite (the paper's epsilon)."""
PATIENCE = 100_000
"""So many pictures rejected in a row mean that the calibration does not fit the model."""

Array = NDArray[np.float32]


class Generator(Protocol):
    """What pictures are drawn from: `z` standard normal, pictures in [-1, 1]."""

    z_dim: int

    def generate(self, z: Array) -> Array:
        """Map `(N, z_dim)` to `(N, C, H, W)`."""
        ...

    def score(self, image: Array) -> Array:
        """Map `(N, C, H, W)` to the discriminator's output `(N,)`; higher looks more real."""
        ...


@dataclass(frozen=True)
class Rejection:
    """How a discriminator's output becomes the probability that a picture is kept.

    Attributes:
        a: slope of the calibrated logit, `a * score + b`.
        b: its intercept; the calibrated logit is the log of how much likelier the picture is real than generated.
        m: the largest calibrated logit of the burn-in (the paper's D~*_M).
        gamma: shift of the odds; 0 is exact rejection sampling, larger keeps fewer pictures, smaller keeps more.
    """

    a: float
    b: float
    m: float
    gamma: float

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ModelError(f"the rejection's {name} must be a number, got {value!r}; calibrate the model again")

    @classmethod
    def of(cls, model: Model) -> Rejection:
        """Read the calibration that a model carries in its manifest, `metrics.rejection`.

        Raises:
            ModelError: it has none, or a damaged one.
        """
        stored = model.manifest.metrics.get("rejection")
        if not model.has("score") or not isinstance(stored, Mapping):
            missing = "calibration of its" if model.has("score") else "graph"
            raise ModelError(
                f"{model.id} cannot reject pictures: it has no {missing} 'score'; train a GAN, run `imgedit evaluate"
                " RUN --fid` and export it, or leave out --reject"
            )
        numbers: dict[str, Any] = {name: stored.get(name) for name in ("a", "b", "m", "gamma")}
        return cls(**numbers)

    def probability(self, score: Array) -> NDArray[np.float64]:
        """Return the probability `(N,)` that each picture is kept (equation 8)."""
        shifted = odds(self.a * score.astype(np.float64) + self.b, self.m) - self.gamma
        return np.asarray(np.exp(-np.logaddexp(0.0, -shifted)))  # the sigmoid, without overflow


def odds(logit: NDArray[np.float64], m: float) -> NDArray[np.float64]:
    """Return the log odds F `(N,)` of keeping each picture before gamma is taken off (equations 6 and 7).

    The sigmoid of F is `exp(logit - m)`, exact rejection sampling.

    Args:
        logit: calibrated logits `(N,)`.
        m: the largest logit; one above it counts as equal.
    """
    below = np.minimum(logit - m, 0.0)
    return np.asarray(below - np.log(-np.expm1(below - EPSILON)))


class OnnxGenerator:
    """The graphs of a model folder.

    Args:
        model: of kind `sample`.
        device: as `imgedit.models.runtime.providers`.

    Raises:
        ModelError: the model draws nothing.
    """

    def __init__(self, model: Model, device: str = "auto") -> None:
        sessions = Sessions(device)
        self._generate = sessions.open(check_kind(model, "sample"), "generate")
        self._score = sessions.open(model, "score") if model.has("score") else None
        shape = self._generate.inputs.get("z", ())
        if len(shape) != 2 or shape[1] is None:
            raise ModelError(f"{model.id}: 'generate' must take z of shape (N, fixed), its inputs are {shape}")
        self.z_dim: int = shape[1]

    def generate(self, z: Array) -> Array:
        """Map `(N, z_dim)` to `(N, C, H, W)` in [-1, 1]."""
        return np.asarray(self._generate.run({"z": z})[self._generate.outputs[0]], np.float32)

    def score(self, image: Array) -> Array:
        """Map `(N, C, H, W)` to `(N,)`.

        Raises:
            ModelError: the model has no graph `score`.
        """
        if self._score is None:
            raise ModelError("this model has no graph 'score', so its pictures cannot be compared with real ones")
        return np.asarray(self._score.run({"image": image})[self._score.outputs[0]], np.float32).reshape(-1)


@dataclass(frozen=True)
class Drawn:
    """What one batch left.

    Attributes:
        images: pictures that were kept, `(K, C, H, W)`, [-1, 1]; K may be 0.
        attempts: pictures that were generated for them, up to the last one that was wanted.
    """

    images: Array
    attempts: int


def draw(
    generator: Generator, n: int, *, seed: int = 0, rejection: Rejection | None = None, batch_size: int = 256
) -> Iterator[Drawn]:
    """Yield `n` pictures in batches; the same seed gives the same pictures whatever the batch size.

    What is kept with a rejection are some of the pictures that the seed gives without one, in the same order.

    Raises:
        ModelError: `PATIENCE` pictures in a row were rejected.
    """
    for_z, for_u = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    left, rejected = n, 0
    while left > 0:
        # The last batch of a plain draw has no pictures too many.
        size = batch_size if rejection is not None else min(batch_size, left)
        images = generator.generate(for_z.standard_normal((size, generator.z_dim), np.float32))
        attempts = size
        if rejection is not None:
            kept = np.flatnonzero(for_u.random(size) < rejection.probability(generator.score(images)))[:left]
            attempts = int(kept[-1]) + 1 if len(kept) == left else size
            images = images[kept]
            rejected = 0 if len(kept) else rejected + size
            if rejected >= PATIENCE:
                raise ModelError(
                    f"{rejected} pictures in a row were rejected; the calibration does not fit this model, "
                    "run `imgedit evaluate RUN --fid` again"
                )
        left -= len(images)
        yield Drawn(images, attempts)


def grid(pictures: NDArray[np.uint8], gap: int = 2) -> NDArray[np.uint8]:
    """Lay pictures `(N, H, W, C)` out row by row, about as many columns as rows, `(H', W', 3)` on mid grey.

    Args:
        pictures: at least one, C of 1 or 3.
        gap: pixels between two.
    """
    n, height, width, _ = pictures.shape
    columns = math.ceil(math.sqrt(n))
    rows = math.ceil(n / columns)
    sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 128, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = i // columns * (height + gap), i % columns * (width + gap)
        sheet[y : y + height, x : x + width] = picture
    return sheet


def write_png(picture: NDArray[np.uint8], path: Path) -> None:
    """Write one picture `(H, W, C)`, grey where C is 1, whole or not at all; a file that exists is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    write_whole(path, buffer.getvalue(), flush=False)  # of thousands
