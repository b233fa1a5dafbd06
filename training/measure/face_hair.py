"""Write the bundled mustache and beards: `python -m training.measure.face_hair`.

Maps in the frame of the mean face, `SCALE` pixels a unit: how densely hair grows (`density`) and which way
(`direction`), drawn as polygons with soft edges. No picture of anybody was used.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from imgedit.render.skin import texture_matrix
from imgedit.vision import geometry, mesh
from training.measure.age import LIPS, graph_of_maps
from training.measure.script import draw_model
from training.publish.words import words_of

ID = "drawn_face_hair.vectors"
SCALE = 12.0
SHAPE = (272, 220)

Array = NDArray[np.float64]
Outline = tuple[tuple[float, float], ...]

UPPER_LIP: Outline = (
    *((0.0, 2.2), (0.5, 2.05), (1.1, 2.15), (1.9, 2.7), (2.5, 3.5), (2.95, 4.3), (2.8, 4.65)),
    *((2.4, 4.35), (1.9, 3.9), (1.0, 3.5), (0.4, 3.4), (0.0, 3.55)),
)
"""Where a mustache grows, in units of the mean face: the viewer's right half; the other is its mirror image."""
CHIN: Outline = (
    *((0.0, 3.0), (1.9, 2.9), (2.6, 3.6), (3.0, 4.4), (3.05, 5.6), (2.9, 6.9), (2.4, 8.2), (1.6, 9.2)),
    (0.0, 9.9),
)
"""From the corners of the mouth down round the chin."""
JAW: Outline = (
    *((6.9, 0.2), (7.0, 1.5), (7.0, 2.9), (6.9, 4.7), (6.4, 6.3), (5.5, 7.6), (4.3, 8.7), (3.2, 9.3), (2.0, 9.6)),
    *((0.0, 9.8), (0.0, 5.4), (2.0, 4.9), (2.9, 4.3), (3.7, 5.0), (4.7, 5.4), (5.6, 4.9), (6.3, 3.2), (6.6, 0.2)),
)
"""From the sideburns along the jaw to the chin, and a little below it on the neck."""
BARE = ((1.35, 5.75), 0.38)
"""Middle and radius of the spot beside the lower lip's middle where little grows; units."""


@dataclass(frozen=True)
class Cut:
    """How hair on a face is worn.

    Attributes:
        attribute: of CelebA; its word is the cut's.
        outlines: where it grows.
        soft: units over which its edge thins out.
        cover: share of the skin that hair hides where it is dense.
        variation: deviation of that share.
        length: of a hair, units.
    """

    attribute: str
    outlines: tuple[Outline, ...]
    soft: float
    cover: float
    variation: float
    length: float


CUTS = (
    Cut("Mustache", (UPPER_LIP,), 0.32, 0.85, 0.35, 0.35),
    Cut("No_Beard", (UPPER_LIP, JAW), 0.75, 0.80, 0.22, 0.22),
    Cut("Goatee", (UPPER_LIP, CHIN), 0.5, 0.82, 0.28, 0.28),
    Cut("5_o_Clock_Shadow", (UPPER_LIP, JAW), 0.75, 0.44, 0.18, 0.1),
)
"""In the order of the words; a face without a beard is labelled `No_Beard`."""


def density(cut: Cut) -> Array:
    """Return how densely hair grows, `(h, w)`, 0..1; not on lips."""
    half = np.maximum.reduce([_filled(np.array(outline)) for outline in cut.outlines])
    both = np.maximum(half, half[:, ::-1])
    (x, y), radius = BARE
    if len(cut.outlines) > 1:
        for side in (-1.0, 1.0):
            both = both * (1.0 - _filled(_circle((side * x, y), radius)))
    soft = cv2.GaussianBlur(both, (0, 0), cut.soft * SCALE)
    lips = _filled(mesh.template().points[list(LIPS), :2])
    return np.asarray(soft * (1.0 - cv2.GaussianBlur(lips, (0, 0), 0.09 * SCALE)))


def _circle(middle: tuple[float, float], radius: float) -> Array:
    angle = np.linspace(0.0, 2.0 * np.pi, 24, endpoint=False)
    return np.array(middle) + radius * np.column_stack([np.cos(angle), np.sin(angle)])


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
    return words_of([cut.attribute for cut in CUTS])


def export(out: Path, figures: Mapping[str, Any]) -> None:
    """Draw and write the model folder.

    Args:
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.script.figures_of` reads them.
    """
    maps = {"density": np.stack([density(cut) for cut in CUTS]), "direction": direction()}
    numbers = {
        "scale": [SCALE],
        **{name: [float(getattr(cut, name)) for cut in CUTS] for name in ("cover", "variation", "length")},
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "growth.onnx").write_bytes(graph_of_maps(maps, numbers).SerializeToString())
    (out / "README.md").write_text(CARD, encoding="utf-8")
    Manifest(
        id=ID,
        version="1.3.0",
        title="Mustaches and beards, drawn on the face mesh",
        method="drawn_face_hair",
        kind="translate",
        graphs={"growth": GraphFile.of(out / "growth.onnx")},
        crop=Crop("none", 0, 0),
        output="face_hair",
        attributes=tuple(cut.attribute for cut in CUTS),
        classes=tuple(words()),
        words=words(),
        conditioning="target",
        licence="MIT",
        commercial_use=True,
        data_source="none: vector drawings",
        paper="Cabral and Leedom 1993, Imaging vector fields using line integral convolution",
        stages=(Stage("drawing", "drawn_face_hair", note="drawn by python -m training.measure.face_hair"),),
        export=Export("float32"),
        metrics=dict(figures),
    ).write(out)


CARD = f"""# {ID}: mustaches and beards, drawn on the face mesh

Maps in the frame of the mean face of `face_mesh.mediapipe`, {SCALE:g} pixels a unit, of {len(CUTS)} cuts:
{", ".join(words())}. `growth.onnx` has no input; its outputs are `density` {(len(CUTS), *SHAPE)},
`direction` {(2, *SHAPE)}, `scale` (1), and `cover`, `variation` and `length` ({len(CUTS)}).
`imgedit/render/face_hair.py` draws the hair, in the colour of the brows.

- **Source**: vector drawings by `python -m training.measure.face_hair`; no picture of anybody was used.
- **Licence**: MIT.
- **Limits**: one cut a word, each trimmed short; single hairs are not modelled, as large faces show. White hair
  gets a beard as dark as the brows. Hands and microphones before the mouth are drawn over. In coloured light hair takes
  its colour from brows that are lit otherwise. What is there already stays.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return draw_model(arguments, "face_hair", "draw mustaches and beards", ID, export, words())


if __name__ == "__main__":
    sys.exit(main())
