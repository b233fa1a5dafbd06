"""Measure what real hair of a colour looks like beside its owner's skin, and write the bundled model of it.

    python -m training.measure.hair_tones CELEBAMASK_HQ_DIR

Heads of the first eight tenths of the sorted names, whose hair the attribute classifier is sure of (`SURE` of one
colour and of no other), with hair and skin by the set's hand-drawn masks, less their edges. Of a colour it keeps:

    ratio       median over heads of log(luminance of hair / luminance of skin)
    low, high   its 10th and 90th percentile
    spread      median standard deviation of log luminance within one head
    tint        median a*, b* at each lightness, less `share` of the skin's departure from usual skin
    share       `SKIN_SHARE`

and of all heads `usual`, the median a*, b* of skin.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.errors import DataError, NoFaceError
from imgedit.models import library
from imgedit.models import manifest as manifests
from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage
from imgedit.pixels import Floats, to_lab
from imgedit.progress import with_progress
from imgedit.render.tone import log_luminance
from training.measure.converted import model_of
from training.measure.script import printed

ID = "hair_tones.celebamask_hq"
COLOURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
SURE = 0.75
"""Probability from which the classifier is sure of a colour."""
BINS = 20
"""Steps of lightness with a tint of their own."""
SKIN_SHARE = dict(zip(COLOURS, (0.15, 0.5, 0.5, 0.15), strict=True))
"""Share of the skin's own departure from usual skin that hair takes on: the tint of the photo's light. Black and grey
hair have hardly any tint, and would be green or blue beside some skins."""
GREY_CHROMA = 0.5
"""Share of the chroma of real grey hair that is kept: few heads are sure to be grey, and some of theirs is not."""
_TRAINING = 0.8  # share of the sorted names, from the start
_HAIR, _SKIN = 13, 1  # indices in the set's masks
_FEWEST_HAIR, _FEWEST_SKIN, _FEWEST_BIN = 2000, 1500, 200  # pixels
_SAMPLES = 1500  # pixels of a head's hair
_FEWEST_HEADS = 5


class Head(NamedTuple):
    """Colours of one head: `(n, 3)` of its hair, `(3,)` of its skin, L*a*b*."""

    hair: Floats
    skin: Floats


def measured(folder: Path) -> dict[str, list[Head]]:
    """Return the heads of every colour.

    Args:
        folder: of CelebAMask-HQ.

    Raises:
        DataError: there are no pictures, or too few heads of a colour.
    """
    paths = sorted((folder / "images").glob("*.jpg"))
    editor = Editor([], "cpu")
    rng = np.random.default_rng(0)
    heads: dict[str, list[Head]] = {colour: [] for colour in COLOURS}
    for path in with_progress(paths[: round(_TRAINING * len(paths))], "Looking at hair"):
        photo = photos.read(path)
        try:
            seen = editor.prepare(photo, "largest").subjects[0].attributes
        except NoFaceError:
            continue
        sure = [colour for colour in COLOURS if seen[colour] > SURE]
        with Image.open(folder / "masks" / f"{path.stem}.png") as image:
            mask = np.asarray(image.resize((photo.width, photo.height), Image.Resampling.NEAREST))
        hair, skin = _without_edge(mask == _HAIR, 9), _without_edge(mask == _SKIN, 5)
        if len(sure) == 1 and hair.sum() > _FEWEST_HAIR and skin.sum() > _FEWEST_SKIN:
            lab = to_lab(photo.rgb)
            chosen = rng.permutation(int(hair.sum()))[:_SAMPLES]
            heads[sure[0]].append(Head(lab[hair][chosen], np.asarray(np.median(lab[skin], axis=0), np.float32)))
    for colour, found in heads.items():
        if len(found) < _FEWEST_HEADS:
            raise DataError(f"{folder} shows {len(found)} heads with {colour}; at least {_FEWEST_HEADS} are needed")
    return heads


def statistics(heads: Mapping[str, Sequence[Head]]) -> dict[str, Floats]:
    """Return the statistics of the colours, in the order of `heads`, as the graph's outputs."""
    usual = np.median([head.skin[1:] for found in heads.values() for head in found], axis=0)
    rows: dict[str, list[Any]] = {name: [] for name in ("ratio", "low", "high", "spread", "share", "tint")}
    for colour, found in heads.items():
        log_y = np.stack([log_luminance(head.hair[:, 0]) for head in found])
        ratio = np.median(log_y, axis=1) - np.array([float(log_luminance(head.skin[0])) for head in found])
        rows["ratio"].append(np.median(ratio))
        rows["low"].append(np.percentile(ratio, 10))
        rows["high"].append(np.percentile(ratio, 90))
        rows["spread"].append(np.median(log_y.std(axis=1)))
        rows["share"].append(SKIN_SHARE[colour])
        tint = _tint(found, usual, SKIN_SHARE[colour])
        rows["tint"].append(GREY_CHROMA * tint if colour == "Gray_Hair" else tint)
    return {**{name: np.asarray(value, np.float32) for name, value in rows.items()}, "usual": usual.astype(np.float32)}


