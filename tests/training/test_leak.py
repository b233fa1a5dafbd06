"""How much two codes depend on each other."""

from __future__ import annotations

import itertools

import pytest
import torch

from training import leak


def kernel(x: torch.Tensor) -> torch.Tensor:
    apart = torch.stack([((a - b) ** 2).sum() for a in x for b in x]).reshape(len(x), len(x))
    return torch.exp(-apart / (apart.mean() + 1e-6))


def hsic_by_counting(k: torch.Tensor, m: torch.Tensor) -> float:
    """The mean of k(i,j) (m(i,j) + m(p,q) - 2 m(i,p)) over all i, j, p, q that differ."""
    places = list(itertools.permutations(range(len(k)), 4))
    return sum(float(k[i, j] * (m[i, j] + m[p, q] - 2 * m[i, p])) for i, j, p, q in places) / len(places)


def test_the_estimate_is_the_mean_over_all_different_four() -> None:
    torch.manual_seed(0)
    z, s = torch.randn(7, 2), torch.randn(7, 3)
    k, m = kernel(z), kernel((s - s.mean(0)) / (s.std(0) + 1e-6))
    expected = hsic_by_counting(k, m) / (hsic_by_counting(k, k) * hsic_by_counting(m, m)) ** 0.5
    assert float(leak.dependence(z, s)) == pytest.approx(expected, rel=1e-3)


def test_a_code_depends_on_itself_wholly_and_on_noise_not_at_all_on_average() -> None:
    torch.manual_seed(0)
    s = torch.randn(64, 3)
    assert float(leak.dependence((s - s.mean(0)) / s.std(0), s)) == pytest.approx(1.0, abs=1e-3)
    found = torch.stack([leak.dependence(torch.randn(64, 4), torch.randn(64, 3)) for _ in range(200)])
    assert abs(float(found.mean())) < 3 * float(found.std()) / 200**0.5


def test_a_shift_by_class_is_found_and_its_gradient_takes_it_away() -> None:
    torch.manual_seed(0)
    classes = torch.arange(64) % 4
    s = torch.nn.functional.one_hot(classes, 4) + 0.1 * torch.randn(64, 4)
    noise, shift = torch.randn(64, 2), torch.randn(4, 2).requires_grad_()
    optimizer = torch.optim.Adam([shift], lr=0.05)
    course = []
    for _ in range(100):
        value = leak.dependence(noise + shift[classes], s)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        course.append(float(value.detach()))
    assert course[0] > 0.1
    assert course[-1] < 0.03


def test_equal_rows_give_finite_gradients() -> None:
    z = torch.zeros(6, 2, requires_grad=True)
    leak.dependence(z, torch.randn(6, 2)).backward()
    assert z.grad is not None
    assert bool(z.grad.isfinite().all())
