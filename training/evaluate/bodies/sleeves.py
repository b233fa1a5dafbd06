"""Sleeves made short and long: what a judge sees, and what changes where nothing should."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits import sleeves
from imgedit.errors import ConfigError, DataError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.progress import with_progress
from imgedit.render import regions
from imgedit.vision import arms, geometry, people
from imgedit.vision.body import Body, whole
from imgedit.vision.subject import Subject
from training.data import sleeves as pictures
from training.data.sleeves import LONG, SHORT
from training.evaluate.layout import Block, Table
from training.evaluate.result import TEST, header
from training.evaluate.subject import open_model, sample_indices

__all__ = ["JUDGE", "WHOLE", "blocks", "chosen", "edited", "evaluate", "inside", "seen", "shares", "short", "window"]

KIND = "sleeves"
WHOLE = people.where(whole=True)
JUDGE = "sleeve_judge.sleeve_models"
NEAR = 0.16
"""Distance from the lines of the arms up to which a pixel belongs to them, in shoulder widths."""


def evaluate(
    model: str,
    data: str,
    *,
    n: int | None = None,
    seed: int = 0,
    split: str = TEST,
    judge: str | None = None,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Give people with long sleeves short ones and the other way round, forced, and look at the whole pictures.

    Of a classifier it is measured how often it is right.

    Args:
        model: a painter, a translator or a classifier of sleeves: run folder, model folder or id.
        data: `sleeve_models:DIR`.
        n: at most so many people each way; None for all.
        seed: of their choice.
        split: `test`, or `valid` to choose by.
        judge: classifier of sleeves, by run folder, model folder or id; None for the bundled one.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: the data set is another one, or the model neither changes sleeves nor classifies them.
        DataError: it has no pictures of arms.
    """
    name, _, folder = data.partition(":")
    if name != "sleeve_models":
        raise ConfigError(f"sleeves are measured on --data sleeve_models:DIR, got {data!r}")
    with contextlib.ExitStack() as stack:
        subject = stack.enter_context(open_model(model))
        kind = subject.manifest.kind
        if not (kind == "classify" and judge is None) and not sleeves.is_for_sleeves(subject):
            raise ConfigError(f"{subject.id} is there to {kind}; what paints sleeves is measured, or what judges them")
        by = subject if kind == "classify" else stack.enter_context(open_model(judge or JUDGE))
        result = {**header(model, KIND, data, command=command, seed=seed, split=split), "model": subject.id}
        editor = Editor([], device, mark=False)
        people_by_length = chosen(Path(folder), split, n, seed)
        if kind == "classify":
            right = [
                (short(by, editor.networks.sessions, rgb, body) > 0.5) == (length == SHORT)
                for length, paths in people_by_length.items()
                for rgb, body in seen(editor, paths, f"Judging {length} sleeves")
            ]
            return {**result, "n": len(right), "metrics": {"accuracy": float(np.mean(right))}}
        metrics: dict[str, Any] = {}
        n_right, total = 0.0, 0
        for length, to in ((LONG, SHORT), (SHORT, LONG)):
            plan = sleeves.prepare(to, where=WHOLE, force=True, painter=subject)
            rows = [
                _measured(editor, plan, rgb, body, by)
                for rgb, body in seen(editor, people_by_length[length], f"Measuring {length} sleeves")
            ]
            before, after, outside, below, seconds = np.array(rows).T
            n_right, total = n_right + float(((before > 0.5) == (length == SHORT)).sum()), total + len(rows)
            metrics[f"to_{to}"] = {
                "n": len(rows),
                "wanted": float(np.mean((after > 0.5) == (to == SHORT))),
                "changed_outside": float(outside.max()),
                "below_over_arms": float(np.median(below)),
                "seconds": float(np.median(seconds)),
            }
        return {**result, "judge": by.id, "n": total, "metrics": {"judge_accuracy": n_right / total, **metrics}}


def chosen(folder: Path, split: str, n: int | None, seed: int) -> dict[str, list[Path]]:
    """Return the pictures that are measured, by the length of their sleeves."""
    listing = pictures.listed(folder, split)
    found = {}
    for length in (LONG, SHORT):
        known = [folder / row.name for row in listing if row.sleeve == length]
        found[length] = [known[i] for i in sample_indices(len(known), n, seed)]
    return found


