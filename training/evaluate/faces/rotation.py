"""How well a model draws faces in another pose: `imgedit evaluate rotation`.

Where a set shows each person once in every pose, such as FEI, the drawn picture is compared with the true one, for
every pair of poses. Where its pictures are windows of faces, such as those of CFP, the face mesh tells whether the pose
was obeyed, and dlib's descriptors whether the person can still be told. A painter of hidden halves is measured on faces
from the front (`fronts`), half of which is hidden. People are never those of the training.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.runtime import Session
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_pixels, to_tensor, to_uint8
from imgedit.progress import with_progress
from imgedit.vision import geometry, mesh
from imgedit.vision.faces import Face
from training import train as start
from training.data.grouped import Grouped
from training.evaluate.faces import identity
from training.evaluate.faces.quality import l1, ssim
from training.evaluate.layout import Block, Table
from training.evaluate.result import header
from training.evaluate.subject import open_model

__all__ = ["blocks", "evaluate", "view_pairs"]

KIND = "rotation"
AHEAD = 25.0
"""Largest yaw at which the mesh calls a face frontal, degrees; it reads about 50 where a profile has 90."""
_SIDES = {"left": (-90.0, -AHEAD), "front": (-AHEAD, AHEAD), "right": (AHEAD, 90.0)}
_LOOKED_UP = 192  # px; to this side a window is enlarged before the mesh looks at it

Pictures = NDArray[np.uint8]


def evaluate(model: str, data: str, *, device: str = "auto", seed: int = 0, command: str = "") -> dict[str, Any]:
    """Measure a run or model of kind `rotate` that is told the pose; the arguments are the command's.

    Raises:
        ConfigError: it is of another kind, or is told no pose.
        DataError: the data set does not have its poses.
    """
    with open_model(model) as subject:
        if subject.manifest.kind != "rotate":
            raise ConfigError(f"{subject.id} is of kind {subject.manifest.kind}; give a dr_gan or a frontal_refiner")
        poses = subject.manifest.attributes
        if not poses:
            metrics, n = _halves(subject, data, device, seed)
            return {**header(model, KIND, data, command=command, seed=seed), "n": n, "metrics": metrics}
        options = {"size": subject.manifest.crop.width, "specified": "identity", "poses": poses}
        test: Grouped = start.load_data(data, "test", options)
        session = Sessions(device).open(subject, "rotate")
        metrics = {"people": len(np.unique(test.specified)), "poses": list(poses)}
        if _is_complete(test, len(poses)):
            train: Grouped = start.load_data(data, "train", options)
            metrics["views"] = view_pairs(session, test, train, len(poses))
        if subject.manifest.crop.kind in geometry.WINDOWS and set(poses) == set(_SIDES):
            metrics["faces"] = _faces(session, subject, test, device)
        metrics["seconds"] = _seconds(session, test, len(poses))
        return {**header(model, KIND, data, command=command, seed=seed), "n": len(test), "metrics": metrics}


def drawn(session: Session, images: Pictures, poses: NDArray[np.int64], n_poses: int, batch: int = 64) -> Pictures:
    """Draw pictures `(N, H, W, 3)` in poses `(N,)`."""
    parts = []
    for i in range(0, len(images), batch):
        feeds = {
            "image": to_tensor(images[i : i + batch]),
            "pose": np.eye(n_poses, dtype=np.float32)[poses[i : i + batch]],
        }
        parts.append(to_uint8(np.moveaxis(session.run(feeds)[session.outputs[0]], 1, 3)))
    return np.concatenate(parts)


def view_pairs(session: Session, test: Grouped, train: Grouped, n_poses: int) -> dict[str, Any]:
    """Compare drawn pictures with the true ones, for every pair of a given and a wanted pose.

    Rank-1 is the share of drawn pictures that are nearest, in L1, to their own person among all people in the wanted
    pose. Two ways to do nothing stand beside it: the given picture as it is, and the mean of `train` in that pose.

    Args:
        session: the graph `rotate`.
        test: one picture of each person in each pose.
        train: as `test`, of others.
        n_poses: how many poses there are.
    """
    assert test.views is not None
    assert train.views is not None
    people = np.unique(test.specified)
    place = {(int(s), int(p)): i for i, (s, p) in enumerate(zip(test.specified, test.views.pose, strict=True))}
    true = np.stack(
        [[test.images[place[int(s), p]] for p in range(n_poses)] for s in people]
    )  # (people, poses, H, W, 3)
    means = [train.images[train.views.pose == p].astype(np.float64).mean(0) for p in range(n_poses)]
    figures: dict[str, Any] = {
        way: {name: np.zeros((n_poses, n_poses)) for name in ("l1", "ssim", "rank_1")} for way in ("drawn", "copied")
    }
    for given in with_progress(range(n_poses), "Turning"):
        for wanted in range(n_poses):
            made = drawn(session, true[:, given], np.full(len(people), wanted), n_poses)
            for way, pictures in (("drawn", made), ("copied", true[:, given])):
                for name, value in _compared(pictures, true[:, wanted]).items():
                    figures[way][name][given, wanted] = value
    mean = [
        _compared(np.repeat(np.rint(means[p])[None].astype(np.uint8), len(people), 0), true[:, p])
        for p in range(n_poses)
    ]
    return {
        "chance": 1.0 / len(people),
        **{way: {name: table.tolist() for name, table in tables.items()} for way, tables in figures.items()},
        "mean_picture": {name: float(np.mean([row[name] for row in mean])) for name in ("l1", "ssim")},
    }


def _compared(made: Pictures, true: Pictures) -> dict[str, float]:
    distance = np.array([[l1(a, b) for b in true] for a in made])
    return {
        "l1": float(np.diag(distance).mean()),
        "ssim": float(np.mean([ssim(a, b) for a, b in zip(made, true, strict=True)])),
        "rank_1": float((distance.argmin(1) == np.arange(len(made))).mean()),
    }


def _faces(session: Session, model: Model, test: Grouped, device: str) -> dict[str, Any]:
    """Tell whether drawn faces have the wanted pose and are still the person, and the same of real ones."""
    assert test.views is not None
    kind, poses = model.manifest.crop.kind, list(model.manifest.attributes)
    reader = mesh.MeshReader(library.bundled(mesh.MODEL), Sessions(device))
    pose, person = test.views.pose, test.specified
    front = poses.index("front")
    gallery = np.array([np.flatnonzero((person == s) & (pose == front))[0] for s in np.unique(person)])
    probes = np.flatnonzero(pose != front)
    known = identity.descriptors([_frame(image, kind) for image in test.images[gallery]])
    result: dict[str, Any] = {"n": len(probes), "chance": 1.0 / len(gallery), "obeyed": {}, "obeyed_real": {}}
    for k, name in enumerate(poses):
        made = drawn(session, test.images[probes], np.full(len(probes), k), len(poses))
        result["obeyed"][name] = _obeyed(reader, list(made), kind, name)
        result["obeyed_real"][name] = _obeyed(reader, list(test.images[pose == k]), kind, name)
        if k == front:
            result["rank_1_drawn"] = _rank_1([_frame(image, kind) for image in made], person[probes], known)
    result["rank_1_profiles"] = _rank_1([_frame(image, kind) for image in test.images[probes]], person[probes], known)
    return result


def _halves(model: Model, data: str, device: str, seed: int) -> tuple[dict[str, Any], int]:
    """Compare painted halves with the true ones, and with the mirror image of the half that is seen.

    Returns:
        Figures of both; how many faces.
    """
    crop = model.manifest.crop
    dataset = start.load_data(data, "test", {"size": crop.width, "side_masks": True})
    session = Sessions(device).open(model, "rotate")
    rng = np.random.default_rng(seed)
    true, painted, mirrored, spent = [], [], [], []
    for part in with_progress(np.array_split(np.arange(len(dataset)), max(1, len(dataset) // 16)), "Painting"):
        batch = dataset.batch(part, rng)
        image, visible = batch.image.numpy(), batch.require_mask().numpy()
        begin = time.process_time()
        made = session.run({"image": image, "visible": visible})["image_out"]
        spent.append((time.process_time() - begin) / len(part))
        true += list(to_pixels(image))
        painted += list(to_pixels(made))
        mirrored += list(to_pixels(np.where(visible > 0.5, image, image[..., ::-1])))
    described = identity.descriptors([_frame(one, crop.kind) for one in true])
    figures: dict[str, Any] = {"seconds": float(np.median(spent))}
    for way, pictures in (("painted", painted), ("mirrored", mirrored)):
        found = identity.descriptors([_frame(one, crop.kind) for one in pictures])
        distance = identity.distances(found, described)
        figures[way] = {
            "l1": float(np.mean([l1(a, b) for a, b in zip(pictures, true, strict=True)])),
            "ssim": float(np.mean([ssim(a, b) for a, b in zip(pictures, true, strict=True)])),
            "identity_distance": float(distance.mean()),
            "same_person": float((distance < identity.SAME_PERSON).mean()),
            "rank_1": float(
                (np.linalg.norm(found[:, None] - described, axis=2).argmin(1) == np.arange(len(true))).mean()
            ),
        }
    return figures, len(true)


def _obeyed(reader: mesh.MeshReader, images: Sequence[Pictures], kind: str, name: str) -> float:
    low, high = _SIDES[name]
    yaws = [_yaw(reader, image, kind) for image in images]
    return float(np.mean([yaw is not None and low <= yaw <= high for yaw in yaws]))


def _yaw(reader: mesh.MeshReader, image: Pictures, kind: str) -> float | None:
    """Return the yaw that the mesh reads in a window of a face, enlarged; None where it sees none."""
    large = np.asarray(cv2.resize(image, (_LOOKED_UP, _LOOKED_UP), interpolation=cv2.INTER_CUBIC), np.uint8)
    points = geometry.apply(geometry.window_matrix(kind, _LOOKED_UP), geometry.FACE_TEMPLATE).astype(np.float32)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    half = 1.2 * float(np.linalg.norm(mouth - eyes))
    middle = (eyes + mouth) / 2.0
    found = reader(large, Face(np.concatenate([middle - half, middle + half]), points, 1.0))
    return None if found is None else found.pose.yaw


def _frame(image: Pictures, kind: str) -> Pictures:
    """Put a window of a face back into CelebA's frame, its border repeated."""
    return np.asarray(
        geometry.put_back(image, geometry.window_matrix(kind, image.shape[0]), geometry.FRAME[::-1], edge=True),
        np.uint8,
    )


