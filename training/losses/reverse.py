"""How far the codes of the reverse cycle are from each other, or from the z that was decoded."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from training.losses.latent import log_normal
from training.networks.autoencoder import Encoded

__all__ = ["Distance", "distance", "l1", "surprise", "wasserstein"]

Distance = Literal["l1", "wasserstein", "likelihood"]
"""By name: `l1`, `wasserstein`, and `surprise` as likelihood."""


def distance(kind: Distance, code: Encoded, drawn: Tensor) -> Tensor:
    """Return the distance of a kind, `(N / 2,)`, or `(N,)` for a likelihood.

    Args:
        kind: which.
        code: of N pictures; the second half shows the z of the first with other s.
        drawn: `(N, Z)`, the z that was decoded.

    Raises:
        ValueError: z is no distribution, which all but `l1` need.
    """
    if kind == "likelihood":
        return surprise(code, drawn)
    return (l1 if kind == "l1" else wasserstein)(code)


def l1(code: Encoded) -> Tensor:
    """Return the L1 distance of the means of z of the two halves of a batch, `(N / 2,)`, summed over dimensions.

    Reference: Jha et al. 2018, equation 4.
    """
    first, second = code.z.chunk(2)
    return (first - second).abs().sum(1)


def wasserstein(code: Encoded) -> Tensor:
    """Return the 2-Wasserstein distance of the posteriors of the two halves of a batch, `(N / 2,)`.

    For diagonal normal distributions it is the Euclidean distance of means and standard deviations together.

    Reference: Givens and Shortt 1984, proposition 7.
    """
    if code.z_logvar is None:
        raise ValueError("z must be a distribution")
    first, second = torch.cat([code.z, (0.5 * code.z_logvar).exp()], 1).chunk(2)
    return ((first - second).square().sum(1) + 1e-12).sqrt()


def surprise(code: Encoded, drawn: Tensor) -> Tensor:
    """Return how unlikely the posteriors find the z that was decoded, `-log q(z | Dec(z, s))` in nats, `(N,)`.

    The z was drawn without looking at s, so that an encoder that returns it says nothing of the class.

    Reference: Hinton et al. 1995, The wake-sleep algorithm for unsupervised neural networks (the sleep phase).
    """
    if code.z_logvar is None:
        raise ValueError("z must be a distribution")
    return -log_normal(drawn, code.z, code.z_logvar)
