"""LPC sprites (Liberated Pixel Cup, CC-BY-SA 3.0 / GPL 3.0): 400 characters in 66 poses at 64 px.

The characters are sorted by body, so that `test` is every tenth of them and not the last tenth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgedit.errors import DataError
from training.data.factors import Table, every_tenth, grouped, squeezed
from training.data.grouped import Grouped
from training.data.tables import arrays


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
        folder: the folder with `lpc400x66_64.npz`.
        split: `train` or `test` (every tenth character).
        size: side of the pictures, px.
        specified: `identity` (the character) or `pose` (action, view and frame: 66 classes).
        unseen: see `factors.grouped`.
        pairs: also draw partners of the same class.
        holdout: classes, as places in `Grouped.classes`, that `train` leaves out.
        limit: at most so many pictures, the first ones.

    Raises:
        DataError: the set is missing or damaged, or an option cannot be met.
    """
    stored = arrays(Path(folder) / "lpc400x66_64.npz")
    wanted = ("images", "pose_action", "pose_view", "pose_frame")
    if missing := [name for name in wanted if name not in stored]:
        raise DataError(f"lpc400x66_64.npz has no array {missing[0]!r}; expected {', '.join(wanted)}")
    images = stored["images"]
    n_people, n_poses = images.shape[:2]
    people = [f"{i:03d}" for i in range(n_people) for _ in range(n_poses)]
    poses = [f"{a} {v} {f}" for a, v, f in zip(*(stored[name].tolist() for name in wanted[1:]), strict=True)]
    table = Table("lpc", people, {"pose": poses * n_people}, every_tenth(people), {"pose": poses})
    return grouped(
        table,
        lambda i: squeezed(images[i // n_poses, i % n_poses], size),
        split,
        specified=specified,
        unseen=unseen,
        pairs=pairs,
        holdout=holdout,
        limit=limit,
    )
