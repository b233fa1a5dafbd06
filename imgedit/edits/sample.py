"""Sample: pictures from a generator, and rejection of what its discriminator finds improbable; ONNX only.

Reference: Discriminator Rejection Sampling, Azadi et al. 2019, arXiv 1810.06758, section 3.

Deviations: the largest logit M and the shift gamma are fixed by a burn-in before the first picture is kept, and a
picture above M is always kept, so pictures are independent of each other and of the batch size (the paper raises M
while it samples, and takes gamma's percentile batch by batch).
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgedit import deliver
from imgedit import photo as photos
from imgedit.deliver import File, write_png
from imgedit.edits.pixelwise import draw_values, uniform_of
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions, check_kind
from imgedit.photo import Photo
from imgedit.pixels import Floats, to_pixels

__all__ = [
    "Array",
    "Batch",
    "Generator",
    "OnnxGenerator",
    "Rejection",
    "Sampling",
    "draw",
    "odds",
    "sample",
    "sample_files",
    "sheet_of",
    "write_png",
]

Array = Floats

EPSILON = 1e-8
"""Keeps the odds of the best picture finite (the paper's epsilon)."""
PATIENCE = 100_000
"""So many pictures rejected in a row mean that the calibration does not fit the model."""


class Generator(Protocol):
    """What pictures are drawn from: `z` standard normal, pictures in [-1, 1]."""

    z_dim: int

    def generate(self, z: Floats) -> Floats:
        """Map `(N, z_dim)` to `(N, C, H, W)`."""
        ...

    def score(self, image: Floats) -> Floats:
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
            why = "rejection was not found to help its pictures" if model.has("score") else "it has no graph 'score'"
            raise ModelError(
                f"{model.id} cannot reject pictures: {why}",
                hint="leave out --reject (for a run of your own: `imgedit evaluate drawn RUN`, then export it)",
            )
        numbers: dict[str, Any] = {name: stored.get(name) for name in ("a", "b", "m", "gamma")}
        return cls(**numbers)

    def probability(self, score: Floats) -> NDArray[np.float64]:
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
        device: as `imgedit.models.devices.providers`.

    Raises:
        ModelError: the model samples nothing.
    """

    def __init__(self, model: Model, device: str = "auto") -> None:
        sessions = Sessions(device)
        role = "condition" if check_kind(model, "sample").has("pixels") else "generate"
        self._generate = sessions.open(model, role)
        self._pixels = sessions.open(model, "pixels") if model.has("pixels") else None
        self._score = sessions.open(model, "score") if model.has("score") else None
        shape = self._generate.inputs.get("z", ())
        if len(shape) != 2 or shape[1] is None:
            raise ModelError(f"{model.id}: {role!r} must take z of shape (N, fixed), its inputs are {shape}")
        self._n_code: int = shape[1]
        self._values = (0, 0, 0)
        if self._pixels is not None:  # one number more for each value that is drawn
            crop, seen = model.manifest.crop, self._pixels.inputs.get("image", ())
            if len(seen) != 4 or seen[1] is None:
                raise ModelError(f"{model.id}: 'pixels' must take an image (N, fixed, H, W), its inputs are {seen}")
            self._values = (crop.height, crop.width, seen[1])
        self.z_dim: int = self._n_code + math.prod(self._values)
        self.batch_size = 256 if self._pixels is None else 64

    def generate(self, z: Floats) -> Floats:
        """Map `(N, z_dim)` to `(N, C, H, W)` in [-1, 1]."""
        made = np.asarray(self._generate.run({"z": z[:, : self._n_code]})[self._generate.outputs[0]], np.float32)
        if self._pixels is None:
            return made
        pixels = self._pixels

        def probability(image: Floats, condition: Floats) -> Floats:
            return np.asarray(pixels.run({"image": image, "condition": condition})[pixels.outputs[0]], np.float32)

        uniform = uniform_of(z[:, self._n_code :]).reshape(len(z), *self._values)
        return draw_values(probability, made, uniform)

    def score(self, image: Floats) -> Floats:
        """Map `(N, C, H, W)` to `(N,)`.

        Raises:
            ModelError: the model has no graph `score`.
        """
        if self._score is None:
            raise ModelError("this model has no graph 'score', so its pictures cannot be compared with real ones")
        return np.asarray(self._score.run({"image": image})[self._score.outputs[0]], np.float32).reshape(-1)


@dataclass(frozen=True)
class Batch:
    """What is left of the pictures that were generated at once.

    Attributes:
        images: pictures that were kept, `(K, C, H, W)`, [-1, 1]; K may be 0.
        attempts: pictures that were generated for them, up to the last one that was wanted.
    """

    images: Floats
    attempts: int


def draw(
    generator: Generator, n: int, *, seed: int = 0, rejection: Rejection | None = None, batch_size: int = 256
) -> Iterator[Batch]:
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
                    "run `imgedit evaluate drawn RUN` again"
                )
        left -= len(images)
        yield Batch(images, attempts)


def sheet_of(pictures: NDArray[np.uint8], gap: int = 2) -> NDArray[np.uint8]:
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


@dataclass(frozen=True)
class Sampling:
    """What became of a request for pictures.

    Attributes:
        model: id of the model.
        attempts: pictures that were generated for those that were kept.
        warnings: sentences for the user.
    """

    model: str
    attempts: int
    warnings: list[str]


Watch = Callable[[Iterator[Batch]], Iterator[Batch]]
"""Passes batches on; to show progress."""


def sample(
    model: str | PathLike[str], n: int = 64, *, seed: int = 0, reject: bool = False, device: str = "auto"
) -> NDArray[np.uint8]:
    """Draw new pictures.

    Args:
        model: id or folder of a model of kind `sample`.
        n: so many pictures.
        seed: which pictures; the same seed gives the same ones.
        reject: keep only what the model's own discriminator finds probable.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Returns:
        `(n, H, W, C)`, C is 1 for grey pictures and 3 for RGB.

    Raises:
        ConfigError: there is no picture to draw.
        ModelError: there is no such model, or it cannot do that.
    """
    _, batches = _open(model, n, seed, reject, device)
    return np.concatenate([to_pixels(batch.images) for batch in batches])


def sample_files(
    model: str | PathLike[str],
    out: str | PathLike[str],
    n: int = 64,
    *,
    seed: int = 0,
    reject: bool = False,
    grid: bool = False,
    device: str = "auto",
    overwrite: bool = False,
    mark: bool = True,
    watch: Watch = iter,
) -> Sampling:
    """Draw new pictures into a folder, `00000.png` and so on, or into one grid.

    Args:
        model: as `sample`.
        out: the folder, made where it is missing; with `grid` the file.
        n: as `sample`.
        seed: as `sample`.
        reject: as `sample`.
        grid: write one picture of all of them.
        device: as `sample`.
        overwrite: replace files that exist.
        mark: pictures in colour say in their metadata that a model made them; grey ones, digits, need not.
        watch: shows progress.

    Raises:
        ConfigError: `out` is no place for pictures.
        OutputError: something is in the way, or cannot be written.
        ModelError: as `sample`.
    """
    found, batches = _open(model, n, seed, reject, device)
    target = Path(out)
    warnings: list[str] = []
    if deliver.is_stdout(target):
        raise ConfigError("pictures cannot go to stdout; name a folder, or for a grid a file")
    if grid:
        if str(out).endswith(("/", os.sep)):
            raise ConfigError(f"a grid is one picture; name a file, such as {target / 'grid.png'}")
        deliver.check([target], overwrite=overwrite)
    blank = Photo(np.zeros((1, 1, 3), np.uint8))
    if mark:  # once: the same for every picture
        blank = photos.marked(blank, f"sample, seed {seed}", [(found.id, found.manifest.version)], generated=True)

    def made(picture: NDArray[np.uint8]) -> Photo | bytes:
        return replace(blank, rgb=picture) if picture.shape[-1] == 3 else deliver.png(picture)

    done = attempts = 0
    sheet: list[NDArray[np.uint8]] = []
    with contextlib.ExitStack() as stack:
        if not grid:
            names = [_name(i) for i in range(n)]
            others = stack.enter_context(deliver.open_folder(out, names, overwrite=overwrite))
            if others:
                warnings.append(f"{target} keeps {len(others)} other pictures, such as {min(others)}")
        for batch in watch(batches):
            attempts += batch.attempts
            pictures = to_pixels(batch.images)
            if grid:
                sheet.append(pictures)
                continue
            files = [File(target / _name(done + i), made(picture)) for i, picture in enumerate(pictures)]
            done += len(files)
            deliver.write(files, overwrite=overwrite, flush=False)
    if sheet:
        together = np.concatenate(sheet)
        whole = sheet_of(together)
        deliver.write([File(target, made(whole) if together.shape[-1] == 3 else Photo(whole))], overwrite=overwrite)
    return Sampling(found.id, attempts, warnings)


def _open(name: str | PathLike[str], n: int, seed: int, reject: bool, device: str) -> tuple[Model, Iterator[Batch]]:
    """Open a model and return it and the pictures that it is going to draw."""
    if n < 1:
        raise ConfigError(f"at least one picture must be drawn, got {n}")
    model = library.find(name)
    generator = OnnxGenerator(model, device)
    rejection = Rejection.of(model) if reject else None
    return model, draw(generator, n, seed=seed, rejection=rejection, batch_size=generator.batch_size)


def _name(index: int) -> str:
    return f"{index:05d}.png"
