"""`imgedit evaluate codes`: what a latent code holds (probe, few-shot) and does (t-SNE, swaps, samples ...)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imgedit.errors import ConfigError, DataError
from imgedit.files import write_whole
from imgedit.models import library
from training.data.grouped import Grouped
from training.evaluate import result as results
from training.evaluate.codes import fewshot, latents, probe, sheets, tsne
from training.evaluate.codes.latents import LatentMethod, Latents
from training.evaluate.codes.pictures import Pictures, load_pictures
from training.evaluate.codes.sheets import FOLDER, Sheets
from training.evaluate.layout import Block, Table, Verbatim
from training.evaluate.result import TEST
from training.evaluate.subject import is_run, sample_indices
from training.method import Codes
from training.publish import adopt
from training.publish.figures import EVALUATION
from training.run import checkpoint
from training.run.device import torch_device

PARTS = ("probe", "probe-unseen", "tsne", "swap", "interpolate", "sample", "few-shot")
TRAIN_ROWS = 20_000
"""Training pictures that the probe learns from, unless told otherwise."""
TSNE_ROWS = 2000
SPLITS = {TEST: "test split", "valid": "validation split", "train": "training split"}
"""What can be measured, and its name for people."""
_FIGURES = ("probe", "probe-unseen")  # the parts that are figures alone
_SEEN = "training split / "
PROBE_HEADER = ("probe", "classifier", "train", "test", "train F1", "test F1", "n train", "n test")


def evaluate(
    model: str | Path,
    data: str,
    *,
    parts: Sequence[str] = ("probe",),
    n: int | None = None,
    seed: int = 0,
    device: str = "auto",
    factor: str | None = None,
    split: str = TEST,
    command: str = "",
) -> dict[str, Any]:
    """Measure a run or model with a latent code, and write pictures into `evaluation/` of its `folder`.

    Figures that an earlier call left in its `evaluation.json` for the same step, data set and seed are kept; those of
    another split than the test split stand alone.

    Args:
        model: run folder, model folder or id, of a method that encodes and decodes.
        data: `NAME:DIR`.
        parts: which of `PARTS`.
        n: training pictures of the probe [default: 20,000], chosen by the seed.
        seed: of every random choice.
        device: where the method computes.
        factor: what is probed, where it is not the factor of the training.
        split: `test`; `valid`, to choose by; or `train`, of which the probe learns from two thirds.
        command: kept with the figures.

    Raises:
        ConfigError: a part or the split is unknown, pictures are asked of another split than the test split, `n` is
            given without a probe, or the method has no latent code.
        DataError: the data set cannot answer, such as few-shot without unseen classes, or has no such split.
        OutputError: a picture cannot be written.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise ConfigError(f"evaluation has no part {unknown[0]!r}; it has: {', '.join(PARTS)}")
    if n is not None and "probe" not in parts:
        raise ConfigError("--n is the number of training pictures of --probe; leave it out, or add --probe")
    if split not in SPLITS:
        raise ConfigError(f"a code is measured on the split test, valid or train, not {split!r}")
    if split != TEST and (others := [part for part in parts if part not in _FIGURES]):
        raise ConfigError(f"--{others[0]} shows the test split; leave --split {split} out, or ask for --probe alone")
    place = folder(model)
    method, steps = open_method(str(model), device)
    pictures = load_pictures(method, data, factor, split)
    result = results.header(str(place), "latent", data, command=command, seed=seed, split=split) | {
        "method": method.id,
        "steps": steps,
        "n": len(pictures.test),
        "metrics": {},
        "pictures": [],
    }
    _keep_earlier(result, place)
    if "probe" in parts:
        result["metrics"] |= probed(method, pictures, n, seed)
    if "probe-unseen" in parts:
        result["metrics"]["unseen"] = _probed_unseen(method, pictures, seed)
    for part, make in (
        ("few-shot", _few_shot),
        ("swap", sheets.swaps),
        ("interpolate", sheets.interpolations),
        ("sample", sheets.samples),
    ):
        if part in parts:
            make(method, pictures, result, Sheets(result, place))
    if "tsne" in parts:
        fewer = latents.thinned(pictures.test, TSNE_ROWS, seed)
        title = f"t-SNE of {len(fewer)} test pictures, {method.id}, step {steps}"
        tsne.write(latents.encode(method, fewer), _named(pictures), place / FOLDER / "tsne.png", title, seed)
        result["pictures"].append(f"{FOLDER}/tsne.png")
    result["pictures"] = sorted(set(result["pictures"]))
    return result


