"""Write the bundled maps of younger and older skin: `python -m training.measure.age CELEBA`.

Maps in the frame of the mean face, `SCALE` pixels a unit:

- `shade`: how much lighter or darker, in log luminance, skin of faces labelled old is than that of young ones, beside
  its surroundings: a regression over CelebA's full-size training pictures that look ahead (`MAX_ANGLE`), with sex,
  make-up, beard, expression and pose held fixed (`HELD`). Both sides are averaged, and what is wider than `WIDEST` is
  light or hair, and taken off.
- `lines`: what a mean cannot show, because no two faces have their lines in one place: folds beside nose and mouth,
  bags below the eyes, lines of the forehead and at the outer corners of the eyes (`LINES`), drawn as curves with a dark
  valley and a brighter shoulder.
- `weight`: where skin may change: not on eyes, brows, lips and nostrils, and less towards the outline.

`older` and `younger` are factors: of each band of detail (less 1), then of `shade` and of `lines`. They and `GREY` were
chosen by eye on pictures of CelebAMask-HQ outside its last tenth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import DataError
from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from imgedit.pixels import to_lab
from imgedit.progress import with_progress
from imgedit.render.mesh_fields import rasterize, smoothstep
from imgedit.render.skin import BANDS, texture_matrix
from imgedit.render.tone import log_luminance
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from training.data import celeba, celeba_lists, meshes
from training.data.reading import rgb
from training.measure.converted import model_of
from training.measure.script import arguments_of, figures_of, printed
from training.publish.words import words_of

ID = "age_skin.celeba"
ATTRIBUTE = "Young"
HELD = (
    *("Male", "Smiling", "Mouth_Slightly_Open", "Heavy_Makeup", "Wearing_Lipstick", "No_Beard", "5_o_Clock_Shadow"),
    *("Goatee", "Mustache", "Bangs", "Wearing_Hat", "Chubby", "Pale_Skin"),
)
LEFT_OUT = ("Eyeglasses", "Blurry")
"""Labels of the pictures that are not used."""
MAX_ANGLE = 20.0  # degrees of yaw and pitch
SCALE = 20.0  # pixels of a map a unit of the mean face
SHAPE = (368, 328)
WIDEST = 1.3  # units of the mean face
_MEASURED = 6.0  # pixels a unit in which pictures are compared; a face of CelebA has about as many
_RIM = 0.6  # units at the mesh's outline where hair and ground are seen too

OLDER = (0.8, 1.2, 1.2, 0.7, 1.3, 1.3)
YOUNGER = (-0.45, -0.7, -0.75, -0.45, -1.3, 0.0)
GREY = 0.15
"""How much of the word `grey-hair` an older face's hair gets; more of it is a grey veil on dark hair."""

_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_NOSTRILS = (98, 97, 2, 326, 327)
_KEPT = ((_EYE, 0.22), (_BROW, 0.25), (LIPS, 0.12), (_NOSTRILS, 0.25))
"""Points whose hull keeps its skin, and how far around it, units."""
_SOFT, _OUTLINE = 0.18, 0.9  # units over which the weight ends at these, and at the outline


class Line(NamedTuple):
    """A line of an older face, in units of the mean face.

    Attributes:
        points: right and down; a curve goes through them.
        width: standard deviation of the dark valley.
        depth: of log luminance.
        shoulders: how bright it is beside the valley, above or outside, and below or inside, as shares of the depth.
        is_one_side: drawn for the viewer's right, and mirrored.
    """

    points: tuple[tuple[float, float], ...]
    width: float
    depth: float
    shoulders: tuple[float, float] = (0.35, 0.35)
    is_one_side: bool = True


