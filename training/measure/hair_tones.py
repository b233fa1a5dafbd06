"""Measure what real hair of a colour looks like beside its owner's skin, and write the bundled model of it.

    python -m training.measure.hair_tones CELEBAMASK_HQ_DIR

Heads of the first eight tenths of the sorted names, with hair and skin by the set's hand-drawn masks, less their edges.
Black, blond, brown and grey are those of which the attribute classifier is sure (`SURE` of one colour and of no other).
No label tells the others: platinum is the tenth of the blond heads that is fairest beside its skin and palest, dark
blond the darkest quarter, red are the heads with a reddish hue and much chroma. Of a colour it keeps the fields of
`imgedit.edits.tones.Target`:

    of_skin share of the skin's log luminance that `level` is told beside (`OF_SKIN`)
    level   percentiles over heads (`LEVELS`) of log luminance of hair, less that share of the skin's; medians of a head
    below   25th and 75th percentile over heads of the distance of the 10th percentile of log luminance within a head
            from its median
    above   the same of the 90th
    top     95th percentile over heads of the 90th percentile of log luminance within a head
    tint    median a*, b* at each lightness, less `share` of the skin's departure from usual skin
    share   slope of a head's departure in a* and b* over that of its skin
    width   standard deviation of what is left of that departure

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
from imgedit.models import manifest as manifests
from imgedit.models.manifest import Crop, Export, GraphFile, Manifest, Stage, Word
from imgedit.pixels import Floats, to_lab
from imgedit.progress import with_progress
from imgedit.render.tone import log_luminance
from training.measure.converted import model_of
from training.measure.script import printed
from training.publish.words import words_of as labelled_words

ID = "hair_tones.celebamask_hq"
SURE_COLOURS = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
"""Those that the classifier knows."""
COLOURS = (*SURE_COLOURS, "Red_Hair", "Platinum_Hair", "Dark_Blond_Hair")
SURE = 0.75
"""Probability from which the classifier is sure of a colour."""
WORDS = {
    "red-hair": ("Red_Hair", ("red", "ginger")),
    "platinum": ("Platinum_Hair", ("platinum-blond", "platinum-hair")),
    "dark-blond": ("Dark_Blond_Hair", ("dark-blonde", "dark-blond-hair")),
}
"""Word -> its colour, and other spellings."""
BINS = 20
"""Steps of lightness with a tint of their own."""
KIN = {"Red_Hair": "Brown_Hair", "Platinum_Hair": "Blond_Hair", "Dark_Blond_Hair": "Blond_Hair"}
"""Colour of few heads -> colour whose `share` it has."""
CHROMAS = {"Gray_Hair": 0.5, "Red_Hair": 1.25, "Brown_Hair": 1.1, "Blond_Hair": 1.05}
"""Colour -> factor of its tint; 1 for others. Few heads are sure to be grey, and some of theirs is not. The others
are chosen by eye on faces of the validation splits: without them, what was asked to be red looked brown, and brown and
blond ashen."""
RED_HUE, RED_CHROMA, RED_LIGHTNESS = (20.0, 56.0), 24.0, (18.0, 60.0)
"""Hue (degrees), least chroma and lightness L* of the median of red hair."""
USUAL_LIGHT = 14.0
"""Most distance in a* and b* from usual skin at which the light may be white, and the hair rather than it be red."""
GOOD = ("black-hair",)
"""Words of which at least four fifths of the edits are good or acceptable to fresh eyes."""
LEVELS = {
    "Black_Hair": (0.0, 60.0),
    "Blond_Hair": (55.0, 100.0),
    "Red_Hair": (15.0, 50.0),
    **dict.fromkeys(("Gray_Hair", "Platinum_Hair"), (40.0, 100.0)),
}
"""Percentiles between which hair keeps its lightness; others `USUAL_LEVELS`. At 0 and 100 there is no bound: what is
darker than all black hair is black too, and what is fairer than all blond, grey or platinum hair is fair. Blond is
chosen by its validation split (`imgedit evaluate spill --word blond --split valid`)."""
OF_SKIN = dict.fromkeys(("Blond_Hair", "Dark_Blond_Hair", "Brown_Hair", "Red_Hair"), 0.5)
"""Share of the skin's log luminance that a colour's level is told beside; 1 for others. Skin is dark in dim light, or
by itself, which blond hair does not follow. The share is that of `imgedit.edits.dyes`; at half of it hair glows in dim
photos, to the eye."""
BOUNDLESS = 9.0
"""Difference of log luminance that no hair has from its skin."""
USUAL_LEVELS = (35.0, 65.0)
SIDES, MIDDLE, TOP = (10.0, 90.0), (25.0, 75.0), 95.0
"""Percentiles within a head, and over heads."""
_DARK, _PALE = 0.25, 0.1  # shares of the blond heads
_TRAINING = 0.8  # share of the sorted names, from the start
_HAIR, _SKIN = 13, 1  # indices in the set's masks
_FEWEST_HAIR, _FEWEST_SKIN, _FEWEST_BIN = 2000, 1500, 200  # pixels
_SAMPLES = 1500  # pixels of a head's hair
_FEWEST_HEADS = 5


class Head(NamedTuple):
    """Colours of one head: `(n, 3)` of its hair, `(3,)` of its skin, L*a*b*; and what the classifier is sure of."""

    hair: Floats
    skin: Floats
    sure: str | None = None

    @property
    def ratio(self) -> float:
        """Median log luminance of the hair, less that of the skin."""
        return self.level(1.0)

    def level(self, of_skin: float) -> float:
        """Return the median log luminance of the hair, less a share of that of the skin."""
        return float(np.median(log_luminance(self.hair[:, 0])) - of_skin * log_luminance(self.skin[0]))


def measured(folder: Path) -> list[Head]:
    """Return the heads of a data set.

    Args:
        folder: of CelebAMask-HQ.
    """
    paths = sorted((folder / "images").glob("*.jpg"))
    editor = Editor([], "cpu")
    rng = np.random.default_rng(0)
    heads = []
    for path in with_progress(paths[: round(_TRAINING * len(paths))], "Looking at hair"):
        photo = photos.read(path)
        try:
            seen = editor.prepare(photo, "largest").subjects[0].attributes
        except NoFaceError:
            continue
        sure = [colour for colour in SURE_COLOURS if seen[colour] > SURE]
        with Image.open(folder / "masks" / f"{path.stem}.png") as image:
            mask = np.asarray(image.resize((photo.width, photo.height), Image.Resampling.NEAREST))
        hair, skin = _without_edge(mask == _HAIR, 9), _without_edge(mask == _SKIN, 5)
        if hair.sum() > _FEWEST_HAIR and skin.sum() > _FEWEST_SKIN:
            lab = to_lab(photo.rgb)
            chosen = rng.permutation(int(hair.sum()))[:_SAMPLES]
            of_skin = np.asarray(np.median(lab[skin], axis=0), np.float32)
            heads.append(Head(lab[hair][chosen], of_skin, sure[0] if len(sure) == 1 else None))
    return heads


def by_colour(heads: Sequence[Head]) -> dict[str, list[Head]]:
    """Return the heads of every one of `COLOURS`.

    Raises:
        DataError: there are too few heads of a colour.
    """
    found = {colour: [head for head in heads if head.sure == colour] for colour in SURE_COLOURS}
    usual = _usual(heads)
    found["Red_Hair"] = [head for head in heads if _is_red(head, usual)]
    blond = sorted(found["Blond_Hair"], key=lambda head: head.ratio)
    pale = sorted(blond, key=lambda head: float(np.hypot(*np.median(head.hair[:, 1:], axis=0))))
    fairness = {id(head): rank for rank, head in enumerate(blond)}
    by_both = sorted(range(len(pale)), key=lambda rank: rank - fairness[id(pale[rank])])
    found["Platinum_Hair"] = [pale[rank] for rank in by_both[: round(_PALE * len(blond))]]
    found["Dark_Blond_Hair"] = blond[: round(_DARK * len(blond))]
    for colour in COLOURS:
        if len(found[colour]) < _FEWEST_HEADS:
            raise DataError(f"{len(found[colour])} heads have {colour}; at least {_FEWEST_HEADS} are needed")
    return {colour: found[colour] for colour in COLOURS}


def _is_red(head: Head, usual: NDArray[np.float64]) -> bool:
    lightness, a, b = np.median(head.hair, axis=0)
    hue = float(np.degrees(np.arctan2(b, a)))
    is_white_light = np.hypot(*(head.skin[1:] - usual)) < USUAL_LIGHT
    is_reddish = RED_HUE[0] < hue < RED_HUE[1] and np.hypot(a, b) > RED_CHROMA
    return bool(is_white_light and is_reddish and RED_LIGHTNESS[0] < lightness < RED_LIGHTNESS[1])


def statistics(heads: Mapping[str, Sequence[Head]], usual: NDArray[np.float64]) -> dict[str, Floats]:
    """Return the statistics of colours, in the order of `heads`, as the graph's outputs.

    Args:
        heads: colour -> heads.
        usual: `(2,)`, a* and b* of usual skin.
    """
    names = ("of_skin", "level", "below", "above", "top", "tint", "share", "width")
    rows: dict[str, list[Any]] = {name: [] for name in names}
    share = {colour: _share(found, usual) for colour, found in heads.items()}
    for colour, found in heads.items():
        log_y = np.stack([log_luminance(head.hair[:, 0]) for head in found])
        lower, middle, upper = np.percentile(log_y, (SIDES[0], 50.0, SIDES[1]), axis=1)
        beside = OF_SKIN.get(colour, 1.0)
        rows["of_skin"].append(beside)
        rows["level"].append(_level([head.level(beside) for head in found], LEVELS.get(colour, USUAL_LEVELS)))
        rows["below"].append(np.percentile(middle - lower, MIDDLE))
        rows["above"].append(np.percentile(upper - middle, MIDDLE))
        rows["top"].append(np.percentile(upper, TOP))
        chroma = CHROMAS.get(colour, 1.0)
        of_skin = share[KIN.get(colour, colour)]
        tint = _tint(found, usual, of_skin)
        left = _departures(found, tint) - of_skin * _of_skins(found, usual)
        for name, value in (("tint", tint), ("share", of_skin), ("width", left.std(axis=0))):
            rows[name].append(chroma * value)
    return {**{name: np.asarray(value, np.float32) for name, value in rows.items()}, "usual": usual.astype(np.float32)}


def _level(levels: Sequence[float], percentiles: tuple[float, float]) -> list[float]:
    least, most = np.percentile(levels, percentiles)
    low, high = percentiles
    return [-BOUNDLESS if low == 0.0 else float(least), BOUNDLESS if high == 100.0 else float(most)]


def _usual(heads: Sequence[Head]) -> NDArray[np.float64]:
    return np.asarray(np.median([head.skin[1:] for head in heads], axis=0), np.float64)


def _of_skins(heads: Sequence[Head], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each head's skin is not usual in a* and b*, `(n, 2)`."""
    return np.array([head.skin[1:] - usual for head in heads])


