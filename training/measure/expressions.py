"""Write the bundled expressions: `python -m training.measure.expressions CELEBA`.

Pictures of one person differ by expression and pose. The meshes of CelebA's training people (full-size pictures, yaw
and pitch below 25 degrees, people with at least 3 of them, each also mirrored) are brought to the frame of the mean
face; of each the mean of its person is taken off, and what depends on the pose. What is left is described twice:

- `components`: its principal components, in which an expression is carried over. `transfer` is the Wiener filter that
  tells it from a person's own shape: `W (W + B)^-1` with the covariance W within persons, and B between the means of
  persons with at least 3 pictures that do not smile and whose mouth is closed;
- `sliders`, by regression. `smile` is what the labels Smiling and Mouth_Slightly_Open add, each times its factor in
  `SMILE`: the way from a closed mouth to a laugh that shows teeth. The others are measured lengths, each with the
  others held fixed: the distance of the lips (`open`), of the corners of the mouth (`pucker`), of brows and eyes
  (`brows`), and of the lids of each eye (`blink-left`, `blink-right`, the viewer's). Their strength 1 is in `LENGTHS`.
  Brows and lids move alone: displacements fade with the distance from them (`WHERE`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import DataError
from imgedit.render.mesh_fields import smoothstep
from imgedit.vision import expressions, mesh
from training.data import celeba, celeba_lists, meshes
from training.data.celeba_people import IDENTITIES
from training.measure.script import arguments_of, figures_of, printed

N_COMPONENTS = 20
MAX_ANGLE = 25.0  # degrees of yaw and pitch
MIN_PICTURES = 3  # of a person
SMILE = {"Smiling": 2.5, "Mouth_Slightly_Open": 0.8}
"""Label -> how much of what it adds is in the slider; chosen on validation faces by a judge and by eye."""
LENGTHS = {
    "open": (((14,), (13,), 1), 1.5),
    "pucker": (((291,), (61,), 0), -1.2),
    "brows": (((33, 263), (105, 334), 1), 0.5),
    "blink-left": (((145,), (159,), 1), -0.95),
    "blink-right": (((374,), (386,), 1), -0.95),
}
"""Slider -> points whose means are apart along an axis (0 right, 1 down), and the change of that length, in units of
the mean face, that is strength 1."""
WHERE = {"brows": ((105, 334, 168), 4.5), "blink-left": ((145, 159), 2.0), "blink-right": ((374, 386), 2.0)}
"""Slider -> points, and the distance from the nearest of them beyond which it moves nothing, in the same units: what a
regression finds farther away is chance, such as how one holds one's head."""
_OPSET, _IR = 17, 8

Array = NDArray[np.float64]


def measure(points: Array, people: NDArray[np.int64], labels: NDArray[np.bool_]) -> dict[str, Array]:
    """Return the constants of the model by name.

    Args:
        points: `(N, 468, 3)`, meshes.
        people: `(N,)`, whose.
        labels: `(N, 2)`: `SMILE`.
    """
    shapes, terms = zip(*(_shape_and_terms(one) for one in points), strict=True)
    shape, term = np.array(shapes), np.array(terms)
    closed = ~labels.any(1)
    neutral = shape[closed].mean(0)
    # Every face also mirrored, as another person: the constants are symmetric.
    mirrored = _mirrored(shape)
    shape, people = np.concatenate([shape, mirrored]), np.concatenate([people, people + people.max() + 1])
    term = np.concatenate([term, term * [-1.0, 1.0, -1.0, 1.0, 1.0]])
    shown = np.concatenate([labels, labels]).astype(np.float64)
    flat = shape.reshape(len(shape), -1)
    within = _within(flat, people)
    of_terms, of_labels = _within(term, people), _within(shown, people)
    enough = _counts(people) >= MIN_PICTURES
    within, of_terms, of_labels = within[enough], of_terms[enough], of_labels[enough]
    pose = np.linalg.lstsq(of_terms, within, rcond=None)[0]
    left = within - of_terms @ pose
    _, singular, axes = np.linalg.svd(left, full_matrices=False)
    axes = axes[:N_COMPONENTS]
    inside = np.diag(singular[:N_COMPONENTS] ** 2 / len(left))
    calm = shown.max(1) == 0
    of_means = _means((flat - term @ pose)[calm], people[calm]) @ axes.T
    between = np.cov(of_means, rowvar=False)
    smile = np.array(list(SMILE.values())) @ np.linalg.lstsq(of_labels, left, rcond=None)[0]
    lengths = np.column_stack([_length(left.reshape(len(left), -1, 3), *place) for place, _ in LENGTHS.values()])
    # Raised corners of the mouth are no part of an opened or pouting one.
    corners = _length(left.reshape(len(left), -1, 3), (0, 17), (61, 291), 1)
    of_lengths = np.linalg.lstsq(np.column_stack([lengths, corners]), left, rcond=None)[0][: len(LENGTHS)]
    steps = np.array([step for _, step in LENGTHS.values()])
    sliders = np.concatenate([smile[None], of_lengths * steps[:, None]]).reshape(-1, mesh.N_POINTS, 3)
    for i, name in enumerate(LENGTHS, start=1):
        if name in WHERE:
            sliders[i] *= _nearby(*WHERE[name])[:, None]
    return {
        "sliders": sliders,
        "components": axes.reshape(-1, mesh.N_POINTS, 3),
        "transfer": inside @ np.linalg.inv(inside + between),
        "pose": pose.reshape(-1, mesh.N_POINTS, 3),
        "neutral": (neutral + _mirrored(neutral[None])[0]) / 2.0,
        "explained": singular[:N_COMPONENTS] ** 2 / (singular**2).sum(),
    }