_FOLD = (0.45, 0.12)
LINES = (
    Line(((1.95, 0.75), (2.6, 1.5), (3.2, 2.6), (3.55, 3.7), (3.6, 4.6)), 0.17, 0.27, _FOLD),  # nose to mouth
    Line(((2.75, 4.75), (3.05, 5.5), (3.15, 6.3), (3.1, 6.9)), 0.15, 0.17, _FOLD),  # mouth to chin
    Line(((1.75, -1.75), (2.4, -1.15), (3.3, -0.95), (4.2, -1.25), (4.8, -1.75)), 0.15, 0.24, _FOLD),  # bag
    Line(((2.0, -1.2), (2.7, -0.35), (3.6, -0.05), (4.4, -0.25)), 0.16, 0.11, _FOLD),  # its lower end
    Line(((5.0, -2.75), (5.7, -3.05), (6.4, -3.5)), 0.07, 0.15),  # outer corner of the eye
    Line(((5.0, -2.45), (5.8, -2.45), (6.6, -2.55)), 0.07, 0.17),
    Line(((4.95, -2.15), (5.6, -1.8), (6.3, -1.55)), 0.07, 0.15),
    Line(((4.85, -1.95), (5.3, -1.35), (5.8, -0.85)), 0.07, 0.10),
    Line(((0.62, -5.1), (0.55, -4.6), (0.62, -4.05)), 0.10, 0.18),  # between the brows
    Line(((0.9, 2.35), (1.0, 2.8), (1.1, 3.2)), 0.07, 0.08),  # above the lip
    Line(
        ((-3.6, -6.35), (-2.2, -6.6), (-0.9, -6.45), (0, -6.35), (0.9, -6.45), (2.2, -6.6), (3.6, -6.35)),
        *(0.11, 0.16, (0.35, 0.35), False),
    ),
    Line(
        ((-3.3, -7.0), (-2.0, -7.25), (-0.8, -7.1), (0.1, -7.0), (1.0, -7.1), (2.1, -7.25), (3.2, -7.05)),
        *(0.11, 0.15, (0.35, 0.35), False),
    ),
    Line(((-2.6, -7.65), (-1.4, -7.8), (0, -7.6), (1.2, -7.75), (2.5, -7.65)), 0.10, 0.12, is_one_side=False),
    Line(((-1.3, 6.35), (-0.6, 6.15), (0, 6.1), (0.6, 6.15), (1.3, 6.35)), 0.16, 0.14, is_one_side=False),  # chin
)

Array = NDArray[np.float64]


def lines(shape: tuple[int, int] = SHAPE, scale: float = SCALE) -> Array:
    """Return the drawn lines as a map, log luminance."""
    matrix = texture_matrix(shape, scale)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float64)
    drawn = np.zeros(shape)
    for number, line in enumerate(LINES):
        for side in (1.0, -1.0) if line.is_one_side else (1.0,):
            curve = geometry.apply(matrix, _curve(line.points) * [side, 1.0])
            reach = 5.0 * line.width * scale
            x0, y0 = np.maximum(np.floor(curve.min(0) - reach), 0).astype(int)
            x1, y1 = np.ceil(curve.max(0) + reach).astype(int)
            part = (slice(y0, y1), slice(x0, x1))
            apart = np.stack([x[part][..., None] - curve[:, 0], y[part][..., None] - curve[:, 1]], axis=-1)
            nearest = np.hypot(apart[..., 0], apart[..., 1]).argmin(-1)
            offset = np.take_along_axis(apart, nearest[..., None, None], axis=2)[..., 0, :]
            tangent = np.gradient(curve, axis=0)[nearest]
            inside = np.sign(tangent[..., 0] * offset[..., 1] - tangent[..., 1] * offset[..., 0]) * side
            across = np.hypot(offset[..., 0], offset[..., 1]) * inside / (scale * line.width)
            along = nearest / (len(curve) - 1.0)
            strength = smoothstep(np.minimum(along, 1.0 - along) / 0.3)
            if not line.is_one_side:  # long lines are broken
                strength = strength * (0.55 + 0.45 * np.sin(7.0 * along + 2.1 * number))
            above, below = line.shoulders
            profile = -_bell(across) + above * _bell((across + 1.9) / 1.1) + below * _bell((across - 1.9) / 1.1)
            drawn[part] += line.depth * strength * profile
    return drawn


def _bell(x: Array) -> Array:
    return np.asarray(np.exp(-0.5 * x**2))


def _curve(points: Sequence[tuple[float, float]], steps: int = 40) -> Array:
    """Return a Catmull-Rom curve through points."""
    inner = np.array(points, np.float64)
    p = np.vstack([2 * inner[0] - inner[1], inner, 2 * inner[-1] - inner[-2]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.vstack([*pieces, inner[-1:]])


def weight(shape: tuple[int, int] = SHAPE, scale: float = SCALE) -> Array:
    """Return where skin may change, 0..1."""
    matrix, (points, _, mirror) = texture_matrix(shape, scale), mesh.template()
    place = geometry.apply(matrix, points[:, :2])
    kept = np.zeros(shape, np.uint8)
    for indices, grown in _KEPT:
        for one in (list(indices), list(mirror[list(indices)])):
            kept |= _filled(cv2.convexHull(place[one].astype(np.float32))[:, 0], shape, round(grown * scale))
    inside = _filled(place[list(mesh.OVAL)], shape, 0)
    border = np.clip(cv2.distanceTransform(inside, cv2.DIST_L2, 5) / (_OUTLINE * scale), 0.0, 1.0)
    return np.asarray(cv2.GaussianBlur(1.0 - kept, (0, 0), _SOFT * scale) * border)


def _filled(polygon: NDArray[Any], shape: tuple[int, int], grown: int) -> NDArray[np.uint8]:
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(polygon * 16.0).astype(np.int32)], 1, lineType=cv2.LINE_8, shift=4)
    side = 2 * grown + 1
    return np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.uint8)


