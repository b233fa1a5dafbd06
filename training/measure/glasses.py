"""Write the bundled frames of glasses: `python -m training.measure.glasses`.

A lens is a superellipse `|x / a|^p + |y / b|^p = 1` about its boxed centre, narrower towards the cheek (`taper`) and
leaning towards the nose (`lean`). Lengths are millimetres of a face whose eyes are 63 mm apart; the middle between the
eyes is the origin.

Reference:
    ISO 8624, "Ophthalmic optics, Spectacle frames, Measuring system": the boxed lens, and usual sizes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from imgedit.pixels import Floats
from training.measure.converted import model_of
from training.measure.expressions import figures_of
from training.measure.script import arguments_of, printed
from training.publish.words import words_of

ID = "drawn_glasses.vectors"
ATTRIBUTE = "Eyeglasses"
N_POINTS = 72
N_BAR = 13

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """What a frame is made of; millimetres.

    Attributes:
        half: half of a lens's width and height.
        power: of the superellipse; 2 is an ellipse, more is squarer.
        apart: distance between the lenses.
        drop: how far the middle of a lens lies below the eyes.
        rim: width of the rim at the top and at the bottom; 0 ends it half way.
        bars: height of the end, arch and width of each bar between the lenses.
        temple: height of a temple at the hinge and at the ear.
        colour: RGB in 0..1.
        taper: by which share of its half width a lens is narrower at the bottom.
        lean: by which share of its half width its bottom lies further out.
    """

    half: tuple[float, float]
    power: float
    apart: float
    drop: float
    rim: tuple[float, float]
    bars: tuple[tuple[float, float, float], ...]
    temple: tuple[float, float]
    colour: tuple[float, float, float]
    taper: float = 0.0
    lean: float = 0.0


SHAPES = {
    "square-glasses": Shape(
        (25.5, 17.8), 3.6, 19, 3.5, (3.4, 2.2), ((-4.5, 2.0, 4.2),), (5.5, 4.0), (0.075, 0.065, 0.06), taper=0.07
    ),
    "round-glasses": Shape((23, 22), 2.0, 21, 4, (2.0, 2.0), ((-3.5, 3.0, 2.6),), (3.4, 3.0), (0.09, 0.07, 0.06)),
    "aviator-glasses": Shape(
        *((28, 24), 2.5, 15, 7, (1.3, 1.3), ((-4.5, 1.0, 1.4), (-13.2, 0.0, 1.6)), (2.2, 2.2), (0.16, 0.15, 0.15)),
        taper=0.10,
        lean=0.08,
    ),
    "half-rim-glasses": Shape(
        (26, 17.5), 3.6, 18, 3, (2.6, 0.0), ((-4.0, 2.0, 2.8),), (4.2, 3.4), (0.07, 0.07, 0.08), taper=0.05
    ),
}
"""Word -> frame; the first is that of a word that names none."""


def drawn(shape: Shape) -> dict[str, Floats]:
    """Return a frame as `imgedit.render.glasses.Frame` has it."""
    angle = np.linspace(0.0, 2.0 * np.pi, N_POINTS, endpoint=False) - np.pi / 2.0  # clockwise as seen, from the top
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    box = np.sign(unit) * np.abs(unit) ** (2.0 / shape.power)
    x = box[:, 0] * (1.0 - shape.taper * box[:, 1]) + shape.lean * box[:, 1]
    outline = np.column_stack([x * shape.half[0], box[:, 1] * shape.half[1]])
    outline += [shape.apart / 2.0 + shape.half[0], shape.drop]
    down = (box[:, 1] + 1.0) / 2.0
    top, bottom = shape.rim
    rim = top + (bottom - top) * down if bottom > 0 else np.where(down < 0.5, top * _fading(down), 0.0)
    bars = np.zeros((2, N_BAR, 2))
    width = np.zeros(2)
    for i, (y, arch, bar) in enumerate(shape.bars):
        half = 0.9 * _inner_edge(outline, y) + 1.0
        along = np.linspace(-half, half, N_BAR)
        bars[i] = np.column_stack([along, y - arch * (1.0 - (along / half) ** 2)])
        width[i] = bar
    found = {"outline": outline, "rim": rim, "bars": bars, "bar": width, "temple": shape.temple, "colour": shape.colour}
    return {name: np.asarray(value, np.float32) for name, value in found.items()}


def _fading(down: Array) -> Array:
    """Return 1 at the top of a lens, less from its upper third on: the rim runs out."""
    return np.asarray(np.clip((0.62 - down) / 0.3, 0.0, 1.0) ** 0.7)


def _inner_edge(outline: Array, y: float) -> float:
    """Return how far a lens's edge is from the middle at a height: where a bar joins it."""
    near = np.argsort(np.abs(outline[:, 1] - y) + 10.0 * (outline[:, 0] > outline[:, 0].mean()))[:2]
    return float(outline[near, 0].mean())


