"""PixelCNN: a proper likelihood, no look ahead, and a sampler that equals the full pass."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from training.networks.pixelcnn import PixelCNN, dequantise, draw, quantise

forms = pytest.mark.parametrize(("channels", "gated"), [(1, True), (1, False), (3, True)])


def network(channels: int = 1, gated: bool = True, levels: int = 4, n_condition: int = 2) -> PixelCNN:
    torch.manual_seed(0)
    made = PixelCNN(channels, levels, 5, 3, n_condition, gated)
    for p in made.parameters():
        torch.nn.init.normal_(p, std=0.5)  # far from indifferent, so that a wrong neighbour shows
    return made.eval()


def test_256_levels_keep_every_byte() -> None:
    image = torch.arange(256).float() / 127.5 - 1.0
    assert torch.equal(quantise(image, 256), torch.arange(256))
    assert torch.allclose(dequantise(torch.arange(256), 256), image, atol=1e-6)


def test_two_levels_split_at_the_middle_grey() -> None:
    assert quantise(torch.tensor([-1.0, -0.01, 0.01, 1.0]), 2).tolist() == [0, 0, 1, 1]


@forms
@torch.no_grad()
def test_probabilities_of_all_pictures_add_up_to_one(channels: int, gated: bool) -> None:
    side = (2, 3) if channels == 1 else (1, 2)
    made = network(channels, gated, levels=2)
    n_values = channels * side[0] * side[1]
    index = torch.tensor(list(itertools.product([0, 1], repeat=n_values)))
    pictures = dequantise(index, 2).reshape(-1, channels, *side)
    condition = torch.randn(1, 2, *side).expand(len(pictures), -1, -1, -1)
    nats = made.nll(pictures, condition)
    assert float((-nats.double()).exp().sum()) == pytest.approx(1.0, abs=1e-4)
    assert float(nats.max() - nats.min()) > 0.5  # not just uniform


@torch.no_grad()
def test_an_indifferent_network_needs_log2_levels_bits_a_value() -> None:
    made = network(levels=16)
    for p in made.parameters():
        p.zero_()
    nats = made.nll(torch.rand(2, 1, 4, 4) * 2 - 1, torch.zeros(2, 2, 4, 4))
    assert torch.allclose(nats / math.log(2) / 16, torch.full((2,), 4.0), atol=1e-5)


@forms
def test_a_value_depends_on_every_earlier_value_within_reach_and_on_no_later_one(channels: int, gated: bool) -> None:
    made = network(channels, gated)
    image = (torch.rand(1, channels, 5, 6) * 2 - 1).requires_grad_(True)
    order = torch.arange(channels * 30).reshape(5, 6, channels).permute(2, 0, 1)  # reading order, colour last
    for y, x, c in ((3, 2, 0), (2, 0, channels - 1), (4, 5, channels - 1)):
        logits = made(image, torch.randn(1, 2, 5, 6))[0, :, c, y, x]
        (gradient,) = torch.autograd.grad(logits.square().sum(), image)
        later = order >= order[c, y, x]
        assert not gradient[0][later].any()
        if y > 0 and x + 1 < 6:
            # No blind spot: up and to the right is seen too.
            assert gated is False or bool(gradient[0, :, y - 1, x + 1].all())
        if x > 0:
            assert gated is False or bool(gradient[0, :, y, x - 1].all())


def naive(made: PixelCNN, condition: Tensor, uniform: Tensor) -> Tensor:
    """Draw with a full pass for every value, by the numbers `(N, H, W, C)`."""
    n, _, height, width = condition.shape
    image = torch.zeros(n, made.n_in[0], height, width)
    for y, x, c in itertools.product(range(height), range(width), range(made.n_in[0])):
        image[:, c, y, x] = dequantise(draw(made(image, condition)[:, :, c, y, x], uniform[:, y, x, c]), made.levels)
    return image


@forms
@torch.no_grad()
def test_cached_sampling_gives_the_picture_of_full_passes(channels: int, gated: bool) -> None:
    made = network(channels, gated)
    condition = torch.randn(3, 2, 5, 6)
    uniform = torch.rand(3, 5, 6, channels, generator=torch.Generator().manual_seed(1))
    cached = made.sample(condition, uniform=uniform)
    assert torch.equal(cached, naive(made, condition, uniform))
    assert torch.equal(cached, made.sample(condition, torch.Generator().manual_seed(1)))
    assert len(cached.unique()) == made.levels


@torch.no_grad()
def test_draws_follow_the_softmax() -> None:
    logits = torch.tensor([[0.2, 0.5, 0.3]]).log().expand(20000, -1)
    uniform = torch.rand(20000, generator=torch.Generator().manual_seed(0))
    share = torch.bincount(draw(logits, uniform), minlength=3) / 20000
    assert torch.allclose(share, torch.tensor([0.2, 0.5, 0.3]), atol=0.015)  # four standard deviations
