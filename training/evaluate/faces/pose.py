"""How well heads are turned: what is reached of what is asked, and whether it is still the same person.

Identity is the cosine of dlib's descriptors before and after, once as they are and once after the mean descriptor of
all pictures was taken off: as they are, two different people have 0.84 in common already; centred, nothing.
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
from imgedit.edits import frontalize, pose
from imgedit.edits.pose import Turn
from imgedit.errors import ConfigError, DataError, NoFaceError
from imgedit.photo import Photo
from imgedit.progress import with_progress
from imgedit.vision import geometry, mesh
from imgedit.vision.subject import Subject
from training.evaluate.faces import identity
from training.evaluate.faces.describing import LIKENESS, described, likeness, likeness_rows, networks
from training.evaluate.layout import Block, Table
from training.evaluate.result import header

__all__ = ["blocks", "centred_cosine", "evaluate", "frame", "frame_of", "largest_face"]

KIND = "pose"
YAWS = (14.0, 36.0)
"""Least and largest yaw, to either side, of the pictures that are turned to the front; degrees."""
ASKED = (-25.0, -15.0, -5.0, 5.0, 15.0, 25.0)
"""Turns that are asked of pictures that look ahead, degrees of yaw."""
AHEAD = 8.0
"""Largest yaw of a picture that looks ahead, degrees."""
_TEST = 0.1  # share of the sorted names, from the end


def evaluate(
    data: str,
    *,
    network: str | None = None,
    n: int | None = None,
    every: bool = False,
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Turn pictures to the front, and others by `ASKED`.

    Args:
        data: `celebamask_hq:DIR`.
        network: run or model of kind `recognise` that describes the turned faces too, beside dlib's.
        n: at most so many pictures of each kind, spread evenly over the sorted names; None for all.
        every: take all pictures, not only the last tenth of the sorted names.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: the data set is another one.
        DataError: there are no pictures, or none that are turned.
    """
    name, _, folder = data.partition(":")
    if name != "celebamask_hq":
        raise ConfigError(f"turned heads are measured on --data celebamask_hq:DIR, got {data!r}")
    paths = sorted((Path(folder) / "images").glob("*.jpg"))
    if not every:
        paths = paths[len(paths) - round(_TEST * len(paths)) :]
    if not paths:
        raise DataError(f"no pictures in {folder}/images")
    editor = Editor([], device, mark=False)
    found: list[tuple[Prepared, Subject]] = []
    for path in with_progress(paths, "Finding poses"):
        subject = largest_face(editor, photos.read(path))
        if subject is not None:
            found.append(subject)
    turned = _spread([one for one in found if YAWS[0] <= abs(_pose(one[1])[0]) <= YAWS[1]], n)
    ahead = _spread([one for one in found if abs(_pose(one[1])[0]) <= AHEAD], n)
    if not turned or not ahead:
        raise DataError(f"{folder} has no turned or no straight faces among {len(found)}")
    places = {id(subject): i for i, (_, subject) in enumerate(found)}
    with networks(network, device) as describes:
        known = described(describes, [frame_of(subject) for _, subject in found])
        figures, fronts = _front(editor, turned)
        after = described(describes, [frame_of(done) for _, done in fronts])
    of = [places[id(subject)] for subject, _ in fronts]
    own, centre = known[identity.NETWORK], known[identity.NETWORK].mean(0)
    before = [own[places[id(subject)]] for _, subject in ahead]
    metrics = {
        "frontalize": figures | _alike(own[of], after[identity.NETWORK], centre),
        "likeness": likeness(known, of, after),
        "faces": len(found),
        "asked": [_asked(editor, ahead, before, yaw, centre) for yaw in with_progress(ASKED, "Turning")],
        "processor_seconds_1080p": _seconds(editor, turned[: min(5, len(turned))]),
    }
    return {**header(mesh.MODEL, KIND, data, command=command, seed=0), "n": len(turned), "metrics": metrics}


