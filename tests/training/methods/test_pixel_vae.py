"""PixelVAE as its authors have it: what it sees, how its gradient is cut, and what its settings refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.methods import pixel_vae
from training.networks.pixelvae import ReleasedEncoder
from training.run import config as configs
from training.run.optim import descend

SMALL = ["pixel_layers=2", "pixel_width=4", "z_dim=3", "batch_size=4", "steps=20"]


def made(*settings: str) -> pixel_vae.Method:
    torch.manual_seed(0)
    return pixel_vae.Method(configs.resolve("pixel_vae", "paper", [*SMALL, *settings]))


def stream(image: Tensor) -> Iterator[Batch]:
    while True:
        yield Batch(image)


def test_the_paper_has_the_networks_of_the_released_command() -> None:
    method = pixel_vae.Method(configs.resolve("pixel_vae", "paper", []))
    pixels = method.decoder.pixels
    assert pixels.kernels == [7] + [5] * 12
    assert (pixels.vertical[0].weight.shape, pixels.horizontal[1].weight.shape) == ((32, 1, 4, 7), (32, 16, 1, 3))
    with torch.no_grad():
        code = method.encoder(torch.zeros(2, 1, 28, 28))
    assert code.z.shape == code.z_logvar.shape == (2, 16)
    layers = [m for m in (*method.encoder.modules(), *pixels.modules()) if isinstance(m, nn.Conv2d | nn.Linear)]
    assert all(hasattr(layer, "parametrizations") for layer in layers)  # weight norm everywhere


def test_greys_are_drawn_anew_with_their_lightness_as_probability() -> None:
    method, grey = made(), torch.full((8, 1, 28, 28), 2 * 0.3 - 1)
    torch.manual_seed(0)
    first, second = method.shown(grey), method.shown(grey)
    assert first.unique().tolist() == [-1.0, 1.0]
    assert not torch.equal(first, second)
    assert float((first > 0).float().mean()) == pytest.approx(0.3, abs=0.03)  # five standard deviations
    ends = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1)
    assert torch.equal(method.shown(ends), ends)  # black and white stay


def test_a_threshold_leaves_pictures_as_they_are() -> None:
    grey = torch.rand(2, 1, 28, 28) * 2 - 1
    assert torch.equal(made("binarise=threshold").shown(grey), grey)


def test_the_released_encoder_sees_black_and_white() -> None:
    torch.manual_seed(0)
    encoder, image = ReleasedEncoder(3), torch.rand(2, 1, 28, 28) * 2 - 1
    with torch.no_grad():
        assert torch.equal(encoder(image).z, encoder(image.sign()).z)
        assert not torch.equal(encoder(image).z, encoder(-image).z)


def test_a_step_trains_every_weight_and_keeps_the_rate() -> None:
    method = made()
    before = {name: p.detach().clone() for name, p in (*method.encoder.named_parameters(),)}
    pixels = {name: p.detach().clone() for name, p in method.decoder.named_parameters()}
    for _ in range(2):
        terms = method.step(stream(torch.rand(4, 1, 28, 28) * 2 - 1))
    assert set(terms) == {"bits_per_dim", "loss_nll", "kl", "loss_draft"}
    assert method.optimizer.param_groups[0]["lr"] == 1e-3
    still = [n for n, p in method.encoder.named_parameters() if torch.equal(p, before[n])]
    still += [n for n, p in method.decoder.named_parameters() if torch.equal(p, pixels[n])]
    # Nothing looks at the last layer's vertical stack but its link, which no gate follows.
    assert [n for n in still if "pixels.condition" not in n] == []


def test_a_clipped_gradient_keeps_each_number_within_bounds() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 1.0, 1.0]))
    sgd = torch.optim.SGD([weight], lr=1.0)
    descend(sgd, (weight * torch.tensor([5.0, -0.25, -7.0])).sum(), clip=1.0)
    assert torch.equal(weight.detach(), torch.tensor([0.0, 1.25, 2.0]))


@torch.no_grad()
def test_drawing_from_a_code_fills_the_whole_picture() -> None:
    method = made()
    drawn = method.sample_pixels(torch.zeros(2, 0), torch.randn(2, 3), torch.Generator().manual_seed(0))
    assert drawn.shape == (2, 1, 28, 28)
    assert drawn.unique().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        (["levels=4"], "levels=2"),
        (["network=ours", "levels=4"], "binarise=drawn needs levels=2"),
        (["clip=-1"], "clip must be 0 or more"),
        (["binarise=threshold", "size=32"], "28 px"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: list[str], wrong: str) -> None:
    with pytest.raises(Exception, match=wrong):
        configs.resolve("pixel_vae", "paper", settings)


def test_without_layers_it_is_a_vae_that_is_measured_drawn_and_exported_alike() -> None:
    torch.manual_seed(0)
    small = ["size=8", "width=4", "z_dim=3", "batch_size=4", "steps=100", "lr=0.01"]
    method = pixel_vae.Method(configs.resolve("pixel_vae", "binary-vae", small))
    image = torch.sign(torch.rand(4, 1, 8, 8) - 0.5)
    first = float(method.step(stream(image))["bits_per_dim"])
    for _ in range(99):
        last = float(method.step(stream(image))["bits_per_dim"])
    assert last < 0.8 * first
    drawn = method.sample_pixels(torch.zeros(2, 0), torch.randn(2, 3))
    assert (drawn.shape, drawn.unique().tolist()) == ((2, 1, 8, 8), [-1.0, 1.0])
    bits = method.bits_per_dim(method.shown(image), 8)
    assert bits.shape == (4,)
    assert bits.isfinite().all()
    graphs = method.graphs()
    with torch.no_grad():
        condition = graphs["condition"].module(torch.zeros(1, 3))
        probability = graphs["pixels"].module(image[:1], condition)
    assert probability.shape == (1, 2, 1, 8, 8)
    assert torch.allclose(probability.sum(1), torch.ones(1, 1, 8, 8), atol=1e-5)


def test_the_released_networks_need_a_layer() -> None:
    with pytest.raises(ConfigError, match="released networks 1, got 0"):
        made("pixel_layers=0")
