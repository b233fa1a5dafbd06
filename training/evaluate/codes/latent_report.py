"""`imgedit evaluate RUN --probe --tsne --swap --interpolate --sample --few-shot`: what a latent code holds and does."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from imgedit.errors import ConfigError, DataError
from imgedit.models import library
from training.data import DATASETS
from training.data.batch import to_tensor
from training.data.factors import Loader
from training.data.grouped import Grouped
from training.evaluate.codes import fewshot, grids, latents, probe, tsne
from training.evaluate.codes.latents import LatentMethod, Latents
from training.evaluate.faces import judge
from training.evaluate.faces.judge import drawn
from training.method import Codes, Method
from training.publish import adopt
from training.publish.export import EVALUATION
from training.run import checkpoint
from training.run.device import torch_device
from training.train import load_data

PARTS = ("probe", "tsne", "swap", "interpolate", "sample", "few-shot")
FOLDER = "evaluation"
TRAIN_ROWS = 20_000
"""Training pictures that the probe learns from, unless told otherwise."""
TSNE_ROWS = 2000


@dataclass(frozen=True)
class Pictures:
    """The pictures that a run is measured on.

    Attributes:
        train: the training split.
        test: the test split.
        known: the test pictures of classes that training saw; None where there are none.
        unseen: the other test pictures; None where there are none.
    """

    train: Grouped
    test: Grouped
    known: Grouped | None
    unseen: Grouped | None


def evaluate(
    model: str | Path,
    data: str,
    *,
    parts: Sequence[str] = PARTS,
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
    specified: str | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Measure a run or model with a latent code, and draw what it can do into `evaluation/` of its `folder`.

    Figures that an earlier call left in its `evaluation.json` for the same step and data set are kept.

    Args:
        model: run folder, model folder or id, of a method that encodes and decodes.
        data: `NAME:DIR`.
        parts: which of `PARTS`.
        n: training pictures of the probe [default: 20,000], drawn by the seed.
        seed: of every draw.
        device: where the method computes.
        specified: the factor that is probed, where it is not the one of the training.
        command: kept with the figures.

    Raises:
        ConfigError: a part is unknown, or the method has no latent code.
        DataError: the data set cannot answer, such as few-shot without unseen classes.
        OutputError: a picture cannot be written.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ConfigError(f"evaluation has no part {unknown[0]!r}; it has: {', '.join(PARTS)}")
    run = folder(str(model))
    method, steps = _opened(str(model), device)
    if not isinstance(method, Codes):
        raise ConfigError(f"{method.id} has no latent code to measure; --{parts[0]} needs a method such as cycle_vae")
    pictures = load(method, data, specified)
    result: dict[str, Any] = {
        "model": run.name,
        "kind": "latent",
        "method": method.id,
        "command": command,
        "data": data.partition(":")[0],
        "split": "test",
        "seed": seed,
        "steps": steps,
        "n": len(pictures.test),
        "metrics": {},
        "pictures": [],
    }
    _keep_earlier(result, run)
    metrics = result["metrics"]
    if "probe" in parts:
        metrics |= probed(method, pictures, n, seed)
    if "few-shot" in parts:
        unseen = fewshot.held_out(pictures.train, pictures.unseen or pictures.test)
        codes = latents.encode(method, unseen)
        metrics["few_shot"] = fewshot.evaluate(method, unseen, codes, seed=seed)
        cells, names = fewshot.picture(method, unseen, codes, seed)
        _write(
            result, run, "few_shot.png", cells, "unseen classes: z of the picture, s as named", column=True, names=names
        )
    if "tsne" in parts:
        fewer = latents.thinned(pictures.known or pictures.test, TSNE_ROWS, seed)
        title = f"t-SNE of {len(fewer)} test pictures, {method.id}, step {steps}"
        tsne.draw(latents.encode(method, fewer), fewer.classes, run / FOLDER / "tsne.png", title, seed)
        result["pictures"].append(f"{FOLDER}/tsne.png")
    for part, draw in (("swap", _swaps), ("interpolate", _interpolations), ("sample", _samples)):
        if part in parts:
            draw(method, pictures, seed, lambda name, cells, title, **o: _write(result, run, name, cells, title, **o))
    result["pictures"] = sorted(set(result["pictures"]))
    return result


def folder(model: str) -> Path:
    """Return where figures and pictures of a run or model are kept: its run folder, or `runs/ID` of a model."""
    return Path(model) if judge.is_run(model) else Path("runs") / library.find(model).id


def _opened(model: str, device: str) -> tuple[Method, int]:
    """Return the method of a run or model with its weights, and for how many steps it was trained."""
    where = torch_device(device)
    if judge.is_run(model):
        method = checkpoint.load_method(Path(model), where)
        return method, method.steps
    found = library.find(model)
    return adopt.method(found, where), found.manifest.trained.steps if found.manifest.trained else 0


def load(method: LatentMethod, data: str, specified: str | None = None) -> Pictures:
    """Load both splits with the run's own options, and part the test split by whether training saw the class.

    Where the classes are people, the test split shows other people; the figures are then of the pictures that the
    training people have beside those of `train`, as for Multi-PIE in the papers.
    """
    module = importlib.import_module(type(method).__module__)
    options = {k: v for k, v in module.Method.data_options(method.config).items() if k != "pairs"}
    options["specified"] = specified or options.get("specified", "identity")
    train, test = (load_data(data, split, options) for split in ("train", "test"))
    seen = {train.classes[i] for i in np.unique(train.specified)}
    if (closed := _closed_test(data, options)) is not None:
        return Pictures(train, closed, closed, test)
    is_known = np.array([name in seen for name in test.classes])[test.specified]
    parts = [test.subset(np.flatnonzero(m)) if m.any() else None for m in (is_known, ~is_known)]
    return Pictures(train, test, parts[0], parts[1])


def _closed_test(data: str, options: Mapping[str, Any]) -> Grouped | None:
    """Load the pictures of the training people that `train` leaves out; None for sets that have no such pictures."""
    loader = importlib.import_module(DATASETS[data.partition(":")[0]]).load
    if options["specified"] != "identity" or not isinstance(loader, Loader):
        return None
    found: Grouped = load_data(data, "test", {**options, "unseen": False})
    return found


def probed(method: LatentMethod, pictures: Pictures, n: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Return the figures `probe`, `z` (what it holds) and `reconstruction`, the last two of the test split.

    Where training saw none of the test classes (other people), the probe learns from two thirds of the test pictures
    of each class and is tested on the others; `probe.pictures` says which way it was.
    """
    test = latents.encode(method, pictures.test, "Encoding the test split")
    if pictures.known is None:
        learnt, asked = _thirds(test)
        what = "test classes unseen in training; two thirds of their pictures / the others"
    else:
        fewer = latents.thinned(pictures.train, TRAIN_ROWS if n is None else n, seed)
        learnt = _by_name(latents.encode(method, fewer, "Encoding the training split"), fewer, pictures.test)
        asked = latents.encode(method, pictures.known) if pictures.unseen is not None else test
        what = "training split / test split"
    return {
        "probe": {"pictures": what, **probe.probe(learnt, asked, seed)},
        "z": latents.information(test),
        "reconstruction": latents.reconstruction(method, pictures.test, test),
    }