def seen(editor: Editor, paths: Sequence[Path], title: str) -> list[tuple[NDArray[np.uint8], Body]]:
    """Return pictures with the body in each, of those that show both arms.

    Raises:
        DataError: none does.
    """
    found = []
    for path in with_progress(paths, title):
        rgb = pictures.upright(path)
        body = editor.networks.body(rgb, [whole(pictures.SHAPE)])
        if body is not None and len(pictures.seen_arms(body)) == 2:
            found.append((rgb, body))
    if not found:
        raise DataError(f"none of {len(paths)} pictures shows both arms of a person")
    return found


def _measured(
    editor: Editor, plan: sleeves.Sleeves, rgb: NDArray[np.uint8], person: Body, judge: Model
) -> tuple[float, ...]:
    """Edit one picture of one person.

    Returns:
        Probability of short sleeves before and after, as `shares`, seconds.
    """
    after, subject, seconds = edited(editor, plan, rgb)
    outside, below = shares(rgb, after, inside(subject), person)
    seen = [short(judge, editor.networks.sessions, one, person) for one in (rgb, after)]
    return *seen, outside, below, seconds


def edited(editor: Editor, plan: sleeves.Sleeves, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Subject, float]:
    """Edit one picture of one person; return it, the person before, and the seconds that it took."""
    start = time.perf_counter()
    prepared = editor.prepare_bodies(photos.read(rgb), where=plan.where)
    done = editor.apply(prepared.photo, editor.run(prepared, plan))
    return done.rgb, prepared.subjects[0], time.perf_counter() - start


def inside(subject: Subject) -> NDArray[np.bool_]:
    """Return where sleeves of a person may change, `(H, W)` of the photo."""
    region = regions.find(subject, regions.ARMS)
    found = np.zeros(subject.rgb.shape[:2], bool)
    x0, y0, x1, y1 = region.roi
    found[y0:y1, x0:x1] = region.weight > 0
    return found


def shares(
    before: NDArray[np.uint8], after: NDArray[np.uint8], may_change: NDArray[np.bool_], person: Body
) -> tuple[float, float]:
    """Compare a picture before and after.

    Args:
        before: `(h, w, 3)`.
        after: the same picture, edited.
        may_change: `(h, w)`, where it may change.
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
    return float((differs[~may_change] > 0).mean()), below / max(at_arms, 1e-6)


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


def short(judge: Model, sessions: Sessions, rgb: NDArray[np.uint8], person: Body) -> float:
    """Return how probably the judge sees short sleeves."""
    found = sessions.open(judge, "classify").run({"image": to_tensor(window(judge, rgb, person))[None]})["probability"]
    return float(found[0, 0])


def window(judge: Model, rgb: NDArray[np.uint8], person: Body) -> NDArray[np.uint8]:
    """Return what the judge sees of a person, `(h, w, 3)`."""
    crop = judge.manifest.crop
    shape = crop.height, crop.width
    return np.asarray(geometry.cut(rgb, person.matrix(crop.kind, *shape), shape), np.uint8)


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: a sentence, and a table of what paints."""
    metrics = result["metrics"]
    measured = f"{result['n']} {result['split']} pictures of {result['data']}, seed {result['seed']}"
    if "accuracy" in metrics:
        return [f"{measured}: right on {100 * metrics['accuracy']:.1f} %"]
    ways = {"long to short": metrics["to_short"], "short to long": metrics["to_long"]}
    rows = [
        ["pictures", *(str(way["n"]) for way in ways.values())],
        ["the judge sees what is wanted, %", *(f"{100 * way['wanted']:.1f}" for way in ways.values())],
        ["changed outside the region, %, largest", *(f"{100 * way['changed_outside']:g}" for way in ways.values())],
        ["change below the hips over that at the arms", *(f"{way['below_over_arms']:.3f}" for way in ways.values())],
        ["seconds a photo, median", *(f"{way['seconds']:.2f}" for way in ways.values())],
    ]
    accuracy = f"{100 * metrics['judge_accuracy']:.1f} %"
    return [f"{measured}, forced; {result['judge']} is right on {accuracy} of them unedited", Table(["", *ways], rows)]
