"""CelebA by person or sex, for methods that split a picture: the `INNER` window of the aligned frame, as `cfp` has it.

The edits' own loader is `celeba`; this one draws pairs and knows no other attribute.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from imgedit.text import reason
from training.data import celeba
from training.data.factors import FactorTable, Loader, Source
from training.data.frame import window
from training.data.reading import rgb

IDENTITIES = "identity_CelebA.txt"
SEXES = ("male", "female")


def read(folder: Path) -> Source:
    """Read CelebA in torchvision's layout, with `identity_CelebA.txt`; its full-size pictures are used.

    Factors: `identity` and `sex`. `train` and `test` are CelebA's own, by people.
    """
    of_test = celeba.pictures(folder, "test", ["full"])
    found = [*celeba.pictures(folder, "train", ["full"]), *of_test]
    if not found:
        raise DataError(f"no pictures in {folder / celeba.FOLDERS['full']}")
    person = _identities(folder / IDENTITIES)
    if missing := [p.name for p in found if p.name not in person]:
        raise DataError(f"{folder / IDENTITIES} does not name who {missing[0]} shows")
    is_male = celeba.labels_of(folder, [p.name for p in found], ["Male"])[:, 0]
    table = FactorTable(
        "celeba_people",
        [person[p.name] for p in found],
        {"sex": np.where(is_male, *SEXES).tolist()},
        frozenset(person[p.name] for p in of_test),
        {"sex": SEXES},
    )
    return table, lambda i, size: window(rgb(found[i]), size, "inner")


load = Loader(read)


def _identities(path: Path) -> dict[str, str]:
    """Read `identity_CelebA.txt`: picture and number of the person, who gets five digits so that names sort."""
    try:
        rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {name: f"{int(number):05d}" for name, number in rows}
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({reason(error)}); it comes with CelebA") from error
