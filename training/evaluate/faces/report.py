"""`imgedit evaluate faces`: edits by words, classifiers and parsers, each measured by what it is."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imgedit.errors import ConfigError
from imgedit.models.library import Model
from training.data.celeba import HAIR
from training.evaluate.faces import attributes, identity, recognition
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.faces.frames import load_faces
from training.evaluate.faces.painting import painting
from training.evaluate.layout import Block, Table
from training.evaluate.result import TEST, header
from training.evaluate.subject import open_model

JUDGE = "attribute_judge.celeba"
HAIR_JUDGE = "hair_judge.celeba"
OTHER_JUDGE = "hair_histogram.utkface"
"""The bundled classifiers that no generator was trained against: of faces, of the hair alone, and of hair colours in
another form, trained on other pictures."""

_PERCENT = ("accuracy", "kept", "same_person", "equal", "recall", "mean_accuracy", "mean_iou", "pixel_accuracy", "iou",
            "of_class", "hair_colour_accuracy", "hair_colour_by_group")  # fmt: skip
_DIGITS = {"psnr": 1, "identity_distance": 2, "ssim": 3, "l1": 3}


def evaluate(
    model: str,
    data: str,
    *,
    judge: str | None = None,
    hair_judge: str | None = None,
    real: str | None = None,
    n: int | None = None,
    seed: int = 0,
    split: str = TEST,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure a run or model on held-out pictures; the arguments are those of `imgedit evaluate faces`.

    Raises:
        ConfigError: this kind of model cannot be measured so, or an option is not for it.
    """
    with open_model(model) as subject:
        kind = subject.manifest.kind
        result = header(model, kind, data, command=command, seed=seed, split=split)
        result["model"] = subject.id
        if kind == "translate":
            judges = (judge or JUDGE, hair_judge or HAIR_JUDGE)
            return result | _edits(subject, data, judges, real, n, seed, split, device)
        if judge is not None or hair_judge is not None or real is not None:
            raise ConfigError(
                f"--judge, --hair-judge and --real are for models that edit; {subject.id} is of kind {kind}"
            )
        on_faces = kind == "classify" and not subject.manifest.classes
        if split != TEST and not on_faces:
            raise ConfigError(f"--split is for faces of CelebA; {subject.id} is measured on the test split alone")
        if on_faces:
            faces = load_faces(data, n, seed, split)
            metrics, count = recognition.classification(subject, faces, device), len(faces.frames)
        elif kind == "classify":
            metrics, count = recognition.classes(subject, data, n, seed, device)
        elif kind == "parse":
            metrics, count = recognition.parsing(subject, data, n, seed, device)
        elif kind == "paint":
            metrics, count = painting(subject, data, n, seed, device)
        else:
            raise ConfigError(f"{subject.id} is of kind {kind}; {_HINTS.get(kind, _NO_COMMAND)}")
        return result | {"metrics": metrics, "n": count}


_HINTS = {
    "sample": "`imgedit evaluate drawn` measures it",
    "swap": "`imgedit evaluate codes` measures it",
}
_NO_COMMAND = "`imgedit evaluate faces` measures models that edit, classify, parse or paint"


