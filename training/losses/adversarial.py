"""Pure loss functions: tensors in, one scalar out (the mean over the batch); nothing here knows a network."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def hinge_discriminator(real_logits: Tensor, fake_logits: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Hinge loss of the discriminator, `E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))]`.

    `weight`, broadcast to the logits, says how much each of them counts; its mean should be 1.

    Reference: Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, equation 17.
    """
    return (weight * F.relu(1.0 - real_logits)).mean() + (weight * F.relu(1.0 + fake_logits)).mean()


def hinge_generator(fake_logits: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """Generator's side of the hinge and of the Wasserstein game, `-E[D(G(z))]`; `weight` as `hinge_discriminator`."""
    return -(weight * fake_logits).mean()


def logistic_discriminator(real_logits: Tensor, fake_logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Logistic loss of the discriminator, `-E[log D(x)] - E[log(1 - D(G(z)))]` in nats, with `D = sigmoid(logits)`.

    Args:
        real_logits: `(N,)`.
        fake_logits: `(N,)`.
        smoothing: the target of real pictures is `1 - smoothing` (one-sided, Salimans et al. 2016, section 3.4).

    Reference: Goodfellow et al. 2014, equation 1.
    """
    return (F.softplus(-real_logits) + smoothing * real_logits).mean() + F.softplus(fake_logits).mean()


def non_saturating_generator(fake_logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Generator's side of the logistic game in its non-saturating form, `-E[log D(G(z))]` in nats.

    Args:
        fake_logits: `(N,)`.
        smoothing: as `logistic_discriminator`; the generator aims at that target.

    Reference: Goodfellow et al. 2014, section 3.
    """
    return (F.softplus(-fake_logits) + smoothing * fake_logits).mean()


def wasserstein_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Critic's Wasserstein loss without its penalty, `E[D(G(z))] - E[D(x)]`.

    Reference: Arjovsky et al. 2017, algorithm 1.
    """
    return fake_logits.mean() - real_logits.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """WGAN-GP's penalty `E[(|grad D(x_hat)|_2 - 1)^2]` on random points between real and fake pictures.

    Args:
        critic: returns logits; all logits of a picture are summed before the gradient.
        real: `(N, ...)` real pictures.
        fake: same shape; no gradient flows into it.
        generator: source of the mixing weights; None takes torch's own.

    Reference: Gulrajani et al. 2017, equation 3.
    """
    alpha = torch.rand((real.shape[0], *[1] * (real.ndim - 1)), device=real.device, generator=generator)
    mixed = (alpha * real.detach() + (1.0 - alpha) * fake.detach()).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    return (gradient.flatten(1).norm(2, dim=1) - 1.0).square().mean()


def r1_penalty(real: Tensor, logits: Tensor) -> Tensor:
    """Squared gradient norm at the real pictures, `E[|grad D(x)|_2^2]` (to be scaled by gamma / 2).

    Args:
        real: `(N, ...)` real pictures that require a gradient.
        logits: `(N,)` what the discriminator said of them.

    Reference: Mescheder et al. 2018, equation 9.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def lazy_r1(real: Tensor, logits: Tensor, gamma: float, every: int) -> Tensor:
    """R1 for a penalty that is applied in one step of `every`: `every * gamma / 2 * r1_penalty`.

    Over `every` steps it pulls as much as `gamma / 2 * r1_penalty` in each of them.

    Args:
        real: as `r1_penalty`.
        logits: as `r1_penalty`.
        gamma: weight of R1.
        every: steps from one penalty to the next.

    Reference: Karras et al. 2020, arXiv 1912.04958, appendix B (lazy regularization).
    """
    return 0.5 * gamma * every * r1_penalty(real, logits)


def total_variation(image: Tensor) -> Tensor:
    """Mean absolute difference of neighbours along the last two axes, the two means added.

    Reference: Rudin et al. 1992 (anisotropic form).
    """
    vertical = (image[..., 1:, :] - image[..., :-1, :]).abs().mean()
    horizontal = (image[..., :, 1:] - image[..., :, :-1]).abs().mean()
    return vertical + horizontal


def bernoulli_kl(before: Tensor, after: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    """How far a classifier's probabilities have moved, in nats: KL(before || after), the mean over pictures and labels.

    Each label is a Bernoulli distribution of its own.

    Args:
        before: logits `(N, K)`, taken as they are (no gradient).
        after: logits of that shape.
        weight: how much each picture counts, `(N,)`.
    """
    before, after = before.detach().float(), after.float()  # a difference of logarithms is too fine for bfloat16
    log_p, log_not_p = F.logsigmoid(before), F.logsigmoid(-before)
    gained = log_p - F.logsigmoid(after)
    lost = log_not_p - F.logsigmoid(-after)
    each = (log_p.exp() * gained + log_not_p.exp() * lost).mean(1)
    return (weight * each).mean()
