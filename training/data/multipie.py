"""Multi-PIE (Gross et al. 2010) in its own file names `subject_session_recording_camera_light.png`, at any depth.

The set is licensed and comes uncropped; the pictures are squeezed to a square as they are, so give it face crops.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from imgedit.errors import DataError
from training.data.factors import Table, grouped, last_tenth, picture, squeezed
from training.data.grouped import Grouped

EXPRESSIONS = {
    ("01", "02"): "smile",
    ("02", "02"): "surprise",
    ("02", "03"): "squint",
    ("03", "02"): "smile",
    ("03", "03"): "disgust",
    ("04", "03"): "scream",
}
"""Session and recording of every expression; the other recordings are neutral."""
_NAME = re.compile(r"(\d{3})_(\d\d)_(\d\d)_(\d{3})_(\d\d)\.png")


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
        folder: the folder with the pictures, in folders of its own or not.
        split: `train`, or `test`: the last tenth of the sorted people.
        size: side of the pictures, px.
        specified: `identity` (subject), `pose` (camera) or `expression` (session and recording).
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    found = [(p, m) for p in sorted(Path(folder).rglob("*.png")) if (m := _NAME.fullmatch(p.name))]
    if not found:
        raise DataError(f"no files such as 001_01_01_051_07.png (subject_session_recording_camera_light) in {folder}")
    people = [m[1] for _, m in found]
    factors = {
        "pose": [m[4] for _, m in found],
        "expression": [EXPRESSIONS.get((m[2], m[3]), "neutral") for _, m in found],
    }
    table = Table("multipie", people, factors, last_tenth(people), {})
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
