"""FEI (Thomaz and Giraldi 2010): 200 people in 14 colour views at 28 px, packed in `fei28.npz`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from training.data.factors import Table, grouped, squeezed
from training.data.grouped import Grouped
from training.data.tables import arrays

TURNS = ("-90", "-70", "-50", "-30", "-10", "10", "30", "50", "70", "90")
"""Views 1-10 in about degrees; then come 11 neutral and 12 smile, both frontal, and 13 and 14 in low light."""
N_TRAIN = 160
"""People 0-159 are `train`."""


def load(
    folder: Path,
    split: str,
    *,
    size: int = 28,
    specified: str = "identity",
    unseen: bool = True,
    pairs: bool = False,
    holdout: Sequence[int] = (),
    limit: int | None = None,
) -> Grouped:
    """Load one split.

    Args:
        folder: the folder with `fei28.npz`.
        split: `train` (people 0-159) or `test` (160-199).
        size: side of the pictures, px.
        specified: `identity`, `pose` (views 1-10 only) or `expression` (views 11 and 12 only: neutral, smile).
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    images = arrays(Path(folder) / "fei28.npz").get("images", np.empty(0))
    if images.ndim != 5 or images.shape[1:] != (14, 28, 28, 3):
        raise DataError(f"fei28.npz holds images {images.shape}; expected (people, 14, 28, 28, 3)")
    n_people = len(images)
    people = [f"{i:03d}" for i in range(n_people) for _ in range(14)]
    factors = {
        "pose": (*TURNS, "", "", "", "") * n_people,
        "expression": (*[""] * 10, "neutral", "smile", "", "") * n_people,
    }
    test_people = frozenset(p for p in people if int(p) >= N_TRAIN)
    table = Table("fei", people, factors, test_people, {"pose": TURNS})
    return grouped(
        table,
        lambda i: squeezed(images[i // 14, i % 14], size),
        split,
        specified=specified,
        unseen=unseen,
        pairs=pairs,
        holdout=holdout,
        limit=limit,
    )
