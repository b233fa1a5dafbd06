"""The distances of the reverse cycle, in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.losses import reverse
from training.networks.autoencoder import Encoded


def posterior(mean: Tensor, logvar: Tensor) -> Encoded:
    return Encoded(mean[:, :0], mean, logvar, None)


def test_distances_of_equal_posteriors_are_zero() -> None:
    mean, logvar = torch.randn(3, 2).repeat(2, 1), torch.randn(3, 2).repeat(2, 1)
    assert torch.equal(reverse.l1(posterior(mean, logvar)), torch.zeros(3))
    assert torch.allclose(reverse.wasserstein(posterior(mean, logvar)), torch.zeros(3), atol=1e-5)


def test_distances_in_closed_form() -> None:
    mean = torch.tensor([[0.0, 0.0], [2.0, -1.0]])
    deviation = torch.tensor([[1.0, 1.0], [3.0, 1.0]])
    code = posterior(mean, 2.0 * deviation.log())
    assert reverse.l1(code).tolist() == [3.0]
    assert reverse.wasserstein(code).item() == pytest.approx(3.0)  # sqrt(2^2 + 1^2 + (3 - 1)^2)


def test_the_surprise_is_least_where_the_posterior_is_right() -> None:
    drawn = torch.tensor([[1.0, -1.0]])
    code = posterior(drawn, torch.zeros(1, 2))
    assert reverse.surprise(code, drawn).item() == pytest.approx(math.log(2.0 * math.pi))
    assert reverse.surprise(posterior(torch.zeros(1, 2), torch.zeros(1, 2)), drawn).item() == pytest.approx(
        math.log(2.0 * math.pi) + 1.0
    )
