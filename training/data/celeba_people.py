"""CelebA by person, sex or attribute, for methods that split a picture: the `INNER` window of the aligned frame.

The edits' own loader is `celeba`; this one draws pairs of pictures that have the same person, or an attribute alike.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from imgedit.text import reason
from training.data import celeba, celeba_lists
from training.data.factors import FactorTable, Loader, Source
from training.data.frame import window
from training.data.reading import rgb

IDENTITIES = "identity_CelebA.txt"
SEXES = ("male", "female")
WITHOUT, WITH = "without", "with"
"""Classes of an attribute."""


def read(folder: Path) -> Source:
    """Read CelebA in torchvision's layout, with `identity_CelebA.txt`; its full-size pictures are used.

    Factors: `identity`, `sex`, and every other attribute by its name in small letters, such as `eyeglasses`. `train`
    and `test` are CelebA's own, by people.
    """
    of_test = celeba.pictures(folder, "test", ["full"])
    found = [*celeba.pictures(folder, "train", ["full"]), *of_test]
    if not found:
        raise DataError(f"no pictures in {folder / celeba.FOLDERS['full']}")
    person = _identities(folder / IDENTITIES)
    if missing := [p.name for p in found if p.name not in person]:
        raise DataError(f"{folder / IDENTITIES} does not name who {missing[0]} shows")
    attributes = celeba_lists.labels(folder)[0]
    labels = celeba.labels_of(folder, [p.name for p in found], attributes)
    factors = {
        name.lower(): np.where(has, WITH, WITHOUT).tolist()
        for name, has in zip(attributes, labels.T, strict=True)
        if name != "Male"
    }
    is_male = labels[:, list(attributes).index("Male")]
    table = FactorTable(
        "celeba_people",
        [person[p.name] for p in found],
        {"sex": np.where(is_male, *SEXES).tolist(), **factors},
        frozenset(person[p.name] for p in of_test),
        {"sex": SEXES, **dict.fromkeys(factors, (WITHOUT, WITH))},
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
