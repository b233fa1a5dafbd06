"""Classes that training never saw, of which 0, 1 or 10 pictures are given: reconstruction and nearest class in s."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from imgedit.errors import DataError
from training.data.grouped import Grouped
from training.evaluate.codes.grids import Cells, decoded, rgb
from training.evaluate.codes.latents import Array, LatentMethod, Latents, decoding_error, tensor

SHOTS = (0, 1, 10)
DRAWS = 5
"""Draws of the given pictures over which the figures are averaged."""


def held_out(train: Grouped, test: Grouped) -> Grouped:
    """Return the test pictures of the classes (compared by name) that the training split has no picture of.

    Raises:
        DataError: training saw every class.
    """
    seen = {train.classes[i] for i in np.unique(train.specified)}
    new = [i for i in np.unique(test.specified) if test.classes[i] not in seen]
    if not new:
        raise DataError(
            "training saw every class of the test split; few-shot needs a run that left some out, such as "
            "--set holdout=8,9 for mnist, or a set whose test people are other people"
        )
    return test.subset(np.flatnonzero(np.isin(test.specified, new)))


def evaluate(
    method: LatentMethod,
    dataset: Grouped,
    latents: Latents,
    shots: Sequence[int] = SHOTS,
    seed: int = 0,
) -> dict[str, dict[str, float | int]]:
    """Measure reconstruction and recognition of unseen classes.

    With 0 shots each picture is decoded with its own s and there is no class to name. With k shots the class is known
    by the mean s of k pictures of it: every other picture is decoded with its own z and that s, and named after the
    nearest of these means. A class with k pictures or fewer is left out of that row.

    Args:
        method: decodes.
        dataset: pictures of unseen classes.
        latents: their codes.
        shots: numbers of given pictures a class.
        seed: of the draw of the given pictures.

    Returns:
        A row for each number of shots, `shots 1` and so on: n_classes, n (pictures measured in one draw), mse (a value
        of a pixel, scale 0..1) and, with shots, accuracy and chance.

    Raises:
        DataError: the method has no s.
    """
    if latents.s.shape[1] == 0:
        raise DataError(f"{method.id} has no class part s, so there are no shots to take it from")
    rows: dict[str, dict[str, float | int]] = {}
    for k in shots:
        if k == 0:
            mse = decoding_error(method, dataset.images, latents.s, latents.z)
            rows["shots 0"] = {"n_classes": len(np.unique(latents.specified)), "n": len(latents), "mse": mse}
            continue
        figures = []
        for draw in range(DRAWS):
            support, query = split(latents.specified, k, np.random.default_rng([seed, k, draw]))
            if len(support) < 2:
                continue
            centroids = np.stack([latents.s[index].mean(0) for index in support.values()])
            own = np.searchsorted(np.array(list(support)), latents.specified[query])
            guesses = nearest(latents.s[query], centroids)
            mse = decoding_error(method, dataset.images[query], centroids[own], latents.z[query])
            figures.append((float((guesses == own).mean()), mse))
        if figures:
            accuracy, mse = np.mean(figures, 0).tolist()
            rows[f"shots {k}"] = {
                "n_classes": len(support), "n": len(query), "mse": mse, "accuracy": accuracy, "chance": 1 / len(support)
            }  # fmt: skip
    return rows


def split(
    specified: NDArray[np.int64], k: int, rng: np.random.Generator
) -> tuple[dict[int, NDArray[np.int64]], NDArray[np.int64]]:
    """Draw k pictures of each class that has more; return them by class, and the other pictures of these classes."""
    support: dict[int, NDArray[np.int64]] = {}
    query = []
    for c in np.unique(specified):
        index = rng.permutation(np.flatnonzero(specified == c))
        if len(index) > k:
            support[int(c)] = index[:k]
            query.append(index[k:])
    return support, np.sort(np.concatenate(query)) if query else np.empty(0, np.int64)


def nearest(codes: Array, centroids: Array) -> NDArray[np.int64]:
    """Return the index of the nearest centroid (Euclidean) of each code."""
    return np.asarray(torch.cdist(torch.from_numpy(codes), torch.from_numpy(centroids)).argmin(1).numpy(), np.int64)


def picture(
    method: LatentMethod, dataset: Grouped, latents: Latents, seed: int = 0, most: int = 10
) -> tuple[Cells, list[str]]:
    """Return a row a class: an unseen picture, decoded with its own s, with the s of one other and of ten others."""
    rows = []
    for c in np.unique(latents.specified)[:most]:
        index = np.random.default_rng([seed, int(c)]).permutation(np.flatnonzero(latents.specified == c))
        query, others = index[0], index[1:] if len(index) > 1 else index
        s = np.stack([latents.s[query], latents.s[others[0]], latents.s[others[:10]].mean(0)])
        z = np.repeat(latents.z[query][None], len(s), 0)
        made = decoded(method, tensor(method, s)[None], tensor(method, z)[None])[0]
        rows.append(np.concatenate([rgb(dataset.images[query][None]), made]))
    return np.stack(rows), ["picture", "own s", "s of 1", "s of 10"]
