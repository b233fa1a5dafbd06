"""FEI (Thomaz and Giraldi 2010): 200 people in 14 colour views at 28 px, packed in `fei28.npz`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgedit.errors import DataError
from training.data.factors import FactorTable, Loader, Source, squeezed
from training.data.tables import arrays

TURNS = ("-90", "-70", "-50", "-30", "-10", "10", "30", "50", "70", "90")
"""Views 1-10 in about degrees; then come 11 neutral and 12 smile, both frontal, and 13 and 14 in low light."""
MIRRORED = dict(zip(TURNS, reversed(TURNS), strict=True))
"""View -> that of the mirror image."""
N_TRAIN = 160
"""People 0-159 are `train`."""


def read(folder: Path) -> Source:
    """Read `fei28.npz`.

    Factors: `identity`, `pose` (views 1-10 only) and `expression` (views 11 and 12 only: neutral, smile). `train` is
    people 0-159.
    """
    images = arrays(folder / "fei28.npz").get("images", np.empty(0))
    if images.ndim != 5 or images.shape[1:] != (14, 28, 28, 3):
        raise DataError(f"fei28.npz holds images {images.shape}; expected (people, 14, 28, 28, 3)")
    n_people = len(images)
    people = [f"{i:03d}" for i in range(n_people) for _ in range(14)]
    factors = {
        "pose": (*TURNS, "", "", "", "") * n_people,
        "expression": (*[""] * 10, "neutral", "smile", "", "") * n_people,
    }
    test_people = frozenset(p for p in people if int(p) >= N_TRAIN)
    table = FactorTable("fei", people, factors, test_people, {"pose": TURNS}, mirrored=MIRRORED)
    return table, lambda i, size: squeezed(images[i // 14, i % 14], size)


load = Loader(read, size=28)