def textures(paths: Sequence[Path], points: Sequence[Points], shape: tuple[int, int]) -> Iterator[Array]:
    """Yield each picture's log luminance in the frame of the mean face, less its median; 0 beside the mesh."""
    still = mesh.template()
    front = np.column_stack([geometry.apply(texture_matrix(shape, _MEASURED), still.points[:, :2]), still.points[:, 2]])
    for path, own in zip(with_progress(list(paths), "Looking at skin"), points, strict=True):
        place, inside = rasterize(front, own[:, :2].astype(np.float64), still.triangles, shape)
        log_y = log_luminance(to_lab(rgb(path))[..., 0])
        x, y = np.moveaxis(place, 2, 0)
        seen = cv2.remap(log_y, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float64)
        yield np.where(inside, seen - np.median(seen[inside]), 0.0)


def coefficient(values: Iterator[Array], terms: Array) -> Array:
    """Return what the second column of `terms` `(N, K)` adds to values `(h, w)`, the others held fixed."""
    total: Any = 0.0
    for row, value in zip(terms, values, strict=True):
        total = total + np.multiply.outer(row, value)
    solved = np.linalg.solve(terms.T @ terms + 1e-6 * np.eye(terms.shape[1]), total.reshape(terms.shape[1], -1))
    return np.asarray(solved[1].reshape(total.shape[1:]))


def shading(younger: Array) -> Array:
    """Return the shading of older skin from what youth adds at `_MEASURED` pixels a unit, without broad light."""
    shape = (younger.shape[0], younger.shape[1])
    place = geometry.apply(texture_matrix(shape, _MEASURED), mesh.template().points[:, :2])
    outline = _filled(place[list(mesh.OVAL)], shape, 0)
    distance = cv2.distanceTransform(outline, cv2.DIST_L2, 5) / _MEASURED
    inside = np.clip(distance / _RIM - 0.5, 0.0, 1.0)
    older = -(younger + younger[:, ::-1]) / 2.0 * inside
    broad = cv2.GaussianBlur(older, (0, 0), WIDEST * _MEASURED)
    broad /= np.maximum(cv2.GaussianBlur(inside, (0, 0), WIDEST * _MEASURED), 0.05)
    fine = cv2.GaussianBlur((older - broad * inside), (0, 0), 0.2 * _MEASURED)
    to_map = geometry.chain(geometry.invert(texture_matrix(shape, _MEASURED)), texture_matrix(SHAPE, SCALE))
    return np.asarray(cv2.warpAffine(fine, to_map, SHAPE[::-1], flags=cv2.INTER_CUBIC))


def load(folder: Path) -> tuple[list[Path], NDArray[np.float32], Array]:
    """Return pictures, their meshes and the terms of the regression: 1, young, what is held fixed, and the pose.

    Raises:
        DataError: the pictures are missing.
    """
    paths = celeba.pictures(folder, "train", ["full"])
    if not paths:
        raise DataError(f"no training pictures in {folder / celeba.FOLDERS['full']}")
    names, table = celeba_lists.labels(folder)
    points = meshes.meshes(paths)
    out = [names.index(name) for name in LEFT_OUT]
    columns = [names.index(name) for name in (ATTRIBUTE, *HELD)]
    chosen, rows = [], []
    for i, path in enumerate(paths):
        labels = table[path.name] == 1
        if labels[out].any() or not np.isfinite(points[i]).all():
            continue
        yaw, pitch, _ = mesh.pose_of(points[i].astype(np.float64))
        if max(abs(yaw), abs(pitch)) < MAX_ANGLE:
            chosen.append(i)
            rows.append([1.0, *labels[columns], yaw / MAX_ANGLE, pitch / MAX_ANGLE, (pitch / MAX_ANGLE) ** 2])
    return [paths[i] for i in chosen], points[chosen], np.array(rows, np.float64)


def graph(maps: Mapping[str, Array], factors: Mapping[str, Sequence[float]]) -> Any:
    """Return a graph without inputs that holds the maps, their scale, the factors and how grey hair gets."""
    return graph_of_maps(maps, {**factors, "scale": [SCALE], "grey": [GREY]})


