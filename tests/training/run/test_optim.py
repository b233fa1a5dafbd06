"""The average of weights in closed form, and what a step of an optimizer does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.run.optim import EMA, descend, frozen, load_matching, one_cycle


def constant(value: float) -> nn.Linear:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def test_the_average_moves_towards_the_network_by_one_less_the_decay() -> None:
    ema = EMA(constant(0.0), 0.9)
    ema.updates = 10_000  # the warm-up is over
    ema.update(constant(1.0))
    assert float(ema.network.weight.detach()) == pytest.approx(0.1)
    ema.update(constant(1.0))
    assert float(ema.network.weight.detach()) == pytest.approx(0.19)


def test_the_first_updates_forget_the_start_faster() -> None:
    ema = EMA(constant(0.0), 0.999)
    left = 1.0
    for update in range(1, 6):
        ema.update(constant(1.0))
        left *= (1 + update) / (10 + update)
        assert float(ema.network.weight.detach()) == pytest.approx(1.0 - left, rel=1e-5)


def test_the_decay_is_the_limit_of_the_warm_up() -> None:
    ema = EMA(constant(0.0), 0.3)
    ema.update(constant(1.0))  # 2 / 11 is less than 0.3
    assert float(ema.network.weight.detach()) == pytest.approx(9 / 11)
    ema.network.weight.zero_()
    ema.updates = 8  # 10 / 19 is more
    ema.update(constant(1.0))
    assert float(ema.network.weight.detach()) == pytest.approx(0.7)


def test_a_decay_of_zero_follows_the_network_to_the_last_bit() -> None:
    ema = EMA(constant(0.1), 0.0)
    network = constant(1 / 3)
    ema.update(network)
    assert torch.equal(ema.network.weight, network.weight)


def test_buffers_are_averaged_and_whole_numbers_copied() -> None:
    network = nn.BatchNorm1d(2)
    ema = EMA(network, 0.9)
    ema.updates = 10_000
    network.running_mean.fill_(5.0)  # type: ignore[union-attr]
    network.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    ema.update(network)
    assert torch.allclose(ema.network.running_mean, torch.full((2,), 0.5))  # type: ignore[arg-type]
    assert int(ema.network.num_batches_tracked) == 7  # type: ignore[arg-type]


def test_the_network_that_is_averaged_stays_as_it_is_and_gets_no_gradient() -> None:
    network = constant(2.0)
    ema = EMA(network, 0.5)
    ema.update(network)
    assert float(network.weight.detach()) == 2.0
    assert network.weight.requires_grad
    assert not ema.network.weight.requires_grad
    assert not ema.network.training


def test_a_restored_average_goes_on_with_its_warm_up() -> None:
    first, second = EMA(constant(0.0), 0.999), EMA(constant(0.0), 0.999)
    for _ in range(3):
        first.update(constant(1.0))
    second.load_state_dict(first.state_dict())
    for ema in (first, second):
        ema.update(constant(-1.0))
    assert torch.equal(first.network.weight, second.network.weight)


def test_descend_goes_down_the_gradient_of_this_loss_alone() -> None:
    network = constant(3.0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    (100.0 * network.weight.sum()).backward()  # what was left of an earlier loss
    descend(optimizer, network.weight.square().sum())
    assert float(network.weight.detach()) == pytest.approx(3.0 - 0.1 * 6.0)


def test_a_frozen_network_gets_no_gradient_and_passes_it_on() -> None:
    network, x = constant(2.0), torch.ones(1, 1, requires_grad=True)
    with frozen(network):
        network(x).sum().backward()
    assert network.weight.grad is None
    assert network.weight.requires_grad
    assert x.grad is not None
    assert float(x.grad) == 2.0


def test_one_cycle_rises_over_a_tenth_and_falls_to_a_hundredth() -> None:
    assert one_cycle(0, 100) == 0.01
    assert one_cycle(5, 100) == pytest.approx(0.5)
    assert one_cycle(10, 100) == pytest.approx(1.0)
    assert one_cycle(55, 100) == pytest.approx(0.505, abs=1e-6)
    assert one_cycle(100, 100) == pytest.approx(0.01)


def test_load_matching_leaves_what_does_not_fit() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    other = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 4))
    before = network[1].weight.detach().clone()
    load_matching(network, other.state_dict())
    assert torch.equal(network[0].weight, other[0].weight)
    assert torch.equal(network[1].weight, before)