def _rank_1(frames: Sequence[Pictures], person: NDArray[np.int64], known: NDArray[np.float64]) -> float:
    """Return the share whose nearest of `known`, one of each person in order, is their own."""
    found = identity.descriptors(frames)
    nearest = np.linalg.norm(found[:, None] - known, axis=2).argmin(1)
    return float((np.unique(person)[nearest] == person).mean())


def _is_complete(data: Grouped, n_poses: int) -> bool:
    """Tell whether each person is shown once in every pose."""
    if data.views is None:
        return False
    pairs = np.unique(np.stack([data.specified, data.views.pose], 1), axis=0)
    return len(pairs) == len(data) == n_poses * len(np.unique(data.specified))


def _seconds(session: Session, data: Grouped, n_poses: int) -> float:
    """Return the median processor time of one picture."""
    spent = []
    for _ in range(20):
        begin = time.process_time()
        drawn(session, data.images[:1], np.zeros(1, np.int64), n_poses)
        spent.append(time.process_time() - begin)
    return float(np.median(spent))


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a result."""
    metrics = result["metrics"]
    if "painted" in metrics:
        return _half_tables(result)
    steps = f" after {result['steps']} steps" if "steps" in result else ""
    found: list[Block] = [
        f"{result['model']}{steps}: {result['n']} {result['split']} pictures of {metrics['people']} people of "
        f"{result['data']}, {1000 * metrics['seconds']:.0f} ms of processor time a picture"
    ]
    if "views" in metrics:
        found += _view_tables(metrics["views"], metrics["poses"])
    if "faces" in metrics:
        found += _face_tables(metrics["faces"], metrics["poses"])
    return found


def _half_tables(result: Mapping[str, Any]) -> list[Block]:
    metrics = result["metrics"]
    rows = [
        [
            label,
            f"{metrics[way]['l1']:.4f}",
            f"{metrics[way]['ssim']:.3f}",
            f"{metrics[way]['identity_distance']:.3f}",
            f"{100 * metrics[way]['same_person']:.1f}",
            f"{100 * metrics[way]['rank_1']:.1f}",
        ]
        for way, label in (("painted", "painted"), ("mirrored", "the mirror image of the other half"))
    ]
    return [
        f"{result['model']}: {result['n']} {result['split']} faces from the front of {result['data']}, half of each "
        f"hidden as from the side, {1000 * metrics['seconds']:.0f} ms of processor time a face",
        Table(["the hidden half", "L1", "SSIM", "distance", "same person, %", "rank-1, %"], rows),
        f"distance: of the descriptors of {identity.NETWORK}; same person: below {identity.SAME_PERSON}",
    ]


def _view_tables(views: Mapping[str, Any], poses: Sequence[str]) -> list[Block]:
    """Return the means with what doing nothing gives, then each figure for every pair of poses."""
    turned = ~np.eye(len(poses), dtype=bool)

    def mean(way: str, name: str) -> float:
        return float(np.array(views[way][name])[turned].mean())

    rows = [
        [label, f"{mean(way, 'l1'):.4f}", f"{mean(way, 'ssim'):.3f}", f"{100 * mean(way, 'rank_1'):.1f}"]
        for way, label in (("drawn", "drawn in the wanted pose"), ("copied", "the given picture as it is"))
    ]
    average = views["mean_picture"]
    rows.append(
        ["the mean training picture in that pose", f"{average['l1']:.4f}", f"{average['ssim']:.3f}",
         f"{100 * views['chance']:.1f}"]
    )  # fmt: skip
    found: list[Block] = [Table(["against the true picture in another pose", "L1", "SSIM", "rank-1, %"], rows)]
    for name, title, digits, by in (("l1", "L1", 3, 1), ("ssim", "SSIM", 2, 1), ("rank_1", "rank-1, %", 0, 100)):
        table = [
            [pose, *(f"{by * value:.{digits}f}" for value in row)]
            for pose, row in zip(poses, views["drawn"][name], strict=True)
        ]
        found.append(Table([f"{title}, from (rows) to", *poses], table))
    return found


def _face_tables(faces: Mapping[str, Any], poses: Sequence[str]) -> list[Block]:
    obeyed = [[pose, f"{100 * faces['obeyed'][pose]:.1f}", f"{100 * faces['obeyed_real'][pose]:.1f}"] for pose in poses]
    rows = [
        ["profiles as they are", f"{100 * faces['rank_1_profiles']:.1f}"],
        ["drawn from the front", f"{100 * faces['rank_1_drawn']:.1f}"],
        ["chance", f"{100 * faces['chance']:.1f}"],
    ]
    return [
        f"{faces['n']} profiles; the pose as the face mesh reads it, frontal up to {AHEAD:.0f} degrees of yaw",
        Table(["wanted pose", "drawn so, %", "of real pictures read so, %"], obeyed),
        Table([f"nearest to their own front ({identity.NETWORK})", "rank-1, %"], rows),
    ]