def graph_of_maps(maps: Mapping[str, Array], numbers: Mapping[str, Sequence[float]]) -> Any:
    """Return a graph without inputs that holds maps, in 255 steps each, and lists of numbers."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, outputs = [], []
    for name, value in maps.items():
        step = float(np.abs(value).max()) / 127.0
        levels = numpy_helper.from_array(np.rint(value / step).astype(np.int8))
        nodes += [
            helper.make_node("Constant", [], [f"{name}.levels"], value=levels),
            helper.make_node("Cast", [f"{name}.levels"], [f"{name}.float"], to=TensorProto.FLOAT),
            helper.make_node(
                "Constant", [], [f"{name}.step"], value=numpy_helper.from_array(np.array(step, np.float32))
            ),
            helper.make_node("Mul", [f"{name}.float", f"{name}.step"], [name]),
        ]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape))
    for name, values in numbers.items():
        array = np.array(values, np.float32)
        nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape))
    return model_of(helper.make_graph(nodes, "age", [], outputs))


def words() -> dict[str, Word]:
    """Return the words of the model, as good as `training/results/verdicts` found them."""
    return {name: Word(word.sets, "skin", word.also, quality="good") for name, word in words_of([ATTRIBUTE]).items()}


def export(folder: Path, out: Path, figures: Mapping[str, Any]) -> int:
    """Measure and write the model folder; returns the number of pictures.

    Args:
        folder: CelebA.
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.script.figures_of` reads them.
    """
    paths, points, terms = load(folder)
    shape = (round(SHAPE[0] * _MEASURED / SCALE), round(SHAPE[1] * _MEASURED / SCALE))
    shade = shading(coefficient(textures(paths, list(points), shape), terms))
    maps = {"shade": shade, "lines": lines(), "weight": weight()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "age.onnx").write_bytes(graph(maps, {"older": OLDER, "younger": YOUNGER}).SerializeToString())
    (out / "README.md").write_text(CARD.format(n=len(paths), old=int((terms[:, 1] == 0).sum())), encoding="utf-8")
    Manifest(
        id=ID,
        version="1.0.0",
        title="Younger and older skin, by its own detail, shading and lines",
        method="age_skin",
        kind="translate",
        graphs={"age": GraphFile.of(out / "age.onnx")},
        crop=Crop("none", 0, 0),
        output="skin",
        attributes=(ATTRIBUTE,),
        classes=("grey-hair",),
        words=words(),
        parts={"tones": "hair_tones.celebamask_hq"},
        conditioning="target",
        licence="statistics: non-commercial research (terms of CelebA)",
        commercial_use=False,
        data_source="CelebA, Liu et al. 2015",
        paper="Liu, Shan and Zhang 2001, Expressive Expression Mapping with Ratio Images (shading as a ratio)",
        stages=(Stage("statistics", "age_skin", data="celeba", note="measured by python -m training.measure.age"),),
        export=Export("float32"),
        metrics=dict(figures),
    ).write(out)
    return len(paths)


CARD = f"""# {ID}: younger and older skin

Maps in the frame of the mean face of `face_mesh.mediapipe`, {SCALE:g} pixels a unit. `age.onnx` has no input; its
outputs are `shade`, `lines` and `weight` {SHAPE}, `older` and `younger` ({len(BANDS) + 1}): factors of
{len(BANDS) - 1} bands of detail (less 1), of `shade` and of `lines`; `scale` (1); and `grey` (1): how much of the word
`grey-hair` of `hair_tones.celebamask_hq` an older face gets. `imgedit/render/skin.py` carries them out.

- **Source**: CelebA (Liu et al. 2015): {{n}} training pictures, {{old}} of them labelled old; lines are drawn. Written
  by `python -m training.measure.age`, which says how.
- **Licence**: statistics: non-commercial research (terms of CelebA).
- **Limits**: skin alone: the shape of the head, neck and hands keep their age. Who has no lines gets those of
  everybody. Freckles, stubble and make-up are amplified like other detail, and calmed by half.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = arguments_of("age", "measure older skin", ID)
    parser.add_argument("celeba", type=Path, help="CelebA in torchvision's layout")
    options = parser.parse_args(arguments)

    def found() -> Iterator[str]:
        figures = figures_of(options.figures)
        yield f"{export(options.celeba, options.output, figures)} pictures"

    return printed(found)


if __name__ == "__main__":
    sys.exit(main())
