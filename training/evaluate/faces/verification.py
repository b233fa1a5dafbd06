"""Are a face in profile and a face from the front the same person? Before and after the head is turned to the front.

Each profile is paired with `FRONTALS` pictures of its person and as many of others, and a pair is taken for one person
where its descriptors are nearer than a threshold: dlib's, and those of another network. The threshold is chosen on nine
tenths of the people and used on the rest, ten times. Rank-1 is the share of profiles whose nearest picture, of one
frontal picture of each person, is their own.

Reference:
    Sengupta et al. 2016, "Frontal to Profile Face Verification in the Wild" (the data set, and 94.57 % by people).
Deviations:
    The pairs are ours, because the packed set has fewer people; published figures stand beside ours, not in one list.
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
from imgedit.edits import frontalize
from imgedit.errors import ConfigError, DataError, NoFaceError
from imgedit.progress import with_progress
from imgedit.render.warp import moved_face
from imgedit.vision.faces import Face
from training.data.cfp import N_TRAIN, VIEWS
from training.evaluate.faces import identity
from training.evaluate.faces.describing import Describes, networks
from training.evaluate.faces.pose import frame
from training.evaluate.layout import Block, Table
from training.evaluate.result import header

__all__ = ["accuracy_by_folds", "blocks", "evaluate", "pairs", "rank_1"]

KIND = "verification"
FRONTALS = 5
"""Frontal pictures of each person."""
FOLDS = 10
_VALID = 60  # people at the end of `train` by whom choices are made
PUBLISHED = {"DR-GAN (Tran et al. 2017), its own network and all 500 people": 93.41, "people, all 500 people": 94.57}
"""Frontal-profile accuracy on CFP, %."""

Frame = NDArray[np.uint8]
Features = NDArray[np.float64]


def evaluate(
    data: str,
    *,
    network: str | None = None,
    n: int | None = None,
    seed: int = 0,
    split: str = "test",
    device: str = "auto",
    command: str = "",
) -> dict[str, Any]:
    """Verify profiles against frontal pictures, aligned and turned in several ways.

    Args:
        data: `cfp:DIR`.
        network: run or model of kind `recognise` that describes the faces too, beside dlib's.
        n: at most so many people; None for all.
        seed: of the pairs of different people.
        split: `test` (people after 400) or `valid` (the last of those before), by whom choices are made.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        command: what was typed.

    Raises:
        ConfigError: the data set is another one, or there is no such split.
        DataError: it has too few people.
    """
    name, _, folder = data.partition(":")
    if name != "cfp":
        raise ConfigError(f"profiles are verified on --data cfp:DIR, got {data!r}")
    if split not in ("test", "valid"):
        raise ConfigError(f"the splits are test and valid, got {split!r}")
    root = Path(folder) / "Data" / "Images"
    chosen = {"test": range(N_TRAIN + 1, 10**6), "valid": range(N_TRAIN - _VALID + 1, N_TRAIN + 1)}[split]
    people = sorted(p for p in root.glob("*") if p.name.isdecimal() and int(p.name) in chosen)[:n]
    if len(people) < FOLDS:
        raise DataError(f"{folder} has {len(people)} people for {split}; {FOLDS} or more are needed")
    with networks(network, device) as describes:
        return {
            **header(identity.NETWORK, KIND, data, command=command, seed=seed, split=split),
            **_measured(people, describes, seed, device),
        }


def _measured(people: Sequence[Path], describes: Mapping[str, Describes], seed: int, device: str) -> dict[str, Any]:
    """Find the faces of some people and verify them, by each of the networks."""
    editor = Editor([], device, mark=False)
    found: dict[str, list[tuple[int, Prepared]]] = {view: [] for view in VIEWS}
    missed = dict.fromkeys(VIEWS, 0)
    helped = 0
    for number, person in enumerate(with_progress(people, "Finding faces")):
        for view in VIEWS:
            for path in sorted((person / view).glob("*.jpg"))[:FRONTALS]:
                prepared = _prepared(editor, path)
                if prepared is None:
                    missed[view] += 1
                else:
                    found[view].append((number, prepared))
                    helped += any("found only" in text for text in prepared.warnings)
    return {
        "n": len(found["profile"]),
        "metrics": {
            "people": len(people),
            "profiles": len(found["profile"]),
            "frontals": len(found["frontal"]),
            "missed_profiles": missed["profile"],
            "missed_frontals": missed["frontal"],
            "found_by_a_further_look": helped,
            "rows": _rows(editor, describes, found["frontal"], found["profile"], seed),
        },
    }


def _rows(
    editor: Editor,
    describes: Mapping[str, Describes],
    frontal: Sequence[tuple[int, Prepared]],
    profile: Sequence[tuple[int, Prepared]],
    seed: int,
) -> list[dict[str, Any]]:
    """Describe all faces in every way, and verify."""
    of_frontal = np.array([number for number, _ in frontal])
    of_profile = np.array([number for number, _ in profile])
    described: dict[tuple[str, str], Features] = {}
    seconds: dict[str, float] = {}

    def describe(key: str, faces: Sequence[tuple[int, Prepared]], way: str) -> None:
        start = time.process_time()
        frames = [_frame(editor, prepared, way) for _, prepared in with_progress(faces, f"Aligning, {key}")]
        seconds[key] = (time.process_time() - start) / max(len(frames), 1)
        described.update({(name, key): network(frames) for name, network in describes.items()})

    for alignment in ("detector", "mesh"):
        describe(f"frontal {alignment}", frontal, alignment)
    for way in ("detector", "mesh", "turned", "turned all the way"):
        describe(f"profile {way}", profile, way)
    rows = []
    for name in describes:
        for alignment in ("detector", "mesh"):
            features = described[name, f"frontal {alignment}"]
            row = _row("frontal", alignment, features, of_frontal, features, of_frontal, seed, 0.0)
            rows.append({"network": name, **row})
        for way in ("detector", "mesh", "turned", "turned all the way"):
            gallery = described[name, "frontal detector" if way == "detector" else "frontal mesh"]
            key = f"profile {way}"
            row = _row("profile", way, described[name, key], of_profile, gallery, of_frontal, seed, seconds[key])
            rows.append({"network": name, **row})
    return rows


def _row(
    view: str,
    way: str,
    probes: Features,
    of_probes: NDArray[np.int64],
    gallery: Features,
    of_gallery: NDArray[np.int64],
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    itself = view == "frontal"
    i, j = pairs(of_probes, of_gallery, seed, itself=itself)
    same = of_probes[i] == of_gallery[j]
    folds = accuracy_by_folds(identity.distances(probes[i], gallery[j]), same, of_probes[i])
    return {
        "view": view,
        "way": way,
        "pairs": len(i),
        "accuracy": float(folds.mean()),
        "deviation": float(folds.std()),
        "rank_1": None if itself else rank_1(probes, of_probes, gallery, of_gallery),
        "seconds": seconds,
    }


def pairs(
    of_probes: NDArray[np.int64], of_gallery: NDArray[np.int64], seed: int, *, itself: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of a probe and a picture of the gallery: all of one person, and as many of two, drawn at random.

    Args:
        of_probes: person of each probe.
        of_gallery: person of each picture of the gallery.
        seed: of the draw.
        itself: probes and gallery are the same pictures; no picture is paired with itself, and each pair stands once.
    """
    rng = np.random.default_rng(seed)
    same = of_probes[:, None] == of_gallery
    allowed = np.triu(np.ones_like(same), 1) if itself else np.ones_like(same)
    i, j = np.nonzero(same & allowed)
    others = np.argwhere(~same & allowed)
    drawn = others[rng.choice(len(others), min(len(i), len(others)), replace=False)]
    return np.concatenate([i, drawn[:, 0]]), np.concatenate([j, drawn[:, 1]])


