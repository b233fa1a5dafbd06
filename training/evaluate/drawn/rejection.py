"""Fit discriminator rejection sampling to a GAN: calibrate its scores, then find M and gamma by a burn-in.

Reference: Azadi et al. 2019, arXiv 1810.06758, sections 3.2 and 3.3. Drawing with it: `imgedit.edits.sample`.

Deviations: calibration is Platt's, a logistic regression on the one score, on pictures that neither network saw. For a
discriminator with a logit it corrects over-confidence; for a critic, whose score has no unit, it is the calibrated
classifier on top. A map of one number cannot reorder pictures: where a critic ranks them wrongly, so does this.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.edits.sample import Array, Generator, Rejection, draw, odds
from imgedit.errors import ConfigError

N_BURN_IN = 10_000
"""Generated pictures among which the largest logit is searched."""
GAMMA = "80%"
"""The paper's rule on ImageNet: the 80th percentile of F."""
GAMMAS = (GAMMA, "50%", "20%", "5%")
"""From these the validation split chooses: a strict rule also magnifies the errors of a discriminator."""
CALIBRATION_SEED, BURN_IN_SEED = 1_000_003, 2_000_003
"""Added to the seed, so that no picture serves twice: to calibrate, to find M and gamma, or to be measured."""


@dataclass(frozen=True)
class Calibration:
    """A generator's score, calibrated; gamma is still free.

    Attributes:
        a: slope of the calibrated logit.
        b: its intercept.
        m: the largest logit of the burn-in.
        burn_in_odds: F of the burn-in (equation 7 without gamma), `(N,)`.
        about: how it was found, and the log loss of the calibrated and of the raw score in nats, where a coin has
            0.693.
    """

    a: float
    b: float
    m: float
    burn_in_odds: NDArray[np.float64]
    about: dict[str, Any]

    def rejection(self, gamma: str) -> tuple[Rejection, dict[str, Any]]:
        """Return the rejection with a gamma (`80%`: that percentile of F over the burn-in; or a number).

        Returns:
            The rejection, and what a manifest keeps of it: its four numbers, the rule of gamma and `about`.
        """
        kind, value = parse_gamma(gamma)
        shift = float(np.percentile(self.burn_in_odds, value)) if kind == "percentile" else value
        rejection = Rejection(self.a, self.b, self.m, shift)
        return rejection, {**dataclasses.asdict(rejection), "gamma_rule": gamma, **self.about}


def fit(generator: Generator, real: Array, *, seed: int = 0, n_burn_in: int = N_BURN_IN) -> Calibration:
    """Calibrate a generator with a score.

    Args:
        generator: what is to be sampled.
        real: held-out real pictures `(N, C, H, W)`, [-1, 1]; as many are generated.
        seed: of the generated pictures.
        n_burn_in: pictures of the burn-in.
    """
    real_scores = np.concatenate([generator.score(real[i : i + 256]) for i in range(0, len(real), 256)])
    fake_scores = _scores(generator, len(real), seed + CALIBRATION_SEED)
    a, b = calibrate(real_scores, fake_scores)
    logits = a * _scores(generator, n_burn_in, seed + BURN_IN_SEED) + b
    m = float(logits.max())
    about = {
        "n_calibration": 2 * len(real),
        "n_burn_in": n_burn_in,
        "log_loss": log_loss(a * real_scores + b, a * fake_scores + b),
        "log_loss_raw": log_loss(real_scores, fake_scores),
    }
    return Calibration(a, b, m, odds(logits, m), about)


def calibrate(real: NDArray[Any], fake: NDArray[Any]) -> tuple[float, float]:
    """Return the slope and intercept that turn scores into the logit of being real.

    Args:
        real: scores of real pictures `(N,)`.
        fake: scores of generated pictures `(N,)`, as many.
    """
    from sklearn.linear_model import LogisticRegression

    scores = np.concatenate([real, fake]).astype(np.float64)
    mean, std = float(scores.mean()), float(scores.std()) or 1.0
    # The mild penalty only matters where the scores part real from generated without a mistake.
    model = LogisticRegression(C=1.0).fit(((scores - mean) / std)[:, None], np.arange(len(scores)) < len(real))
    slope = float(model.coef_[0, 0]) / std
    return slope, float(model.intercept_[0]) - slope * mean


def log_loss(real_logits: NDArray[Any], fake_logits: NDArray[Any]) -> float:
    """Return the mean cross-entropy of telling real from generated, nats."""
    losses = np.concatenate([np.logaddexp(0.0, -real_logits), np.logaddexp(0.0, fake_logits)])
    return float(losses.astype(np.float64).mean())


def parse_gamma(text: str) -> tuple[str, float]:
    """Read `80%` or a number.

    Raises:
        ConfigError: it is neither.
    """
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = math.nan
    is_percentile = text.endswith("%")
    if not math.isfinite(value) or (is_percentile and not 0 <= value <= 100):
        raise ConfigError(f"--gamma is a percentile such as 80%, or a number such as 0.5; got {text!r}")
    return "percentile" if is_percentile else "fixed", value


def _scores(generator: Generator, n: int, seed: int) -> NDArray[np.float64]:
    parts = [generator.score(batch.images) for batch in draw(generator, n, seed=seed)]
    return np.concatenate(parts).astype(np.float64)
