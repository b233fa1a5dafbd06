"""The tints of real hair, which edits are held to: `python -m training.measure.tints FOLDER`, with CelebA's folder.

For each hair colour, over the pictures of CelebA's training split that have this one colour and neither hat nor bald
head, the mean a* and b* (CIELAB, D65) of what the bundled parser is sure is hair; of these two percentiles are printed,
of grey two that lie closer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from imgedit.errors import DataError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_lab, to_tensor
from imgedit.progress import with_progress
from imgedit.vision import geometry
from imgedit.vision.parsing import class_probabilities
from imgedit.vision.subject import PARSER
from training.data import celeba
from training.measure.script import printed

PERCENTILES = (10.0, 90.0)
GREY_PERCENTILES = (30.0, 60.0)
"""Of grey, which is the want of colour: much of what it has is the photo's light. At the 90th it is mauve."""
SURE = 0.8
"""Probability from which a pixel counts as hair."""
LEAST = 300
"""Pixels of hair that a picture must show."""
PICTURES = 300
"""Most pictures of a colour, drawn with seed 0."""


def tints(folder: Path, most: int = PICTURES, colours: Sequence[str] = celeba.HAIR) -> dict[str, np.ndarray]:
    """Measure the means of hair.

    Args:
        folder: CelebA's.
        most: pictures of a colour.
        colours: of `celeba.HAIR`; the pictures of each do not depend on the others.

    Returns:
        Colour -> `(N, 2)`, a* and b* of each picture.

    Raises:
        DataError: there is no picture of a colour in full size.
    """
    paths = celeba.pictures(folder, "train", ("full",))
    labels = celeba.labels_of(folder, [path.name for path in paths], (*celeba.HAIR, "Wearing_Hat", "Bald"))
    clear = (labels[:, :4].sum(1) == 1) & ~labels[:, 4:].any(1)
    parser = library.bundled(PARSER)
    session, size = Sessions().open(parser, "parse"), parser.manifest.crop.width
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, parser.manifest.crop.kind, size)
    hair = parser.manifest.classes.index("hair")
    rng = np.random.default_rng(0)
    found = {}
    for i, colour in enumerate(celeba.HAIR):
        places = rng.permutation(np.flatnonzero(clear & labels[:, i])).tolist()
        if colour not in colours:
            continue
        means: list[np.ndarray] = []
        for place in with_progress(places, colour):
            if len(means) == most:
                break
            image = np.asarray(Image.open(paths[place]).convert("RGB"))
            crop = to_tensor(geometry.cut(image, matrix, size))[None]
            map_of_hair = class_probabilities(session, crop)[0, hair]
            where = geometry.put_back(map_of_hair, matrix, (image.shape[0], image.shape[1])) > SURE
            if where.sum() >= LEAST:
                means.append(to_lab(image)[where][:, 1:].mean(0))
        if not means:
            raise DataError(f"no picture of {colour} in {folder / celeba.FOLDERS['full']}")
        found[colour] = np.array(means)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.measure.tints", description="measure the tints of real hair"
    )
    parser.add_argument("folder", type=Path, help="CelebA's folder")
    options = parser.parse_args(arguments)

    def lines() -> Iterator[str]:
        for colour, means in tints(options.folder).items():
            share = GREY_PERCENTILES if colour == "Gray_Hair" else PERCENTILES
            low, high = np.percentile(means, share, axis=0).round(1)
            yield f"{colour}: a* {low[0]} to {high[0]}, b* {low[1]} to {high[1]} ({len(means)} pictures)"

    return printed(lines)


if __name__ == "__main__":
    sys.exit(main())
