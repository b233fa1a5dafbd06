"""How near generated pictures are to real ones: FID, manifolds, share of each class; and which rejection helps.

FID is torchmetrics' (Heusel et al. 2017, arXiv 1706.08500). All figures depend on the feature network, so each goes
with its name and hash; they compare only where those are equal.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from imgedit.edits.sample import Generator, Rejection, draw
from imgedit.pixels import to_pixels, to_tensor
from imgedit.progress import with_progress
from training import train as start
from training.evaluate.drawn import density_ratio, rejection
from training.evaluate.drawn.features import FeatureNetwork, Pixels, principal_components
from training.evaluate.drawn.manifolds import manifolds, radii
from training.evaluate.drawn.subject import GanSubject, open_gan
from training.evaluate.subject import sample_indices

N = 10_000
"""Pictures of each kind."""
FEW = 2_000
"""With fewer pictures (or no more than the network has features) FID is mostly the sampling error of its covariance."""
VALIDATION_SEED = 4_000_003
"""Added to the seed for the pictures by which the rejection is chosen."""
DRAWS = 10
"""Importance samples of z in the closer bound of a likelihood."""
_AT_ONCE = 250
PLAIN = "averaged"
"""The variant without rejection that the others are compared with."""

_log = logging.getLogger("imgedit.evaluate")  # the command line shows what imgedit's loggers say


def evaluate(
    model: str,
    data: str,
    network: FeatureNetwork,
    *,
    n: int = N,
    seed: int = 0,
    gammas: Sequence[str] = rejection.GAMMAS,
    device: str = "auto",
) -> dict[str, Any]:
    """Measure a run or model against the test split of `data`; its rejection is calibrated and chosen on `valid`.

    A model is sampled without rejection and with rejection by its own discriminator or critic; a run also with
    rejection by a classifier (`training.evaluate.drawn.density_ratio`) that is trained for it here and kept in its
    folder.

    Args:
        model: a run folder, or a model of kind `sample`.
        data: `NAME:DIR`.
        network: what pictures are compared by.
        n: pictures of each kind, fewer real ones where the split has fewer.
        seed: of the pictures.
        gammas: rules as in `rejection.Calibration.rejection`, from which the validation split chooses.
        device: as `imgedit.models.devices.providers`.

    Returns:
        Figures for the manifest: how it was measured, `floor` (the FID of real training pictures) and `variants` (one
        row for each way of sampling); where the method tells a likelihood `bits_per_dim` (draws of z -> bits a value
        of the test pictures) and `values`, the number of values of a picture. For a model with a score also `valid`
        (way of sampling -> FID against the validation split by the network and by pixels) and, if a rejection helps
        there, `rejection`: the calibration that an export has.
    """
    for gamma in gammas:
        rejection.parse_gamma(gamma)
    subject = open_gan(model, device)
    real, train = (pictures(data, split, subject.size, n, seed) for split in ("test", "train"))
    reference = Reference(real, network)
    _warn_of_few(min(n, len(real)), reference.real.shape[1])
    variants = {name: _row(reference, generator, n, seed) for name, generator in subject.generators.items()}
    result: dict[str, Any] = {
        **network.about(),
        "n_real": len(real),
        "n_fake": n,
        "floor": reference.fid(train),
        "variants": variants,
    }
    if subject.bits is not None:
        result["bits_per_dim"] = _bits(subject.bits, subject.shown, torch.from_numpy(to_tensor(real)))
        result["values"] = int(np.prod(real.shape[1:]))
    if not subject.has_score:
        return result
    held_out = pictures(data, "valid", subject.size, n, seed)
    by_network, by_pixels = Reference(held_out, network), Reference(held_out, principal_components(train))

    def on_validation(generator: Generator, rule: Rejection | None = None) -> dict[str, float]:
        fake, _ = _sampled(generator, n, seed + VALIDATION_SEED, rule)
        return {"fid": by_network.fid(fake), "fid_of_pixels": by_pixels.fid(fake)}

    plain = on_validation(subject.generators[PLAIN])
    result["valid"] = {PLAIN: plain}
    helpful = []
    for name, generator, about in _scored(subject, data, seed):
        calibration = rejection.fit(generator, to_tensor(held_out), seed=seed)
        rules = {gamma: calibration.rejection(gamma) for gamma in gammas}
        valid = {gamma: on_validation(generator, rule) for gamma, (rule, _) in rules.items()}
        result["valid"] |= {f"{name}, gamma {gamma}": row for gamma, row in valid.items()}
        best = min(valid, key=lambda gamma: (not _helps(valid[gamma], plain), valid[gamma]["fid"]))
        rule, kept = rules[best]
        variants[name] = {**_row(reference, generator, n, seed, rule), "gamma_rule": best}
        if _helps(valid[best], plain):
            helpful.append({"variant": name, **kept, "valid_fid": valid[best]["fid"], **about})
    if helpful:
        result["rejection"] = min(helpful, key=lambda kept: kept["valid_fid"])
    return result


def _bits(bits: Callable[[Tensor, int], Tensor], shown: Callable[[Tensor], Tensor], images: Tensor) -> dict[str, float]:
    """Return the mean bits a value of pictures: the evidence lower bound, and the bound of `DRAWS` draws of z."""
    torch.manual_seed(0)
    images = shown(images)
    return {
        str(n): float(torch.cat([bits(part, n) for part in with_progress(images.split(_AT_ONCE), "Likelihood")]).mean())
        for n in (1, DRAWS)
    }


def _helps(row: Mapping[str, float], plain: Mapping[str, float]) -> bool:
    """Tell whether a rejection brings the pictures nearer to real ones by both measures.

    A discriminator and a feature network can share a liking, such as for clean strokes, and then drift from the real
    mixture together; pixels are a second opinion that no training has shaped.
    """
    return all(row[key] < plain[key] for key in plain)


def _scored(subject: GanSubject, data: str, seed: int) -> Iterator[tuple[str, Generator, dict[str, Any]]]:
    """Yield the ways to score the pictures: name, generator with its score, and what `evaluation.json` says of it."""
    own = subject.generators[PLAIN]
    yield "rejection", own, {}
    if subject.run is not None:
        real = to_tensor(pictures(data, "train", subject.size, None, seed))
        classifier = density_ratio.train(own, real, seed=seed)
        kept = density_ratio.keep(classifier, subject.run, real.shape[1], subject.size)
        yield density_ratio.VARIANT, density_ratio.ScoredGenerator(own, classifier), {density_ratio.NAME: kept}


def pictures(data: str, split: str, size: int, n: int | None, seed: int) -> Pixels:
    """Return at most `n` pictures of a split (None: all), `(N, H, W, C)`."""
    dataset = start.load_data(data, split, {"size": size})
    index = sample_indices(len(dataset), n, seed)
    return to_pixels(dataset.batch(index, np.random.default_rng(seed)).image.numpy())


class Reference:
    """Real pictures as a feature network sees them, ready for many comparisons.

    Args:
        real: uint8 `(N, H, W, C)`.
        network: of the features.
    """

    def __init__(self, real: Pixels, network: FeatureNetwork) -> None:
        self.network = network
        self.real = torch.from_numpy(np.asarray(network.extract(real), np.float64))

    @cached_property
    def radii(self) -> Tensor:
        """Neighbourhoods of the real pictures, as `manifolds` wants them."""
        return radii(self.real)

    def fid(self, fake: Pixels) -> float:
        """Return the FID of other pictures `(N, H, W, C)` alone."""
        return frechet(self.real, torch.from_numpy(np.asarray(self.network.extract(fake), np.float64)))

    def compare(self, fake: Pixels) -> dict[str, Any]:
        """Return the figures of generated pictures `(N, H, W, C)`."""
        found = torch.from_numpy(np.asarray(self.network.extract(fake), np.float64))
        row: dict[str, Any] = {"fid": frechet(self.real, found)} | manifolds(self.real, self.radii, found)
        if self.network.classify is not None:
            probability = self.network.classify(fake)
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


def _warn_of_few(n: int, n_features: int) -> None:
    if n < max(FEW, n_features + 1):
        _log.warning(
            "FID of %d pictures and %d features is mostly sampling error; compare models by %d pictures or more",
            n, n_features, max(N, n_features + 1),
        )  # fmt: skip


def _row(
    reference: Reference, generator: Generator, n: int, seed: int, rule: Rejection | None = None
) -> dict[str, Any]:
    fake, attempts = _sampled(generator, n, seed, rule)
    return {**reference.compare(fake), "attempts": attempts}


def _sampled(generator: Generator, n: int, seed: int, rule: Rejection | None) -> tuple[Pixels, float]:
    """Return `n` pictures, and how many were generated for each."""
    batches = list(draw(generator, n, seed=seed, rejection=rule))
    return to_pixels(np.concatenate([batch.images for batch in batches])), sum(batch.attempts for batch in batches) / n
