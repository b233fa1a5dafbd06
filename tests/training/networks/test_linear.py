"""The linear layer of oneDNN: PyTorch's values and derivatives of any order, but for rounding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from training.losses.adversarial import gradient_penalty
from training.networks import linear
from training.networks.linear import Linear

ATOL = 1e-5
has_onednn = pytest.mark.skipif(
    not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")), reason="no oneDNN"
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Let every product go to oneDNN; return the shapes of what it is given."""
    shapes: list[tuple[int, ...]] = []
    ours = linear._onednn

    def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        shapes.append((*x.shape, len(weight)))
        return ours(x, weight, bias)

    monkeypatch.setattr(linear, "pays", lambda: True)
    monkeypatch.setattr(linear, "_LEAST", 0)
    monkeypatch.setattr(linear, "_onednn", product)
    return shapes


def pair(bias: bool = True) -> tuple[Linear, nn.Linear]:
    torch.manual_seed(0)
    ours, theirs = Linear(7, 5, bias=bias), nn.Linear(7, 5, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


@has_onednn
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_pytorchs(asked: list[tuple[int, ...]], bias: bool) -> None:
    ours, theirs = pair(bias)
    x, gradient = torch.randn(6, 7), torch.randn(6, 5)
    found, wanted = [], []
    for layer, kept in ((ours, found), (theirs, wanted)):
        given = x.clone().requires_grad_()
        y = layer(given)
        kept += [y.detach(), *torch.autograd.grad(y, [given, *layer.parameters()], gradient)]
    assert len(found) == 3 + bias
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, atol=ATOL, rtol=ATOL)
    assert asked == [(6, 7, 5), (6, 5, 7), (5, 6, 7)]  # the value, the gradient of x, that of the weight


@has_onednn
def test_a_gradient_penalty_moves_weights_as_with_pytorchs(asked: list[tuple[int, ...]]) -> None:
    torch.manual_seed(0)
    ours = nn.Sequential(Linear(6, 8), nn.Tanh(), Linear(8, 1))
    theirs = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
    theirs.load_state_dict(ours.state_dict())
    real, fake = torch.randn(4, 6), torch.randn(4, 6)
    moved = [
        torch.autograd.grad(
            gradient_penalty(n, real, fake, torch.Generator().manual_seed(1)), [n[0].weight, n[0].bias, n[2].weight]
        )
        for n in (ours, theirs)
    ]
    for a, b in zip(*moved, strict=True):
        assert b.any()
        torch.testing.assert_close(a, b, atol=ATOL, rtol=ATOL)
    assert len(asked) > 6


@has_onednn
def test_no_gradient_is_computed_that_nobody_wants(asked: list[tuple[int, ...]]) -> None:
    ours, _ = pair()
    ours.weight.requires_grad_(False)
    x = torch.randn(6, 7, requires_grad=True)
    ours(x).sum().backward()
    assert asked == [(6, 7, 5), (6, 5, 7)]
    with torch.no_grad():
        ours(x)
    assert asked[2:] == [(6, 7, 5)]


def test_small_products_other_numbers_and_other_processors_are_pytorchs(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pair()
    monkeypatch.setattr(linear, "_onednn", None)  # a call would fail
    x = torch.randn(6, 7)
    monkeypatch.setattr(linear, "pays", lambda: True)
    assert torch.equal(ours(x), theirs(x))  # small
    monkeypatch.setattr(linear, "_LEAST", 0)
    assert torch.equal(ours.double()(x.double()), theirs.double()(x.double()))
    ours, theirs = pair()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours(x), theirs(x))
    monkeypatch.setattr(linear, "pays", lambda: False)
    assert torch.equal(ours(x), theirs(x))
