"""Layers that several networks share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from training.method import Graph
from training.networks.blocks import DoubleToFew, PointConv2d
from training.publish.export import to_onnx


@pytest.mark.parametrize(("n_in", "n_out", "padding", "side"), [(3, 2, 0, 6), (4, 1, 1, 14), (2, 3, 2, 5)])
def test_a_transposed_convolution_to_few_channels_has_pytorchs_values_and_gradients(
    n_in: int, n_out: int, padding: int, side: int
) -> None:
    torch.manual_seed(0)
    layer, own = DoubleToFew(n_in, n_out, padding), nn.ConvTranspose2d(n_in, n_out, 4, 2, padding)
    own.load_state_dict(layer.state_dict())
    pictures = torch.randn(2, n_in, side, side + 1)

    def found(network: nn.Module) -> list[Tensor]:
        x = pictures.clone().requires_grad_()
        y = network(x)
        return [y, *torch.autograd.grad((y * y.sin()).sum(), [x, *network.parameters()])]

    for ours, theirs in zip(found(layer), found(own), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_it_is_exported_as_what_it_is() -> None:
    graph = Graph(DoubleToFew(2, 1, 1), {"x": torch.rand(1, 2, 4, 4)}, ["y"])
    assert b"ConvTranspose" in to_onnx(graph)


@pytest.mark.parametrize("side", [7, 8])
def test_a_convolution_of_one_pixel_with_a_stride_gives_the_same_numbers_as_pytorchs(side: int) -> None:
    torch.manual_seed(0)
    ours, theirs = PointConv2d(3, 5, 1, 2).double(), nn.Conv2d(3, 5, 1, 2).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, side, side).double().requires_grad_()
    results = [conv(x) for conv in (ours, theirs)]
    assert torch.allclose(*results)
    gradients = [torch.autograd.grad(result.square().sum(), x)[0] for result in results]
    assert torch.allclose(*gradients)
