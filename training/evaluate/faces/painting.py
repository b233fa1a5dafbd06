"""How well a mouth painter paints held-out open mouths from their own contours, where the truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.progress import with_progress
from training import train as start
from training.data import mouths
from training.evaluate.faces.quality import psnr
from training.evaluate.subject import sample_indices

__all__ = ["painting"]


def painting(model: Model, data: str, n: int | None, seed: int, device: str = "auto") -> tuple[dict[str, Any], int]:
    """Return the mean L1 (0..1) and the PSNR (dB) in the holes of open mouths of the test split, and their number.

    `l1_mean_colour` is the L1 of holes filled with their own mean colour, which no painter knows.

    Args:
        model: of kind `paint`.
        data: `mouths:DIR`.
        n: at most so many mouths; None for all.
        seed: of their choice.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
    """
    dataset = start.load_data(data, "test", {"size": model.manifest.crop.width, "mouth_masks": True}, model.id)
    wide = np.flatnonzero(mouths.are_open(dataset.points))
    index = wide[sample_indices(len(wide), n, seed)]
    session = Sessions(device).open(model, "paint")
    rng = np.random.default_rng(seed)
    errors, squares, of_mean = [], [], []
    for i in with_progress(index.tolist(), "Painting"):
        batch = dataset.batch(np.array([i]), rng)
        masks = batch.require_mask()[:, : len(mouths.MASKS)].numpy()
        image = batch.image.numpy()
        painted = session.run({"image": image, "masks": masks})["painted"]
        hole = masks[0, 2] > 0.5
        true, found = (np.clip(x[0][:, hole] * 0.5 + 0.5, 0.0, 1.0) for x in (image, painted))
        errors.append(np.abs(true - found).mean())
        squares.append(np.square(true - found).mean())
        of_mean.append(np.abs(true - true.mean(1, keepdims=True)).mean())
    metrics = {
        "l1": float(np.mean(errors)),
        "l1_mean_colour": float(np.mean(of_mean)),
        "psnr": psnr(float(np.mean(squares)) * 255.0**2),
    }
    return metrics, len(index)
