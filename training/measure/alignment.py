"""Would the mesh's five landmarks align crops better than the detector's? `python -m training.measure.alignment`.

Faces are cut out by the landmarks of the detector, by those that are read off the mesh, and by these with a template of
their own (their mean in CelebA's frame), and what a network then sees is compared with the labels: 40 attributes of
CelebA's pictures, and the parts of CelebA-HQ's faces. By yaw, because turned heads are where alignments differ.

Measured with `--split valid` (attributes: mean accuracy, %; parts: mean IoU of the last tenth, %), so that crops stay
aligned by the detector:

    what        yaw       faces  detector   mesh  mesh, own template
    attributes  0 to 12     764     89.51  89.35               89.37
    attributes  12 to 25    320     89.82  89.81               89.73
    attributes  25 to 90    159     90.68  90.61               90.53
    parts       0 to 12      67     80.82  80.95               80.91
    parts       12 to 25     16     71.44  71.65               71.48
    parts       25 to 90      8     74.72  75.33               75.56

Identity is another matter: see `imgedit evaluate verification`.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.errors import DataError, NoFaceError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.progress import with_progress
from imgedit.vision import geometry, mesh
from imgedit.vision.faces import Face
from imgedit.vision.geometry import Matrix
from imgedit.vision.mesh import Mesh
from imgedit.vision.parsing import class_probabilities
from imgedit.vision.subject import CLASSIFIER, PARSER
from training.data import celeba, celebamask_hq, meshes
from training.evaluate.faces.frames import load_faces
from training.evaluate.faces.recognition import intersection_over_union
from training.measure.script import printed

BINS = (0.0, 12.0, 25.0, 90.0)
"""Borders of the classes of yaw, degrees."""
WAYS = ("detector", "mesh", "mesh, own template")

Found = tuple[Face, Mesh]


def own_template(folder: Path) -> NDArray[np.float64]:
    """Return the mesh's mean landmarks `(5, 2)` in CelebA's frame, over its training pictures at full size."""
    paths = celeba.pictures(folder, "train", ["full"])
    points = meshes.meshes(paths)
    points = points[np.isfinite(points).all((1, 2))].astype(np.float64)
    if not len(points):
        raise DataError(f"no faces in {folder}")
    return np.asarray(np.mean([Mesh(one, 1.0).landmarks for one in points], axis=0), np.float64)


def matrix(found: Found, way: str, kind: str, size: int, template: NDArray[np.float64]) -> Matrix:
    """Return the matrix from a picture to a crop, aligned in one of `WAYS`."""
    face, seen = found
    if way == "detector":
        return geometry.crop_matrix(face.landmarks, kind, size)
    if way == "mesh":
        return geometry.crop_matrix(seen.landmarks, kind, size)
    flat = [np.column_stack([points, np.zeros(5)]) for points in (seen.landmarks.astype(np.float64), template)]
    scale, turn, shift = mesh.fit(flat[0], flat[1])
    return geometry.chain(np.column_stack([scale * turn[:2, :2], shift[:2]]), geometry.window_matrix(kind, size))


def find(editor: Editor, image: NDArray[np.uint8]) -> Found | None:
    """Return the face in the middle of a picture, with its mesh; None where there is none."""
    try:
        subjects = editor.prepare(photos.read(image), "all").subjects
    except NoFaceError:
        return None
    middle = np.array(image.shape[1::-1]) / 2.0
    near = min(subjects, key=lambda s: float(np.linalg.norm(s.place.landmarks.mean(0) - middle)))  # type: ignore[attr-defined]
    if near.mesh is None or not isinstance(near.place, Face):
        return None
    return near.place, near.mesh


def attributes(folder: Path, split: str, template: NDArray[np.float64], n: int | None) -> Iterator[str]:
    """Yield rows: the mean accuracy of the attribute classifier by yaw and way."""
    faces = load_faces(f"celeba:{folder}", n, 0, split)
    editor = Editor([], "cpu", mark=False)
    model = library.find(CLASSIFIER)
    crop, session = model.manifest.crop, Sessions("cpu").open(model, "classify")
    columns = [faces.attributes.index(name) for name in model.manifest.attributes]
    yaws, right = [], []
    for image, labels in zip(with_progress(faces.frames, "Classifying"), faces.labels, strict=True):
        found = find(editor, image)
        if found is None:
            continue
        crops = [geometry.cut(image, matrix(found, way, crop.kind, crop.width, template), crop.width) for way in WAYS]
        probability = session.run({"image": to_tensor(np.stack(crops))})["probability"]
        right.append(((probability > 0.5) == labels[columns]).mean(1))
        yaws.append(abs(found[1].pose.yaw))
    yield f"attributes, {split}, {len(right)} of {len(faces.frames)} faces: mean accuracy, %"
    yield from _by_yaw(np.array(yaws), np.array(right))


def parts(folder: Path, template: NDArray[np.float64]) -> Iterator[str]:
    """Yield rows: the mean intersection over union of the parser's classes, by yaw and way."""
    pictures = celebamask_hq.load(folder, "test")
    editor = Editor([], "cpu", mark=False)
    model = library.find(PARSER)
    crop, session, classes = model.manifest.crop, Sessions("cpu").open(model, "parse"), celebamask_hq.CLASSES
    if model.manifest.classes != classes:
        raise DataError(f"{model.id} knows other parts than {', '.join(classes)}")
    yaws: list[float] = []
    confusions: list[list[NDArray[np.int64]]] = []
    for image, truth in zip(with_progress(pictures.images, "Parsing"), pictures.masks, strict=True):
        found = find(editor, image)
        if found is None:
            continue
        rows = []
        for way in WAYS:
            to_crop = matrix(found, way, crop.kind, crop.width, template)
            pixels = np.asarray(geometry.cut(image, to_crop, crop.width), np.uint8)
            seen = class_probabilities(session, to_tensor(pixels)[None])[0].transpose(1, 2, 0)
            back = geometry.put_back(np.ascontiguousarray(seen, np.float32), to_crop, image.shape[:2], edge=True)
            pairs = truth.ravel().astype(np.int64) * len(classes) + back.argmax(2).ravel()
            rows.append(np.bincount(pairs, minlength=len(classes) ** 2).reshape(len(classes), -1))
        confusions.append(rows)
        yaws.append(abs(found[1].pose.yaw))
    yield f"parts, last tenth, {len(yaws)} of {len(pictures)} faces: mean IoU, %"
    counts = np.array(confusions)
    for name, chosen in _classes_of_yaw(np.array(yaws)):
        iou = [100 * float(np.nanmean(intersection_over_union(counts[chosen, k].sum(0)))) for k in range(len(WAYS))]
        yield f"  {name}, n = {chosen.sum()}: " + ", ".join(f"{w} {v:.2f}" for w, v in zip(WAYS, iou, strict=True))


