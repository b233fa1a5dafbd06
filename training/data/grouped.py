"""Pictures in classes: what every set with a specified factor (digit, person, pose, expression) is once it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from imgedit.errors import DataError
from training.data.batch import Batch, to_tensor


@dataclass(frozen=True)
class Views:
    """From where each picture shows its person, and how pictures are drawn by it.

    Attributes:
        pose: int64 `(N,)`, an index of the names of the poses.
        mirror: int64 `(K,)`, the pose of which each is the mirror image; None: pictures are not mirrored.
        group: each drawn picture brings so many others of its class, less one, right behind it; the pose of each of
            them is drawn first, evenly from those that the class has, then the picture.
        jitter: pictures are moved by up to so many pixels either way, their borders repeated.
    """

    pose: np.ndarray
    mirror: np.ndarray | None = None
    group: int = 1
    jitter: int = 0


class Grouped:
    """Pictures with a class each, in memory.

    Args:
        images: uint8 `(N, H, W, C)`, C of 1 or 3.
        specified: int64 `(N,)`, the class of each picture: an index into `classes`.
        classes: names of the classes.
        pairs: also draw `Batch.partner`, another picture of the same class (the same one where a class has only one).
        views: poses, which make `Batch.pose`; with them pictures may be mirrored, moved and drawn in groups.

    Raises:
        DataError: there is no picture.
    """

    attributes: tuple[str, ...] = ()
    weights: np.ndarray | None = None

    def __init__(
        self,
        images: np.ndarray,
        specified: np.ndarray,
        classes: Sequence[str],
        *,
        pairs: bool = False,
        views: Views | None = None,
    ) -> None:
        if len(images) == 0:
            raise DataError("no pictures are left of this data set; check the folder and the options")
        self.images = images
        self.specified = np.asarray(specified, np.int64)
        self.classes = tuple(classes)
        self.pairs = pairs
        self.views = views
        self._order = np.argsort(self.specified, kind="stable")  # pictures sorted by class
        counts = np.bincount(self.specified, minlength=len(self.classes))
        self._first = np.cumsum(counts) - counts
        self._counts = counts
        self._rank = np.empty(len(images), np.int64)  # place of a picture within its class
        self._rank[self._order] = np.arange(len(images)) - self._first[self.specified[self._order]]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return image, index, specified and, with `pairs`, partner; with `views` pose and no index, in groups."""
        if self.views is not None:
            return self._viewed(index, self.views, rng)
        partner = None
        if self.pairs:
            partner = to_tensor(self.images[self._others(index, rng)])
        image = to_tensor(self.images[index])
        which = torch.from_numpy(np.asarray(index, np.int64))
        return Batch(image, specified=torch.from_numpy(self.specified[index]), partner=partner, index=which)

    def subset(self, index: np.ndarray) -> Grouped:
        """Return the pictures at `index`, with the same classes and options."""
        views = None if self.views is None else replace(self.views, pose=self.views.pose[index])
        return Grouped(self.images[index], self.specified[index], self.classes, pairs=self.pairs, views=views)

    def _viewed(self, index: np.ndarray, views: Views, rng: np.random.Generator) -> Batch:
        """Return pictures with their poses, the drawn ones each followed by the rest of its group."""
        if views.group > 1:
            index = np.concatenate([[i, *self._group(int(i), views, rng)] for i in index])
        images, pose = self.images[index], views.pose[index]
        if views.mirror is not None:
            turned = rng.random(len(index)) < 0.5
            images[turned] = images[turned, :, ::-1]
            pose = np.where(turned, views.mirror[pose], pose)
        if views.jitter:
            shift = rng.integers(-views.jitter, views.jitter + 1, (len(index), 2))
            images = np.stack([_moved(image, *by) for image, by in zip(images, shift.tolist(), strict=True)])
        return Batch(
            to_tensor(images), specified=torch.from_numpy(self.specified[index]), pose=torch.from_numpy(pose.copy())
        )

    def _group(self, i: int, views: Views, rng: np.random.Generator) -> list[int]:
        """Draw the other pictures of a group."""
        start = self._first[self.specified[i]]
        own = self._order[start : start + self._counts[self.specified[i]]]
        poses = views.pose[own]
        wanted = rng.choice(np.unique(poses), views.group - 1)
        return [int(rng.choice(own[poses == pose])) for pose in wanted]

    def _others(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw another picture of the same class for each."""
        own = self.specified[index]
        counts = self._counts[own]
        step = 1 + np.floor(rng.random(len(index)) * (counts - 1)).astype(np.int64)
        return self._order[self._first[own] + (self._rank[index] + step) % counts]


def _moved(image: np.ndarray, right: int, down: int) -> np.ndarray:
    """Move a picture `(H, W, C)` by whole pixels, its borders repeated."""
    shift = np.array([[1.0, 0.0, right], [0.0, 1.0, down]])
    moved = cv2.warpAffine(image, shift, image.shape[1::-1], flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return moved.reshape(image.shape)