def graph(values: Mapping[str, Floats]) -> Any:
    """Return a graph without inputs that holds the statistics."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Constant", [], [name], value=numpy_helper.from_array(v)) for name, v in values.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, v.shape) for name, v in values.items()]
    return model_of(helper.make_graph(nodes, "tones", [], outputs))


def export(folder: Path, out: Path) -> dict[str, int]:
    """Measure and write the model folder; returns the number of heads of each colour.

    Raises:
        DataError: as `measured`.
    """
    heads = measured(folder)
    out.mkdir(parents=True, exist_ok=True)
    content = graph(statistics(heads)).SerializeToString()
    figures = _figures(out, content)
    (out / "tones.onnx").write_bytes(content)
    count = {colour: len(found) for colour, found in heads.items()}
    grid = library.bundled("stargan_hair.celeba").manifest
    words = {name: dataclasses.replace(word, tint=None) for name, word in grid.words.items()}
    (out / "README.md").write_text(CARD, encoding="utf-8")
    Manifest(
        id=ID,
        version="1.0.0",
        title="Hair colours by the tones of real hair",
        method="hair_tones",
        kind="translate",
        graphs={"tones": GraphFile.of(out / "tones.onnx")},
        crop=Crop("none", 0, 0),
        output="tone",
        attributes=COLOURS,
        words=words,
        conditioning="target",
        licence="statistics: non-commercial research (terms of CelebAMask-HQ)",
        commercial_use=False,
        data_source="CelebAMask-HQ, Lee et al. 2020 (hair and skin of sure heads among 733 pictures)",
        paper="Lee et al. 2020, MaskGAN, arXiv 1907.11922 (the pictures and masks)",
        stages=(
            Stage(
                "statistics",
                "hair_tones",
                data="celebamask_hq",
                note="measured by python -m training.measure.hair_tones",
            ),
        ),
        export=Export("float32"),
        metrics=figures,
    ).write(out)
    return count


def _figures(folder: Path, content: bytes) -> dict[str, Any]:
    """Return what was measured with the model that lies in a folder, where it is the same."""
    tones = folder / "tones.onnx"
    return manifests.read(folder).metrics if tones.is_file() and tones.read_bytes() == content else {}


def _tint(heads: Sequence[Head], usual: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    lightness = np.concatenate([head.hair[:, 0] for head in heads])
    ab = np.concatenate([head.hair[:, 1:] - share * (head.skin[1:] - usual) for head in heads])
    index = np.clip(lightness * BINS / 100.0, 0, BINS - 1).astype(np.intp)
    known = [i for i in range(BINS) if (index == i).sum() > _FEWEST_BIN]
    medians = np.array([np.median(ab[index == i], axis=0) for i in known])
    return np.column_stack([np.interp(np.arange(BINS), known, medians[:, c]) for c in range(2)])


def _without_edge(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


CARD = f"""# {ID}: hair colours by the tones of real hair

Statistics in place of a generator: how much lighter or darker than its owner's skin real black, blond, brown and grey
hair is, how much it varies within one head, and which tint it has at which lightness. A photo's hair keeps its own
light and detail. `tones.onnx` has no input; its outputs are `ratio`, `low`, `high`, `spread`, `share` (4),
`tint` (4, {BINS}, 2) and `usual` (2), in the order {", ".join(COLOURS)}.

- **Source**: CelebAMask-HQ (Lee et al. 2020), the first eight tenths of its sorted names; written by
  `python -m training.measure.hair_tones`, which says how.
- **Licence**: statistics: non-commercial research (terms of CelebAMask-HQ).
- **Limits**: few heads are grey. Where hardly any skin or hair is seen, nothing is changed. Brows and beard keep their
  colour.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.measure.hair_tones", description="measure hair's tones")
    bundled = Path(__file__).parents[2] / "imgedit" / "bundled" / ID
    parser.add_argument("folder", type=Path, help="CelebAMask-HQ: images/ and masks/")
    parser.add_argument("-o", "--output", type=Path, default=bundled, help="model folder (default: the bundled one)")
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        yield ", ".join(f"{colour}: {n} heads" for colour, n in export(options.folder, options.output).items())

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
