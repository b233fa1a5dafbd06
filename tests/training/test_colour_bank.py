"""The bank of real hair colours."""

from __future__ import annotations

import torch

from training.colour import ColourBank


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
