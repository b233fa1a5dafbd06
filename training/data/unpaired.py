"""Two domains of one labelled set, for methods that learn a way from one to the other and back without pairs."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from imgedit.errors import ConfigError, DataError
from training.data.batch import Batch, Dataset

__all__ = ["Labelled", "Unpaired"]


class Labelled(Dataset, Protocol):
    """A set whose labels can be read without its pictures: `(N, K)` or, of one attribute, `(N,)`, 0 or 1."""

    @property
    def labels(self) -> NDArray[np.generic]:
        """The labels."""


class Unpaired:
    """Pictures of a first domain, each with any of a second one as its partner.

    One attribute parts the pictures without it from those with it; of two, the pictures with the first alone are the
    first domain and those with the second alone the second.

    Args:
        whole: the set that holds both.
        attributes: the one or two names, among `whole.attributes`.

    Raises:
        ConfigError: there are no or more than two names.
        DataError: a domain is empty.
    """

    weights: np.ndarray | None = None

    def __init__(self, whole: Labelled, attributes: tuple[str, ...]) -> None:
        if len(attributes) not in (1, 2):
            raise ConfigError(f"one or two attributes part two domains, got {', '.join(attributes) or 'none'}")
        self.whole = whole
        self.attributes = tuple(whole.attributes)
        table = np.asarray(whole.labels).reshape(len(whole), -1) > 0
        has = [table[:, self.attributes.index(name)] for name in attributes]
        first, second = (~has[0], has[0]) if len(has) == 1 else (has[0] & ~has[1], has[1] & ~has[0])
        self.first, self.second = np.flatnonzero(first), np.flatnonzero(second)
        for name, found in ((f"first ({attributes[0]})", self.first), (f"second ({attributes[-1]})", self.second)):
            if not len(found):
                raise DataError(f"no pictures of the {name} domain among {len(whole)}")

    def __len__(self) -> int:
        return max(len(self.first), len(self.second))

    def batch(self, index: np.ndarray, rng: np.random.Generator) -> Batch:
        """Return pictures of the first domain as `image`, with `labels`, and as many of the second as `partner`.

        Where the whole set has soft masks, `mask` is those of `image` and of `partner`, `(N, 2, H, W)`.
        """
        first = self.whole.batch(self.first[index % len(self.first)], rng)
        second = self.whole.batch(self.second[rng.integers(0, len(self.second), len(index))], rng)
        masks = None
        if first.mask is not None and second.mask is not None:
            masks = torch.cat([first.mask, second.mask], 1)
        return Batch(first.image, first.labels, mask=masks, partner=second.image)
