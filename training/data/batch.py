"""What every data set yields, and the endless seeded stream that the training loop draws from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from imgedit.errors import DataError

UNKNOWN_CLASS = 255
"""In a mask of class indices: a pixel of which no class is known."""


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        image: `(N, C, H, W)` float32, [-1, 1]; C is 3 (RGB), or 1 where a set is grey by nature.
        labels: `(N, K)` float32, 0 or 1, in the order of `Dataset.attributes`; None where the set has none.
        mask: `(N, H, W)` int64 class indices or `UNKNOWN_CLASS`, or `(N, M, H, W)` float32 in 0..1; None where the set
            has none.
        specified: `(N,)` int64, the class of each picture under the specified factor (digit, person, pose ...); None
            where the set has none.
        partner: as `image`, another picture of the same class each; None unless the set was loaded with `pairs`.
        pose: `(N,)` int64, the view that each picture shows, an index of the names that the set was loaded with
            (`poses`); None without.
        index: `(N,)` int64, which picture of the set each is; None where pictures are put together anew.
    """

    image: Tensor
    labels: Tensor | None = None
    mask: Tensor | None = None
    specified: Tensor | None = None
    partner: Tensor | None = None
    pose: Tensor | None = None
    index: Tensor | None = None

    def require_labels(self) -> Tensor:
        """Return the labels.

        Raises:
            DataError: the set has none.
        """
        if self.labels is None:
            raise DataError("this method needs a data set with labels, such as celeba:DIR")
        return self.labels

    def require_mask(self) -> Tensor:
        """Return the mask.

        Raises:
            DataError: the set has none.
        """
        if self.mask is None:
            raise DataError("this method needs a data set with masks, such as celebamask_hq:DIR")
        return self.mask

    def require_specified(self) -> Tensor:
        """Return the classes of the specified factor.

        Raises:
            DataError: the set has none.
        """
        if self.specified is None:
            raise DataError("this method needs a data set with classes, such as mnist:DIR")
        return self.specified

    def require_partner(self) -> Tensor:
        """Return the other pictures of the same classes.

        Raises:
            DataError: the set has none.
        """
        if self.partner is None:
            raise DataError("this method needs pairs of pictures of one class, as from mnist:DIR")
        return self.partner

    def require_pose(self) -> Tensor:
        """Return the views.

        Raises:
            DataError: the set has none.
        """
        if self.pose is None:
            raise DataError("this method needs pictures of known poses, such as cfp:DIR")
        return self.pose

    def require_index(self) -> Tensor:
        """Return which picture of the set each is.

        Raises:
            DataError: the set does not say.
        """
        if self.index is None:
            raise DataError("this method needs a data set whose pictures stay the same, such as mnist:DIR")
        return self.index

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""

        def moved(x: Tensor | None) -> Tensor | None:
            return None if x is None else x.to(device)

        rest = (moved(x) for x in (self.labels, self.mask, self.specified, self.partner, self.pose, self.index))
        return Batch(self.image.to(device), *rest)


class Dataset(Protocol):
    """Pictures in memory that can be drawn by index."""

    attributes: tuple[str, ...]
    weights: np.ndarray | None

    def __len__(self) -> int: ...

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return the pictures at `index`, augmented with draws from `rng` only."""
        ...


class Stream(Iterator[Batch]):
    """Endless batches; with `Dataset.weights` drawn with replacement, else in shuffled passes.

    The whole state is one NumPy generator, the current pass and a position, so a resumed stream goes on bit for bit.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.rng = np.random.default_rng(seed)
        self.order = np.empty(0, dtype=np.int64)
        self.position = 0
        weights = dataset.weights
        self.cumulative = None if weights is None else np.cumsum(weights / weights.sum())

    def __next__(self) -> Batch:
        return self.dataset.batch(self._index(), self.rng)

    def _index(self) -> np.ndarray:
        if self.cumulative is not None:
            drawn = np.searchsorted(self.cumulative, self.rng.random(self.batch_size), side="right")
            return np.minimum(drawn, len(self.dataset) - 1)
        index = self.order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        while len(index) < self.batch_size:
            self.order = self.rng.permutation(len(self.dataset))
            self.position = self.batch_size - len(index)
            index = np.concatenate([index, self.order[: self.position]])
        return index

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on with the very next batch."""
        return {
            "rng": self.rng.bit_generator.state,
            "order": torch.from_numpy(self.order.copy()),
            "position": self.position,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where the saved stream stood.

        Raises:
            ValueError: the generator's state is none, or the pass or the position is none of this data set.
        """
        try:
            self.rng.bit_generator.state = state["rng"]
        except (TypeError, ValueError, LookupError, OverflowError) as error:
            raise ValueError("the stream's rng must be a state of NumPy's default generator") from error
        self.order = state["order"].numpy().copy()
        self.position = int(state["position"])
        is_order = self.order.ndim == 1 and ((self.order >= 0) & (self.order < len(self.dataset))).all()
        if not is_order or self.position < 0:
            raise ValueError("the stream's order and position must be of this data set")


def to_tensor(images: np.ndarray) -> Tensor:
    """Turn uint8 `(N, H, W, C)` into float32 `(N, C, H, W)` in [-1, 1].

    Unlike that of `imgedit.pixels` it leaves the numbers in memory as they lie, channels last, as networks want them.
    """
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
