"""Generators: what they cost, where they start, and what a bilateral grid does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from training.generators import BilateralGenerator, CompactGenerator, Guide, ResnetGenerator, slice_grid


def multiplications(network: nn.Module, size: int, n_edit: int) -> int:
    """Count multiply-accumulates of convolutions and linear layers for one picture."""
    total = 0

    def count(layer: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.ConvTranspose2d):
            total += out[0].numel() * layer.in_channels * layer.weight[0, 0].numel() // layer.stride[0] ** 2
        elif isinstance(layer, nn.Conv2d):
            total += out[0].numel() * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            total += layer.weight.numel()

    handles = [m.register_forward_hook(count) for m in network.modules()]
    with torch.no_grad():
        network(torch.zeros(1, 3, size, size), torch.zeros(1, n_edit))
    for handle in handles:
        handle.remove()
    return total


def test_resnet_costs_what_stargans_generator_costs() -> None:
    assert multiplications(ResnetGenerator(5), 128, 5) == pytest.approx(9.96e9, rel=0.01)


def test_compact_costs_at_most_half_a_gmac_and_four_megabytes() -> None:
    network = CompactGenerator(5)
    assert multiplications(network, 128, 5) <= 0.5e9
    assert sum(p.numel() for p in network.parameters()) * 4 < 4e6


def test_bilateral_costs_a_hundredth_of_resnet() -> None:
    assert multiplications(BilateralGenerator(4), 64, 4) < 0.01 * 9.96e9


def test_untrained_bilateral_generator_changes_almost_nothing() -> None:
    torch.manual_seed(0)
    network = BilateralGenerator(4)
    image = torch.rand(2, 3, 64, 64) * 2 - 1
    edited = network.render(network(image, torch.eye(4)[:2]), image)
    assert (edited - image).abs().max() < 0.05


def test_bilateral_transform_keeps_greys_grey_but_for_its_offset_and_never_turns_tints_round() -> None:
    torch.manual_seed(0)
    network = BilateralGenerator(4)
    torch.nn.init.normal_(network.curve.weight, std=1.0)
    grid = network(torch.rand(2, 3, 64, 64) * 2 - 1, torch.eye(4)[:2])
    affine = grid.view(2, 3, 4, 8, 2, 2)
    torch.testing.assert_close(affine[:, :, :3].sum(2), torch.ones(2, 3, 8, 2, 2), atol=1e-5, rtol=0.0)
    tint = torch.tensor([1.0, -0.299 / 0.587, 0.0])  # of no luma
    answer = torch.einsum("ncidhw,i->ncdhw", affine[:, :, :3], tint)
    gain = answer[:, 0]
    assert gain.min() >= 0.0
    assert gain.max() <= 1.0
    torch.testing.assert_close(answer[:, 1], gain * tint[1], atol=1e-5, rtol=0.0)


def test_guide_is_luma() -> None:
    image = torch.rand(1, 3, 8, 8) * 2 - 1
    luma = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    torch.testing.assert_close(Guide()(image), luma, atol=1e-5, rtol=0.0)


def test_constant_grid_applies_its_affine_transform_everywhere() -> None:
    affine = torch.tensor([0.5, 0.1, 0.0, 0.2, 0.0, 1.0, 0.0, -0.3, 0.2, 0.2, 0.2, 0.0])
    grid = affine.view(1, 12, 1, 1, 1).expand(1, 12, 8, 2, 2)
    image = torch.rand(1, 3, 10, 6) * 2 - 1
    out = slice_grid(grid, torch.rand(1, 1, 10, 6) * 2 - 1, image)
    matrix = affine.view(3, 4)
    expected = torch.einsum("ci,nihw->nchw", matrix[:, :3], image) + matrix[:, 3].view(1, 3, 1, 1)
    torch.testing.assert_close(out, expected)


def test_grid_follows_the_guide_along_its_depth() -> None:
    grid = torch.zeros(1, 12, 2, 1, 1)
    grid[:, 3, 1] = 1.0  # red offset 0 at depth 0, 1 at depth 1
    guide = torch.tensor([-1.0, -0.5, 0.0, 0.25, 0.5, 1.0]).view(1, 1, 1, 6)
    out = slice_grid(grid, guide, torch.zeros(1, 3, 1, 6))
    # Cell centres of two cells lie at -0.5 and 0.5; between them the offset is guide + 0.5.
    expected = torch.tensor([0.0, 0.0, 0.5, 0.75, 1.0, 1.0])
    torch.testing.assert_close(out[0, 0, 0], expected)


def test_grid_cells_lie_left_to_right_and_top_to_bottom() -> None:
    grid = torch.zeros(1, 12, 1, 2, 2)
    grid[0, 3, 0] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    out = slice_grid(grid, torch.zeros(1, 1, 8, 8), torch.zeros(1, 3, 8, 8))[0, 0]
    assert [float(out[0, 0]), float(out[0, -1]), float(out[-1, 0]), float(out[-1, -1])] == [1.0, 2.0, 3.0, 4.0]
