"""Discriminators of the mixing methods: is this picture real, and of the class of a reference?

The class is given as an index (`ClassDiscriminator`) or by another picture of it (`PairDiscriminator`). Both are
called `discriminator(image, condition)` and return one logit a picture, `(N,)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from training.losses import adversarial as losses
from training.networks.activations import LeakyReLU

Adversarial = Literal["hinge", "non_saturating"]


class PairDiscriminator(nn.Module):
    """Sees the picture and a reference as the channels of one input (Szabo et al. 2017).

    Args:
        channels: of one picture.
        size: side of the pictures, px.
        width: channels of the first layer; each further layer doubles them, up to eight times.
    """

    def __init__(self, channels: int, size: int, width: int) -> None:
        super().__init__()
        self.trunk, n_features = _trunk(2 * channels, size, width)
        self.logit = nn.Linear(n_features, 1, bias=False)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Judge `image` beside the reference `condition`, both `(N, C, H, W)` in [-1, 1]."""
        logits: Tensor = self.logit(self.trunk(torch.cat([image, condition], 1)))
        return logits.squeeze(1)


class ClassDiscriminator(nn.Module):
    """Sees the picture alone; its features are compared with a learned embedding of the class.

    Reference: projection discriminator, Miyato and Koyama 2018, equation 3.
    """

    def __init__(self, channels: int, size: int, width: int, n_classes: int) -> None:
        super().__init__()
        self.trunk, n_features = _trunk(channels, size, width)
        self.logit = nn.Linear(n_features, 1, bias=False)
        self.embedding = nn.Embedding(n_classes, n_features)
        nn.init.normal_(self.embedding.weight, std=n_features**-0.5)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Judge `image` `(N, C, H, W)` in [-1, 1] as one of the classes `condition` `(N,)`, int64."""
        features = self.trunk(image)
        logits: Tensor = self.logit(features).squeeze(1) + (self.embedding(condition) * features).sum(1)
        return logits


def discriminator_step(
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    real_condition: Tensor,
    fakes: Sequence[Tensor],
    fake_condition: Tensor,
    *,
    adversarial: Adversarial,
    r1: float = 0.0,
    accuracy_limit: float = 1.0,
    label_real: float = 1.0,
) -> dict[str, Tensor]:
    """One optimizer step of the discriminator; nothing else moves.

    Args:
        discriminator: `(image, condition) -> (N,)` logits.
        optimizer: its optimizer.
        real: `(N, C, H, W)` real pictures.
        real_condition: their classes or references.
        fakes: generated pictures, each as many as there are real ones; they weigh as much as the real ones in all.
        fake_condition: the class or reference that each of `fakes` should have.
        adversarial: which loss.
        r1: weight of the squared gradient norm at the real pictures in this step; 0 leaves it out.
        accuracy_limit: do not step where the discriminator is right about more than this share of the pictures.
        label_real: probability that it is to give real pictures; below 1 needs `non_saturating`.

    Returns:
        `loss_d` and `d_accuracy`, detached.
    """
    real = real.detach().requires_grad_(r1 > 0)
    real_logits = discriminator(real, real_condition)
    fake_logits = discriminator(torch.cat(list(fakes)).detach(), torch.cat([fake_condition] * len(fakes)))
    if adversarial == "hinge":
        loss = losses.hinge_discriminator(real_logits, fake_logits)
    else:
        loss = losses.logistic_discriminator(real_logits, fake_logits, 1.0 - label_real)
    total = loss + r1 * losses.r1_penalty(real, real_logits) if r1 > 0 else loss
    optimizer.zero_grad(set_to_none=True)
    total.backward()
    accuracy = 0.5 * ((real_logits > 0).float().mean() + (fake_logits <= 0).float().mean())
    if accuracy_limit >= 1.0 or float(accuracy) <= accuracy_limit:
        optimizer.step()
    return {"loss_d": loss.detach(), "d_accuracy": accuracy.detach()}


def generator_loss(
    discriminator: nn.Module,
    fakes: Sequence[Tensor],
    condition: Tensor,
    adversarial: Adversarial,
    label_real: float = 1.0,
) -> Tensor:
    """Return the generator's adversarial loss, the mean over `fakes`; the discriminator's weights get no gradient.

    It aims at `label_real`, the probability that the discriminator is to give real pictures.
    """
    discriminator.requires_grad_(False)
    logits = discriminator(torch.cat(list(fakes)), torch.cat([condition] * len(fakes)))
    discriminator.requires_grad_(True)
    if adversarial == "hinge":
        return losses.hinge_generator(logits)
    return losses.non_saturating_generator(logits, 1.0 - label_real)


def _trunk(n_in: int, size: int, width: int) -> tuple[nn.Sequential, int]:
    """Return strided convolutions down to about 4 px, and the number of features that they give."""
    layers: list[nn.Module] = []
    side, n_out = size, width
    while side > 4:
        layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), LeakyReLU(0.2)]
        side, n_in, n_out = side // 2, n_out, min(2 * n_out, 8 * width)
    return nn.Sequential(*layers, nn.Flatten()), n_in * side * side