def _edits(
    subject: Model,
    data: str,
    judges: tuple[str, str],
    real: str | None,
    n: int | None,
    seed: int,
    split: str,
    device: str,
) -> dict[str, Any]:
    """Measure the words of a model, each by its judge."""
    names = {"judge": judges[0]}
    if has_hair := bool(set(HAIR) & set(subject.manifest.attributes)):
        names["hair_judge"] = judges[1]
    elif real is not None:
        raise ConfigError(f"--real is for models of hair colours; {subject.id} is none")
    with contextlib.ExitStack() as stack:
        others = [OTHER_JUDGE] if has_hair else []
        found = [FaceClassifier(stack.enter_context(open_model(name)), device) for name in [*names.values(), *others]]
        faces = load_faces(data, n, seed, split)
        more = {} if real is None else {real.partition(":")[0]: load_faces(real, None, seed)}
        metrics = attributes.evaluate(subject, faces, *found, real=more, device=device)
    about = {role: Path(name).name for role, name in names.items()}
    if "other_judge" in metrics:  # no figure of the model's card
        about["other_judge"] = metrics.pop("other_judge")
    return {"n": len(faces.frames), **about, "identity_network": identity.NETWORK, "metrics": metrics}


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: how it was measured, and tables."""
    judges = [result[role] for role in ("judge", "hair_judge") if role in result]
    judged = f", judged by {' and '.join(judges)}" if judges else ""
    pictures = f"{result['n']} {result['split']} pictures of {result['data']}, seed {result['seed']}"
    found: list[Block] = [f"{result['model']}: {pictures}{judged}"]
    metrics = dict(result["metrics"])
    if "edits" in metrics:
        found += _edit_tables(metrics)
    if "accuracy" in metrics and isinstance(metrics["accuracy"], Mapping):
        found.append(_by_name("attribute", {key: metrics.pop(key) for key in ("accuracy", "recall")}))
    for name, rows in metrics.items():
        if isinstance(rows, Mapping) and _is_share(name):  # one figure of several classes
            found.append(_by_name(_words(name), {name: rows}))
        elif isinstance(rows, Mapping):  # several figures of one thing
            found.append(Table((_words(name), "value"), [(_column(k), _number(k, v)) for k, v in rows.items()]))
    single = {name: value for name, value in metrics.items() if not isinstance(value, Mapping)}
    if single:
        found.insert(1, Table(("figure", "value"), [(_column(k), _number(k, v)) for k, v in single.items()]))
    if "other_judge" in result:
        found += _other_tables(result["other_judge"])
    return found


def _other_tables(told: Mapping[str, Any]) -> list[Block]:
    """Return what another judge says: of each colour, and all judges of grey hair, given and real."""
    accuracy = [(name, f"{100 * share:.1f}") for name, share in told["accuracy"].items()]
    found: list[Block] = [Table(("edit", f"accuracy by {told['judge']}, %"), accuracy)]
    if told["grey"]:
        judges = list(told["grey"][0]["share"])
        rows = [
            [row["hair"], row["group"], str(row["n"]), *(f"{100 * row['share'][judge]:.1f}" for judge in judges)]
            for row in told["grey"]
        ]
        found.append(Table(["grey hair", "of", "n", *(f"grey to {judge}, %" for judge in judges)], rows))
    return found


def _edit_tables(metrics: dict[str, Any]) -> list[Block]:
    """Take the figures of the edits out of `metrics`; return them as tables: by word, and by sex and age."""
    rows = {**metrics.pop("edits"), "mean": metrics.pop("mean")}
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    table = [[name, *(_number(column, row.get(column)) for column in columns)] for name, row in rows.items()]
    found: list[Block] = [Table(["edit", *map(_column, columns)], table)]
    by_group, counts = metrics.pop("accuracy_by_group", {}), metrics.pop("n_by_group", {})
    if by_group:
        edits = list(dict.fromkeys(name.split(", ")[0] for name in by_group))
        table = [
            [group, str(n), *(_number("accuracy", by_group.get(f"{edit}, {group}")) for edit in edits)]
            for group, n in counts.items()
        ]
        found.append(Table(["accuracy, %, of", "n", *edits], table))
    return found


def _by_name(title: str, columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a table with one row for each key and one column for each of the figures."""
    names = dict.fromkeys(key for rows in columns.values() for key in rows)
    rows = [[_words(name), *(_number(key, found.get(name)) for key, found in columns.items())] for name in names]
    return Table([title, *map(_column, columns)], rows)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _column(name: str) -> str:
    return _words(name) + (", %" if _is_share(name) else ", dB" if name.endswith("psnr") else "")


def _is_share(name: str) -> bool:
    return name in _PERCENT or name.startswith(("accuracy_", "kept_")) or name.endswith("_equal")


def _number(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) or not isinstance(value, float):
        return str(value)
    if _is_share(name):
        return f"{100 * value:.1f}"
    return f"{value:.{_DIGITS.get(name.rpartition('_')[2], _DIGITS.get(name, 4))}f}"
