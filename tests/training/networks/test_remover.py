"""The remover of glasses: its painter sees nothing of a hole, and what it leaves alone stays."""

from __future__ import annotations

import torch

from training.networks.remover import HolePainter, Remover, grown


def image(seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, 32, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def bar() -> torch.Tensor:
    hole = torch.zeros(2, 1, 32, 64)
    hole[..., 10:20, 8:40] = 1.0
    return hole


def test_the_painter_sees_nothing_of_the_hole_and_keeps_the_rest() -> None:
    torch.manual_seed(0)
    network, hole = HolePainter(4).eval(), bar()
    other = torch.where(hole > 0, image(1), image())
    with torch.no_grad():
        first, second = network(image(), hole), network(other, hole)
    assert torch.equal(first, second)
    assert torch.equal(first * (1 - hole), image() * (1 - hole))
    assert (first - image())[hole.expand_as(first) > 0].abs().mean() > 0.1


def test_given_holes_are_painted_and_the_others_are_found() -> None:
    torch.manual_seed(0)
    network = Remover(4).eval()
    with torch.no_grad():
        free, told = network.take(image()), network.take(image(), bar()[:1])
    assert torch.equal(told.hole[:1], bar()[:1])
    assert torch.equal(told.hole[1:], free.hole[1:])
    assert torch.equal(told.left[1:], free.left[1:])


def test_what_is_returned_differs_only_where_it_says() -> None:
    torch.manual_seed(0)
    network = Remover(4).eval()
    with torch.no_grad():
        network.finder.leave.bias[3:] = -40.0  # type: ignore[index]
        left, mask = network(image())
    assert float(mask.max()) < 1e-6
    torch.testing.assert_close(left, image(), atol=1e-5, rtol=0.0)


def test_a_hole_grows_by_two_pixels_and_ends_softly() -> None:
    wide = grown(bar())
    assert torch.equal(wide[..., 9:21, 7:41], torch.ones(2, 1, 12, 34))
    assert float(wide[..., :7, :].max()) == 0.0
    assert 0.0 < float(wide[0, 0, 7, 20]) < 1.0
