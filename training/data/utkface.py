"""UTKFace (Zhang et al. 2017): aligned colour chips named `age_gender_race_date.jpg.chip.jpg`.

Nobody is named, so every picture is a person of its own, and `test` is every tenth file (the names sort by age).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from imgedit.errors import DataError
from training.data.factors import Table, every_tenth, grouped, picture, squeezed
from training.data.grouped import Grouped

_NAME = re.compile(r"(\d+)_([01])_\d_\d+\.jpg\.chip\.jpg")


def load(
    folder: Path,
    split: str,
    *,
    size: int = 64,
    specified: str = "sex",
    unseen: bool = True,
    pairs: bool = False,
    holdout: Sequence[int] = (),
    limit: int | None = None,
) -> Grouped:
    """Load one split.

    Args:
        folder: the folder with the chips.
        split: `train` or `test` (every tenth file).
        size: side of the pictures, px.
        specified: `sex` (male, female) or `age` (the decade, such as 20; 90 and above are one).
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    found = [(p, m) for p in sorted(Path(folder).iterdir()) if (m := _NAME.fullmatch(p.name))]
    if not found:
        raise DataError(f"no files such as 25_0_2_20170116174525125.jpg.chip.jpg in {folder}")
    factors = {
        "sex": [("male", "female")[int(m[2])] for _, m in found],
        "age": [f"{min(int(m[1]) // 10 * 10, 90):02d}" for _, m in found],
    }
    people = [p.name for p, _ in found]
    table = Table("utkface", people, factors, every_tenth(people), {"sex": ("male", "female")}, identity=False)
    return grouped(
        table,
        lambda i: squeezed(picture(found[i][0]), size),
        split,
        specified=specified,
        unseen=unseen,
        pairs=pairs,
        holdout=holdout,
        limit=limit,
    )
