"""Grounds that are computed: plain ones, gradients, soft noise, and edges, so that no one ground is learnt by heart."""

from __future__ import annotations

import cv2
import numpy as np


def grounds(n: int, shape: tuple[int, int], rng: np.random.Generator, plain: float) -> np.ndarray:
    """Draw grounds, float32 `(n, 3, h, w)` in [-1, 1].

    Args:
        n: how many.
        shape: height and width, px.
        rng: where they are drawn from.
        plain: share that has one colour; half of these are nearly white.
    """
    return np.stack([_ground(shape, rng, plain) for _ in range(n)]).transpose(0, 3, 1, 2).copy()


def _ground(shape: tuple[int, int], rng: np.random.Generator, plain: float) -> np.ndarray:
    height, width = shape
    if rng.random() < plain:
        colour = rng.uniform(0.9, 1.0, 3).astype(np.float32) if rng.random() < 0.5 else _colour(rng)
        return np.broadcast_to(colour, (height, width, 3))
    ground = np.broadcast_to(_colour(rng), (height, width, 3)).copy()
    for cells in (2, 4, 9, 24, 60):  # coarse and fine
        noise = rng.normal(0.0, rng.uniform(0.0, 0.2), (cells, cells, 3)).astype(np.float32)
        if rng.random() < 0.7:
            noise = noise.mean(2, keepdims=True).repeat(3, 2) * np.float32(1.7)
        sharp = cv2.INTER_NEAREST if rng.random() < 0.2 else cv2.INTER_CUBIC
        ground += cv2.resize(noise, (width, height), interpolation=sharp)
    for _ in range(int(rng.integers(0, 4))):  # straight edges, as of walls and doors
        angle, offset = rng.uniform(0.0, np.pi), rng.uniform(-0.4, 0.4)
        ys, xs = np.mgrid[0:height, 0:width].astype(np.float32) / max(height, width) - 0.5
        side = xs * np.cos(angle) + ys * np.sin(angle) > offset
        ground += np.where(side, 1.0, 0.0).astype(np.float32)[..., None] * rng.normal(0.0, 0.4, 3).astype(np.float32)
    return np.clip(ground, -1.0, 1.0).astype(np.float32)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Draw a colour `(3,)`, in the mean of little saturation."""
    return np.clip(rng.uniform(-0.9, 0.9) + rng.normal(0.0, rng.uniform(0.0, 0.4), 3), -1.0, 1.0).astype(np.float32)
