"""`imgedit evaluate drawn`: pictures or points that a GAN generates, against real ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError
from training.evaluate.drawn import fid, modes, rejection
from training.evaluate.drawn.features import FeatureNetwork, load
from training.evaluate.layout import Block, Table
from training.evaluate.result import header


def evaluate(
    model: str,
    data: str,
    *,
    features: str | None = None,
    classifier: str | None = None,
    inception_weights: Path | None = None,
    n: int | None = None,
    seed: int = 0,
    gamma: str | None = None,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure a run or model; the arguments are those of `imgedit evaluate drawn`, with its defaults where None.

    Raises:
        ConfigError: an option is not for points.
    """
    n = fid.N if n is None else n
    if data.partition(":")[0] == modes.DATA:
        given = {"features": features, "classifier": classifier, "inception-weights": inception_weights, "gamma": gamma}
        for name, value in given.items():
            if value is not None:
                raise ConfigError(f"--{name} is for pictures; points of {data} are measured without it")
        return points(model, data, n=n, seed=seed, device=device, command=command)
    network = load(features, classifier, device, inception_weights=inception_weights)
    gammas = rejection.GAMMAS if gamma is None else (gamma,)
    return pictures(model, data, network, n=n, seed=seed, gammas=gammas, device=device, command=command)


def pictures(
    model: str,
    data: str,
    network: FeatureNetwork,
    *,
    n: int,
    seed: int = 0,
    gammas: Sequence[str] = rejection.GAMMAS,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure the pictures that a GAN generates; the arguments are those of `fid.evaluate`."""
    metrics = fid.evaluate(model, data, network, n=n, seed=seed, gammas=gammas, device=device)
    return header(model, "sample", data, command=command, seed=seed) | {"n": n, "metrics": metrics}


def points(model: str, data: str, *, n: int, seed: int = 0, device: str = "auto", command: str = "") -> dict[str, Any]:
    """Measure the points that a GAN generates; the arguments are those of `modes.evaluate`."""
    metrics = modes.evaluate(model, data, n=n, seed=seed, device=device)
    return header(model, "sample", data, command=command, seed=seed) | {"n": n, "metrics": metrics}


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: how it was measured, and one table of all ways of sampling."""
    of_points = result["data"] == modes.DATA
    return [
        f"{result['model']} on {result['data']}, seed {result['seed']}",
        *(_points(result["metrics"]) if of_points else _pictures(result["metrics"])),
    ]


def _pictures(metrics: Mapping[str, Any]) -> list[Block]:
    variants: Mapping[str, Mapping[str, Any]] = metrics["variants"]
    keys = [key for key in dict.fromkeys(k for row in variants.values() for k in row) if key != "shares"]
    rows = [[_words(key), *(_number(row.get(key, "")) for row in variants.values())] for key in keys]
    for i in range(len(next(iter(variants.values())).get("shares", ()))):
        rows.append([f"share of {i}, %", *(f"{100 * row['shares'][i]:.1f}" for row in variants.values())])
    found: list[Block] = [
        f"{metrics['n_fake']} generated and {metrics['n_real']} real pictures; features {metrics['features']} of "
        f"{metrics['network']} ({metrics['sha256'][:12]}), resizer {metrics['resizer']}; training pictures have FID "
        f"{metrics['floor']:.2f}",
        Table(["figure", *map(_words, variants)], rows),
    ]
    for draws, bits in metrics.get("bits_per_dim", {}).items():
        nats = bits * metrics["values"] * math.log(2.0)
        found.append(
            f"At most {bits:.4f} bits a value of the real pictures ({nats:.2f} nats a picture), by {draws} draws of z."
        )
    if "valid" in metrics:
        valid = [(_words(way), *map(_number, row.values())) for way, row in metrics["valid"].items()]
        chosen = metrics.get("rejection")
        found += [
            Table(["on the validation split", "FID", "FID of pixels"], valid),
            "No rejection brings the pictures nearer to the validation split by both, so none is offered."
            if chosen is None
            else f"`imgedit sample --reject` does: {_words(chosen['variant'])}, gamma {chosen['gamma_rule']}.",
        ]
    return found


def _points(metrics: Mapping[str, Any]) -> list[Block]:
    variants: Mapping[str, Mapping[str, Any]] = metrics["variants"]
    rows = [
        ["modes", *(f"{row['modes']} of {metrics['components']}" for row in variants.values())],
        ["good points, %", *(f"{100 * row['good']:.1f}" for row in variants.values())],
        ["balance", *(f"{row['balance']:.3f}" for row in variants.values())],
    ]
    return [f"{metrics['n_fake']} points", Table(["figure", *variants], rows)]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
