"""The painter of sleeves mixes colours that it is told, and its person stands before a ground."""

from __future__ import annotations

import torch

from training.networks import painter
from training.networks.painter import N_SLEEVE_MASKS, SleevePainter, over


def masks(n: int = 1) -> torch.Tensor:
    found = torch.zeros(n, N_SLEEVE_MASKS, 32, 16)
    found[:, 2, 8:24, 4:12] = 1.0  # the hole
    found[:, 3:6] = torch.tensor([0.9, 0.6, 0.5]).view(3, 1, 1)  # skin
    found[:, 6:9] = torch.tensor([0.1, 0.2, 0.8]).view(3, 1, 1)  # cloth
    return found


def told(logits: list[float]) -> SleevePainter:
    """A painter whose last layer draws the same numbers everywhere."""
    network = SleevePainter(4).eval()
    with torch.no_grad():
        network.leave.weight.zero_()
        assert network.leave.bias is not None
        network.leave.bias.copy_(torch.tensor(logits))
    return network


def test_a_painter_that_is_sure_of_skin_or_cloth_paints_its_tone() -> None:
    image = torch.rand(1, 3, 32, 16) * 2 - 1
    rest = [0.0, 0.0, 0.0, 0.0, 20.0]  # no free colour, no light, the person everywhere
    for sure, tone in ((0, [0.9, 0.6, 0.5]), (1, [0.1, 0.2, 0.8])):
        logits = [40.0 if i == sure else 0.0 for i in range(4)]
        with torch.no_grad():
            found = told(logits + rest)(image, masks())
        assert found.shape == (1, 4, 32, 16)
        expected = torch.tensor(tone).view(3, 1, 1) * 2 - 1
        assert torch.allclose(found[0, :3], expected.expand(3, 32, 16), atol=1e-5)
        assert float(found[:, 3].min()) > 0.999


def test_light_makes_a_colour_darker_down_to_black() -> None:
    logits = [40.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -20.0, 0.0]
    with torch.no_grad():
        found = told(logits)(torch.zeros(1, 3, 32, 16), masks())
    assert torch.allclose(found[:, :3], torch.full((1, 3, 32, 16), -1.0), atol=1e-5)
    assert torch.allclose(found[:, 3], torch.full((1, 32, 16), 0.5))


def test_nothing_of_what_the_hole_covers_is_seen() -> None:
    torch.manual_seed(0)
    network = SleevePainter(4).eval()
    first = torch.rand(1, 3, 32, 16) * 2 - 1
    other = torch.where(masks()[:, 2:3] > 0, torch.rand(1, 3, 32, 16) * 2 - 1, first)
    with torch.no_grad():
        assert torch.equal(network(first, masks()), network(other, masks()))


def test_the_mean_around_a_place_is_that_of_what_is_seen() -> None:
    image = torch.full((1, 3, 64, 64), 0.25)
    seen = torch.ones(1, 1, 64, 64)
    image[:, :, 20:40, 20:40], seen[:, :, 20:40, 20:40] = -1.0, 0.0
    assert torch.allclose(painter._mean_around(image, seen), torch.full((1, 3, 64, 64), 0.25), atol=1e-5)


def test_the_person_stands_before_the_ground_and_the_picture_stays_around_the_hole() -> None:
    image, ground = torch.full((1, 3, 2, 2), 0.1), torch.full((1, 3, 2, 2), -0.5)
    painted = torch.cat([torch.full((1, 3, 2, 2), 0.7), torch.tensor([[[[1.0, 0.0], [0.25, 1.0]]]])], 1)
    hole = torch.tensor([[[[1.0, 1.0], [1.0, 0.0]]]])
    found = over(painted, image, ground, hole)[0, 0]
    assert torch.allclose(found, torch.tensor([[0.7, -0.5], [0.25 * 0.7 - 0.75 * 0.5, 0.1]]))
