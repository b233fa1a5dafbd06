"""Pictures that are drawn value by value: a network says how probable each level of a value is, given those before it.

Values come in reading order and, within a pixel, colour by colour. Each is drawn by inversion of one number in 0..1.

Reference: van den Oord et al. 2016, arXiv 1606.05328 (PixelCNN); Gulrajani et al. 2016, arXiv 1611.05013 (PixelVAE).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.pixels import Floats

__all__ = ["draw_values", "uniform_of"]

Probability = Callable[[Floats, Floats], Floats]
"""Takes pictures `(N, C, h, W)` so far and their condition `(N, F, h, W)`; returns `(N, levels, C, h, W)`."""

_erf = np.vectorize(math.erf, otypes=[np.float64])


def uniform_of(normal: Floats) -> NDArray[np.float64]:
    """Return the numbers in 0..1 that standard normal ones stand for."""
    return np.asarray(0.5 * (1.0 + _erf(normal / math.sqrt(2.0))), np.float64)


def draw_values(probability: Probability, condition: Floats, uniform: NDArray[np.float64]) -> Floats:
    """Draw pictures.

    Args:
        probability: the network; it is run once a value, on the rows down to that value.
        condition: `(N, F, H, W)`, or `(N, F, 1, 1)` for the same everywhere.
        uniform: `(N, H, W, C)`, in 0..1.

    Returns:
        `(N, C, H, W)` in [-1, 1]; the first level is -1, the last is 1.

    Raises:
        ModelError: the network returns something else.
    """
    n, height, width, channels = uniform.shape
    image = np.zeros((n, channels, height, width), np.float32)
    for y in range(height):
        for x in range(width):
            for c in range(channels):
                found = probability(image[:, :, : y + 1], condition[:, :, : y + 1])
                if (
                    found.ndim != 5
                    or found.shape[0] != n
                    or found.shape[1] < 2
                    or found.shape[2:] != (channels, y + 1, width)
                ):
                    raise ModelError(
                        f"the graph 'pixels' returned {found.shape}, not ({n}, levels, {channels}, {y + 1}, {width})"
                    )
                below = np.cumsum(found[:, :, c, y, x], axis=1, dtype=np.float64)
                level = np.minimum((below < uniform[:, y, x, c, None]).sum(1), found.shape[1] - 1)
                image[:, c, y, x] = level * (2.0 / (found.shape[1] - 1)) - 1.0
    return image
