"""Aligned faces of CelebA and CelebA-HQ side by side, with their meshes, parted so that no photo is on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imgedit.vision import geometry
from imgedit.vision.mesh import Points
from training.data import celeba, meshes
from training.data.pseudo_masks import thumbnails
from training.data.reading import rgb

__all__ = ["pictures", "with_meshes"]

_TEST = 0.1
_SAME = 0.85  # correlation of two thumbnails above which they may show one photo


def pictures(folder: Path, split: str) -> list[tuple[list[Path], meshes.Frame]]:
    """Return the pictures of a split by data set, each with where its frame lies.

    Args:
        folder: holds `celeba` (torchvision's layout, its full-size pictures) and `celebamask_hq`; one may be missing.
        split: of CelebA; of CelebA-HQ the last tenth of the sorted names is `test`, the rest `train`, less what looks
            like a picture of CelebA's other splits.
    """
    found: list[tuple[list[Path], meshes.Frame]] = []
    aligned, masked = folder / "celeba", folder / "celebamask_hq" / "images"
    held_out: list[Path] = []
    if aligned.is_dir():
        found.append((celeba.pictures(aligned, split, ["full"]), geometry.frame_matrix))
        held_out = [p for other in ("valid", "test") for p in celeba.pictures(aligned, other, ["full"])]
    if masked.is_dir() and split != "valid":
        paths = sorted(masked.glob("*.jpg"))
        n = len(paths) - round(_TEST * len(paths))
        paths = paths[n:] if split == "test" else _unlike(paths[:n], held_out)
        found.append((paths, meshes.frame_of_hq))
    return found


def _unlike(paths: Sequence[Path], others: Sequence[Path]) -> list[Path]:
    """Return the CelebA-HQ pictures that are unlike some of CelebA."""
    if not others or not paths:
        return list(paths)
    seen = thumbnails([geometry.cut(rgb(p), _to_face(meshes.frame_of_hq, rgb(p)), 48) for p in paths])
    known = thumbnails([geometry.cut(rgb(p), _to_face(geometry.frame_matrix, rgb(p)), 48) for p in others])
    alike = (seen @ known.T).max(1) >= _SAME
    return [path for path, leave_out in zip(paths, alike, strict=True) if not leave_out]


def _to_face(frame: meshes.Frame, image: np.ndarray) -> geometry.Matrix:
    return geometry.chain(frame((image.shape[0], image.shape[1])), geometry.window_matrix("inner", 48))


def with_meshes(sources: Sequence[tuple[list[Path], meshes.Frame]]) -> list[tuple[Path, Points]]:
    """Return those pictures whose face a mesh fits, each with it, `(468, 3)`, pixels.

    Args:
        sources: as `pictures` returns them.
    """
    return [
        (path, points)
        for paths, frame in sources
        for path, points in zip(paths, meshes.meshes(paths, frame).astype(np.float64), strict=True)
        if np.isfinite(points).all()
    ]
