"""Sleeves made short and long: what a judge sees, and what changes where nothing should."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits import sleeves
from imgedit.errors import ConfigError, DataError, NoPersonError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions, check_kind
from imgedit.pixels import to_tensor
from imgedit.progress import with_progress
from imgedit.render import regions
from imgedit.vision import arms, geometry, people
from imgedit.vision.body import Body
from training.data import sleeves as pictures
from training.data.sleeves import LONG, SHORT
from training.evaluate.layout import Block, Table
from training.evaluate.result import header
from training.evaluate.subject import sample_indices

__all__ = ["blocks", "evaluate", "shares"]

KIND = "sleeves"
JUDGE = "sleeve_judge.sleeve_models"
NEAR = 0.16
"""Distance from the lines of the arms up to which a pixel belongs to them, in shoulder widths."""


def evaluate(
    data: str,
    *,
    n: int | None = None,
    seed: int = 0,
    split: str = "test",
    judge: str | None = None,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Give people with long sleeves short ones and the other way round, forced, and look at the whole pictures.

    Args:
        data: `sleeve_models:DIR`.
        n: at most so many people each way; None for all.
        seed: of their choice.
        split: `test`, or `valid` to choose by.
        judge: classifier of sleeves, by id or folder; None for the bundled one.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: the data set is another one.
        DataError: it has no pictures of arms.
    """
    name, _, folder = data.partition(":")
    if name != "sleeve_models":
        raise ConfigError(f"sleeves are measured on --data sleeve_models:DIR, got {data!r}")
    by = check_kind(library.find(judge or JUDGE), "classify")
    editor = Editor([], device, mark=False)
    names, lengths = pictures.listed(Path(folder), split)
    measured: dict[str, list[tuple[float, ...]]] = {LONG: [], SHORT: []}
    untouched = []
    for length in (LONG, SHORT):
        known = [name for name, own in zip(names, lengths, strict=True) if own == length]
        chosen = [known[i] for i in sample_indices(len(known), n, seed)]
        plan = sleeves.prepare(SHORT if length == LONG else LONG, where=people.where(whole=True), force=True)
        for one in with_progress(chosen, f"Measuring {length} sleeves"):
            row = _measured(editor, plan, pictures.upright(Path(folder) / one), by)
            if row is not None:
                untouched.append((row[0] > 0.5) == (length == SHORT))
                measured[length].append(row[1:])
    if not all(measured.values()):
        raise DataError(f"{folder} shows no arms with long sleeves, or none with short ones, in its split {split}")
    metrics: dict[str, Any] = {"judge_accuracy": float(np.mean(untouched))}
    for length, to in ((LONG, SHORT), (SHORT, LONG)):
        short, outside, below, seconds = np.array(measured[length]).T
        metrics[f"to_{to}"] = {
            "n": len(short),
            "wanted": float(np.mean((short > 0.5) == (to == SHORT))),
            "changed_outside": float(outside.max()),
            "below_over_arms": float(np.median(below)),
            "seconds": float(np.median(seconds)),
        }
    stated = header(sleeves.PAINTER, KIND, data, command=command, seed=seed, split=split)
    return {**stated, "judge": by.id, "n": sum(len(rows) for rows in measured.values()), "metrics": metrics}


def _measured(editor: Editor, plan: sleeves.Sleeves, rgb: NDArray[np.uint8], judge: Model) -> tuple[float, ...] | None:
    """Edit one picture of one person.

    Returns:
        Probability of short sleeves before and after, as `shares`, seconds; None where the arms are not seen.
    """
    start = time.perf_counter()
    try:
        prepared = editor.prepare_bodies(photos.read(rgb), where=plan.where)
    except NoPersonError:
        return None
    (subject,) = prepared.subjects
    person = subject.place
    if not isinstance(person, Body) or len(pictures.seen_arms(person)) < 2:
        return None
    edited = editor.apply(prepared.photo, editor.run(prepared, plan))
    seconds = time.perf_counter() - start
    region = regions.find(subject, regions.ARMS)
    inside = np.zeros(rgb.shape[:2], bool)
    x0, y0, x1, y1 = region.roi
    inside[y0:y1, x0:x1] = region.weight > 0
    outside, below = shares(rgb, edited.rgb, inside, person)
    before, after = (_short(judge, editor.networks.sessions, one, person) for one in (rgb, edited.rgb))
    return before, after, outside, below, seconds


def shares(
    before: NDArray[np.uint8], after: NDArray[np.uint8], inside: NDArray[np.bool_], person: Body
) -> tuple[float, float]:
    """Compare a picture before and after.

    Args:
        before: `(h, w, 3)`.
        after: the same picture, edited.
        inside: `(h, w)`, where it may change.
        person: who is in it.

    Returns:
        The share of the pixels outside that changed; and the mean change of pixels of the person below the hips and
        apart from the arms, over that of pixels near the arms' lines.
    """
    differs = np.abs(after.astype(np.float64) - before).max(axis=2)
    found = arms.arms_of(person)
    near = np.zeros(differs.shape, bool)
    for arm in found:
        near |= _near(arm.joints, NEAR * arm.unit, near.shape)
    rows = np.arange(differs.shape[0])[:, None]
    hips = (person.point("left_hip")[1] + person.point("right_hip")[1]) / 2.0
    legs = (rows > hips) & ~near & (person.matte(np.eye(2, 3), (near.shape[0], near.shape[1])) > 0.5)
    at_arms = float(differs[near].mean()) if near.any() else 0.0
    below = float(differs[legs].mean()) if legs.any() else 0.0
    return float((differs[~inside] > 0).mean()), below / max(at_arms, 1e-6)


def _near(joints: NDArray[np.float64], distance: float, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which pixels are near the line through an arm's joints, `(h, w)`."""
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    points = np.stack([xs, ys], -1).astype(np.float64)
    near = np.zeros(shape[:2], bool)
    for first, last in itertools.pairwise(joints):
        along = last - first
        share = np.clip(((points - first) @ along) / max(float(along @ along), 1e-6), 0.0, 1.0)
        near |= np.linalg.norm(points - first - share[..., None] * along, axis=2) <= distance
    return near


def _short(judge: Model, sessions: Sessions, rgb: NDArray[np.uint8], person: Body) -> float:
    """Return how probably the judge sees short sleeves."""
    size = judge.manifest.crop.width
    crop = np.asarray(geometry.cut(rgb, pictures.body_window(person, size), size), np.uint8)
    found = sessions.open(judge, "classify").run({"image": to_tensor(crop)[None]})["probability"]
    return float(found[0, 0])


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: one table."""
    metrics = result["metrics"]
    ways = {"long to short": metrics["to_short"], "short to long": metrics["to_long"]}
    rows = [
        ["pictures", *(str(way["n"]) for way in ways.values())],
        ["the judge sees what is wanted, %", *(f"{100 * way['wanted']:.1f}" for way in ways.values())],
        [
            "largest share that changed outside the region, %",
            *(f"{100 * w['changed_outside']:g}" for w in ways.values()),
        ],
        [
            "change below the hips over change at the arms, median",
            *(f"{w['below_over_arms']:.3f}" for w in ways.values()),
        ],
        ["seconds a photo, median", *(f"{way['seconds']:.2f}" for way in ways.values())],
    ]
    accuracy = f"{100 * metrics['judge_accuracy']:.1f} %"
    return [
        f"{result['n']} {result['split']} pictures of {result['data']}, seed {result['seed']}, forced; "
        f"{result['judge']} is right on {accuracy} of them unedited",
        Table(["", *ways], rows),
    ]