def graph(constants: dict[str, Array]) -> Any:
    """Return a graph without inputs that holds constants in half precision."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, outputs = [], []
    for name, value in constants.items():
        half = numpy_helper.from_array(value.astype(np.float16))
        nodes.append(helper.make_node("Constant", [], [f"{name}.half"], value=half))
        nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    made = helper.make_graph(nodes, "expressions", [], outputs)
    return helper.make_model(
        made, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR, producer_name="imgedit"
    )


def load(folder: Path) -> tuple[Array, NDArray[np.int64], NDArray[np.bool_]]:
    """Return meshes, people and labels of CelebA's training pictures, as `measure` takes them.

    Raises:
        DataError: a list or the pictures are missing.
    """
    paths = celeba.pictures(folder, "train", ["full"])
    if not paths:
        raise DataError(f"no training pictures in {folder / celeba.FOLDERS['full']}")
    names, table = celeba_lists.labels(folder)
    columns = [names.index(name) for name in SMILE]
    lines = (folder / IDENTITIES).read_text(encoding="utf-8").splitlines()
    people = dict(line.split() for line in lines if line)
    points = meshes.meshes(paths).astype(np.float64)
    poses = np.array([mesh.pose_of(one)[:2] if np.isfinite(one).all() else (np.inf, np.inf) for one in points])
    use = np.flatnonzero((np.abs(poses) < MAX_ANGLE).all(1))
    labels = np.array([table[paths[i].name][columns] == 1 for i in use])
    return points[use], np.array([int(people[paths[i].name]) for i in use]), labels


def export(folder: Path, out: Path, figures: Mapping[str, Any]) -> Iterator[str]:
    """Measure, write the model folder, and say what was found.

    Args:
        folder: CelebA.
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.script.figures_of` reads them.
    """
    from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word

    points, people, labels = load(folder)
    constants = measure(points, people, labels)
    explained = constants.pop("explained")
    out.mkdir(parents=True, exist_ok=True)
    (out / "expressions.onnx").write_bytes(graph(constants).SerializeToString())
    sums = {str(k): float(f"{explained[:k].sum():.3f}") for k in (5, 10, N_COMPONENTS)}
    counts = {"pictures": len(points), "people": len(np.unique(people))}
    manifest = Manifest(
        id=expressions.MODEL,
        version="1",
        title="Expressions: how the meshes of one person differ",
        method="expressions",
        kind="translate",
        graphs={"expressions": GraphFile.of(out / "expressions.onnx")},
        crop=Crop("none", 0, 0),
        output="mesh",
        attributes=("Smiling",),
        classes=("smile", *LENGTHS),
        words={"smiling": Word({"Smiling": 1.0}, "face", ("smile",))},
        conditioning="difference",
        licence="weights: non-commercial research (terms of CelebA)",
        commercial_use=False,
        data_source="CelebA, Liu et al. 2015",
        paper="Jolliffe 2002, Principal Component Analysis",
        stages=(Stage("constants", "expressions", data="celeba", note="training.measure.expressions, not trained"),),
        export=Export("float16"),
        metrics=dict(figures),
    )
    manifest.write(out)
    (out / "README.md").write_text(_card(constants, sums, counts), encoding="utf-8")
    yield f"{counts['pictures']} pictures of {counts['people']} people"
    yield "share of the variance: " + ", ".join(f"{k} components {v:.3f}" for k, v in sums.items())
    yield "transfer: " + " ".join(f"{share:.2f}" for share in np.diag(constants["transfer"]))


def _card(constants: dict[str, Array], sums: dict[str, float], counts: dict[str, int]) -> str:
    outputs = ", ".join(f"`{name}` {value.shape}" for name, value in constants.items())
    shares = ", ".join(f"{k}: {100 * v:.1f} %" for k, v in sums.items())
    return f"""# {expressions.MODEL}: how the meshes of one person differ

| graph | input | outputs |
|---|---|---|
| `expressions.onnx` | none | {outputs} |

Displacements of the 468 points of `face_mesh.mediapipe`, in units of its mean face, which looks straight ahead.

- **Sliders**, in the order of the manifest's classes: {", ".join(f"`{name}`" for name in ("smile", *LENGTHS))}.
- **Source**: CelebA, {counts["pictures"]} training pictures of {counts["people"]} people (yaw and pitch below
  {MAX_ANGLE:.0f} degrees), measured by `python -m training.measure.expressions CELEBA`; that file says how.
- **Variance** that components explain: {shares}.
- **Licence**: weights: non-commercial research (terms of CelebA).
- **Limits**: celebrities who smile for a camera. Closed eyes are rare among them: `blink-left` and `blink-right` are
  extrapolated from narrowed eyes.
"""


def _shape_and_terms(points: Array) -> tuple[Array, Array]:
    shape, _, turn = expressions.shape_of(points)
    return shape, expressions.pose_terms(mesh.angles(turn))


def _mirrored(shapes: Array) -> Array:
    return np.asarray(shapes[:, mesh.template().mirror] * [-1.0, 1.0, 1.0])


def _counts(people: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each picture how many there are of its person."""
    _, of, counts = np.unique(people, return_inverse=True, return_counts=True)
    return np.asarray(counts[of])


def _within(values: Array, people: NDArray[np.int64]) -> Array:
    """Return values less their person's mean."""
    means, of, _ = _of_people(values, people)
    return values - means[of]


def _means(values: Array, people: NDArray[np.int64]) -> Array:
    """Return the means of persons with at least `MIN_PICTURES` pictures."""
    means, _, counts = _of_people(values, people)
    return means[counts >= MIN_PICTURES]


def _of_people(values: Array, people: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Return each person's mean, which person a value is of, and how many each has."""
    _, of, counts = np.unique(people, return_inverse=True, return_counts=True)
    means = np.zeros((len(counts), values.shape[1]))
    np.add.at(means, of, values)
    return means / counts[:, None], of, counts


def _nearby(indices: tuple[int, ...], reach: float) -> Array:
    """Return a weight of each point, `(468,)`: 1 near some points, 0 from a distance on."""
    points = mesh.template().points
    distance = np.linalg.norm(points[:, None, :2] - points[None, list(indices), :2], axis=2).min(1)
    return np.asarray(smoothstep((reach - distance) / (0.5 * reach)))


def _length(shapes: Array, end: tuple[int, ...], start: tuple[int, ...], axis: int) -> Array:
    """Return how far the means of some points are apart along an axis, `(N,)`."""
    return np.asarray(shapes[:, list(end), axis].mean(1) - shapes[:, list(start), axis].mean(1))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = arguments_of("expressions", "measure expressions", expressions.MODEL)
    parser.add_argument("celeba", type=Path, help="CelebA in torchvision's layout, with identity_CelebA.txt")
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        figures = figures_of(options.figures)
        yield from export(options.celeba, options.output, figures)

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
