"""Mouths of CelebA and CelebA-HQ with their contours, and closed ones that the mesh has opened: for the mouth painter.

`mouths:DIR` names a folder that holds `celeba` (torchvision's layout, its full-size pictures) and `celebamask_hq`; one
of them may be missing. `train`, `valid` and `test` are CelebA's own, by people; of CelebA-HQ the last tenth of the
sorted names is `test`, the rest `train`, less what looks like a picture of CelebA's other splits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.render.warp import warp_points
from imgedit.vision import expressions, geometry, mouths
from training.data import aligned
from training.data.batch import Batch, to_tensor
from training.data.lighting import in_other_light
from training.data.reading import rgb

OPEN = 0.45
"""Distance of the lips, in units of the mean face, from which a mouth is open."""
CLOSED = 0.35
"""The same, below which it is closed."""
N_OPENED = 3
"""Open mouths whose expression is given to each closed one."""
MASKS = ("outer", "inner", "hole")
_GROWTH = (0.2, 0.42)  # of the hole, in units of the mean face: the mesh's error differs from face to face
_CLOSED_WEIGHT = 0.25  # how often a closed mouth is drawn, in relation to an open one


class Mouths:
    """Mouths in memory.

    Args:
        images: uint8 `(N, size, size, 3)` RGB.
        points: `(N, 468, 3)`, meshes in pixels of these crops.
        opened: uint8 `(M, size, size, 3)`, mouths that were opened by moving pixels.
        opened_points: `(M, 468, 3)`, their meshes.
        augment: mirror half of them, vary colours and the size of the hole.
    """

    attributes: tuple[str, ...] = ()

    def __init__(
        self, images: np.ndarray, points: np.ndarray, opened: np.ndarray, opened_points: np.ndarray, augment: bool
    ) -> None:
        self.images, self.points = images, points
        self.opened, self.opened_points = opened, opened_points
        self.augment = augment
        self.weights: np.ndarray | None = np.where(are_open(points), 1.0, _CLOSED_WEIGHT) if augment else None

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return mouths as `image`, as many opened ones as `partner`, and the masks of both, `(N, 6, size, size)`."""
        other = rng.integers(0, len(self.opened), len(index)) if self.augment else np.asarray(index) % len(self.opened)
        images, partners = to_tensor(self.images[index]), to_tensor(self.opened[other])
        masks = np.stack(
            [
                np.concatenate([self._masks(self.points[i], rng), self._masks(self.opened_points[j], rng)])
                for i, j in zip(index, other, strict=True)
            ]
        )
        mask = torch.from_numpy(masks)
        if self.augment:
            turned = torch.from_numpy(rng.random(len(index)) < 0.5)
            images[turned], partners[turned], mask[turned] = (x[turned].flip(3) for x in (images, partners, mask))
            images, partners = (in_other_light(x, rng) for x in (images, partners))
        return Batch(images, mask=mask, partner=partners)

    def _masks(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return `MASKS` of a mouth, `(3, size, size)`."""
        size = self.images.shape[1]
        growth = float(rng.uniform(*_GROWTH)) if self.augment else mouths.GROWTH
        return np.stack(mouths.contours(points.astype(np.float64), np.eye(2, 3), size, growth=growth))


def are_open(points: np.ndarray) -> np.ndarray:
    """Tell which meshes `(N, 468, 3)` have an open mouth."""
    return np.array([mouths.opening(one) >= OPEN for one in points.astype(np.float64)], bool)


def load(folder: Path, split: str, *, size: int = 80, mouth_masks: bool = True) -> Mouths:
    """Load one split.

    Args:
        folder: holds `celeba` and `celebamask_hq`.
        split: `train`, `valid` or `test`.
        size: side of the crops, px.
        mouth_masks: must be true; says that the set has masks of mouths.

    Raises:
        DataError: there are no pictures, or no open or no closed mouths among them.
    """
    sources = aligned.pictures(Path(folder), split)
    images, points, opening = [], [], []
    pictures = aligned.with_meshes(sources)
    if not pictures:
        raise DataError(f"no {split} pictures in {folder}; expected celeba or celebamask_hq there")
    for path, one in with_progress(pictures, f"Cutting mouths, {split}"):
        image, moved = _cut(rgb(path), one, one, size)
        images.append(image)
        points.append(moved)
        opening.append(mouths.opening(one))
    amount = np.array(opening)
    closed, wide = np.flatnonzero(amount < CLOSED), np.flatnonzero(amount >= OPEN)
    if not len(closed) or not len(wide):
        raise DataError(f"{folder} has no closed or no open mouths among {len(pictures)} {split} pictures")
    rng = np.random.default_rng(0)
    opened, opened_points = [], []
    for i in with_progress(closed.tolist(), f"Opening mouths, {split}"):
        path, source = pictures[i]
        image = rgb(path)
        for j in rng.choice(wide, N_OPENED).tolist():
            target = expressions.moved(source, expressions.between(source, pictures[j][1]))
            if mouths.opening(target) < OPEN:
                continue
            crop, moved = _cut(warp_points(image, source, target), source, target, size)
            opened.append(crop)
            opened_points.append(moved)
    return Mouths(
        np.stack(images),
        np.array(points, np.float32),
        np.stack(opened),
        np.array(opened_points, np.float32),
        split == "train",
    )


def _cut(image: np.ndarray, source: np.ndarray, target: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut the window of `source`'s mouth, uint8 `(size, size, 3)`, and take the mesh `target` into it."""
    matrix = mouths.window(source, size)
    scale = geometry.crop_scale(matrix)
    inside = np.column_stack([geometry.apply(matrix, target[:, :2]), target[:, 2] * scale])
    return np.asarray(geometry.cut(image, matrix, size), np.uint8), inside
