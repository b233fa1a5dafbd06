"""CK+ (Lucey et al. 2010): 981 grey faces of 118 people with 7 expressions at 48 px.

Three frames of one sequence look almost alike: with `identity` and `unseen=False` train and test share sequences.
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
    specified: str = "expression",
    unseen: bool = True,
    pairs: bool = False,
    holdout: Sequence[int] = (),
    limit: int | None = None,
) -> Grouped:
    """Load one split.

    Args:
        folder: the folder with `metadata.csv` and a folder an expression.
        split: `train`, or `test`: the last tenth of the sorted people.
        size: side of the pictures, px.
        specified: `expression` or `identity`.
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    found = rows(Path(folder), ("file_name", "expression", "subject"))
    people = [row["subject"] for row in found]
    table = Table("ckplus", people, {"expression": [row["expression"] for row in found]}, last_tenth(people), {})
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
