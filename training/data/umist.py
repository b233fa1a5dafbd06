"""UMIST (Graham and Allinson 1998): 20 people in 19 grey frames each, profile to frontal, squeezed to a square."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.data.factors import Table, grouped, last_tenth, picture, squeezed
from training.data.grouped import Grouped
from training.data.tables import rows

BINS = ("profile", "three-quarter", "half", "quarter", "frontal")
"""Equal parts of the 19 frames of a turn."""


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
        specified: `identity` or `pose` (the turn in five equal parts, `BINS`).
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    found = rows(Path(folder), ("file_name", "person", "frame_in_turn"))
    people = [f"{int(row['person']):03d}" for row in found]
    frames = np.array([int(row["frame_in_turn"]) for row in found])
    poses = [BINS[i] for i in (frames * len(BINS) // (frames.max() + 1)).tolist()]
    table = Table("umist", people, {"pose": poses}, last_tenth(people), {"pose": BINS})
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
