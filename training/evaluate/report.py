"""`imgedit evaluate`: choose what to measure by the model's kind, print it, keep it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from imgedit.errors import ConfigError
from imgedit.files import write_whole
from training.data.celeba import HAIR
from training.evaluate.drawn import fid, modes, rejection
from training.evaluate.drawn.features import Features
from training.evaluate.drawn.features import load as load_features
from training.evaluate.faces import attributes as attribute_edits
from training.evaluate.faces import identity, judge, recognition
from training.publish.export import EVALUATION
from training.run import checkpoint

TEST = "test"
SPLITS = (TEST, "valid")
JUDGE = "attribute_judge.celeba"
HAIR_JUDGE = "hair_judge.celeba"
"""The bundled classifiers that no generator was trained against: of faces, and of the hair alone."""


def evaluate(
    model: str,
    data: str,
    *,
    attributes: bool = False,
    classifier: str | None = None,
    hair_classifier: str | None = None,
    parts: Sequence[str] = (),
    specified: str | None = None,
    features: str | None = None,
    gamma: str = rejection.GAMMA,
    n: int | None = None,
    seed: int = 0,
    split: str = TEST,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure a run or model on held-out pictures; the arguments are `imgedit evaluate`'s (`features` only with --fid).

    Raises:
        ConfigError: this kind of model cannot be measured so.
    """
    if split not in SPLITS:
        raise ConfigError(f"unknown split {split!r}; choose {' or '.join(SPLITS)}")
    if split != TEST and (parts or features is not None or data.partition(":")[0] != "celeba"):
        raise ConfigError("--split is for faces of CelebA; the rest is measured on the test split alone")
    if parts:
        from training.evaluate.codes import (
            latent_report,  # matplotlib and scikit-learn, which the other figures need not
        )

        return latent_report.evaluate(
            model, data, parts=parts, n=n, seed=seed, device=device, specified=specified, command=command
        )
    if data.partition(":")[0] == modes.DATA:
        return points(model, data, n=n or fid.N, seed=seed, device=device, command=command)
    if features is not None:
        network = load_features(features, classifier, device)
        return generators(model, data, network, n=n or fid.N, seed=seed, gamma=gamma, device=device, command=command)
    with judge.opened(model) as subject:
        kind = subject.manifest.kind
        result: dict[str, Any] = {
            "model": subject.id,
            "kind": kind,
            "command": command,
            "data": data.partition(":")[0],
            "split": split,
            "seed": seed,
            **_steps(model),
        }
        if kind == "parse":
            result["metrics"], result["n"] = recognition.parsing(subject, data, n, seed, device)
        elif kind == "classify" and subject.manifest.classes:
            result["metrics"], result["n"] = recognition.classes(subject, data, n, seed, device)
        elif kind == "classify":
            faces = judge.load_faces(data, n, seed, split)
            result["n"] = len(faces.frames)
            result["metrics"] = recognition.classification(subject, faces, device)
        elif kind == "translate" and attributes:
            names = {"judge": classifier or JUDGE}
            if set(HAIR) & set(subject.manifest.attributes):
                names["hair_judge"] = hair_classifier or HAIR_JUDGE
            with contextlib.ExitStack() as stack:
                judges = [judge.Classifier(stack.enter_context(judge.opened(m)), device) for m in names.values()]
                faces = judge.load_faces(data, n, seed, split)
                result["n"] = len(faces.frames)
                result |= {role: Path(m).name for role, m in names.items()}
                result["identity_network"] = identity.NETWORK
                result["metrics"] = attribute_edits.evaluate(subject, faces, *judges, device=device)
        elif kind == "translate":
            raise ConfigError(f"say what to measure of {subject.id}: --attributes")
        else:
            hint = "--fid measures it" if kind == "sample" else "evaluate knows translate, classify, parse and sample"
            raise ConfigError(f"{subject.id} is of kind {kind}; {hint}")
    return result


def generators(
    model: str,
    data: str,
    network: Features,
    *,
    n: int = fid.N,
    seed: int = 0,
    gamma: str = rejection.GAMMA,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure what a GAN draws; the arguments are `fid.evaluate`'s."""
    metrics = fid.evaluate(model, data, network, n=n, seed=seed, gamma=gamma, device=device)
    return _drawn(model, data, n, seed, command, metrics)


def points(
    model: str, data: str, *, n: int = fid.N, seed: int = 0, device: str = "auto", command: str = ""
) -> dict[str, Any]:
    """Measure the points that a GAN draws; the arguments are `modes.evaluate`'s."""
    return _drawn(model, data, n, seed, command, modes.evaluate(model, data, n=n, seed=seed, device=device))


def _drawn(model: str, data: str, n: int, seed: int, command: str, metrics: dict[str, Any]) -> dict[str, Any]:
    return {
        "model": Path(model).name,
        "kind": "sample",
        "command": command,
        "data": data.partition(":")[0],
        "split": "test",
        "seed": seed,
        "n": n,
        **_steps(model),
        "metrics": metrics,
    }


def _steps(model: str) -> dict[str, int]:
    """Return how far a run was when it was measured: its figures are not those of later weights."""
    return {"steps": int(checkpoint.latest(Path(model)).name)} if judge.is_run(model) else {}


def write(result: Mapping[str, Any], model: str, out: Path | None = None) -> None:
    """Keep the figures in the run folder, if it is one, beside the pictures of a latent code, and in `out`.

    Figures of another split than the test split go to `out` alone: no model card may take them for a measurement.

    Raises:
        OutputError: a file cannot be written.
    """
    targets = [] if out is None else [out]
    if result.get("split", TEST) == TEST and judge.is_run(model):
        targets.append(Path(model) / EVALUATION)
    elif result["kind"] == "latent":
        from training.evaluate.codes import latent_report

        targets.append(latent_report.folder(model) / EVALUATION)
    for target in targets:
        write_whole(target, (json.dumps(result, indent=2) + "\n").encode())


def show(result: Mapping[str, Any], model: str, console: Console | None = None) -> None:
    """Print the figures of a run or model as tables."""
    console = console or Console()
    if result["kind"] == "latent":
        from training.evaluate.codes import latent_report

        latent_report.show(result, model, console)
        return
    if result["kind"] == "sample":
        console.print(f"{result['model']} on {result['data']}, seed {result['seed']}")
        (modes if result["data"] == modes.DATA else fid).show(result["metrics"], console)
        return
    judges = [result[role] for role in ("judge", "hair_judge") if role in result]
    judged = f", judged by {' and '.join(judges)}" if judges else ""
    pictures = f"{result['n']} {result['split']} pictures of {result['data']}, seed {result['seed']}"
    console.print(f"{result['model']}: {pictures}{judged}")
    metrics = result["metrics"]
    if "edits" in metrics:
        rows = {**metrics["edits"], "mean": metrics["mean"]}
        columns = list(dict.fromkeys(key for row in rows.values() for key in row))
        table = Table(Column("edit", no_wrap=True), *(column.replace("_", " ") for column in columns))
        for name, row in rows.items():
            table.add_row(name, *(_number(row.get(column)) for column in columns))
        console.print(table)
    plain = {k: v for k, v in metrics.items() if k not in ("edits", "mean")}
    table = Table("figure", "value")
    for name, value in plain.items():
        pairs = value.items() if isinstance(value, Mapping) else [("", value)]
        for key, number in pairs:
            table.add_row(f"{name} {key}".strip().replace("_", " "), _number(number))
    if plain:
        console.print(table)


def _number(value: object) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
