"""How close two pictures are: L1, PSNR, SSIM."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

PSNR_LIMIT = 100.0
"""PSNR of equal pictures, dB."""


def l1(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean absolute difference of colours in 0..1."""
    return float(np.abs(a.astype(np.float64) - b).mean() / 255.0)


def squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean squared difference of colours in 0..255."""
    return float(np.square(a.astype(np.float64) - b).mean())


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio of a squared error, dB, at most `PSNR_LIMIT`.

    Of many pictures give the mean of their errors: a mean of ratios is ruled by pictures that hardly changed.
    """
    return PSNR_LIMIT if error == 0 else min(PSNR_LIMIT, 10.0 * float(np.log10(255.0**2 / error)))


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Structural similarity, mean over colours and over all pixels whose window lies in the picture.

    Args:
        a: `(H, W, 3)` with H and W at least 11.
        b: same shape.

    Reference: Wang et al. 2004: Gaussian window of 11 px, sigma 1.5, K1 0.01, K2 0.03.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    c1, c2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
    mean_x, mean_y = _window(x), _window(y)
    var_x = _window(x * x) - mean_x**2
    var_y = _window(y * y) - mean_y**2
    cov = _window(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * cov + c2) / (var_x + var_y + c2)
    return float((luminance * structure)[5:-5, 5:-5].mean())


def _window(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5))