def _by_yaw(yaws: NDArray[np.float64], right: NDArray[np.float64]) -> Iterator[str]:
    for name, chosen in _classes_of_yaw(yaws):
        means = 100 * right[chosen].mean(0)
        yield f"  {name}, n = {chosen.sum()}: " + ", ".join(f"{w} {v:.2f}" for w, v in zip(WAYS, means, strict=True))


def _classes_of_yaw(yaws: NDArray[np.float64]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    for low, high in itertools.pairwise(BINS):
        chosen = (yaws >= low) & (yaws < high)
        if chosen.any():
            yield f"yaw {low:.0f} to {high:.0f}", chosen
    yield "all", np.ones(len(yaws), bool)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the figures; 0, or a known error's exit code."""
    parser = argparse.ArgumentParser(description="Compare alignments of crops by what networks then see.")
    parser.add_argument("--celeba", type=Path, required=True, metavar="DIR")
    parser.add_argument("--celebamask-hq", type=Path, metavar="DIR")
    parser.add_argument("--split", default="valid", choices=("valid", "test"))
    parser.add_argument("--n", type=int, metavar="N", help="at most so many of CelebA's faces")
    args = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        template = own_template(args.celeba)
        yield "own template " + ", ".join(f"{x:.2f} {y:.2f}" for x, y in template)
        yield from attributes(args.celeba, args.split, template, args.n)
        if args.celebamask_hq is not None:
            yield from parts(args.celebamask_hq, template)

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