def accuracy_by_folds(
    distance: Features, same: NDArray[np.bool_], person: NDArray[np.int64], folds: int = FOLDS
) -> Features:
    """Return the accuracy on each fold of people, with the threshold that is best on the others.

    Args:
        distance: `(N,)` of pairs.
        same: whether a pair shows one person.
        person: by whom pairs are put into folds.
        folds: how many.
    """
    fold = np.unique(person, return_inverse=True)[1] % folds
    accuracies = []
    for k in range(folds):
        rest, own = fold != k, fold == k
        order = np.argsort(distance[rest], kind="stable")
        sorted_distance, sorted_same = distance[rest][order], same[rest][order]
        # below the threshold of place t lie the t nearest pairs
        right = np.concatenate([[0], np.cumsum(sorted_same)]) + np.concatenate(
            [np.cumsum(~sorted_same[::-1])[::-1], [0]]
        )
        t = int(right.argmax())
        edges = np.concatenate([[-np.inf], sorted_distance, [np.inf]])
        threshold = (edges[t] + edges[t + 1]) / 2.0 if 0 < t < len(order) else edges[t + (t > 0)]
        accuracies.append(float(((distance[own] < threshold) == same[own]).mean()))
    return np.array(accuracies)


def rank_1(probes: Features, of_probes: NDArray[np.int64], gallery: Features, of_gallery: NDArray[np.int64]) -> float:
    """Return the share of probes whose nearest of the gallery, one picture a person, is their own person."""
    people, first = np.unique(of_gallery, return_index=True)
    distance = np.linalg.norm(probes[:, None] - gallery[first], axis=2)
    return float((people[distance.argmin(1)] == of_probes).mean())


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result: the table, and what others have published."""
    metrics = result["metrics"]
    found: list[Block] = [
        f"{metrics['profiles']} profiles and {metrics['frontals']} frontal pictures of {metrics['people']} "
        f"{result['split']} people of {result['data']}, seed {result['seed']}, described by {result['model']}; "
        f"{metrics['missed_profiles']} profiles and {metrics['missed_frontals']} frontal pictures left out, for no "
        f"face or no mesh was found; {metrics['found_by_a_further_look']} found only by a further look"
    ]
    for name in dict.fromkeys(row.get("network", result["model"]) for row in metrics["rows"]):
        if name != result["model"]:
            found.append(f"The same, described by {name}, which was trained here on other people of the set")
        rows = [_cells(row) for row in metrics["rows"] if row.get("network", result["model"]) == name]
        found.append(
            Table(
                ["pairs of", "aligned by", "pairs", "same or not, %", "rank-1, %", "processor seconds a profile"], rows
            )
        )
    published = [[name, f"{value:.2f}"] for name, value in PUBLISHED.items()]
    return [*found, "Published, on other pairs", Table(["by", "same or not, %"], published)]


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Return a row of the table."""
    return [
        f"{row['view']} against frontal",
        _WAYS[row["way"]],
        str(row["pairs"]),
        f"{100 * row['accuracy']:.1f} ± {100 * row['deviation']:.1f}",
        "" if row["rank_1"] is None else f"{100 * row['rank_1']:.1f}",
        "" if row["rank_1"] is None else f"{row['seconds']:.2f}",
    ]


