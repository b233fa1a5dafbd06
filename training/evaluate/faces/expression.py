"""How well expressions are changed: smiles that a judge sees, and mouths and heads that follow another face's.

Smiles are put on CelebA's faces whose label and judge say that they do not smile; the judge is a classifier that was
trained apart. Pose and expression are carried over between pictures of CelebAMask-HQ in pairs (a, b). Identity is that
of `training.evaluate.faces.pose`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.editor import Editor, Prepared
from imgedit.edits import express, transfer
from imgedit.edits.driver import Driver
from imgedit.edits.plan import Plan
from imgedit.errors import ConfigError, DataError
from imgedit.models import library
from imgedit.progress import with_progress
from imgedit.vision import expressions, mouths
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject
from training.evaluate.faces import identity
from training.evaluate.faces.attributes import FrameEditor
from training.evaluate.faces.classifier import FaceClassifier
from training.evaluate.faces.describing import LIKENESS, Describes, described, likeness, likeness_rows, networks
from training.evaluate.faces.frames import load_faces
from training.evaluate.faces.pose import centred_cosine, frame_of, largest_face
from training.evaluate.layout import Block, Table
from training.evaluate.result import TEST, header

__all__ = ["blocks", "evaluate", "mouth_distance"]

KIND = "expression"
JUDGE = "attribute_judge.celeba"
SMILING = "Smiling"
WITH_A_SMILE = ("Mouth_Slightly_Open", "High_Cheekbones")
"""Attributes that a smile of parted lips brings with it."""
SPLITS = (TEST, "valid")
CHANGED = 10
"""Of 255, by which a pixel differs that counts as changed."""
_SHARE = 0.1  # of the sorted names of CelebAMask-HQ: the last is test, the one before it valid
_LIPS = [*mouths.OUTER, *mouths.INNER]


def evaluate(
    data: Sequence[str],
    *,
    network: str | None = None,
    n: int | None = None,
    split: str = TEST,
    strength: float = 1.0,
    seed: int = 0,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Measure smiles and swaps.

    Args:
        data: `celeba:DIR` for smiles and `celebamask_hq:DIR` for swaps, at least one of them.
        network: run or model of kind `recognise` that describes the faces too, beside dlib's.
        n: at most so many faces, and so many pairs; None for all.
        split: `test`, or `valid` to choose by.
        strength: of the smile.
        seed: of the choice of faces and of pairs.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: a data set or the split is another one.
        DataError: there are no pictures, or no faces in them.
    """
    folders = dict(item.partition(":")[::2] for item in data)
    if not folders or not set(folders) <= {"celeba", "celebamask_hq"}:
        raise ConfigError(f"expressions are measured on celeba:DIR and celebamask_hq:DIR, got {' '.join(data)!r}")
    if split not in SPLITS:
        raise ConfigError(f"--split is {' or '.join(SPLITS)}, got {split!r}")
    metrics: dict[str, Any] = {}
    with networks(network, device) as describes:
        if "celeba" in folders:
            metrics["smile"] = _smiles(f"celeba:{folders['celeba']}", n, split, strength, seed, device, describes)
        if "celebamask_hq" in folders:
            metrics["swap"] = _swaps(Path(folders["celebamask_hq"]), n, split, seed, device, describes)
    names = " ".join(f"{name}:" for name in folders)
    told = header(expressions.MODEL, KIND, names, command=command, seed=seed, split=split)
    return {**told, "data": ", ".join(folders), "metrics": metrics}