def graph(frames: Mapping[str, Mapping[str, Floats]]) -> Any:
    """Return a graph without inputs that holds frames; each output has a first axis over them."""
    from onnx import TensorProto, helper, numpy_helper

    names = next(iter(frames.values())).keys()
    arrays = {name: np.stack([frame[name] for frame in frames.values()]) for name in names}
    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(a)) for name, a in arrays.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in arrays.items()]
    return model_of(helper.make_graph(nodes, "frames", [], outputs))


def words() -> dict[str, Word]:
    """Return the words of the model: the attribute's own, and one for each shape."""
    (name, word), *_ = words_of([ATTRIBUTE]).items()
    word = replace(word, region="all", quality="good")  # frames reach beyond a face that looks aside
    return {name: word, **{shape: replace(word, also=()) for shape in SHAPES}}


def export(out: Path, figures: Mapping[str, Any]) -> None:
    """Draw and write the model folder.

    Args:
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.expressions.figures_of` reads them.
    """
    out.mkdir(parents=True, exist_ok=True)
    file = out / "frames.onnx"
    file.write_bytes(graph({name: drawn(shape) for name, shape in SHAPES.items()}).SerializeToString())
    (out / "README.md").write_text(CARD, encoding="utf-8")
    Manifest(
        id=ID,
        version="1.0.0",
        title="Glasses, drawn on the face mesh",
        method="drawn_glasses",
        kind="translate",
        graphs={"frames": GraphFile.of(file)},
        crop=Crop("none", 0, 0),
        output="glasses",
        attributes=(ATTRIBUTE,),
        classes=tuple(SHAPES),
        words=words(),
        conditioning="target",
        licence="MIT",
        commercial_use=True,
        data_source="none: vector drawings",
        paper="ISO 8624, Ophthalmic optics, Spectacle frames, Measuring system (sizes of lenses)",
        stages=(Stage("drawing", "drawn_glasses", note="drawn by python -m training.measure.glasses"),),
        export=Export("float32"),
        metrics=dict(figures),
    ).write(out)


CARD = f"""# {ID}: glasses, drawn on the face mesh

Frames of glasses as vectors, in the order {", ".join(SHAPES)}. `frames.onnx` has no input; its outputs are `outline`
(4, {N_POINTS}, 2) and `rim` (4, {N_POINTS}) of a lens, `bars` (4, 2, {N_BAR}, 2) between the lenses and their widths
`bar` (4, 2), heights of `temple` (4, 2), in millimetres of a face whose eyes are 63 mm apart, and `colour` (4, 3).
`imgedit/render/glasses.py` draws them.

- **Source**: vector drawings by `python -m training.measure.glasses`; no picture of anybody was used.
- **Licence**: MIT.
- **Limits**: as good as the face mesh: where it misreads a pose, glasses sit askew. Lenses do not refract. Hands
  and hats before the eyes are drawn over; hair is not. Glasses that are there already stay, and are not taken off.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = arguments_of("glasses", "draw frames of glasses", ID)
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        export(options.output, figures_of(options.figures))
        yield ", ".join(SHAPES)

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
