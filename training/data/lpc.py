"""LPC sprites (Liberated Pixel Cup, CC-BY-SA 3.0 / GPL 3.0): 400 characters in 66 poses at 64 px.

The characters are sorted by body, so that `test` is every tenth of them and not the last tenth.
"""

from __future__ import annotations

from pathlib import Path

from imgedit.errors import DataError
from training.data.factors import FactorTable, Loader, Source, every_tenth, squeezed
from training.data.tables import arrays


def read(folder: Path) -> Source:
    """Read `lpc400x66_64.npz`.

    Factors: `identity` (the character) and `pose` (action, view and frame: 66 classes). `test` is every tenth
    character.
    """
    stored = arrays(folder / "lpc400x66_64.npz")
    wanted = ("images", "pose_action", "pose_view", "pose_frame")
    if missing := [name for name in wanted if name not in stored]:
        raise DataError(f"lpc400x66_64.npz has no array {missing[0]!r}; expected {', '.join(wanted)}")
    images = stored["images"]
    n_people, n_poses = images.shape[:2]
    people = [f"{i:03d}" for i in range(n_people) for _ in range(n_poses)]
    poses = [f"{a} {v} {f}" for a, v, f in zip(*(stored[name].tolist() for name in wanted[1:]), strict=True)]
    table = FactorTable("lpc", people, {"pose": poses * n_people}, every_tenth(people), {"pose": poses})
    return table, lambda i, size: squeezed(images[i // n_poses, i % n_poses], size)


load = Loader(read)
