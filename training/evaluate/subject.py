"""What is measured: a model by its id or folder, or a run; and which pictures of a set it is measured on."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgedit.models import library
from imgedit.models.library import Model
from training.run import checkpoint


@contextlib.contextmanager
def open_model(name: str) -> Iterator[Model]:
    """Yield the model of an id, model folder or run folder; a run is exported for the time of its test."""
    if not is_run(name):
        yield library.find(name)
        return
    from training.publish.export import export

    with tempfile.TemporaryDirectory() as scratch:
        export(Path(name), Path(scratch) / "model")
        yield library.load(Path(scratch) / "model")


def is_run(name: str | Path) -> bool:
    """Tell whether a name is a run folder."""
    return bool(checkpoint.found(Path(name)))


def sample_indices(total: int, n: int | None, seed: int) -> NDArray[np.int64]:
    """Return at most `n` different indices below `total`, in order; None: all."""
    order = np.random.default_rng(seed).permutation(total)
    return np.sort(order[: total if n is None else n])
