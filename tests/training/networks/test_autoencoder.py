"""Closed forms of the latent code, and the shapes of the shared networks."""

from __future__ import annotations

import math

import pytest
import torch

from training.families import pictures
from training.losses import leak
from training.losses.latent import kl_normal, log_normal, reparametrise, squared_error
from training.networks.autoencoder import Code, Decoder, Encoder, norm_layers, on_grid


def test_kl_of_the_prior_is_zero_and_of_a_shift_half_its_square() -> None:
    logvar = torch.zeros(2, 3)
    assert torch.equal(kl_normal(torch.zeros(2, 3), logvar), torch.zeros(2))
    assert kl_normal(torch.tensor([[3.0, 0.0, 1.0]]), logvar[:1]).item() == pytest.approx(5.0)


def test_kl_equals_that_of_torch() -> None:
    torch.manual_seed(0)
    mean, logvar = torch.randn(5, 4), torch.randn(5, 4)
    posterior = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_normal(mean, logvar), expected, atol=1e-5)


def test_log_density_equals_that_of_torch() -> None:
    torch.manual_seed(0)
    x, mean, logvar = torch.randn(3, 5, 4).unbind()
    expected = torch.distributions.Normal(mean, (0.5 * logvar).exp()).log_prob(x).sum(1)
    assert torch.allclose(log_normal(x, mean, logvar), expected, atol=1e-5)
    assert log_normal(torch.zeros(1, 2)).item() == pytest.approx(-math.log(2.0 * math.pi), abs=1e-6)


def test_reparametrised_draws_have_the_mean_and_variance_and_pass_gradients_to_both() -> None:
    torch.manual_seed(0)
    mean = torch.full((40_000, 1), 2.0, requires_grad=True)
    logvar = torch.full((40_000, 1), math.log(9.0), requires_grad=True)
    z = reparametrise(mean, logvar)
    assert z.mean().item() == pytest.approx(2.0, abs=0.06)  # four standard errors
    assert z.var().item() == pytest.approx(9.0, abs=0.26)
    z.sum().backward()
    assert mean.grad is not None
    assert logvar.grad is not None
    assert torch.equal(mean.grad, torch.ones_like(mean))
    assert torch.allclose(logvar.grad, 0.5 * (z - mean).detach(), atol=1e-4)


def test_squared_error_counts_black_against_white_as_one_a_value() -> None:
    white = torch.ones(2, 3, 4, 4)
    assert squared_error(white, -white).tolist() == [48.0, 48.0]


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (28, 1), (32, 3), (64, 3)])
@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_decoder_undoes_the_shape_of_the_encoder(size: int, channels: int, norm: str) -> None:
    encoder = Encoder(channels, size, 3, 5, 4, norm=norm, variational_s=True)  # type: ignore[arg-type]
    code = encoder(torch.zeros(2, channels, size, size))
    assert [None if part is None else tuple(part.shape) for part in code] == [(2, 3), (2, 5), (2, 5), (2, 3)]
    image = Decoder(channels, size, 3, 5, 4)(code.s, code.z)
    assert image.shape == (2, channels, size, size)
    assert float(image.detach().abs().max()) <= 1.0


def test_without_s_its_code_is_empty_and_without_variance_there_is_no_logvar() -> None:
    code = Encoder(1, 28, 0, 5, 4, variational_z=False)(torch.zeros(2, 1, 28, 28))
    assert code.s.shape == (2, 0)
    assert code.z_logvar is None
    assert code.s_logvar is None


@torch.no_grad()
def test_instance_norm_makes_the_code_blind_to_contrast_and_to_the_rest_of_the_batch() -> None:
    torch.manual_seed(0)
    encoder = Encoder(1, 28, 2, 2, 4).eval()
    # The margin is 0, so that scaling scales what every window sees.
    image = torch.nn.functional.pad(torch.rand(3, 1, 14, 14), (7, 7, 7, 7))
    code = encoder(image)
    assert torch.allclose(encoder(image * 3.0).z, code.z, atol=1e-3)
    assert torch.allclose(encoder(image[:1]).z, code.z[:1], atol=1e-5)
    assert float((code.z[0] - code.z[1]).abs().max()) > 0.01


@torch.no_grad()
def test_instance_norm_takes_the_statistics_of_each_channel_of_each_picture() -> None:
    (layer,) = norm_layers("instance", 3)
    x = torch.randn(2, 3, 5, 5) * 4.0 + 1.0
    assert torch.allclose(layer(x), torch.nn.functional.instance_norm(x), atol=1e-5)


def test_hiding_is_zero_exactly_at_indifference() -> None:
    assert leak.hide(torch.full((4, 10), 3.0)).item() == pytest.approx(0.0, abs=1e-6)
    # Half on one of two classes at odds 3 : 1: KL = ln 2 ... against guesses 3/4 and 1/4.
    expected = 0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)
    assert leak.hide(torch.tensor([[math.log(3.0), 0.0]])).item() == pytest.approx(expected, abs=1e-6)


def test_the_adversary_sees_differences_far_below_the_noise() -> None:
    torch.manual_seed(0)
    leaks = leak.ClassLeaks(3, 2).train()
    z = torch.randn(64, 3)
    assert torch.allclose(leaks(z), leaks(z * 0.02 + 5.0), atol=0.1)  # batch norm's epsilon is all that differs


def test_swap_grid_takes_s_from_the_top_row_and_z_from_the_left_column() -> None:
    image = torch.linspace(-1.0, 1.0, 3).reshape(3, 1, 1, 1).expand(3, 1, 2, 2)

    def encode(x: torch.Tensor) -> Code:
        return Code(x[:, 0, :1, 0], x[:, 0, :1, 0], None)

    def decode(s: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return (0.9 * s + 0.1 * z)[:, :, None, None].expand(-1, 1, 2, 2)

    grid = pictures.swap_grid(encode, decode, image)
    assert grid.shape == (3, 8, 8)
    values = grid[0, ::2, ::2]
    assert values[0].tolist() == [1.0, 0.0, 0.5, 1.0]
    assert values[1:, 0].tolist() == [0.0, 0.5, 1.0]
    assert values[1, 3].item() == pytest.approx(0.9)  # s of the third picture, z of the first
    assert values[3, 1].item() == pytest.approx(0.1)


def test_on_grid_rounds_and_lets_the_gradient_through() -> None:
    x = torch.tensor([0.2, 0.3, -0.8, 1.26], requires_grad=True)
    rounded = on_grid(x, 0.5)
    assert rounded.tolist() == [0.0, 0.5, -1.0, 1.5]
    rounded.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 1.0, 1.0, 1.0]


def test_a_mean_on_the_grid_is_what_the_encoder_gives() -> None:
    torch.manual_seed(0)
    code = Encoder(1, 16, 3, 4, 4, z_step=0.5)(10 * torch.rand(2, 1, 16, 16))
    assert torch.equal(code.z, torch.round(code.z / 0.5) * 0.5)
    assert not torch.equal(code.s, torch.round(code.s / 0.5) * 0.5)
