"""AR (Martinez and Benavente 1998): 99 people in 14 grey views, squeezed to a square.

Seven views in each of two sessions: neutral, smile, anger, scream in even light, and neutral in three other lights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from training.data.factors import Table, grouped, last_tenth, picture, squeezed
from training.data.grouped import Grouped
from training.data.tables import rows


def load(
    folder: Path,
    split: str,
    *,
    size: int = 64,
    specified: str = "identity",
    unseen: bool = True,
    pairs: bool = False,
    holdout: Sequence[int] = (),
    limit: int | None = None,
) -> Grouped:
    """Load one split.

    Args:
        folder: the folder with `metadata.csv` and `images/`.
        split: `train`, or `test`: the last tenth of the sorted people.
        size: side of the pictures, px.
        specified: `identity` or `expression` (neutral, smile, anger, scream, each in even light).
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    found = rows(Path(folder), ("file_name", "person", "expression", "light"))
    people = [f"{int(row['person']):03d}" for row in found]
    expressions = [row["expression"] if row["light"] == "normal" else "" for row in found]
    table = Table("ar", people, {"expression": expressions}, last_tenth(people), {})
    return grouped(
        table,
        lambda i: squeezed(picture(Path(folder) / found[i]["file_name"]), size),
        split,
        specified=specified,
        unseen=unseen,
        pairs=pairs,
        holdout=holdout,
        limit=limit,
    )
