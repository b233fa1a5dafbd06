"""Hair colours of UTKFace (Zhang et al. 2017), named by somebody who looked at the pictures.

The set has no such labels. Of 640 pictures of people from 16 years on, half of them from 50 on, drawn at random and
looked at on contact sheets (80 chips of 110 px each), those are named in `utkface_hair.csv` whose hair is plainly
black, blond, brown or grey (white too). Left out were hats, shaved heads, hair that is hardly seen or between two
colours, red hair, and pictures without colours. A picture is named by the time in its file name.

Faces are brought to the CelebA frame by the bundled detector. A chip shows less of the hair than the frame; its border
is repeated.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.vision import faces, geometry
from training.data.celeba import HAIR, CelebA
from training.data.frame import window
from training.data.hair_masks import draw, hair_parser
from training.data.reading import rgb, say

NAMES = Path(__file__).with_suffix(".csv")
COLOURS = dict(zip(("black", "blond", "brown", "grey"), HAIR, strict=True))
"""Name of a colour -> CelebA's label of it."""
OLDER = 50
"""Years of age from which a face counts as older."""
_NAME = re.compile(r"(\d+)_([01])_\d_(\d+)\.jpg\.chip\.jpg")
_EVERY = 2  # the second of two pictures is `test`: half, so that each group of sex and age has some

Frames = list[NDArray[np.uint8]]


def read(folder: Path, split: str) -> tuple[Frames, list[str], list[str]]:
    """Read the named pictures of a split as aligned frames.

    Args:
        folder: the set's folder.
        split: `train` or `test`, every second of the named pictures.

    Returns:
        Frames `(218, 178, 3)`, RGB; the label of each, of `HAIR`; and whose it is, such as `older women`.

    Raises:
        DataError: there is no such split, or no such picture.
    """
    if split not in ("train", "test"):
        raise DataError(f"utkface_hair has the splits train and test; got {split!r}")
    with NAMES.open(encoding="utf-8") as file:
        colours = {row["picture"]: row["colour"] for row in csv.DictReader(file)}
    found = {m[3]: (p, m) for p in sorted(Path(folder).iterdir()) if (m := _NAME.fullmatch(p.name)) and m[3] in colours}
    if not found:
        raise DataError(f"none of the pictures of {NAMES.name} is in {folder}; give the folder of UTKFace")
    wanted = [number for i, number in enumerate(sorted(colours)) if (i % _EVERY == 1) == (split == "test")]
    frames, labels, groups = [], [], []
    for number in with_progress([n for n in wanted if n in found], f"Reading UTKFace {split}"):
        path, match = found[number]
        image = rgb(path)
        seen = faces.detect(image, device="cpu")
        if not seen:
            continue
        size = (geometry.FRAME[1], geometry.FRAME[0])
        frames.append(np.asarray(geometry.cut(image, geometry.similarity(seen[0].landmarks), size, edge=True)))
        labels.append(COLOURS[colours[number]])
        age = "older" if int(match[1]) >= OLDER else "young"
        groups.append(f"{age} {'men' if match[2] == '0' else 'women'}")
    if len(frames) < len(wanted):
        say(f"UTKFace: left out {len(wanted) - len(frames)} of {len(wanted)} pictures, missing or without a face")
    return frames, labels, groups


def load(
    folder: Path,
    split: str,
    *,
    size: int = 64,
    attributes: Sequence[str] = HAIR,
    mask_model: str = "face_parser.celebamask_hq",
) -> CelebA:
    """Load a split as pictures with one of the colours each and masks of the hair, colours drawn equally often.

    Args:
        folder: the set's folder.
        split: `train` or `test` (`valid` is the same).
        size: side of the crops, px.
        attributes: the colours in the order of the labels.
        mask_model: id or folder of the parser that finds the hair.

    Raises:
        DataError: as `read`, or a colour is unknown.
    """
    if unknown := [name for name in attributes if name not in HAIR]:
        raise DataError(f"utkface_hair knows {', '.join(HAIR)}; got {unknown[0]!r}")
    frames, labels, _ = read(folder, "test" if split == "valid" else split)
    if not frames:
        raise DataError(f"no face was found in the {split} pictures of {folder}")
    one_hot = np.array([[name == label for name in attributes] for label in labels])
    masks = draw(frames, size, hair_parser(mask_model))
    images = np.stack([window(frame, size, "face") for frame in frames])
    weights = (one_hot / np.maximum(one_hot.sum(0), 1)).sum(1)
    names = [str(i) for i in range(len(frames))]
    return CelebA(images, one_hot.astype(np.int8), names, tuple(attributes), split == "train", weights, masks)
