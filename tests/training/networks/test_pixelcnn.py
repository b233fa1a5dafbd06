"""PixelCNN: a proper likelihood, no look ahead, and a sampler that equals the full pass."""

from __future__ import annotations

import copy
import itertools
import math

import pytest
import torch
from torch import Tensor

from training.networks.pixelcnn import (
    IndependentPixels,
    PixelCNN,
    dequantise,
    draw,
    quantise,
    with_weight_norm,
    without_weight_norm,
)

FULL = {"kernel": 5, "first_kernel": 7, "full": True}
forms = pytest.mark.parametrize(
    ("channels", "gated", "more"), [(1, True, {}), (1, False, {}), (3, True, {}), (1, True, FULL)]
)


def network(
    channels: int = 1, gated: bool = True, more: dict[str, object] | None = None, levels: int = 4, n_condition: int = 2
) -> PixelCNN:
    torch.manual_seed(0)
    made = PixelCNN(channels, levels, 5, 3, n_condition, gated, **(more or {}))
    if more:
        with_weight_norm(made)
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
def test_probabilities_of_all_pictures_add_up_to_one(channels: int, gated: bool, more: dict[str, object]) -> None:
    side = (2, 3) if channels == 1 else (1, 2)
    made = network(channels, gated, more, levels=2)
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
def test_a_value_depends_on_every_earlier_value_within_reach_and_on_no_later_one(
    channels: int, gated: bool, more: dict[str, object]
) -> None:
    made = network(channels, gated, more)
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
def test_cached_sampling_gives_the_picture_of_full_passes(channels: int, gated: bool, more: dict[str, object]) -> None:
    made = network(channels, gated, more)
    condition = torch.randn(3, 2, 5, 6)
    uniform = torch.rand(3, 5, 6, channels, generator=torch.Generator().manual_seed(1))
    cached = made.sample(condition, uniform=uniform)
    assert torch.equal(cached, naive(made, condition, uniform))
    assert torch.equal(cached, made.sample(condition, torch.Generator().manual_seed(1)))
    assert len(cached.unique()) == made.levels


@torch.no_grad()
def test_a_condition_that_is_the_same_everywhere_need_not_be_spread_out() -> None:
    made = network(more=FULL)
    condition = torch.randn(3, 2, 1, 1)
    image, uniform = torch.rand(3, 1, 5, 6).round() * 2 - 1, torch.rand(3, 5, 6, 1)
    spread = condition.expand(-1, -1, 5, 6)
    assert torch.allclose(made(image, condition), made(image, spread), atol=1e-5)
    drawn = made.sample(condition, uniform=uniform, size=(5, 6))
    assert torch.equal(drawn, made.sample(spread, uniform=uniform))


def test_a_full_condition_reaches_both_stacks_and_the_end() -> None:
    made = network(more=FULL)
    without_weight_norm(made)
    logits = made(torch.zeros(1, 1, 5, 6), torch.ones(1, 2, 1, 1))
    (gradient,) = torch.autograd.grad(logits.square().sum(), made.condition.weight)
    layers = gradient.flatten(1).chunk(3 + 3 + 2)
    moved = [bool(layer.abs().max() > 0) for layer in layers]
    assert moved == [True] * 3 + [True, True, False] + [True] * 2  # no layer follows the last of the vertical stack
    assert not network()._conditions(torch.ones(1, 2, 5, 6)).vertical


@torch.no_grad()
def test_weight_norm_parts_length_and_direction_and_can_be_taken_off() -> None:
    made = network(more=FULL)
    length, direction = made.end[0].parametrizations.weight.original0, made.end[0].parametrizations.weight.original1
    weight = made.end[0].weight
    norms = direction.flatten(1).norm(dim=1)
    assert torch.allclose(weight.flatten(1).norm(dim=1), length.flatten().abs(), atol=1e-5)
    assert torch.allclose(weight, direction * (length.flatten() / norms)[:, None, None, None], atol=1e-6)
    layers = {name: layer for name, layer in made.named_modules() if isinstance(layer, torch.nn.Conv2d)}
    before = {name: layer.weight.clone() for name, layer in layers.items()}
    copied = copy.deepcopy(made)
    without_weight_norm(made)
    assert torch.equal(copied.end[0].weight, weight)  # a copy is not touched
    assert all(".original" not in name for name, _ in made.named_parameters())
    after = dict(made.named_parameters())
    assert all(torch.equal(after[f"{name}.weight"], weight) for name, weight in before.items())


@torch.no_grad()
def test_draws_follow_the_softmax() -> None:
    logits = torch.tensor([[0.2, 0.5, 0.3]]).log().expand(20000, -1)
    uniform = torch.rand(20000, generator=torch.Generator().manual_seed(0))
    share = torch.bincount(draw(logits, uniform), minlength=3) / 20000
    assert torch.allclose(share, torch.tensor([0.2, 0.5, 0.3]), atol=0.015)  # four standard deviations


@pytest.mark.parametrize("channels", [1, 3])
@torch.no_grad()
def test_independent_pixels_are_a_likelihood_and_are_drawn_from_it(channels: int) -> None:
    torch.manual_seed(0)
    made = IndependentPixels(channels, 2, 2)
    side = (2, 3) if channels == 1 else (1, 2)
    index = torch.tensor(list(itertools.product([0, 1], repeat=channels * side[0] * side[1])))
    pictures = dequantise(index, 2).reshape(-1, channels, *side)
    condition = torch.randn(1, 2, *side)
    nats = made.nll(pictures, condition.expand(len(pictures), -1, -1, -1))
    assert float((-nats.double()).exp().sum()) == pytest.approx(1.0, abs=1e-4)
    drawn = made.sample(condition.expand(8000, -1, -1, -1), torch.Generator().manual_seed(0))
    expected = made(pictures[:1], condition).softmax(1)[0, 1]
    assert torch.allclose((drawn > 0).float().mean(0), expected, atol=0.03)  # five standard deviations


@torch.no_grad()
def test_independent_pixels_do_not_see_the_picture() -> None:
    torch.manual_seed(0)
    made, condition = IndependentPixels(1, 4, 2), torch.randn(2, 2, 5, 4)
    assert torch.equal(made(torch.zeros(2, 1, 5, 4), condition), made(torch.ones(2, 1, 5, 4), condition))
    uniform = torch.rand(2, 5, 4, 1)
    again = made.sample(condition, uniform=uniform)
    uniform[:, 0, 0] = 1.0 - uniform[:, 0, 0]
    assert torch.equal(made.sample(condition, uniform=uniform)[:, :, 1:], again[:, :, 1:])
