"""LeakyReLU: PyTorch's values and derivatives, in the input's memory order, and nothing beyond them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from training.losses.adversarial import gradient_penalty
from training.networks.activations import LeakyReLU

SLOPE = 0.2


def picture(order: torch.memory_format = torch.contiguous_format) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(2, 3, 4, 5).contiguous(memory_format=order).requires_grad_()


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("other", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_pytorchs_to_the_bit(order: torch.memory_format, other: torch.memory_format) -> None:
    x, gradient = picture(order), torch.randn(2, 3, 4, 5).contiguous(memory_format=other)
    ours, theirs = LeakyReLU(SLOPE)(x), nn.functional.leaky_relu(x, SLOPE)
    assert torch.equal(ours, theirs)
    (found,) = torch.autograd.grad(ours, x, gradient)
    (wanted,) = torch.autograd.grad(theirs, x, gradient)
    assert torch.equal(found, wanted)
    assert found.is_contiguous(memory_format=order)


def test_a_gradient_penalty_moves_weights_as_with_pytorchs() -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(nn.Linear(6, 8), LeakyReLU(SLOPE), nn.Linear(8, 8), LeakyReLU(SLOPE), nn.Linear(8, 1))
    theirs = nn.Sequential(*[nn.LeakyReLU(SLOPE) if isinstance(layer, LeakyReLU) else layer for layer in ours])
    real, fake = torch.randn(4, 6), torch.randn(4, 6)
    weights = [p for name, p in ours.named_parameters() if "weight" in name]
    penalties = [gradient_penalty(n, real, fake, torch.Generator().manual_seed(1)) for n in (ours, theirs)]
    found, wanted = (torch.autograd.grad(penalty, weights) for penalty in penalties)
    assert penalties[0].item() > 0
    assert all(torch.equal(a, b) and bool(a.any()) for a, b in zip(found, wanted, strict=True))


def test_a_gradient_penalty_is_not_followed_through_the_slopes() -> None:
    x = picture()
    (first,) = torch.autograd.grad(LeakyReLU(SLOPE)(x).sum(), x, create_graph=True)
    assert first.grad_fn is None or not first.requires_grad
    y = torch.randn(2, 3, 4, 5, requires_grad=True)
    (first,) = torch.autograd.grad(LeakyReLU(SLOPE)(x), x, y, create_graph=True)
    assert torch.autograd.grad(first.sum(), [x], allow_unused=True)[0] is None
    (second,) = torch.autograd.grad(torch.autograd.grad(LeakyReLU(SLOPE)(x), x, y, create_graph=True)[0].sum(), y)
    assert torch.equal(second, torch.where(x > 0, 1.0, SLOPE).detach())


@torch.no_grad()
def test_without_gradients_it_is_pytorchs_own() -> None:
    x = picture()
    y = LeakyReLU(SLOPE)(x)
    assert torch.equal(y, nn.functional.leaky_relu(x, SLOPE))
    assert y.grad_fn is None