def frame(rgb: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Cut the CelebA frame of a face, `(218, 178, 3)`."""
    return np.asarray(
        geometry.cut(rgb, geometry.similarity(landmarks), (geometry.FRAME[1], geometry.FRAME[0])), np.uint8
    )


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: one table for the turn to the front, one for what was asked."""
    metrics = result["metrics"]
    front, asked = metrics["frontalize"], metrics["asked"]
    rows = [
        ["mean yaw, before", f"{front['yaw_before']:.1f}"],
        ["mean yaw, after", f"{front['yaw_after']:.1f}"],
        ["mean pitch, before", f"{front['pitch_before']:.1f}"],
        ["mean pitch, after", f"{front['pitch_after']:.1f}"],
        ["cosine of descriptors", f"{front['cosine']:.3f}"],
        ["cosine, least", f"{front['cosine_least']:.3f}"],
        ["centred cosine", f"{front['centred_cosine']:.3f}"],
        ["centred cosine, least", f"{front['centred_cosine_least']:.3f}"],
        ["distance of descriptors", f"{front['distance']:.3f}"],
        ["same person (below 0.6), %", f"{100 * front['same_person']:.1f}"],
        ["no face found afterwards", str(front["failures"])],
        ["processor seconds at 1920x1080", f"{metrics['processor_seconds_1080p']:.2f}"],
    ]
    turns = [
        [f"{row['asked']:+.0f}", f"{row['reached']:+.1f}", f"{row['error']:.1f}", f"{row['centred_cosine']:.3f}"]
        for row in asked
    ]
    return [
        f"{result['n']} {result['split']} pictures of {result['data']} with yaw {YAWS[0]:.0f} to {YAWS[1]:.0f} degrees",
        Table(["turned to the front", ""], rows),
        *_by_network(metrics),
        f"{asked[0]['n']} pictures that look ahead, turned by so many degrees of yaw",
        Table(["asked", "reached (median)", "error (median)", "centred cosine"], turns),
    ]


def _by_network(metrics: Mapping[str, Any]) -> list[Block]:
    if "likeness" not in metrics:
        return []
    told = f"Likeness of the turned faces, among all {metrics['faces']} faces of these pictures before"
    return [told, Table(LIKENESS, likeness_rows(metrics["likeness"]))]


def _front(
    editor: Editor, turned: Sequence[tuple[Prepared, Subject]]
) -> tuple[dict[str, float | int], list[tuple[Subject, Subject]]]:
    """Turn to the front; return what is measured, and the faces before and after."""
    before, after, pairs, failures = [], [], [], 0
    for prepared, subject in with_progress(turned, "Turning to the front"):
        done = _turned(editor, prepared, frontalize.prepare())
        if done is None:
            failures += 1
            continue
        before.append(_pose(subject))
        after.append(_pose(done))
        pairs.append((subject, done))
    if not after:
        raise DataError("no face was found in any turned picture")
    poses, results = np.abs(before), np.abs(after)
    figures: dict[str, float | int] = {
        "failures": failures,
        "yaw_before": float(poses[:, 0].mean()),
        "yaw_after": float(results[:, 0].mean()),
        "pitch_before": float(poses[:, 1].mean()),
        "pitch_after": float(results[:, 1].mean()),
        "roll_before": float(poses[:, 2].mean()),
        "roll_after": float(results[:, 2].mean()),
    }
    return figures, pairs


def _alike(
    before: NDArray[np.float64], after: NDArray[np.float64], centre: NDArray[np.float64]
) -> dict[str, float | int]:
    """Return how alike dlib's descriptors `(N, F)` before and after are: as they are, around a centre, and apart."""
    pairs = list(zip(before, after, strict=True))
    cosine = np.array([_cosine(a, b) for a, b in pairs])
    centred = np.array([centred_cosine(a, b, centre) for a, b in pairs])
    apart = identity.distances(before, after)
    return {
        "cosine": float(cosine.mean()),
        "cosine_least": float(cosine.min()),
        "centred_cosine": float(centred.mean()),
        "centred_cosine_least": float(centred.min()),
        "distance": float(apart.mean()),
        "same_person": float((apart < identity.SAME_PERSON).mean()),
    }


def _asked(
    editor: Editor,
    ahead: Sequence[tuple[Prepared, Subject]],
    before: Sequence[NDArray[np.float64]],
    yaw: float,
    centre: NDArray[np.float64],
) -> dict[str, float | int]:
    """Turn by some degrees and compare with what the mesh reads; `before` are the descriptors of the faces."""
    reached, alike = [], []
    for (prepared, subject), descriptor in zip(ahead, before, strict=True):
        done = _turned(editor, prepared, pose.prepare(yaw))
        if done is not None:
            reached.append(_pose(done)[0] - _pose(subject)[0])
            (after,) = identity.descriptors([frame_of(done)])
            alike.append(centred_cosine(descriptor, after, centre))
    return {
        "asked": yaw,
        "n": len(ahead),
        "failures": len(ahead) - len(reached),
        "reached": float(np.median(reached)),
        "error": float(np.median(np.abs(np.array(reached) - yaw))),
        "centred_cosine": float(np.mean(alike)),
    }


def _seconds(editor: Editor, turned: Sequence[tuple[Prepared, Subject]]) -> float:
    """Return the median processor time of a turn on photos of 1920x1080, beyond finding the face, models warm."""
    import cv2

    spent = []
    for prepared, _ in turned:
        small = cv2.resize(prepared.photo.rgb, (1080, 1080), interpolation=cv2.INTER_CUBIC)
        wide = cv2.copyMakeBorder(small, 0, 0, 420, 420, cv2.BORDER_REFLECT_101)
        again = editor.prepare(photos.read(np.asarray(wide, np.uint8)), "largest")
        start = time.process_time()
        editor.apply(again.photo, editor.run(again, frontalize.prepare()))
        spent.append(time.process_time() - start)
    return float(np.median(spent))


def _turned(editor: Editor, prepared: Prepared, turn: Turn) -> Subject | None:
    """Return the face of the turned picture, found anew; None where none is found."""
    found = largest_face(editor, editor.apply(prepared.photo, editor.run(prepared, turn)))
    return None if found is None else found[1]


def largest_face(editor: Editor, photo: Photo) -> tuple[Prepared, Subject] | None:
    """Return the largest face of a picture if it has one with a mesh."""
    try:
        prepared = editor.prepare(photo, "largest")
    except NoFaceError:
        return None
    subject = prepared.subjects[0]
    return None if subject.mesh is None else (prepared, subject)


def _pose(subject: Subject) -> mesh.Pose:
    found = subject.pose
    if found is None:
        raise DataError(f"{subject} has no mesh")
    return found


def frame_of(subject: Subject) -> NDArray[np.uint8]:
    """Return the frame that dlib's network sees, aligned by the mesh's landmarks.

    By these it knows people better than by the detector's, above all in turned heads (`evaluate verification`).
    """
    if subject.mesh is None:
        raise DataError(f"{subject} has no mesh")
    return frame(subject.rgb, subject.mesh.landmarks)


def centred_cosine(a: NDArray[np.float64], b: NDArray[np.float64], centre: NDArray[np.float64]) -> float:
    """Return the cosine of two descriptors around a centre: 0 in the mean for two different people."""
    return _cosine(a - centre, b - centre)


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _spread(items: Sequence[tuple[Prepared, Subject]], n: int | None) -> list[tuple[Prepared, Subject]]:
    """Return at most n items, evenly spread."""
    if n is None or n >= len(items):
        return list(items)
    return [items[i] for i in np.linspace(0, len(items) - 1, n).round().astype(int)]
