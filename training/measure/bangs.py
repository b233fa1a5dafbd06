"""Write the bundled cut of bangs: `python -m training.measure.bangs`.

Numbers in the frame of the mean face, about a centimetre a unit. No picture of anybody was used.
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
from training.measure.age import graph_of_maps
from training.measure.script import draw_model
from training.publish.words import words_of

ID = "drawn_bangs.vectors"
ATTRIBUTE = "Bangs"
QUALITY = "experimental"
SIDE = 7.8
N_TIPS = 61
NUMBERS = {"side": [SIDE], "side_soft": [1.8], "pole": [-17.5], "sweep": [2.0], "uneven": [0.36, 0.2], "soft": [0.4]}
"""As `imgedit.render.bangs.Cut`."""


def tips() -> Floats:
    """Return where strands end, `(N_TIPS,)`: just above the brows, and towards the temples as low as the eyes."""
    line = np.linspace(-SIDE, SIDE, N_TIPS)
    return np.asarray(-5.4 + 0.04 * np.minimum(line**2, 50.0), np.float32)


def words() -> dict[str, Word]:
    """Return the words of the model, as good as `training/results/verdicts` found them."""
    return {name: replace(word, quality=QUALITY) for name, word in words_of([ATTRIBUTE]).items()}


def export(out: Path, figures: Mapping[str, Any]) -> None:
    """Write the model folder.

    Args:
        out: the model folder.
        figures: metrics of the manifest, as `training.measure.script.figures_of` reads them.
    """
    out.mkdir(parents=True, exist_ok=True)
    graph = graph_of_maps({}, {"tips": tips().tolist(), **NUMBERS})
    (out / "fringe.onnx").write_bytes(graph.SerializeToString())
    (out / "README.md").write_text(CARD, encoding="utf-8")
    Manifest(
        id=ID,
        version="1.0.0",
        title="Bangs, drawn on the face mesh",
        method="drawn_bangs",
        kind="translate",
        graphs={"fringe": GraphFile.of(out / "fringe.onnx")},
        crop=Crop("none", 0, 0),
        output="bangs",
        attributes=(ATTRIBUTE,),
        words=words(),
        conditioning="target",
        licence="MIT",
        commercial_use=True,
        data_source="none: vector drawings",
        paper="none",
        stages=(Stage("drawing", "drawn_bangs", note="written by python -m training.measure.bangs"),),
        export=Export("float32"),
        metrics=dict(figures),
    ).write(out)


CARD = f"""# {ID}: bangs, drawn on the face mesh

How bangs are cut, in the frame of the mean face of `face_mesh.mediapipe`. `fringe.onnx` has no input; its outputs are
`tips` ({N_TIPS}), where strands end, and the numbers {", ".join(NUMBERS)}. `imgedit/render/bangs.py` draws the
strands, in the colours of the hair that the photo shows beside the forehead.

- **Source**: vector drawings, as numbers, by `python -m training.measure.bangs`; no picture of anybody was used.
- **Licence**: MIT.
- **Limits**: one cut, a straight one, for everybody. Curls get straight bangs; above a hairline from which hair is
  combed back tightly they set in abruptly. Light that comes from behind or has several colours is not theirs. Hands and
  writing on the forehead are drawn over. Bangs that are there already stay.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return draw_model(arguments, "bangs", "write the cut of bangs", ID, export, words())


if __name__ == "__main__":
    sys.exit(main())
