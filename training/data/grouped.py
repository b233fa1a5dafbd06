"""Pictures in classes: what every set with a specified factor (digit, person, pose, expression) is once it is read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from imgedit.errors import DataError
from training.data.batch import Batch, to_tensor


class Grouped:
    """Pictures with a class each, in memory.

    Args:
        images: uint8 `(N, H, W, C)`, C of 1 or 3.
        specified: int64 `(N,)`, the class of each picture: an index into `classes`.
        classes: names of the classes.
        pairs: also draw `Batch.partner`, another picture of the same class (the same one where a class has only one).

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
    ) -> None:
        if len(images) == 0:
            raise DataError("no pictures are left of this data set; check the folder and the options")
        self.images = images
        self.specified = np.asarray(specified, np.int64)
        self.classes = tuple(classes)
        self.pairs = pairs
        self._order = np.argsort(self.specified, kind="stable")  # pictures sorted by class
        counts = np.bincount(self.specified, minlength=len(self.classes))
        self._first = np.cumsum(counts) - counts
        self._counts = counts
        self._rank = np.empty(len(images), np.int64)  # place of a picture within its class
        self._rank[self._order] = np.arange(len(images)) - self._first[self.specified[self._order]]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return image, specified and, with `pairs`, partner."""
        partner = None
        if self.pairs:
            partner = to_tensor(self.images[self._others(index, rng)])
        image = to_tensor(self.images[index])
        return Batch(image, specified=torch.from_numpy(self.specified[index]), partner=partner)

    def subset(self, index: np.ndarray) -> Grouped:
        """Return the pictures at `index`, with the same classes and options."""
        return Grouped(self.images[index], self.specified[index], self.classes, pairs=self.pairs)

    def _others(self, index: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw another picture of the same class for each."""
        own = self.specified[index]
        counts = self._counts[own]
        step = 1 + np.floor(rng.random(len(index)) * (counts - 1)).astype(np.int64)
        return self._order[self._first[own] + (self._rank[index] + step) % counts]
