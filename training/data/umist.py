"""UMIST (Graham and Allinson 1998): 20 people in 19 grey frames each, profile to frontal, squeezed to a square."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.factors import FactorTable, Loader, Source, last_tenth, squeezed
from training.data.reading import rgb
from training.data.tables import rows

BINS = ("profile", "three-quarter", "half", "quarter", "frontal")
"""Equal parts of the 19 frames of a turn."""


def read(folder: Path) -> Source:
    """Read `metadata.csv`, beside `images/`.

    Factors: `identity` and `pose` (the turn in five equal parts, `BINS`). `test` is the last tenth of the sorted
    people.
    """
    found = rows(folder, ("file_name", "person", "frame_in_turn"))
    people = [f"{int(row['person']):03d}" for row in found]
    frames = np.array([int(row["frame_in_turn"]) for row in found])
    poses = [BINS[i] for i in (frames * len(BINS) // (frames.max() + 1)).tolist()]
    table = FactorTable("umist", people, {"pose": poses}, last_tenth(people), {"pose": BINS})
    return table, lambda i, size: squeezed(rgb(folder / found[i]["file_name"]), size)


load = Loader(read)