_WAYS = {
    "detector": "the detector's landmarks",
    "mesh": "the mesh's landmarks",
    "turned": "the mesh, turned by frontalize",
    "turned all the way": "the mesh, turned by frontalize --force (mirrored)",
}


def _prepared(editor: Editor, path: Path) -> Prepared | None:
    """Return a picture whose largest face has a mesh; None where there is none."""
    try:
        prepared = editor.prepare(photos.read(path), "largest", turned=True)
    except NoFaceError:
        return None
    return None if prepared.subjects[0].mesh is None else prepared


def _frame(editor: Editor, prepared: Prepared, way: str) -> Frame:
    """Return the frame of a face that the network sees: `detector`, `mesh`, `turned` or `turned all the way`."""
    subject = prepared.subjects[0]
    face, found = subject.place, subject.mesh
    if not isinstance(face, Face) or found is None:
        raise DataError(f"{subject} has no mesh")
    if way == "detector":
        return frame(subject.rgb, face.landmarks)
    if way == "mesh":
        return frame(subject.rgb, found.landmarks)
    done = editor.run(prepared, frontalize.prepare(force=way != "turned"))
    moved = moved_face(face, done.changes[0][1])
    landmarks = found.landmarks if moved is face else moved.landmarks
    return frame(editor.apply(prepared.photo, done).rgb, landmarks)
