"""Faces from the front, and what of each a picture from the side would show: for painters of the hidden half.

`fronts:DIR` is CelebA in torchvision's layout; of its full-size pictures those are used in which the mesh sees a head
that looks nearly straight ahead. A face is turned aside as its mesh would be; what then looks away from the camera is
hidden, and so is everything beside the face on that side.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from imgedit.errors import DataError
from imgedit.progress import with_progress
from imgedit.render.half import near_side
from imgedit.render.mesh_fields import rasterize, visibility
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points, Pose
from training.data import celeba, meshes
from training.data.batch import Batch, to_tensor
from training.data.frame import window
from training.data.reading import rgb

__all__ = ["Fronts", "load", "shown"]

AHEAD = (9.0, 14.0)
"""Largest yaw and pitch of a face from the front, degrees."""
YAWS = (32.0, 80.0)
"""Least and largest yaw to which one is turned aside, degrees."""
CUTS = (0.05, 0.4)
"""How much a point must face the camera to be seen (`visibility`): least and largest; it varies in training."""
_CUT = 0.2  # the same of the other splits
HOLES, HOLE = 0.7, 0.1
"""Share of the training pictures in which pixels along the middle line are hidden on the near side too, and the largest
width of that, as a share of the side: there a profile's mesh may lie on the ground behind the nose."""


class Fronts:
    """Crops with their meshes, in memory.

    Args:
        images: uint8 `(N, size, size, 3)`, RGB.
        points: float32 `(N, 468, 3)`, pixels of the crops.
        augment: mirror half of the pictures and vary what is seen; else face i is turned by a yaw that i decides.
    """

    attributes: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    def __init__(self, images: np.ndarray, points: np.ndarray, augment: bool) -> None:
        self.images, self.points, self.augment = images, points, augment

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return crops, and as `mask` `(N, 1, size, size)` what a picture from the side shows of them, 0 or 1."""
        size = self.images.shape[1]
        images, masks = self.images[index], []
        for i in np.asarray(index).tolist():
            yaw = float(rng.uniform(*YAWS)) if self.augment else YAWS[0] + i % 4 * (YAWS[1] - YAWS[0]) / 3.0
            sign = (rng.random() < 0.5) if self.augment else bool(i // 4 % 2)
            cut = float(rng.uniform(*CUTS)) if self.augment else _CUT
            points, yaw = self.points[i].astype(np.float64), yaw if sign else -yaw
            masks.append(shown(points, yaw, size, cut))
            if self.augment and rng.random() < HOLES:
                masks[-1] &= near_side(points, yaw, size) > _hole(size, rng)
        mask = np.stack(masks).astype(np.float32)
        if self.augment:
            turned = rng.random(len(index)) < 0.5
            images[turned], mask[turned] = images[turned, :, ::-1], mask[turned, :, ::-1]
        return Batch(to_tensor(images), mask=torch.from_numpy(mask)[:, None])


def load(folder: Path, split: str, *, size: int = 128, side_masks: bool = True, limit: int | None = None) -> Fronts:
    """Load one split.

    Args:
        folder: CelebA's.
        split: `train`, `valid` or `test`.
        size: side of the crops (`face` window), px.
        side_masks: must be true; says that the set has masks of what the side shows.
        limit: look at so many pictures at most.

    Raises:
        DataError: no picture shows a face from the front.
    """
    paths = celeba.pictures(Path(folder), split, ["full"])[:limit]
    images, kept = [], []
    found = meshes.meshes(paths).astype(np.float64) if paths else np.empty((0, mesh.N_POINTS, 3))
    for path, points in zip(with_progress(paths, f"Cutting faces from the front, {split}"), found, strict=True):
        if not np.isfinite(points).all():
            continue
        pose = mesh.pose_of(points)
        if abs(pose.yaw) > AHEAD[0] or abs(pose.pitch) > AHEAD[1]:
            continue
        image = rgb(path)
        matrix = geometry.chain(geometry.frame_matrix(image.shape[:2]), geometry.window_matrix("face", size))
        images.append(window(image, size, "face"))
        moved = geometry.apply(matrix, points[:, :2])
        kept.append(np.column_stack([moved, points[:, 2] * geometry.crop_scale(matrix)]))
    if not images:
        raise DataError(f"{folder} has no {split} pictures of faces from the front")
    return Fronts(np.stack(images), np.array(kept, np.float32), split == "train")


def shown(points: Points, yaw: float, size: int, cut: float = _CUT) -> np.ndarray:
    """Tell which pixels of a face from the front a picture from the side shows too, bool `(size, size)`.

    Args:
        points: `(468, 3)`, the mesh from the front, pixels.
        yaw: where the face looks in the other picture, degrees to the viewer's right.
        size: of the picture, px.
        cut: how much a point must face the camera there, 0..1.
    """
    upright = points @ mesh.rotation(mesh.pose_of(points))
    facing = visibility(upright @ mesh.rotation(Pose(yaw, 0.0, 0.0)).T)
    field, known = rasterize(points, facing[:, None], mesh.template().triangles, (size, size))
    # Beside the face the near side is shown: what lies on its side of the line from the forehead to the chin.
    return np.asarray(np.where(known, field[..., 0] > cut, near_side(points, yaw, size) > 0))


def _hole(size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw how many pixels of the near side are hidden along the middle line, in each row: `(size, 1)`."""
    knots = rng.uniform(-1.0, 1.0, 9) * rng.uniform(0.3, 1.0) * HOLE * size  # below 0 nothing is hidden
    width = np.interp(np.linspace(0.0, 8.0, size), np.arange(9), knots)
    return np.asarray(np.maximum(width, 0.0)[:, None])