def folder(model: str | Path) -> Path:
    """Return where figures and pictures of a run or model are kept: its run folder, or `runs/ID` of a model."""
    return Path(model) if is_run(model) else Path("runs") / library.find(str(model)).id


def write(result: Mapping[str, Any], model: str | Path, out: Path | None = None) -> None:
    """Write a result as `training.evaluate.result.write`, and of a model that is no run also beside its pictures.

    Figures of another split than the test split go to `out` alone.

    Raises:
        OutputError: a file cannot be written.
    """
    results.write(result, model, out)
    if not is_run(model) and result["split"] == TEST:
        write_whole(folder(model) / EVALUATION, (json.dumps(result, indent=2) + "\n").encode())


def open_method(model: str, device: str = "auto") -> tuple[LatentMethod, int]:
    """Return the method of a run or model with its weights, and for how many steps it was trained.

    Raises:
        ConfigError: it has no latent code.
    """
    where = torch_device(device)
    if is_run(model):
        method = checkpoint.load_method(Path(model), where)
        steps = method.steps
    else:
        found = library.find(model)
        method, steps = adopt.method(found, where), found.manifest.trained.steps if found.manifest.trained else 0
    if not isinstance(method, Codes):
        raise ConfigError(
            f"{method.id} has no latent code; `imgedit evaluate codes` measures methods such as cycle_vae"
        )
    return method, steps


