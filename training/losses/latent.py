"""What the losses of latent codes are made of: draws from a posterior, its KL and density, the error of a picture."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def reparametrise(mean: Tensor, logvar: Tensor) -> Tensor:
    """Draw from N(mean, exp(logvar)) so that gradients reach both.

    Reference: Kingma and Welling 2013, section 2.4.
    """
    return mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)


def kl_normal(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return `KL(N(mean, exp(logvar)) || N(0, 1))` in nats, `(N,)`, summed over the dimensions.

    Reference: Kingma and Welling 2013, appendix B.
    """
    return 0.5 * (mean.square() + logvar.exp() - 1.0 - logvar).sum(1)


def log_normal(x: Tensor, mean: Tensor | float = 0.0, logvar: Tensor | float = 0.0) -> Tensor:
    """Return the log density of N(mean, exp(logvar)) at `x` in nats, `(N,)`, summed over the dimensions."""
    logvar = torch.as_tensor(logvar, dtype=x.dtype, device=x.device)
    return -0.5 * ((x - mean).square() * torch.exp(-logvar) + logvar + math.log(2.0 * math.pi)).sum(1)


def squared_error(a: Tensor, b: Tensor) -> Tensor:
    """Return the squared error of pictures in [-1, 1] as `(N,)`: summed over pixels and channels, in units of 0..1."""
    return 0.25 * (a - b).square().flatten(1).sum(1)
