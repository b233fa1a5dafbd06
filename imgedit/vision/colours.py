"""What colours some pixels have, and which others have them too: normal distributions in CIELAB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats

__all__ = ["Normal", "fit", "fit_several", "nearest"]

_SAMPLES = 3000  # that several distributions are fitted to
_FEWEST = 20  # samples of a distribution


class Normal(NamedTuple):
    """One normal distribution.

    Attributes:
        mean: `(3,)`, L*, a*, b*.
        inverse: `(3, 3)`, of its covariance.
        log_det: logarithm of the covariance's determinant.
    """

    mean: NDArray[np.float64]
    inverse: NDArray[np.float64]
    log_det: float

    def distance(self, lab: Floats) -> NDArray[np.float64]:
        """Return the squared Mahalanobis distance of colours `(..., 3)`, `(...)`."""
        away = lab.reshape(-1, 3) - self.mean
        return np.asarray(np.einsum("ni,ni->n", away @ self.inverse, away)).reshape(lab.shape[:-1])

    def surprise(self, lab: Floats) -> NDArray[np.float64]:
        """Return minus twice the logarithm of the density of colours `(..., 3)`, but for a constant."""
        return self.distance(lab) + self.log_det


def fit(samples: Floats, noise: float) -> Normal:
    """Fit one distribution.

    Args:
        samples: `(n, 3)` colours.
        noise: standard deviation that even one colour has, L*a*b* units.
    """
    covariance = np.cov(samples.T, dtype=np.float64, bias=True) + noise**2 * np.eye(3)
    return Normal(
        samples.mean(0, dtype=np.float64),
        np.asarray(np.linalg.inv(covariance), np.float64),
        float(np.linalg.slogdet(covariance)[1]),
    )


def fit_several(samples: Floats, noise: float, count: int) -> list[Normal]:
    """Fit distributions to groups of colours (k-means); arguments as `fit`.

    Args:
        samples: `(n, 3)` colours, at least `count`.
        noise: as there.
        count: groups, at most; those of very few samples are left out.
    """
    chosen = np.ascontiguousarray(samples[:: max(1, len(samples) // _SAMPLES)], np.float32)
    start = np.linspace(0, count - 1e-6, len(chosen)).astype(np.int32)[np.argsort(np.argsort(chosen[:, 0]))]
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 10, 1.0)
    # Begun by lightness rather than at random, so that the same photo always gives the same.
    _, labels, _ = cv2.kmeans(chosen, count, start[:, None], criteria, 1, cv2.KMEANS_USE_INITIAL_LABELS)
    groups = (chosen[labels[:, 0] == i] for i in range(count))
    return [fit(group, noise) for group in groups if len(group) >= _FEWEST] or [fit(chosen, noise)]


def nearest(distributions: Sequence[Normal], lab: Floats) -> NDArray[np.float64]:
    """Return the least `Normal.surprise` of colours `(..., 3)` to any of some distributions."""
    return np.asarray(np.min([one.surprise(lab) for one in distributions], axis=0))
