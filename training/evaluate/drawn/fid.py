"""How near generated pictures are to real ones: FID, precision and recall, density and coverage, share of each class.

FID is torchmetrics' (Heusel et al. 2017, arXiv 1706.08500). Precision and recall: Kynkaanniemi et al. 2019,
arXiv 1904.06991; density and coverage: Naeem et al. 2020, arXiv 2002.09797, which one far-off real picture moves less.
All depend on the feature network, so each figure goes with its name and hash; they compare only where those are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from imgedit.edits.sample import Array, Generator, OnnxGenerator, Rejection, draw
from imgedit.errors import ConfigError, ModelError
from imgedit.pixels import to_pixels, to_tensor
from training import train as start
from training.evaluate.drawn import referee, rejection
from training.evaluate.drawn.features import Features, Pixels
from training.evaluate.faces import judge
from training.method import Draws
from training.run import checkpoint
from training.run.device import torch_device

N = 10_000
"""Pictures of each kind."""
VALIDATION_SEED = 4_000_003
"""Added to the seed for the pictures by which the judge of the rejection is chosen."""
K_PRECISION, K_DENSITY = 3, 5
"""Neighbours that make a manifold; the papers' choices."""


@dataclass(frozen=True)
class Subject:
    """What is measured: a GAN's generators by name (`averaged` weights, and of a run also the `last` ones).

    Attributes:
        id: for people.
        size: side of the pictures, px.
        generators: by name.
        has_score: they can score pictures.
        run: the run folder; None for a model.
    """

    id: str
    size: int
    generators: dict[str, Generator]
    has_score: bool
    run: Path | None = None


class TorchGenerator:
    """A GAN of a run, with the average of its generator's weights or the last ones."""

    def __init__(self, method: Any, *, averaged: bool) -> None:
        self.method = method
        self.averaged = averaged
        self.z_dim: int = method.config.z_dim

    @torch.no_grad()
    def generate(self, z: Array) -> Array:
        """Map `(N, z_dim)` to `(N, C, H, W)` in [-1, 1]."""
        tensor = torch.from_numpy(z).to(self.method.device)
        return np.asarray(self.method.generate(tensor, averaged=self.averaged).cpu().numpy(), np.float32)

    @torch.no_grad()
    def score(self, image: Array) -> Array:
        """Map `(N, C, H, W)` to `(N,)`."""
        return np.asarray(self.method.logit(torch.from_numpy(image).to(self.method.device)).cpu().numpy(), np.float32)


def evaluate(
    model: str,
    data: str,
    features: Features,
    *,
    n: int = N,
    seed: int = 0,
    gamma: str = rejection.GAMMA,
    device: str = "auto",
) -> dict[str, Any]:
    """Measure a run or model against the test split of `data`; its rejection is calibrated on `valid`.

    A run is drawn from without rejection, with rejection by its own discriminator, and with rejection by a referee
    (`training.evaluate.drawn.referee`) that is trained for it here and kept in its folder.

    Args:
        model: a run folder, or a model of kind `sample`.
        data: `NAME:DIR`.
        features: what pictures are compared by.
        n: pictures of each kind, fewer real ones where the split has fewer.
        seed: of the pictures.
        gamma: as `rejection.fit`.
        device: as `imgedit.models.devices.providers`.

    Returns:
        Figures for the manifest: how it was measured, `floor` (the FID of real training pictures), `variants` (one row
        for each way of drawing) and, for a model with a score, `rejection`: the calibration that an export has, which
        is that of the judge whose pictures are nearer to the validation split.
    """
    rejection.parse_gamma(gamma)
    subject = open_subject(model, device)
    real = pictures(data, "test", subject.size, n, seed)
    reference = Reference(real, features)
    variants = {name: _row(reference, generator, n, seed) for name, generator in subject.generators.items()}
    result: dict[str, Any] = {
        **features.about(),
        "n_real": len(real),
        "n_fake": n,
        "floor": reference.fid(pictures(data, "train", subject.size, n, seed)),
        "variants": variants,
    }
    if subject.has_score:
        held_out = pictures(data, "valid", subject.size, n, seed)
        validation = Reference(held_out, features)
        found = []
        for name, generator, rule, about in _rejections(subject, data, to_tensor(held_out), gamma, seed):
            variants[name] = _row(reference, generator, n, seed, rule)
            about["valid_fid"] = validation.fid(_drawn(generator, n, seed + VALIDATION_SEED, rule)[0])
            found.append(about)
        result["rejection"] = min(found, key=lambda about: about["valid_fid"])
    return result


def _rejections(
    subject: Subject, data: str, held_out: Array, gamma: str, seed: int
) -> Iterator[tuple[str, Generator, Rejection, dict[str, Any]]]:
    """Yield the ways of rejection: name, generator with its score, rule, and what `evaluation.json` says of it."""
    own = subject.generators["averaged"]
    yield "rejection", own, *rejection.fit(own, held_out, gamma=gamma, seed=seed)
    if subject.run is not None:
        real = to_tensor(pictures(data, "train", subject.size, None, seed))
        trained = referee.train(own, real, seed=seed)
        judged = referee.Refereed(own, trained)
        rule, about = rejection.fit(judged, held_out, gamma=gamma, seed=seed)
        about["referee"] = referee.keep(trained, subject.run, real.shape[1], subject.size)
        yield "referee", judged, rule, about


