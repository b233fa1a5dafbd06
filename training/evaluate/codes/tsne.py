"""t-SNE maps (van der Maaten and Hinton 2008) of z's mean and of s, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.manifold import TSNE

from training.evaluate.codes.grids import DPI, save
from training.evaluate.codes.latents import Array, Latents

PERPLEXITY = 30.0
MOST_CLASSES = 10
"""Of a set with more classes the first so many are drawn: more colours cannot be told apart."""


def embed(codes: Array, seed: int = 0) -> Array:
    """Map codes `(N, D)` to the plane, `(N, 2)`.

    Each dimension is centred, and all are scaled alike, so that those which hardly vary stay small.
    """
    centred = codes - codes.mean(0)
    scale = float(centred.std()) or 1.0
    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3)
    machine = TSNE(
        2, perplexity=perplexity, init="pca" if codes.shape[1] > 1 else "random", random_state=seed, n_jobs=1
    )
    return np.asarray(machine.fit_transform(centred / scale), np.float32)


def drawable(latents: Latents) -> Latents:
    """Return the codes of the classes that a map shows."""
    shown = np.unique(latents.specified)[:MOST_CLASSES]
    return latents.take(np.flatnonzero(np.isin(latents.specified, shown)))


def write(latents: Latents, classes: Sequence[str], path: Path, title: str, seed: int = 0) -> None:
    """Write one PNG with the map of z's mean and, where there is an s, that of s beside it.

    Raises:
        OutputError: the file cannot be written.
    """
    latents = drawable(latents)
    parts = {"z (mean)": latents.z, "s": latents.s}
    parts = {name: codes for name, codes in parts.items() if codes.shape[1]}
    figure = Figure((5.0 * len(parts) + 1.2, 5.3), dpi=DPI, layout="constrained")
    axes = figure.subplots(1, len(parts), squeeze=False)[0]
    for ax, (name, codes) in zip(axes, parts.items(), strict=True):
        _scatter(ax, embed(codes, seed), latents.specified, classes)
        ax.set_title(name)
    figure.suptitle(title, fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", markerscale=3, fontsize=8)
    save(figure, path)


def _scatter(ax: Axes, points: Array, specified: NDArray[np.int64], classes: Sequence[str]) -> None:
    colours = mpl.colormaps["tab10"]
    for i, c in enumerate(np.unique(specified)):
        own = points[specified == c]
        ax.scatter(own[:, 0], own[:, 1], s=4, color=colours(i), label=classes[c], linewidths=0)
    ax.set_xticks([])
    ax.set_yticks([])
