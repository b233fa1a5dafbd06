"""The pictures that a latent code is measured on: two splits, and which classes training saw."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data import DATASETS
from training.data.factors import Loader
from training.data.grouped import Grouped
from training.evaluate.codes.latents import LatentMethod
from training.evaluate.result import TEST
from training.evaluate.subject import sample_indices
from training.train import load_data


@dataclass(frozen=True)
class Pictures:
    """The pictures that a run is measured on.

    Attributes:
        train: the training split.
        test: the split that is measured, as a rule the test split.
        known: the measured pictures of classes that training saw; None where there are none.
        unseen: the other measured pictures; None where there are none.
        split: which one is measured.
    """

    train: Grouped
    test: Grouped
    known: Grouped | None
    unseen: Grouped | None
    split: str = TEST


def load_pictures(method: LatentMethod, data: str, specified: str | None = None, split: str = TEST) -> Pictures:
    """Load two splits with the run's own options, and part the measured one by whether training saw the class.

    Where the classes are people, the test split shows other people; the figures are then of the pictures that the
    training people have beside those of `train`, as for Multi-PIE in the papers.

    Args:
        method: the run's method.
        data: `NAME:DIR`.
        specified: the factor of the classes; None for that of the training.
        split: which one is measured.

    Raises:
        DataError: the data set has no such split or factor.
    """
    module = importlib.import_module(type(method).__module__)
    options = {k: v for k, v in module.Method.data_options(method.config).items() if k != "pairs"}
    options["specified"] = specified or options.get("specified", "identity")
    train = load_data(data, "train", options)
    if split == "train":
        return Pictures(train, train, train, None, split)
    test = load_data(data, split, options)
    seen = {train.classes[i] for i in np.unique(train.specified)}
    if split == TEST and (closed := _closed_test(data, options)) is not None:
        return Pictures(train, closed, closed, test)
    is_known = np.array([name in seen for name in test.classes])[test.specified]
    parts = [test.subset(np.flatnonzero(m)) if m.any() else None for m in (is_known, ~is_known)]
    return Pictures(train, test, parts[0], parts[1], split)


def _closed_test(data: str, options: Mapping[str, Any]) -> Grouped | None:
    """Load the pictures of the training people that `train` leaves out; None for sets that have no such pictures."""
    loader = importlib.import_module(DATASETS[data.partition(":")[0]]).load
    if options["specified"] != "identity" or not isinstance(loader, Loader):
        return None
    found: Grouped = load_data(data, "test", {**options, "unseen": False})
    return found


def of_each_class(dataset: Grouped, n: int, seed: int) -> NDArray[np.uint8]:
    """Return `n` pictures drawn by the seed: one each of `n` classes, more of each where there are fewer classes.

    They stand in the order of the classes; there are fewer than `n` only if the classes have no more.
    """
    rng = np.random.default_rng(seed)
    present = np.unique(dataset.specified)
    chosen = present[sample_indices(len(present), n, seed)]
    share = np.full(len(chosen), n // len(chosen)) + (np.arange(len(chosen)) < n % len(chosen))
    found = []
    for c, wanted in zip(chosen, share, strict=True):
        of_it = np.flatnonzero(dataset.specified == c)
        found += [dataset.images[i] for i in rng.choice(of_it, min(wanted, len(of_it)), replace=False)]
    return np.stack(found)