def probed(method: LatentMethod, pictures: Pictures, n: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Return the figures `probe`, `z` (what it holds) and `reconstruction`, the last two of the measured split.

    Where training saw none of the measured classes (other people), and on the training split, the probe learns from
    two thirds of the pictures of each class and is tested on the others; `probe.pictures` says which way it was.
    """
    name = SPLITS[pictures.split]
    test = latents.encode(method, pictures.test, f"Encoding the {name}")
    if pictures.split == "train":
        for_training, for_test = _thirds(test.take(sample_indices(len(test), TRAIN_ROWS if n is None else n, seed)))
        what = f"two thirds of pictures of the {name} / others of it"
    elif pictures.known is None:
        for_training, for_test = _thirds(test)
        what = f"{pictures.split} classes unseen in training; two thirds of their pictures / the others"
    else:
        fewer = latents.thinned(pictures.train, TRAIN_ROWS if n is None else n, seed)
        for_training = _by_name(latents.encode(method, fewer, "Encoding the training split"), fewer, pictures.test)
        for_test = latents.encode(method, pictures.known) if pictures.unseen is not None else test
        what = f"{_SEEN}{name}"
    return {
        "probe": {"pictures": what, **probe.probe(for_training, for_test, seed)},
        "z": latents.information(test),
        "reconstruction": latents.reconstruction(method, pictures.test, test),
    }


def _probed_unseen(method: LatentMethod, pictures: Pictures, seed: int) -> dict[str, Any]:
    """Return the figures of `probed` for the classes that training never saw.

    Raises:
        DataError: there are none.
    """
    if pictures.unseen is None:
        name = SPLITS[pictures.split]
        raise DataError(f"training saw every class of the {name}, so that --probe-unseen has none to probe")
    return probed(method, replace(pictures, test=pictures.unseen, known=None), None, seed)


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: tables, and where the pictures are."""
    metrics = result["metrics"]
    found: list[Block] = [
        f"{result['model']}: {result['method']} at step {result['steps']}, {result['n']} {result['split']} pictures of "
        f"{result['data']}, seed {result['seed']}"
    ]
    if "probe" in metrics:
        found += _probe_blocks(metrics)
    if "unseen" in metrics:
        found += ["Classes that training never saw:", *_probe_blocks(metrics["unseen"])]
    if "few_shot" in metrics:
        rows = []
        for name, row in metrics["few_shot"].items():
            shares = (f"{100 * row[key]:.1f}" if key in row else "" for key in ("accuracy", "chance"))
            rows.append([name, str(row["n_classes"]), str(row["n"]), f"{row['mse']:.5f}", *shares])
        header = ("few-shot", "classes", "pictures", "error a pixel", "nearest class, %", "chance, %")
        found.append(Table(header, rows))
    return found


def _named(pictures: Pictures) -> list[str]:
    """Return the names of the test classes, with a word at those that training never saw."""
    seen = {pictures.train.classes[i] for i in np.unique(pictures.train.specified)}
    return [name if name in seen else f"{name}, unseen" for name in pictures.test.classes]


def _probe_blocks(metrics: Mapping[str, Any]) -> list[Block]:
    figures, z, error = metrics["probe"], metrics["z"], metrics["reconstruction"]
    seen = ", pictures of classes that training saw" if figures["pictures"].startswith(_SEEN) else ""
    kl = f"{z['kl_nats']:.2f} nats in " if "kl_nats" in z else ""
    return [
        Table(PROBE_HEADER, probe_rows(figures), n_keys=2),
        f"accuracy and macro F1 in %; chance {100 * figures['chance']:.1f}, commonest class "
        f"{100 * figures['majority']:.1f}; {figures['pictures']}{seen}",
        f"z holds {kl}{z['active_dimensions']} active of {z['dimensions']} dimensions; reconstruction error "
        f"{error['mse']:.5f} a pixel, {error['sse']:.2f} a picture (squared, 0..1)",
    ]


def picture_files(result: Mapping[str, Any], model: str | Path) -> list[Block]:
    """Return the names of the pictures that an evaluation wrote."""
    names = [str(folder(model) / name) for name in result["pictures"]]
    return [Verbatim(names)] if names else []


def probe_rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Return the probe's table: source, classifier, accuracies and macro F1 in per cent, pictures."""
    keys = ("train_accuracy", "test_accuracy", "train_macro_f1", "test_macro_f1")
    return [
        [source, kind, *(f"{100 * row[key]:.2f}" for key in keys), str(row["n_train"]), str(row["n_test"])]
        for source, kinds in figures["rows"].items()
        for kind, row in kinds.items()
    ]


def _few_shot(method: LatentMethod, pictures: Pictures, result: dict[str, Any], output: Sheets) -> None:
    unseen = fewshot.held_out(pictures.train, pictures.unseen or pictures.test)
    codes = latents.encode(method, unseen)
    result["metrics"]["few_shot"] = fewshot.evaluate(method, unseen, codes, seed=result["seed"])
    cells, names = fewshot.picture(method, unseen, codes, result["seed"])
    output.write("few_shot.png", cells, "unseen classes: z of the picture, s as named", column=True, names=names)


def _keep_earlier(result: dict[str, Any], place: Path) -> None:
    """Take over what an earlier evaluation of the same checkpoint, data set and seed measured on the test split."""
    path = place / EVALUATION
    if not path.is_file() or result["split"] != TEST:
        return
    try:
        earlier = json.loads(path.read_text(encoding="utf-8"))
        same = all(earlier.get(key) == result[key] for key in ("kind", "data", "steps", "seed"))
        metrics, pictures = dict(earlier["metrics"]), list(earlier["pictures"])
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return  # damaged; it is written anew
    if same:
        result["metrics"], result["pictures"] = metrics, pictures


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
    is_third = rank % 3 == 2
    if not is_third.any():
        raise DataError("the probe needs three pictures of a class, as it learns from two thirds of those it measures")
    return codes.take(np.flatnonzero(~is_third)), codes.take(np.flatnonzero(is_third))
