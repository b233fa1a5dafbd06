"""What past codes say of the class in z, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from training.losses.past_codes import BANDWIDTH, PastCodes

CENTRES = torch.tensor([[4.0, 0.0], [-4.0, 0.0]])  # s of two classes


def drawn(n: int, apart: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """One-dimensional means of two classes whose centres are `apart` deviations from 0, and s by class."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.arange(n) % 2
    mean = torch.randn(n, 1, generator=generator) + apart * (2.0 * classes[:, None] - 1.0)
    return mean, CENTRES[classes] + 0.1 * torch.randn(n, 2, generator=generator)


def found(apart: float) -> float:
    mean, s = drawn(6000, apart)
    past = PastCodes(4000, 1, 2)
    logvar = torch.full_like(mean, math.log(0.25))
    past.remember(mean[:4000], logvar[:4000], s[:4000])
    z = mean + 0.5 * torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
    return float(past.information(z[4000:], s[4000:]))


def expected(apart: float) -> float:
    """The same by summing over a grid; the posteriors' variance and the bandwidth add to the means' own."""
    z = torch.linspace(-12.0, 12.0, 4001, dtype=torch.float64)

    def mixture(variance: float) -> tuple[Tensor, Tensor]:
        one, other = (
            torch.exp(-0.5 * (z - c).square() / variance) / (2.0 * math.pi * variance) ** 0.5 for c in (apart, -apart)
        )
        return one, 0.5 * (one + other)

    own, _ = mixture(1.0 + 0.25)
    smooth_own, smooth_all = mixture(1.0 + 0.25 + BANDWIDTH**2)
    return float((own * (smooth_own / smooth_all).log()).sum() * (z[1] - z[0]))


@pytest.mark.parametrize("apart", [0.5, 1.0, 2.0])
def test_the_estimate_is_the_information_about_the_class(apart: float) -> None:
    assert found(apart) == pytest.approx(expected(apart), abs=0.03)


def test_a_z_without_the_class_says_nothing() -> None:
    assert found(0.0) == pytest.approx(0.0, abs=0.02)


def test_its_gradient_takes_the_class_out_of_z() -> None:
    shift = torch.full((1,), 1.5, requires_grad=True)
    optimizer = torch.optim.Adam([shift], lr=0.05)
    past = PastCodes(1000, 1, 2)
    generator = torch.Generator().manual_seed(0)
    course = []
    for step in range(150):
        noise, s = drawn(100, 0.0, seed=step)
        mean = noise + shift * s[:, :1].sign()
        z = mean + 0.5 * torch.randn(mean.shape, generator=generator)
        if past.full:
            value = past.information(z, s)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            course.append(float(value.detach()))
        past.remember(mean, torch.full_like(mean, math.log(0.25)), s)
    assert course[0] > 0.3
    assert abs(float(shift.detach())) < 0.3


def test_the_oldest_codes_make_room() -> None:
    past = PastCodes(6, 1, 1)
    for first in (0, 4):
        assert not past.full
        codes = torch.arange(first, first + 4.0)[:, None]
        past.remember(codes, codes, codes)
    assert past.full
    assert past.mean.flatten().tolist() == [6.0, 7.0, 2.0, 3.0, 4.0, 5.0]


def test_codes_that_are_all_alike_give_finite_gradients() -> None:
    past = PastCodes(8, 2, 2)
    past.remember(torch.zeros(8, 2), torch.zeros(8, 2), torch.zeros(8, 2))
    z = torch.zeros(4, 2, requires_grad=True)
    past.information(z, torch.zeros(4, 2)).backward()
    assert z.grad is not None
    assert bool(z.grad.isfinite().all())
