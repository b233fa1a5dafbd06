"""Generators: what they cost, where they start, and what a bilateral grid does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from imgedit.render import flow
from imgedit.render.regions import Region
from training.families.windows import windows_of
from training.networks.bilateral import BilateralGenerator, Guide, slice_grid
from training.networks.flow import FlowGenerator
from training.networks.translators import CompactGenerator, ResnetGenerator

FRINGE = (36.0, 56.0, 142.0, 112.0)


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


def flow_generator(windows: tuple[torch.Tensor, torch.Tensor] | None = None) -> FlowGenerator:
    torch.manual_seed(0)
    network = FlowGenerator(1, 8, 1, windows).eval()
    for head in (network.move, network.weigh):
        nn.init.normal_(head.weight, std=0.5)
    return network


def test_flow_takes_hair_from_above_before_it_has_learned_anything() -> None:
    torch.manual_seed(0)
    network = FlowGenerator(1)
    fields = network(torch.rand(2, 3, 32, 32) * 2 - 1, torch.tensor([[1.0], [-1.0]]), torch.ones(2, 1, 32, 32))
    fields = fields.detach()
    assert fields.shape == (2, 7, 16, 16)
    assert fields[0, 1].mean() == pytest.approx(-FlowGenerator.START, abs=0.03)
    assert (fields[0, 1] < 0).all()
    assert not fields[0, 3].any(), "painted where hair was asked for"
    assert not fields[1, 2].any(), "copied where hair is to go"


def test_flow_copies_only_what_the_mask_shows_and_acts_only_in_its_windows() -> None:
    windows = windows_of([FRINGE], "face", 32)
    network = flow_generator(windows)
    image, asked = torch.rand(1, 3, 64, 64) * 2 - 1, torch.ones(1, 1)
    mask = torch.zeros(1, 1, 64, 64)
    fields = network(image, asked, mask)
    edited, after = network.render(fields, image, mask)
    assert torch.equal(edited, image)
    assert not after.any()
    mask[:] = 1.0
    changed = (network.render(network(image, asked, mask), image, mask)[0] - image).abs().amax(1)[0] > 1e-6
    rows, columns = (w[0].repeat_interleave(2) for w in windows)
    outside = nn.functional.max_pool2d((rows[:, None] * columns)[None, None], 5, 1, 2)[0, 0] == 0
    assert changed.any()
    assert not (changed & outside).any()
    edited, _ = network.render(network(image, torch.zeros(1, 1), mask), image, mask)
    assert torch.equal(edited, image)


def test_flow_paints_in_the_colour_of_the_cheeks() -> None:
    network = flow_generator()
    image = torch.full((1, 3, 64, 64), -1.0)
    x0, y0, x1, y1 = (round(64 * share) for share in network.CHEEKS)
    colour = torch.tensor([0.5, 0.1, -0.2])
    image[:, :, y0:y1, x0:x1] = colour[:, None, None]
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, y0 : y0 + 4] = 1.0  # a fringe over them
    image[:, :, y0 : y0 + 4] = -1.0
    paint = network(image, -torch.ones(1, 1), mask)[0, 4:].detach()
    assert (paint - colour[:, None, None]).abs().max() <= network.SHADE + 2e-3


@pytest.mark.parametrize("asked", [1.0, -1.0])
def test_flow_does_to_a_photo_what_it_did_in_training(asked: float) -> None:
    network = flow_generator(windows_of([FRINGE], "face", 32))
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64)).astype(np.float32)) / 127.5 - 1
    image = nn.functional.avg_pool2d(image, 5, 1, 2, count_include_pad=False)  # photos are smooth to a look-up
    image = ((image + 1) * 127.5).round() / 127.5 - 1
    mask = nn.functional.pad(torch.ones(1, 1, 56, 56), (4, 4, 4, 4))  # no hair at the border, which training continues
    with torch.no_grad():
        fields = network(image, torch.tensor([[asked]]), mask)
        expected, _ = network.render(fields, image, mask)
    rgb = ((image[0] + 1) * 127.5).round().numpy().astype(np.uint8).transpose(1, 2, 0)
    source, every = (Region((0, 0, 64, 64), weight) for weight in (mask[0, 0].numpy(), np.ones((64, 64), np.float32)))
    rgb = np.ascontiguousarray(rgb)
    out = flow.apply_fields(rgb, [(1.0, fields[0].numpy())], np.eye(2, 3), (64, 64), source, every)
    inner = (slice(2, -2), slice(2, -2))
    difference = np.abs(out - (expected[0].numpy().transpose(1, 2, 0) + 1) * 127.5)[inner]
    assert difference.mean() < 1.5
    assert np.abs(out.astype(float) - rgb).mean() > 3 * difference.mean()


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
