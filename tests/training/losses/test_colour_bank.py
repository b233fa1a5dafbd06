"""The bank of real hair colours."""

from __future__ import annotations

import pytest
import torch

from training.losses.colour_bank import ColourBank


def points(bank: ColourBank, *values: float) -> torch.Tensor:
    return torch.tensor(values)[:, None].expand(-1, bank.points.shape[2])


def test_the_oldest_points_make_room_and_kinds_stay_apart() -> None:
    bank = ColourBank(2, torch.device("cpu"), size=4)
    bank.add(0, points(bank, 1.0, 2.0, 3.0))
    bank.add(0, points(bank, 4.0, 5.0))
    bank.add(1, points(bank, 9.0))
    assert set(bank.draw(0, 200)[:, 0].tolist()) == {2.0, 3.0, 4.0, 5.0}
    assert set(bank.draw(1, 20)[:, 0].tolist()) == {9.0}


def test_a_bank_is_ready_once_enough_came_in() -> None:
    bank = ColourBank(1, torch.device("cpu"), size=8)
    bank.add(0, points(bank, 0.0, 1.0, 2.0))
    assert not bank.is_ready(0, at_least=4)
    bank.add(0, points(bank, 3.0))
    assert bank.is_ready(0, at_least=4)


def test_points_are_kept_without_their_gradients() -> None:
    bank = ColourBank(1, torch.device("cpu"), size=8)
    bank.add(0, points(bank, 1.0).clone().requires_grad_())
    assert not bank.draw(0, 1).requires_grad


def test_a_restored_bank_goes_on_where_the_saved_one_stood() -> None:
    bank, other = (ColourBank(1, torch.device("cpu"), size=4) for _ in range(2))
    bank.add(0, points(bank, 1.0, 2.0, 3.0))
    other.load_state_dict(bank.state_dict())
    other.add(0, points(bank, 4.0, 5.0))
    assert other.counts == [5]
    assert set(other.draw(0, 200)[:, 0].tolist()) == {2.0, 3.0, 4.0, 5.0}


def test_tint_excess_is_free_near_the_mean_and_the_squared_excess_beyond() -> None:
    torch.manual_seed(0)
    bank = ColourBank(1, torch.device("cpu"))
    known = torch.zeros(4096, 5)
    known[:, 0] = 0.55  # one lightness bin
    known[:, 1] = 0.1 * torch.randn(4096) + 0.2
    known[:, 2] = 0.1 * torch.randn(4096)
    bank.add(0, known)
    inside, outside = torch.tensor([[0.55, 0.25, 0.05, 0.0, 0.0]]), torch.tensor([[0.55, 0.6, 0.0, 0.0, 0.0]])
    assert float(bank.tint_excess(0, inside)) == 0.0
    # a is 0.4 from the mean, 0.3 beyond one standard deviation; b is at its mean: 0.09 over two.
    assert float(bank.tint_excess(0, outside)) == pytest.approx(0.045, rel=0.1)


def test_tint_excess_does_not_let_green_pay_for_purple() -> None:
    bank = ColourBank(1, torch.device("cpu"))
    known = torch.zeros(1000, 5)
    known[:, 0] = 0.5
    bank.add(0, known)
    pair = torch.tensor([[0.5, 0.3, 0.0, 0.0, 0.0], [0.5, -0.3, 0.0, 0.0, 0.0]])
    assert float(bank.tint_excess(0, pair)) == pytest.approx((0.3 - 0.01) ** 2 / 2, rel=1e-3)


def test_colour_loss_vanishes_for_pixels_of_the_wanted_colour_and_grows_with_distance() -> None:
    bank = ColourBank(4, torch.device("cpu"))
    grey, mask = torch.full((8, 3, 16, 16), 0.2), torch.ones(8, 1, 16, 16)
    labels = torch.eye(4)[[3] * 8]
    losses = [float(sum(bank.compare(grey, fake, mask, labels, labels))) for fake in (grey, grey + 0.05, grey + 0.2)]
    assert losses[0] < 1e-6
    assert 0.0 < losses[1] < losses[2]


def test_a_colour_that_the_bank_does_not_know_yet_costs_nothing() -> None:
    bank = ColourBank(2, torch.device("cpu"))
    grey, mask = torch.full((4, 3, 16, 16), 0.2), torch.ones(4, 1, 16, 16)
    losses = bank.compare(grey, grey + 0.5, mask, torch.eye(2)[[0] * 4], torch.eye(2)[[1] * 4])
    assert [float(loss) for loss in losses] == [0.0, 0.0]


def test_each_colour_has_its_own_free_deviation() -> None:
    torch.manual_seed(0)
    bank = ColourBank(2, torch.device("cpu"))
    hair = 0.2 + 0.1 * torch.randn(8, 3, 16, 16)
    fake, mask = (hair + torch.tensor([0.06, 0.0, -0.06]).view(1, 3, 1, 1)).clamp(-1, 1), torch.ones(8, 1, 16, 16)

    def strange(wanted: int, *free: float) -> float:
        labels = torch.eye(2)[[wanted] * 8]
        torch.manual_seed(1)
        return float(bank.compare(hair, fake, mask, labels, labels, free=free)[1])

    for kind in (0, 1):
        strange(kind, 1.0)  # the bank learns the colour
    assert strange(0, 0.1) > strange(0, 1.0)
    assert strange(0, 0.1, 1.0) == pytest.approx(strange(0, 0.1), rel=0.2)
    assert strange(1, 0.1, 1.0) == pytest.approx(strange(1, 1.0), rel=0.2)
