"""Which loss of the cycle-consistent VAE trains what."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.methods import cycle_vae
from training.run import config as configs
from training.run.optim import descend


def make(**changes: Any) -> cycle_vae.Method:
    torch.manual_seed(0)
    return cycle_vae.Method(configs.build(cycle_vae.Config, {**cycle_vae.Method.tiny(), **changes}))


def pairs(n: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(1)
    image, partner = torch.rand(2, n, 1, 16, 16, generator=generator).mul(2).sub(1).unbind()
    return Batch(image, specified=torch.arange(n) % 2, partner=partner)


def weights(network: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def moved(network: nn.Module, before: list[Tensor]) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(network.parameters(), before, strict=True))


@pytest.mark.parametrize(("trains", "expected"), [("encoder", False), ("both", True)])
def test_the_reverse_cycle_trains_what_it_should(trains: str, expected: bool) -> None:
    method = make(reverse_trains=trains)
    batch = pairs()
    assert batch.partner is not None
    both = torch.cat([batch.image, batch.partner])
    before = weights(method.encoder), weights(method.decoder)
    code = method.encoder(both)
    method._reverse_cycle(*method._same_pictures(both, code, code.z))
    assert moved(method.encoder, before[0])
    assert moved(method.decoder, before[1]) is expected


def test_the_forward_cycle_decodes_with_the_s_of_the_partner() -> None:
    method = make(lambda_reverse=0.0, lambda_kl=0.0)
    seen = []
    method.decoder.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    batch = pairs()
    assert batch.partner is not None
    method.encoder.train()
    expected = method.encoder(torch.cat([batch.partner, batch.image])).s
    method.step(iter([batch]))
    assert torch.allclose(seen[0], expected, atol=1e-6)


@pytest.mark.parametrize(("adversarial", "expected"), [("decoder", False), ("both", True)])
def test_fooling_the_discriminator_reaches_the_encoder_only_if_it_should(adversarial: str, expected: bool) -> None:
    method = make(adversarial=adversarial)
    batch = pairs()
    assert batch.partner is not None
    both = torch.cat([batch.image, batch.partner])
    code = method.encoder(both)
    before = weights(method.decoder)
    loss, _ = method._adversarial(both, code.s, code.z)
    assert not moved(method.decoder, before)
    loss.backward()
    assert all(p.grad is not None for p in method.decoder.parameters())
    assert (method.encoder.trunk[0].weight.grad is not None) is expected


def test_the_discriminator_is_shown_the_s_of_a_pair_with_the_z_of_another_picture() -> None:
    method = make(adversarial="both")
    batch = pairs()
    assert batch.partner is not None
    both = torch.cat([batch.image, batch.partner])
    code = method.encoder(both)
    decoded: list[tuple[Tensor, Tensor]] = []
    method.decoder.register_forward_pre_hook(lambda _, given: decoded.append((given[0].detach(), given[1].detach())))
    method._adversarial(both, code.s, code.z)
    s, z = decoded[0]
    assert torch.equal(s, code.s[:4])
    assert torch.equal(z, code.z[:4].roll(1, 0))
    assert not torch.isclose(z, code.z[:4]).all(1).any()


def test_fooling_the_discriminator_raises_its_logit_of_the_decoded_pair() -> None:
    method = make(adversarial="both", lr_d=0.0)
    batch = pairs()
    assert batch.partner is not None
    both = torch.cat([batch.image, batch.partner])
    optimizer = torch.optim.Adam([*method.encoder.parameters(), *method.decoder.parameters()], lr=1e-3)

    def logit() -> float:
        code = method.encoder(both)
        fake = method.decoder(code.s[:4], code.z[:4].roll(1, 0))
        return float(method._pair_logits(batch.image, fake).detach().mean())

    before = logit()
    for _ in range(10):
        code = method.encoder(both)
        descend(optimizer, method._adversarial(both, code.s, code.z)[0])
    assert logit() > before


def test_z_of_both_cycles_is_drawn_anew_in_every_step() -> None:
    method = make(lr=0.0, lr_reverse=0.0)
    decoded: list[Tensor] = []
    method.decoder.register_forward_pre_hook(lambda _, given: decoded.append(given[1].detach().clone()))
    batch = pairs()
    for _ in range(2):
        method.step(iter([batch]))
    first, second = decoded[:2], decoded[2:]
    assert all(not torch.isclose(a, b).any() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("kind", "least"), [("pairs", math.log(2.0)), ("classes", 0.0)])
def test_the_adversary_finds_the_class_that_lies_in_z(kind: str, least: float) -> None:
    method = make(leak=kind, batch_size=8)
    batch = Batch(torch.zeros(8, 1, 16, 16), specified=torch.arange(8))
    target = method._leak_target(batch)
    z_centre, s_centre = 3.0 * torch.randn(8, 4).repeat(2, 1), torch.randn(8, 3).repeat(2, 1)

    def loss() -> float:
        return float(method._leak_step(z_centre + 0.1 * torch.randn(16, 4), s_centre, target))

    losses = [loss() for _ in range(200)]
    assert losses[0] > 1.5
    # Of each class there are two s in the batch, between which z cannot tell: from pairs ln 2 is the least there is.
    assert least - 0.01 < losses[-1] < least + 0.25


def test_the_weight_of_the_kl_rises_over_the_warmup() -> None:
    gradients = {}
    for share in (0.0, 1.0):
        method = make(kl_warmup=share, lambda_rec=0.0, lambda_reverse=0.0, steps=1000)
        method.step(iter([pairs()]))
        gradients[share] = torch.cat([p.grad.flatten() for p in method.encoder.parameters() if p.grad is not None])
    assert float(gradients[0.0].abs().max()) > 0.0
    assert torch.allclose(gradients[1.0] * 1000.0, gradients[0.0], rtol=1e-3, atol=1e-6)


def test_what_z_says_of_the_class_counts_once_enough_codes_were_seen() -> None:
    method = make(lambda_information=1.0, past_codes=16)
    stream = iter([pairs()] * 3)
    assert "information" not in method.step(stream)  # 8 of 16 codes
    assert "information" not in method.step(stream)
    assert "information" in method.step(stream)


def test_pairs_need_no_classes() -> None:
    batch = pairs()
    method = make(leak="pairs", adversarial="both", reverse_reconstruction=True)
    method.step(iter([Batch(batch.image, partner=batch.partner)]))


def test_a_pixelcnn_draws_pictures_at_its_levels_and_exports_its_draft() -> None:
    method = make(decoder="pixelcnn")
    code = method.encode(pairs().image)
    drawn = method.sample_pixels(code.s, code.z, torch.Generator().manual_seed(0))
    assert drawn.shape == (4, 1, 16, 16)
    steps = (drawn + 1.0) * 1.5  # four levels: 0, 1, 2, 3
    assert torch.allclose(steps, steps.round(), atol=1e-5)
    assert torch.allclose(method.graphs()["decode"].module(code.s, code.z), method.decode(code.s, code.z), atol=1e-5)


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 30), ("reverse_share", 0.0), ("levels", 1), ("n_classes", 1), ("leak_steps", 0), ("kl_warmup", 1.5)],
)
def test_a_wrong_setting_is_named(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        configs.build(cycle_vae.Config, {field: value})
    with pytest.raises(ConfigError, match="at least 2 batch_size"):
        configs.build(cycle_vae.Config, {"lambda_information": 1.0, "past_codes": 100})


def test_a_run_starts_from_the_averaged_weights_of_another() -> None:
    first, other = make(), make(lambda_kl=3.0)
    first.step(iter([pairs()]))
    other.initialise(first.state_dict())
    for name in ("encoder", "decoder"):
        averaged = getattr(first, f"ema_{name}").network.state_dict()
        for network in (getattr(other, name), getattr(other, f"ema_{name}").network):
            assert all(torch.equal(value, averaged[key]) for key, value in network.state_dict().items())


def test_paper_is_the_released_configuration() -> None:
    c = configs.resolve("cycle_vae", "paper")
    method = cycle_vae.Method(c)
    sides, x = [], torch.zeros(2, 1, 28, 28)
    for layer in method.encoder.trunk:
        x = layer(x)
        sides.append(x.shape[-1])
    assert (sides[0], sides[3], sides[6], sides[-1]) == (13, 6, 2, 256)
    assert method.decoder(torch.zeros(2, 16), torch.zeros(2, 16)).shape == (2, 1, 28, 28)
    assert (c.s_dim, c.z_dim, c.batch_size, c.lr, c.lr_reverse) == (16, 16, 64, 1e-4, 1e-4)
    assert (c.lambda_own, c.lambda_rec, c.lambda_kl, c.reverse_fresh, c.reverse_trains) == (0, 1, 1.5, True, "encoder")
    method.steps = 74_959  # 80 of 100 epochs of 937 steps
    assert method._rate() == 1.0
    method.steps = 74_960
    assert method._rate() == pytest.approx(0.1)


def test_a_fresh_reverse_cycle_takes_two_batches_more() -> None:
    for fresh, expected in ((False, 1), (True, 3)):
        method = make(reverse_fresh=fresh)
        stream = iter([pairs() for _ in range(5)])
        method.step(stream)
        assert 5 - len(list(stream)) == expected


def test_the_released_networks_are_for_28_pixels() -> None:
    with pytest.raises(ValueError, match="28 px"):
        cycle_vae.Config(network="released", size=32)