def show(result: Mapping[str, Any], model: str, console: Console | None = None) -> None:
    """Print the figures of a run or model as tables, and where the pictures are."""
    console = console or Console()
    metrics = result["metrics"]
    console.print(f"{result['model']}: {result['method']} at step {result['steps']}, {result['n']} test pictures of "
                  f"{result['data']}, seed {result['seed']}", highlight=False)  # fmt: skip
    if "probe" in metrics:
        table = Table("probe", "classifier", "train", "test", "train F1", "test F1", "n train", "n test")
        for row in probe_rows(metrics["probe"]):
            table.add_row(*row)
        console.print(table)
        chance, majority = metrics["probe"]["chance"], metrics["probe"]["majority"]
        console.print(f"accuracy and macro F1 in %; chance {100 * chance:.1f}, commonest class {100 * majority:.1f}; "
                      f"{metrics['probe']['pictures']}", highlight=False)  # fmt: skip
        z, error = metrics["z"], metrics["reconstruction"]
        kl = f"{z['kl_nats']:.2f} nats in " if "kl_nats" in z else ""
        console.print(f"z holds {kl}{z['active_dimensions']} active of {z['dimensions']} dimensions; reconstruction "
                      f"error {error['mse']:.5f} a pixel, {error['sse']:.2f} a picture (squared, 0..1)",
                      highlight=False)  # fmt: skip
    if "few_shot" in metrics:
        table = Table("few-shot", "classes", "pictures", "error a pixel", "nearest class %", "chance %")
        for name, row in metrics["few_shot"].items():
            shares = (f"{100 * row[key]:.1f}" if key in row else "" for key in ("accuracy", "chance"))
            table.add_row(name, str(row["n_classes"]), str(row["n"]), f"{row['mse']:.5f}", *shares)
        console.print(table)
    place = folder(model)
    for name in result["pictures"]:
        console.print(str(place / name), highlight=False, soft_wrap=True)


