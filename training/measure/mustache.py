"""Write the bundled mustache: `python -m training.measure.mustache`.

Maps in the frame of the mean face, `SCALE` pixels a unit: how densely hair grows (`density`) and which way
(`direction`), drawn as a polygon with soft edges. No picture of anybody was used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from imgedit.render.skin import texture_matrix
from imgedit.vision import geometry, mesh
from training.measure.age import LIPS, graph_of_maps
from training.measure.expressions import figures_of
from training.measure.script import arguments_of, printed
from training.publish.words import words_of

ID = "drawn_mustache.vectors"
ATTRIBUTE = "Mustache"
SCALE = 12.0
SHAPE = (240, 220)

Array = NDArray[np.float64]

OUTLINE = (
    *((0.0, 2.2), (0.5, 2.05), (1.1, 2.15), (1.9, 2.7), (2.5, 3.5), (2.95, 4.3), (2.8, 4.65)),
    *((2.4, 4.35), (1.9, 3.9), (1.0, 3.5), (0.4, 3.4), (0.0, 3.55)),
)
"""Where it grows, in units of the mean face: the viewer's right half; the other is its mirror image."""
SOFT = 0.13  # units over which its edge thins out
COVER, VARIATION = 0.88, 0.18  # share of the skin that hair hides where it is dense, and its deviation
LENGTH = 0.8  # of a hair, units


def density() -> Array:
    """Return how densely hair grows, `(h, w)`, 0..1; not on lips."""
    half = _filled(np.array(OUTLINE))
    soft = cv2.GaussianBlur(np.maximum(half, half[:, ::-1]), (0, 0), SOFT * SCALE)
    lips = _filled(mesh.template().points[list(LIPS), :2])
    return np.asarray(soft * (1.0 - cv2.GaussianBlur(lips, (0, 0), 0.09 * SCALE)))


def _filled(outline: Array) -> Array:
    place = geometry.apply(texture_matrix(SHAPE, SCALE), outline)
    mask = np.zeros(SHAPE, np.uint8)
    cv2.fillPoly(mask, [np.rint(place * 16.0).astype(np.int32)], 1, lineType=cv2.LINE_8, shift=4)
    return mask.astype(np.float64)


def direction() -> Array:
    """Return the way hair grows, `(2, h, w)`: outwards and down on the upper lip, down elsewhere."""
    back = geometry.invert(texture_matrix(SHAPE, SCALE))
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float64)
    right, down = x * back[0, 0] + back[0, 2], y * back[1, 1] + back[1, 2]
    across = np.where(down < 4.2, 1.1 * np.clip(right / 1.2, -1.0, 1.0), 0.05 * right)
    across = np.asarray(cv2.GaussianBlur(across, (0, 0), 0.3 * SCALE), np.float64)
    return np.stack([across, np.ones(SHAPE)]) / np.hypot(across, 1.0)


def words() -> dict[str, Word]:
    """Return the words of the model."""
    return words_of([ATTRIBUTE])


def export(out: Path, figures: Mapping[str, Any]) -> None:
    """Draw and write the model folder.

    Args:
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.expressions.figures_of` reads them.
    """
    maps = {"density": density(), "direction": direction()}
    numbers = {"scale": [SCALE], "cover": [COVER], "variation": [VARIATION], "length": [LENGTH]}
    out.mkdir(parents=True, exist_ok=True)
    (out / "growth.onnx").write_bytes(graph_of_maps(maps, numbers).SerializeToString())
    (out / "README.md").write_text(CARD, encoding="utf-8")
    Manifest(
        id=ID,
        version="1.0.0",
        title="A mustache, drawn on the face mesh",
        method="drawn_mustache",
        kind="translate",
        graphs={"growth": GraphFile.of(out / "growth.onnx")},
        crop=Crop("none", 0, 0),
        output="mustache",
        attributes=(ATTRIBUTE,),
        words=words(),
        conditioning="target",
        licence="MIT",
        commercial_use=True,
        data_source="none: vector drawings",
        paper="Cabral and Leedom 1993, Imaging vector fields using line integral convolution",
        stages=(Stage("drawing", "drawn_mustache", note="drawn by python -m training.measure.mustache"),),
        export=Export("float32"),
        metrics=dict(figures),
    ).write(out)


CARD = f"""# {ID}: a mustache, drawn on the face mesh

Maps in the frame of the mean face of `face_mesh.mediapipe`, {SCALE:g} pixels a unit. `growth.onnx` has no input; its
outputs are `density` {SHAPE}, `direction` {(2, *SHAPE)}, and `scale`, `cover`, `variation` and `length` (1).
`imgedit/render/mustache.py` draws the hair, in the colour of the brows.

- **Source**: vector drawings by `python -m training.measure.mustache`; no picture of anybody was used.
- **Licence**: MIT.
- **Limits**: one cut; painted rather than grown on large faces. Hands and microphones before the mouth are drawn over.
  In coloured light hair takes its colour from brows that are lit otherwise. What is there already stays.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = arguments_of("mustache", "draw a mustache", ID)
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        export(options.output, figures_of(options.figures))
        yield ID

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