def mouth_distance(a: Points, b: Points) -> float:
    """Return the mean distance of two faces' lips in the frame of the mean face; its eyes' outer corners are 8.9 apart.

    Args:
        a: mesh `(468, 3)`.
        b: mesh `(468, 3)`.
    """
    shapes = [expressions.shape_of(points)[0][_LIPS] for points in (a, b)]
    return float(np.linalg.norm(shapes[0] - shapes[1], axis=1).mean())


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: one table for smiles, one for swaps."""
    metrics = result["metrics"]
    found: list[Block] = []
    if smile := metrics.get("smile"):
        rows = [
            ["judge sees a smile, %", f"{100 * smile['accuracy']:.1f}"],
            ["other attributes kept, %", f"{100 * smile['kept']:.1f}"],
            [
                "the same without open mouth and high cheekbones, %",
                f"{100 * smile['kept_apart_from_the_smile']:.1f}",
            ],
            ["same person (below 0.6), %", f"{100 * smile['same_person']:.1f}"],
            ["distance of descriptors", f"{smile['identity_distance']:.3f}"],
            ["pixels changed, %", f"{100 * smile['changed']:.1f}"],
        ]
        found += [
            f"{smile['n']} {result['split']} faces of celeba without a smile, given one of strength "
            f"{smile['strength']:g}; judge {smile['judge']}",
            Table(["smile", ""], rows),
            *_alike(smile, "that smile, among themselves before"),
        ]
    if swap := metrics.get("swap"):
        rows = [
            ["distance of the mouths, before", f"{swap['mouth_before']:.3f}"],
            ["distance of the mouths, after", f"{swap['mouth_after']:.3f}"],
            ["after / before", f"{swap['mouth_after'] / swap['mouth_before']:.2f}"],
            ["difference of yaw, before", f"{swap['yaw_before']:.1f}"],
            ["difference of yaw, after", f"{swap['yaw_after']:.1f}"],
            ["centred cosine with a", f"{swap['cosine_a']:.3f}"],
            ["centred cosine with a, least", f"{swap['cosine_a_least']:.3f}"],
            ["centred cosine with b", f"{swap['cosine_b']:.3f}"],
            ["nearer to b than to a, %", f"{100 * swap['nearer_to_b']:.1f}"],
            ["same person (below 0.6), %", f"{100 * swap['same_person']:.1f}"],
            ["no face found afterwards", str(swap["failures"])],
            ["pixels changed, %", f"{100 * swap['changed']:.1f}"],
            ["processor seconds at 1920x1080", f"{swap['processor_seconds_1080p']:.2f}"],
        ]
        found += [
            f"{swap['n']} pairs a, b of {result['split']} pictures of celebamask_hq: a with pose and expression of b",
            Table(["swap", ""], rows),
            *_alike(swap, "that took another's pose and expression, among all before"),
        ]
    return found


def _alike(figures: Mapping[str, Any], which: str) -> list[Block]:
    if "likeness" not in figures:
        return []
    return [f"Likeness of the faces {which}", Table(LIKENESS, likeness_rows(figures["likeness"]))]


def _smiles(
    data: str, n: int | None, split: str, strength: float, seed: int, device: str, describes: Mapping[str, Describes]
) -> dict[str, Any]:
    """Let faces smile that do not."""
    faces = load_faces(data, None, seed, split)
    judge = FaceClassifier(library.find(JUDGE), device)
    column = judge.column(SMILING)
    before = judge.probabilities(faces.frames)
    without = np.flatnonzero(~faces.column(SMILING) & (before[:, column] <= 0.5))
    if not len(without):
        raise DataError(f"{data} has no {split} faces without a smile")
    if n is not None and n < len(without):
        without = np.sort(np.random.default_rng(seed).choice(without, n, replace=False))
    editor = FrameEditor([], device, mark=False)
    plan = express.prepare({"smile": strength})
    frames = [faces.frames[i] for i in without]
    edited = [
        editor.edit_photo(photos.read(frame), plan).photo.rgb for frame in with_progress(frames, "Letting faces smile")
    ]
    after = judge.probabilities(edited)
    known, found = described(describes, frames), described(describes, edited)
    apart = identity.distances(known[identity.NETWORK], found[identity.NETWORK])
    return {
        "n": len(frames),
        "strength": strength,
        "judge": judge.id,
        "accuracy": float((after[:, column] > 0.5).mean()),
        **kept(before[without], after, judge.attributes),
        "same_person": float((apart < identity.SAME_PERSON).mean()),
        "identity_distance": float(apart.mean()),
        "changed": float(np.mean([_changed(a, b) for a, b in zip(frames, edited, strict=True)])),
        "likeness": likeness(known, range(len(frames)), found),
    }


def kept(before: NDArray[Any], after: NDArray[Any], attributes: Sequence[str]) -> dict[str, float]:
    """Return how many decisions of a judge, but for that of the smile, are those of before.

    Args:
        before: probabilities, `(N, K)`.
        after: of the same faces with a smile.
        attributes: K names.

    Returns:
        `kept`, the share of all, and `kept_apart_from_the_smile`, without those of `WITH_A_SMILE`.
    """
    stays = (before > 0.5) == (after > 0.5)
    others = [i for i, name in enumerate(attributes) if name != SMILING]
    apart = [i for i in others if attributes[i] not in WITH_A_SMILE]
    return {"kept": float(stays[:, others].mean()), "kept_apart_from_the_smile": float(stays[:, apart].mean())}


def _swaps(
    folder: Path, n: int | None, split: str, seed: int, device: str, describes: Mapping[str, Describes]
) -> dict[str, Any]:
    """Give faces the pose and expression of others."""
    paths = sorted((folder / "images").glob("*.jpg"))
    tenth = round(_SHARE * len(paths))
    paths = paths[len(paths) - tenth :] if split == TEST else paths[len(paths) - 2 * tenth : len(paths) - tenth]
    if not paths:
        raise DataError(f"no pictures in {folder}/images")
    editor = Editor([], device, mark=False)
    found = [one for path in with_progress(paths, "Finding faces") if (one := largest_face(editor, photos.read(path)))]
    known = described(describes, [frame_of(subject) for _, subject in found])
    order = np.random.default_rng(seed).permutation(len(found))
    pairs = list(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))[:n]
    if len(found) < 2:
        raise DataError(f"{folder} has {len(found)} faces; pairs need two")
    rows, done, frames = [], [], []
    for pair in with_progress(pairs, "Swapping"):
        swapped = _swapped(editor, found[pair[0]], found[pair[1]][1])
        if swapped is not None:
            rows.append(swapped[0])
            done.append(pair)
            frames.append(swapped[1])
    if not rows:
        raise DataError("no face was found in any swapped picture")
    after = described(describes, frames)
    own, centre = known[identity.NETWORK], known[identity.NETWORK].mean(0)
    for row, (i, j), result in zip(rows, done, after[identity.NETWORK], strict=True):
        row |= _resembled(own[i], own[j], result, centre)
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
    return {
        "n": len(pairs),
        "failures": len(pairs) - len(rows),
        **mean,
        "cosine_a_least": float(min(row["cosine_a"] for row in rows)),
        "likeness": likeness(known, [i for i, _ in done], after),
        "processor_seconds_1080p": _seconds(editor, [(found[i], found[j][1]) for i, j in pairs[:5]]),
    }


def _swapped(
    editor: Editor, a: tuple[Prepared, Subject], b: Subject
) -> tuple[dict[str, float], NDArray[np.uint8]] | None:
    """Measure one swap, and return the frame of the result; None where no face is found afterwards."""
    prepared, subject = a
    edited = editor.apply(prepared.photo, editor.run(prepared, _plan(b)))
    again = largest_face(editor, edited)
    if again is None or subject.mesh is None or b.mesh is None or again[1].mesh is None:
        return None
    before, after, wanted = subject.mesh, again[1].mesh, b.mesh
    figures = {
        "mouth_before": mouth_distance(before.points, wanted.points),
        "mouth_after": mouth_distance(after.points, wanted.points),
        "yaw_before": abs(before.pose.yaw - wanted.pose.yaw),
        "yaw_after": abs(after.pose.yaw - wanted.pose.yaw),
        "changed": _changed(prepared.photo.rgb, edited.rgb),
    }
    return figures, frame_of(again[1])


def _resembled(
    a: NDArray[np.float64], b: NDArray[np.float64], result: NDArray[np.float64], centre: NDArray[np.float64]
) -> dict[str, float]:
    """Return whom a swap resembles, by dlib's descriptors of both faces and of the result."""
    to_a, to_b = centred_cosine(a, result, centre), centred_cosine(b, result, centre)
    return {
        "cosine_a": to_a,
        "cosine_b": to_b,
        "nearer_to_b": float(to_b > to_a),
        "same_person": float(np.linalg.norm(a - result) < identity.SAME_PERSON),
    }


def _plan(b: Subject) -> Plan:
    if b.mesh is None:
        raise DataError(f"{b} has no mesh")
    return transfer.prepare(Driver("b", b.place, b.mesh))  # type: ignore[arg-type]


def _seconds(editor: Editor, pairs: Sequence[tuple[tuple[Prepared, Subject], Subject]]) -> float:
    """Return the median processor time of a swap on photos of 1920x1080, beyond finding the face, models warm."""
    import cv2

    spent = []
    for (prepared, _), b in pairs:
        small = cv2.resize(prepared.photo.rgb, (1080, 1080), interpolation=cv2.INTER_CUBIC)
        wide = cv2.copyMakeBorder(small, 0, 0, 420, 420, cv2.BORDER_REFLECT_101)
        again = editor.prepare(photos.read(np.asarray(wide, np.uint8)), "largest")
        start = time.process_time()
        editor.apply(again.photo, editor.run(again, _plan(b)))
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def _changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Return the share of pixels that differ by more than `CHANGED`."""
    return float((np.abs(before.astype(np.int16) - after).max(2) > CHANGED).mean())
