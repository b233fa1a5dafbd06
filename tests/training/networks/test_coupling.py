"""A conditional flow: it can be undone, knows its volume, and takes out of z what the class says of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.networks.coupling import ClassFlow, ConditionalFlow


def changed(z_dim: int = 5, s_dim: int = 3) -> ConditionalFlow:
    """Return a flow that is no longer the identity."""
    torch.manual_seed(0)
    flow = ConditionalFlow(z_dim, s_dim, 4, 16).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return flow


def codes(n: int, z_dim: int = 5, s_dim: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(n, z_dim, generator=generator).double(),
        torch.randn(n, s_dim, generator=generator).double(),
    )


@pytest.mark.parametrize("z_dim", [2, 5, 16])
def test_with_its_s_a_code_is_undone_and_with_another_it_is_not(z_dim: int) -> None:
    flow = changed(z_dim)
    z, s = codes(7, z_dim)
    code, _ = flow(z, s)
    assert (flow.inverse(code, s) - z).abs().max() < 1e-9
    assert (flow.inverse(code, s + 1.0) - z).abs().max() > 1e-2


def test_the_volume_is_the_determinant_of_the_derivative() -> None:
    flow = changed()
    z, s = codes(3)
    volume = flow(z, s)[1].detach()
    for i in range(3):
        derivative = torch.autograd.functional.jacobian(lambda x, i=i: flow(x[None], s[i : i + 1])[0][0], z[i])
        assert float(volume[i]) == pytest.approx(float(torch.linalg.slogdet(derivative)[1]), abs=1e-9)


def test_untrained_it_changes_only_the_order() -> None:
    flow = ConditionalFlow(6, 2, 4, 8).double()
    z, s = codes(4, 6, 2)
    code, volume = flow(z, s)
    assert torch.equal(code.sort(1).values, z.sort(1).values)
    assert not volume.any()
    assert torch.allclose(flow.loss(z, s), 0.5 * z.square().sum(1))


def test_trained_it_makes_alike_what_s_moves_and_stretches() -> None:
    torch.manual_seed(0)
    flow = ConditionalFlow(2, 1, 4, 32)
    optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
    groups = torch.tensor([-1.0, 1.0])

    def draw(n: int, group: float) -> tuple[Tensor, Tensor]:
        return torch.randn(n, 2) * (1.5 + group) + 2.0 * group, torch.full((n, 1), group)

    for _ in range(400):
        z, s = (torch.cat(parts) for parts in zip(*(draw(64, float(g)) for g in groups), strict=True))
        optimizer.zero_grad()
        flow.loss(z, s).mean().backward()
        optimizer.step()
    with torch.no_grad():
        results = [flow(*draw(4000, float(g)))[0] for g in groups]  # before: means -2 and 2, deviations 0.5 and 2.5
    for result in results:
        assert result.mean(0).abs().max() < 0.15
        assert (result.std(0) - 1.0).abs().max() < 0.15


def test_a_class_flow_sees_the_class_and_not_the_picture() -> None:
    classes = torch.tensor([[0.0, 8.0, 0.0], [8.0, 0.0, 0.0]]).double()
    flow = ClassFlow(changed(), classes)
    z, _ = codes(4)
    own = torch.tensor([0, 1, 1, 0])
    s = classes[own] + torch.tensor([0.3, -0.2, 0.4])
    exact = flow.flow(z, classes[own])[0]
    assert torch.allclose(flow(z, s), exact, atol=1e-9)
    assert not torch.allclose(flow.flow(z, s)[0], exact, atol=1e-2)
    assert torch.allclose(flow.inverse(exact, s), z, atol=1e-9)
    between = flow._class_codes(torch.tensor([[4.0, 4.0, 0.0]]).double())
    assert torch.allclose(between, classes.mean(0))
