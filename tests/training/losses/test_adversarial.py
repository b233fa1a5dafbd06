"""Losses against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.losses import adversarial as losses

EXACT = 1e-6


def close(value: Tensor, expected: float, tolerance: float = EXACT) -> bool:
    return abs(float(value.detach()) - expected) <= tolerance


def test_hinge_discriminator_is_zero_beyond_the_margins_and_linear_within() -> None:
    assert close(losses.hinge_discriminator(torch.tensor([1.0, 5.0]), torch.tensor([-1.0, -9.0])), 0.0)
    # (1 - 0.5) and (1 + 0.25)
    assert close(losses.hinge_discriminator(torch.tensor([0.5]), torch.tensor([0.25])), 1.75)
    # as many of the one as of the other are not needed
    assert close(losses.hinge_discriminator(torch.tensor([0.5]), torch.tensor([0.25, 0.75])), 2.0)


def test_hinge_weighs_what_it_is_told_to() -> None:
    real, fake, weight = torch.tensor([[0.5, -9.0]]), torch.tensor([[0.25, 9.0]]), torch.tensor([[2.0, 0.0]])
    assert close(losses.hinge_discriminator(real, fake, weight), 1.75)
    assert close(losses.hinge_generator(fake, weight), -0.25)


def test_hinge_generator_is_minus_the_mean_logit() -> None:
    assert close(losses.hinge_generator(torch.tensor([[1.0, -3.0], [4.0, 6.0]])), -2.0)


def test_wasserstein_critic_is_fake_minus_real_means() -> None:
    assert close(losses.wasserstein_critic(torch.tensor([2.0, 4.0]), torch.tensor([1.0])), -2.0)


@pytest.mark.parametrize("norm", [0.0, 0.5, 1.0, 3.0])
def test_gradient_penalty_of_a_linear_critic_is_the_squared_excess_of_its_norm(norm: float) -> None:
    torch.manual_seed(0)
    w = torch.randn(3 * 4 * 4)
    w = w / w.norm() * norm
    real, fake = torch.randn(2, 5, 3, 4, 4).unbind(0)
    penalty = losses.gradient_penalty(lambda x: x.flatten(1) @ w, real, fake)
    assert close(penalty, (norm - 1.0) ** 2, 1e-5)


def test_gradient_penalty_reaches_the_critics_weights_but_not_the_fakes() -> None:
    w = torch.full((6,), 0.1, requires_grad=True)
    fake = torch.randn(2, 6, requires_grad=True)
    losses.gradient_penalty(lambda x: x @ w, torch.randn(2, 6), fake).backward()
    norm = float(w.detach().norm())
    assert w.grad is not None
    # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|
    torch.testing.assert_close(w.grad, 2 * (norm - 1) * w.detach() / norm)
    assert fake.grad is None


def test_gradient_penalty_mixes_one_weight_a_picture() -> None:
    # critic |x|^2 / 2 has gradient x: between 0 and a constant c the mixed norms are alpha |c|, alpha uniform.
    generator = torch.Generator().manual_seed(1)
    alpha = torch.rand(4000, 1, generator=torch.Generator().manual_seed(1))
    real, fake = torch.full((4000, 4), 1.0), torch.zeros(4000, 4)
    penalty = losses.gradient_penalty(lambda x: x.square().sum(1) / 2, real, fake, generator)
    assert close(penalty, float((alpha * 2 - 1).square().mean()), 1e-5)


def test_r1_of_a_linear_discriminator_is_its_squared_norm() -> None:
    w = torch.tensor([1.0, -2.0, 2.0])
    real = torch.randn(7, 3, requires_grad=True)
    assert close(losses.r1_penalty(real, real @ w), 9.0, 1e-5)


def test_total_variation_of_a_ramp_is_its_slope() -> None:
    ramp = torch.arange(5.0).repeat(4, 1)[None, None] * 0.5
    assert close(losses.total_variation(ramp), 0.5)
    assert close(losses.total_variation(ramp.transpose(2, 3)), 0.5)


def test_bernoulli_kl_counts_pictures_by_their_weight() -> None:
    before, after = torch.zeros(2, 3), torch.tensor([[1.0] * 3, [5.0] * 3])
    first, second = (losses.bernoulli_kl(before[i : i + 1], after[i : i + 1]) for i in range(2))
    loss = losses.bernoulli_kl(before, after, torch.tensor([4.0, 0.5]))
    torch.testing.assert_close(loss, (4.0 * first + 0.5 * second) / 2)


def test_bernoulli_kl_is_the_divergence_of_coins_and_moves_only_the_second() -> None:
    before = torch.tensor([[0.0, math.log(3.0)]], requires_grad=True)
    after = torch.tensor([[math.log(3.0), math.log(3.0)]], requires_grad=True)
    loss = losses.bernoulli_kl(before, after)
    # KL(1/2 || 3/4) = ln(2) - ln(3) / 2, and nothing for the second
    assert close(loss, (math.log(2.0) - math.log(3.0) / 2.0) / 2.0)
    loss.backward()
    assert before.grad is None
    assert after.grad is not None
    assert after.grad[0, 0] > 0.0
    assert abs(float(after.grad[0, 1])) < EXACT


def test_lazy_r1_is_r1_for_all_the_steps_that_it_stands_for() -> None:
    real = torch.randn(3, 2, requires_grad=True)
    logits = (real * torch.tensor([3.0, 4.0])).sum(1)  # a slope of 5 everywhere
    assert float(losses.lazy_r1(real, logits, gamma=0.2, every=16).detach()) == pytest.approx(16 * 0.1 * 25.0)
