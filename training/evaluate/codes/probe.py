"""What a classifier can read of the class from z and from s: a multilayer perceptron and a support vector machine.

Published accuracies are of z drawn from q(z | x). The mean of z carries the class in differences far below the noise
and is the stricter row; and since an empty z passes any probe, the figures of `latents.information` belong beside both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.metrics import f1_score
from sklearn.svm import SVC
from torch import nn

from imgedit.errors import DataError
from training.evaluate.codes.latents import Array, Latents
from training.run.optim import descend

HIDDEN = 256
BATCH = 256
LEARNING_RATE = 2e-3
MIN_EPOCHS, MIN_STEPS = 20, 2000
"""The length of a training is fixed: so many passes over the codes, and no fewer steps than this."""
DRAWS = 5
"""Draws of z from q(z | x) over which the test figures are averaged."""
SVM_ROWS = 5000
"""A kernel machine's time grows with the square of its rows, so it is trained and tested on at most so many."""

Classes = NDArray[np.int64]
Draw = Callable[[np.random.Generator], Array]


def probe(train: Latents, test: Latents, seed: int = 0, svm_rows: int = SVM_ROWS) -> dict[str, Any]:
    """Probe z and s.

    Args:
        train: codes that the classifiers learn from.
        test: codes of other pictures with the same classes.
        seed: of the networks, the order and the draws.
        svm_rows: most training rows of the support vector machine, and most test rows.

    Returns:
        `chance` (1 / classes), `majority` (test accuracy of always naming the commonest training class) and `rows`:
        for `z sampled`, `z mean` and `s` (without what the method does not have) the figures of `mlp` and `svm`:
        train_accuracy, test_accuracy, train_macro_f1, test_macro_f1, n_train, n_test.

    Raises:
        DataError: a test class is not among the training classes, or there is only one class.
    """
    names, own = np.unique(train.specified, return_inverse=True)
    if len(names) < 2:
        raise DataError(f"a probe needs pictures of two classes or more, got {len(names)}")
    if unseen := sorted(set(test.specified.tolist()) - set(names.tolist())):
        raise DataError(f"the probe's training pictures have none of {len(unseen)} test classes, such as {unseen[0]}")
    targets = (own.astype(np.int64), np.searchsorted(names, test.specified).astype(np.int64))

    sources: dict[str, tuple[Draw, Draw]] = {}
    if train.logvar is not None:
        sources["z sampled"] = (train.sampled, test.sampled)
    sources["z mean"] = (lambda rng: train.z, lambda rng: test.z)
    if train.s.shape[1]:
        sources["s"] = (lambda rng: train.s, lambda rng: test.s)
    rows = {}
    for name, draws in sources.items():
        n_draws = DRAWS if name == "z sampled" else 1
        rows[name] = {
            "mlp": _mlp(draws, targets, len(names), n_draws, seed),
            "svm": _svm(draws, targets, svm_rows, seed),
        }
    commonest = np.bincount(targets[0]).argmax()
    return {"chance": 1.0 / len(names), "majority": float((targets[1] == commonest).mean()), "rows": rows}


def _mlp(
    draws: tuple[Draw, Draw], targets: tuple[Classes, Classes], n_classes: int, n_draws: int, seed: int
) -> dict[str, float | int]:
    """Train input - 256 - ReLU - classes with Adam on standardized codes, drawn anew every epoch."""
    rng = np.random.default_rng(seed)
    first = draws[0](rng)
    centre, scale = _spread(first)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(first.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, n_classes))
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
    n = len(first)
    per_epoch = -(-n // BATCH)
    epochs = max(MIN_EPOCHS, -(-MIN_STEPS // per_epoch))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    classes = torch.from_numpy(targets[0])
    for epoch in range(epochs):
        codes = torch.from_numpy((draws[0](rng) if epoch else first) - centre) / torch.from_numpy(scale)
        order = torch.from_numpy(rng.permutation(n))
        for index in order.split(BATCH):
            descend(optimizer, F.cross_entropy(network(codes[index]), classes[index]))
        schedule.step()

    @torch.no_grad()
    def predict(codes: Array) -> Classes:
        return np.asarray(network(torch.from_numpy((codes - centre) / scale)).argmax(1).numpy(), np.int64)

    return _figures(predict, draws, targets, n_draws, rng)


def _svm(draws: tuple[Draw, Draw], targets: tuple[Classes, Classes], most: int, seed: int) -> dict[str, float | int]:
    """Train a support vector machine with a Gaussian kernel (C 1, width from the variance) on one draw."""
    rng = np.random.default_rng(seed)
    parts = [np.sort(rng.permutation(len(t))[:most]) for t in targets]
    fewer = (targets[0][parts[0]], targets[1][parts[1]])
    both: tuple[Draw, Draw] = (lambda r: draws[0](r)[parts[0]], lambda r: draws[1](r)[parts[1]])
    first = both[0](rng)
    centre, scale = _spread(first)
    machine = SVC(kernel="rbf", cache_size=500).fit((first - centre) / scale, fewer[0])

    def predict(codes: Array) -> Classes:
        return np.asarray(machine.predict((codes - centre) / scale), np.int64)

    return _figures(predict, both, fewer, 1, rng)


def _figures(
    predict: Callable[[Array], Classes],
    draws: tuple[Draw, Draw],
    targets: tuple[Classes, Classes],
    n_draws: int,
    rng: np.random.Generator,
) -> dict[str, float | int]:
    """Return accuracy and macro F1 on both splits, averaged over fresh draws."""
    figures: dict[str, float | int] = {}
    for split, draw, truth in zip(("train", "test"), draws, targets, strict=True):
        guesses = [predict(draw(rng)) for _ in range(n_draws)]
        figures[f"{split}_accuracy"] = float(np.mean([(g == truth).mean() for g in guesses]))
        figures[f"{split}_macro_f1"] = float(
            np.mean([f1_score(truth, g, average="macro", zero_division=0.0) for g in guesses])
        )
        figures[f"n_{split}"] = len(truth)
    return figures


def _spread(codes: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of each dimension; one that never changes is left unscaled."""
    deviation = codes.std(0)
    return codes.mean(0), np.where(deviation > 0, deviation, 1.0).astype(np.float32)