def _departures(heads: Sequence[Head], tint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much each head's hair differs from a tint `(n, 2)`, medians in a* and b*, `(n, 2)`."""
    return np.array([np.median(head.hair[:, 1:] - tint[_bin(head.hair[:, 0])], axis=0) for head in heads])


def _share(heads: Sequence[Head], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much more a* and b* hair has for each step of its skin's, `(2,)`, 0..1."""
    away, skins = _departures(heads, _tint(heads, usual, np.zeros(2))), _of_skins(heads, usual)
    slopes = [np.polyfit(skins[:, c], away[:, c], 1)[0] for c in range(2)]
    return np.clip(slopes, 0.0, 1.0)


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
    everyone = measured(folder)
    heads = by_colour(everyone)
    out.mkdir(parents=True, exist_ok=True)
    content = graph(statistics(heads, _usual(everyone))).SerializeToString()
    figures = _figures(out, content)
    (out / "tones.onnx").write_bytes(content)
    count = {colour: len(found) for colour, found in heads.items()}
    words = words_of(labelled_words(SURE_COLOURS))
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


def words_of(former: Mapping[str, Word]) -> dict[str, Word]:
    """Return the words of all colours, as good as `training/results/verdicts` found them.

    Args:
        former: words of the colours that the classifier knows. The others set theirs too, so that they are told to
            contradict each other.
    """
    words = {name: dataclasses.replace(word, tint=None) for name, word in former.items()}
    blond = words["blond"]
    for name, (colour, also) in WORDS.items():
        sets = {other: float(other == colour) for other in COLOURS}
        words[name] = dataclasses.replace(blond, sets=sets, also=also)
    return {name: dataclasses.replace(word, quality="good") if name in GOOD else word for name, word in words.items()}


def _figures(folder: Path, content: bytes) -> dict[str, Any]:
    """Return what was measured with the model that lies in a folder, where it is the same."""
    tones = folder / "tones.onnx"
    return manifests.read(folder).metrics if tones.is_file() and tones.read_bytes() == content else {}


def _bin(lightness: Floats) -> NDArray[np.intp]:
    return np.clip(lightness * BINS / 100.0, 0, BINS - 1).astype(np.intp)


def _tint(heads: Sequence[Head], usual: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    lightness = np.concatenate([head.hair[:, 0] for head in heads])
    ab = np.concatenate([head.hair[:, 1:] - share * (head.skin[1:] - usual) for head in heads])
    index = _bin(lightness)
    known = [i for i in range(BINS) if (index == i).sum() > _FEWEST_BIN]
    medians = np.array([np.median(ab[index == i], axis=0) for i in known])
    return np.column_stack([np.interp(np.arange(BINS), known, medians[:, c]) for c in range(2)])


def _without_edge(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


CARD = f"""# {ID}: hair colours by the tones of real hair

Statistics in place of a generator: how much lighter or darker than its owner's skin real black, blond, brown and grey
hair is, how much it varies within one head, and which tint it has at which lightness; and red, platinum and dark blond.
A photo's hair keeps its own light and detail. `tones.onnx` has no input; its outputs are `level`, `below`, `above`,
`share`, `width` (n, 2), `of_skin`, `top` (n), `tint` (n, {BINS}, 2) and `usual` (2), in the order {", ".join(COLOURS)}.

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