def probe_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the probe's table: source, classifier, accuracies and macro F1 in per cent, pictures."""
    keys = ("train_accuracy", "test_accuracy", "train_macro_f1", "test_macro_f1")
    return [
        [source, kind, *(f"{100 * row[key]:.2f}" for key in keys), str(row["n_train"]), str(row["n_test"])]
        for source, kinds in figures["rows"].items()
        for kind, row in kinds.items()
    ]


Writer = Callable[..., None]


def _swaps(method: LatentMethod, pictures: Pictures, seed: int, write: Writer) -> None:
    if method.encode(to_tensor(pictures.test.images[[0]]).to(method.device)).s.shape[1] == 0:
        raise ConfigError(f"{method.id} has no class part s to swap")
    known, unseen = pictures.known or pictures.train, pictures.unseen
    top, left = pick(known, 8, seed), pick(known, 8, seed + 1)
    title = "s from the top row, z from the left column"
    write("swap.png", grids.swap(method, top, left), title, row=True, column=True)
    if unseen is not None:
        new_top, new_left = pick(unseen, 8, seed), pick(unseen, 8, seed + 1)
        for name, s, z, what in (
            ("swap_unseen_s.png", new_top, left, "top unseen"),
            ("swap_unseen_z.png", top, new_left, "left unseen"),
            ("swap_unseen.png", new_top, new_left, "both unseen"),
        ):
            write(name, grids.swap(method, s, z), f"{title}; {what} in training", row=True, column=True)


def _interpolations(method: LatentMethod, pictures: Pictures, seed: int, write: Writer) -> None:
    four = pick(pictures.known or pictures.test, 4, seed)
    for i in range(len(four) // 2):
        cells = grids.interpolation(method, four[2 * i : 2 * i + 2])
        title = "two pictures, s along, z down" if len(cells) > 1 else "along z"
        write(f"interpolate_{i + 1}.png", cells, title)


def _samples(method: LatentMethod, pictures: Pictures, seed: int, write: Writer) -> None:
    given = pick(pictures.known or pictures.test, 8, seed)
    columns = 8
    cells = grids.samples(method, given, columns, seed)
    has_s = cells.shape[1] == columns + 1
    title = "s of the left column, z from the prior" if has_s else "z from the prior"
    write("sample.png", cells, title, column=has_s)


def pick(dataset: Grouped, n: int, seed: int) -> NDArray[np.uint8]:
    """Return one picture each of up to `n` classes, both drawn by the seed; the classes in order."""
    rng = np.random.default_rng(seed)
    present = np.unique(dataset.specified)
    chosen = present[drawn(len(present), n, seed)]
    return np.stack([dataset.images[rng.choice(np.flatnonzero(dataset.specified == c))] for c in chosen])


def _write(result: dict[str, Any], run: Path, name: str, cells: grids.Cells, title: str, **options: Any) -> None:
    grids.write(run / FOLDER / name, cells, f"{result['method']}, step {result['steps']}: {title}", **options)
    result["pictures"].append(f"{FOLDER}/{name}")


def _keep_earlier(result: dict[str, Any], run: Path) -> None:
    """Take over what an earlier evaluation of the same checkpoint and data set measured."""
    path = run / EVALUATION
    if not path.is_file():
        return
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # damaged; it is written anew
    if all(earlier.get(key) == result[key] for key in ("kind", "data", "steps", "seed")):
        result["metrics"], result["pictures"] = dict(earlier["metrics"]), list(earlier["pictures"])


def _by_name(codes: Latents, source: Grouped, target: Grouped) -> Latents:
    """Number the classes of `codes` as `target` does; classes that it does not have get numbers after its own."""
    names = [*target.classes, *(c for c in source.classes if c not in set(target.classes))]
    number = {name: i for i, name in enumerate(names)}
    return Latents(codes.s, codes.z, codes.logvar, np.array([number[c] for c in source.classes])[codes.specified])


def _thirds(codes: Latents) -> tuple[Latents, Latents]:
    """Return two thirds of each class, and every third picture of it.

    Raises:
        DataError: no class has three pictures.
    """
    rank = np.empty(len(codes), np.int64)
    for c in np.unique(codes.specified):
        own = np.flatnonzero(codes.specified == c)
        rank[own] = np.arange(len(own))
    asked = rank % 3 == 2
    if not asked.any():
        raise DataError("the probe needs three test pictures of a class, because training saw none of the classes")
    return codes.take(np.flatnonzero(~asked)), codes.take(np.flatnonzero(asked))
