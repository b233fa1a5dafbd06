"""Write the bundled frames of glasses: `python -m training.measure.glasses`.

Their shapes are those of `training.data.spectacles`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from imgedit.pixels import Floats
from training.data.spectacles import N_BAR, N_POINTS, Shape, drawn
from training.measure.converted import model_of
from training.measure.script import draw_model
from training.publish.words import words_of

ID = "drawn_glasses.vectors"
ATTRIBUTE = "Eyeglasses"

SHAPES = {
    "square-glasses": Shape(
        (24.5, 17.2), 3.6, 18.5, 3.5, (3.1, 2.1), ((-4.5, 2.0, 4.0),), (5.0, 4.0), (0.075, 0.065, 0.06), taper=0.07
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
GOOD = ("eyeglasses", "square-glasses", "round-glasses")
"""Words of which at least four fifths of the edits are good or acceptable to fresh eyes."""


def graph(frames: Mapping[str, Mapping[str, Floats]]) -> Any:
    """Return a graph without inputs that holds frames; each output has a first axis over them."""
    from onnx import TensorProto, helper, numpy_helper

    names = next(iter(frames.values())).keys()
    arrays = {name: np.stack([frame[name] for frame in frames.values()]) for name in names}
    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(a)) for name, a in arrays.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in arrays.items()]
    return model_of(helper.make_graph(nodes, "frames", [], outputs))


def words() -> dict[str, Word]:
    """Return the words of the model: the attribute's own and one for each shape, as good as the verdicts found them."""
    (name, word), *_ = words_of([ATTRIBUTE]).items()
    word = replace(word, region="all")  # frames reach beyond a face that looks aside
    made = {name: word, **{shape: replace(word, also=()) for shape in SHAPES}}
    return {key: replace(one, quality="good") if key in GOOD else one for key, one in made.items()}


def export(out: Path, figures: Mapping[str, Any]) -> None:
    """Draw and write the model folder.

    Args:
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.script.figures_of` reads them.
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
    return draw_model(arguments, "glasses", "draw frames of glasses", ID, export, SHAPES)


if __name__ == "__main__":
    sys.exit(main())