def open_subject(name: str, device: str = "auto") -> Subject:
    """Load a run folder or model.

    Raises:
        ModelError: it does not draw.
    """
    if judge.is_run(name):
        method = checkpoint.load_method(name, torch_device(device))
        if not isinstance(method, Draws):
            raise ModelError(f"{name} is a run of {method.id}; --fid measures runs of GANs, or models of kind sample")
        generators: dict[str, Generator] = {
            "averaged": TorchGenerator(method, averaged=True),
            "last": TorchGenerator(method, averaged=False),
        }
        return Subject(Path(name).name, int(method.config.size), generators, "score" in method.graphs(), Path(name))
    with judge.opened(name) as model:
        return Subject(
            model.id, model.manifest.crop.height, {"averaged": OnnxGenerator(model, device)}, model.has("score")
        )


def pictures(data: str, split: str, size: int, n: int | None, seed: int) -> Pixels:
    """Return at most `n` pictures of a split (None: all), `(N, H, W, C)`."""
    dataset = start.load_data(data, split, {"size": size})
    index = judge.drawn(len(dataset), n, seed)
    return to_pixels(dataset.batch(index, np.random.default_rng(seed)).image.numpy())


class Reference:
    """Real pictures as a feature network sees them, ready for many comparisons.

    Args:
        real: uint8 `(N, H, W, C)`.
        features: the network.
    """

    def __init__(self, real: Pixels, features: Features) -> None:
        self.features = features
        self.real = torch.from_numpy(np.asarray(features.extract(real), np.float64))
        self.radii = radii(self.real)

    def fid(self, pictures: Pixels) -> float:
        """Return the FID of other pictures `(N, H, W, C)` alone."""
        return frechet(self.real, torch.from_numpy(np.asarray(self.features.extract(pictures), np.float64)))

    def compare(self, fake: Pixels) -> dict[str, Any]:
        """Return the figures of generated pictures `(N, H, W, C)`."""
        found = torch.from_numpy(np.asarray(self.features.extract(fake), np.float64))
        row: dict[str, Any] = {"fid": frechet(self.real, found)} | manifolds(self.real, self.radii, found)
        if self.features.classify is not None:
            probability = self.features.classify(fake)
            counts = np.bincount(probability.argmax(1), minlength=probability.shape[1])
            row["shares"] = [round(float(c), 4) for c in counts / len(fake)]
            row["classes_present"] = int((counts > 0).sum())
        return row


def frechet(real: Tensor, fake: Tensor) -> float:
    """Return torchmetrics' Fréchet distance of two sets of features `(N, F)` float64."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    # The features are there already, as the other figures need them too: the injected network hands them on.
    identity = nn.Identity()
    identity.num_features = real.shape[1]  # type: ignore[assignment]
    metric = FrechetInceptionDistance(feature=identity).set_dtype(torch.float64)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return float(metric.compute())


def radii(points: Tensor) -> Tensor:
    """Return the distance of each point to its `K_PRECISION`-th and its `K_DENSITY`-th neighbour, `(N, 2)`."""
    if len(points) <= K_DENSITY:
        raise ConfigError(f"neighbourhoods need more than {K_DENSITY} pictures, got {len(points)}; give a larger --n")
    rows = []
    for chunk in points.split(1000):
        nearest = torch.cdist(chunk, points).topk(K_DENSITY + 1, largest=False).values  # the nearest is the point
        rows.append(nearest[:, [K_PRECISION, K_DENSITY]])
    return torch.cat(rows)


def manifolds(real: Tensor, real_radii: Tensor, fake: Tensor) -> dict[str, float]:
    """Return precision, recall, density and coverage.

    Args:
        real: features `(N, F)`.
        real_radii: `radii(real)`.
        fake: features `(M, F)`.
    """
    fake_radii = radii(fake)[:, 0]
    precise, dense = 0, 0
    recalled = torch.zeros(len(real), dtype=torch.bool)
    covered = torch.zeros(len(real), dtype=torch.bool)
    for chunk, chunk_radii in zip(fake.split(1000), fake_radii.split(1000), strict=True):
        apart = torch.cdist(chunk, real)
        precise += int((apart <= real_radii[:, 0]).any(1).sum())
        recalled |= (apart <= chunk_radii[:, None]).any(0)
        within = apart <= real_radii[:, 1]
        dense += int(within.sum())
        covered |= within.any(0)
    return {
        "precision": precise / len(fake),
        "recall": float(recalled.double().mean()),
        "density": dense / (K_DENSITY * len(fake)),
        "coverage": float(covered.double().mean()),
    }


def show(metrics: Mapping[str, Any], console: Console) -> None:
    """Print the figures of each way of drawing, and the share of each class."""
    console.print(
        f"{metrics['n_fake']} generated and {metrics['n_real']} real pictures; features {metrics['features']} of "
        f"{metrics['network']} ({metrics['sha256'][:12]}), resizer {metrics['resizer']}; "
        f"training pictures have FID {metrics['floor']:.2f}",
        soft_wrap=True,
    )
    variants: Mapping[str, Mapping[str, Any]] = metrics["variants"]
    table = Table("figure", *variants)
    for key in next(iter(variants.values())):
        if key != "shares":
            table.add_row(key.replace("_", " "), *(_number(row[key]) for row in variants.values()))
    for i in range(len(next(iter(variants.values())).get("shares", ()))):
        table.add_row(f"share of {i}", *(f"{100 * row['shares'][i]:.1f} %" for row in variants.values()))
    console.print(table)


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _row(
    reference: Reference, generator: Generator, n: int, seed: int, rule: Rejection | None = None
) -> dict[str, Any]:
    drawn, attempts = _drawn(generator, n, seed, rule)
    return {**reference.compare(drawn), "attempts": attempts}


def _drawn(generator: Generator, n: int, seed: int, rule: Rejection | None) -> tuple[Pixels, float]:
    """Return `n` pictures, and how many were generated for each."""
    batches = list(draw(generator, n, seed=seed, rejection=rule))
    return to_pixels(np.concatenate([batch.images for batch in batches])), sum(batch.attempts for batch in batches) / n
