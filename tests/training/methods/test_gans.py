from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imgedit.errors import DataError
from training.data import gaussians
from training.data.batch import Batch
from training.families.gan import STEPS_AN_EPOCH, rate
from training.losses import adversarial as L
from training.methods import digit_classifier, md_gan, unrolled_gan
from training.networks import dense
from training.run import config as configs
from training.run.optim import set_lr
from training.train import load_data

GANS = ("gan", "wgan", "wgan_gp", "unrolled_gan", "md_gan")
gans = pytest.mark.parametrize("method_id", GANS)


def make(method_id: str, **changes: Any) -> Any:
    module = configs.method_module(method_id)
    torch.manual_seed(0)
    return module.Method(configs.build(module.Config, {**module.Method.tiny(), **changes}))


def batches(method: Any, n: int = 4) -> Any:
    config = method.config
    torch.manual_seed(7)
    image = torch.rand(n, config.channels, config.size, config.size) * 2 - 1
    return itertools.repeat(Batch(image))


def flat(network: nn.Module) -> Tensor:
    return torch.cat([v.detach().flatten().clone() for v in network.state_dict().values()])


# ---- losses, closed forms


def test_logistic_losses_of_an_undecided_discriminator_are_log_2() -> None:
    zero = torch.zeros(3)
    assert float(L.logistic_discriminator(zero, zero)) == pytest.approx(2 * math.log(2))
    assert float(L.non_saturating_generator(zero)) == pytest.approx(math.log(2))


def test_label_smoothing_is_cross_entropy_with_a_lower_target() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    bce = nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.full((2,), 0.9)) + bce(fake, torch.zeros(2))
    assert float(L.logistic_discriminator(real, fake, 0.1)) == pytest.approx(float(expected), rel=1e-6)


# ---- networks


def test_mnist_generator_is_100_256_512_1024_784_for_every_method() -> None:
    for method_id in GANS:
        method = configs.method_module(method_id).Method(configs.resolve(method_id))
        linear = [m for m in method.generator.modules() if isinstance(m, nn.Linear)]
        assert [m.in_features for m in linear] + [linear[-1].out_features] == [100, 256, 512, 1024, 784]


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_generated_pictures_fill_the_range_of_tanh_and_fit_the_discriminator(kind: dense.Kind) -> None:
    image = dense.generator(kind, 5, 3, 12)(100.0 * torch.randn(6, 5))
    assert image.shape == (6, 3, 12, 12)
    assert float(image.detach().abs().max()) <= 1.0
    assert dense.discriminator(kind, 3, 12, 4)(image).shape == (6, 4)


# ---- the game


@gans
def test_each_player_moves_alone(method_id: str) -> None:
    method = make(method_id)
    real = next(batches(method)).image
    g, d = flat(method.generator), flat(method.discriminator)
    fake = method.generator(method.noise(4))
    moved_by_forward = flat(method.generator)  # batch norm's running statistics
    method.discriminator_step(real, fake.detach())
    assert torch.equal(flat(method.generator), moved_by_forward)
    assert not torch.equal(flat(method.discriminator), d)
    d = flat(method.discriminator)
    method.generator_step(fake, real)
    assert torch.equal(flat(method.discriminator), d)
    assert not torch.equal(flat(method.generator), g)
    assert all(p.requires_grad for p in method.discriminator.parameters())


@gans
@pytest.mark.parametrize("form", ["default", "paper"])
def test_a_step_of_the_generator_raises_the_discriminators_logit_of_its_pictures(method_id: str, form: str) -> None:
    changes = {"saturating": True} if (method_id, form) == ("md_gan", "paper") else {}
    changes |= {"batch_norm": False} if method_id == "wgan" else {}  # whose statistics move too
    method = make(method_id, lr=1e-3, **changes)
    stream = batches(method, 16)
    for _ in range(3):
        method.step(stream)
    z, real = method.noise(16), next(stream).image
    before = float(method.logit(method.generate(z, averaged=False)).mean())
    for _ in range(10):
        method.generator_step(method.generator(z), real)
    assert float(method.logit(method.generate(z, averaged=False)).mean()) > before


@gans
def test_a_step_of_the_discriminator_parts_real_from_generated_pictures(method_id: str) -> None:
    changes = {"clip": 0.5} if method_id == "wgan" else {}
    method = make(method_id, lr=1e-3, **changes)
    real = next(batches(method, 16)).image
    fake = method.generate(method.noise(16), averaged=False)

    def gap() -> float:
        return float((method.logit(real) - method.logit(fake)).mean())

    before = gap()
    for _ in range(10):
        method.discriminator_step(real, fake)
    assert gap() > before


@gans
def test_noise_is_drawn_anew_for_every_step(method_id: str) -> None:
    method = make(method_id, n_critic=2)
    seen: list[Tensor] = []
    method.generator.register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
    stream = batches(method)
    for _ in range(3):
        method.step(stream)
    assert len(seen) == 6
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(seen, 2))


@gans
def test_steps_count_the_batches_drawn(method_id: str) -> None:
    method = make(method_id, n_critic=3)
    method.step(batches(method))
    assert method.steps == 3
    assert method.ema.updates == 1


def test_second_phase_is_the_last_share_of_the_steps() -> None:
    config = configs.resolve("wgan_gp", "paper")
    change = 150 * STEPS_AN_EPOCH
    assert config.steps == 180 * STEPS_AN_EPOCH
    assert rate(config, change - 1) == config.lr
    assert rate(config, change) == config.second_lr
    method = make("gan", steps=4, second_phase=0.5, lr=1e-3, second_lr=1e-5)
    rates = []
    for _ in range(4):
        method.step(batches(method))
        rates.append(method.optimizer_g.param_groups[0]["lr"])
    assert rates == [1e-3, 1e-3, 1e-5, 1e-5]


def test_the_optimizer_is_adam_with_the_settings_betas() -> None:
    torch.manual_seed(1)
    a = nn.Linear(5, 3)
    b = copy.deepcopy(a)
    plain = torch.optim.Adam(b.parameters(), 0.1, (0.3, 0.9), foreach=False)
    optimizers = make("gan", lr=0.1, beta1=0.3, beta2=0.9).optimizer(a), plain
    for _ in range(5):
        x = torch.randn(4, 5)
        for network, optimizer in zip((a, b), optimizers, strict=True):
            optimizer.zero_grad()
            network(x).square().sum().backward()
            optimizer.step()
    assert torch.allclose(a.weight, b.weight, atol=1e-6)


def test_generate_uses_the_average_unless_told() -> None:
    method = make("gan", ema_decay=0.5)
    for _ in range(3):
        method.step(batches(method))
    z = torch.randn(6, 5)
    last = method.generator.eval()(z).detach()
    assert torch.equal(method.generate(z, averaged=False), last)
    assert not torch.equal(method.generate(z), last)
    assert method.generate(z).shape == (6, 1, 8, 8)
    assert method.logit(last).shape == (6,)


def test_clipping_keeps_every_critic_weight_in_bounds() -> None:
    method = make("wgan", clip=0.003, lr=0.1)
    method.step(batches(method))
    assert float(flat(method.discriminator).abs().max()) == pytest.approx(0.003)


def test_gradient_penalty_draws_the_slope_to_one() -> None:
    method = make("wgan_gp", lr=2e-3)
    real = next(batches(method, 16)).image
    penalties = [float(method.discriminator_step(real, -real)["loss_gp"]) for _ in range(60)]
    assert penalties[0] > 0.5
    assert np.mean(penalties[-10:]) < 0.1


def test_r1_flattens_the_discriminator_at_real_pictures() -> None:
    slopes = []
    for gamma in (0.0, 10.0):
        method = make("gan", r1_gamma=gamma, lr=2e-3)
        real = next(batches(method, 16)).image
        for _ in range(30):
            method.discriminator_step(real, -real)
        real = real.clone().requires_grad_()
        slopes.append(float(L.r1_penalty(real, method.discriminator(real).squeeze(1)).detach()))
    assert slopes[1] < 0.5 * slopes[0]


# ---- unrolling


def warmed(**changes: Any) -> tuple[Any, Tensor]:
    """An unrolled GAN whose Adam has moments, and real pictures."""
    method = make("unrolled_gan", **changes)
    stream = batches(method)
    for _ in range(3):
        method.step(stream)
    return method, next(stream).image


def test_look_ahead_leaves_the_true_discriminator_bit_identical() -> None:
    method, real = warmed(unroll=4)
    before = copy.deepcopy((method.discriminator.state_dict(), method.optimizer_d.state_dict()))
    fake = method.generator(method.noise(4))
    ahead = method.look_ahead(real, fake)
    method.generator_step(fake, real)
    for name, value in before[0].items():
        assert torch.equal(value, method.discriminator.state_dict()[name]), name
        assert not torch.equal(value, ahead[name]), name
    for number, state in before[1]["state"].items():
        for name, value in state.items():
            assert torch.equal(value, method.optimizer_d.state_dict()["state"][number][name]), name
    assert all(p.grad is None for p in ahead.values() if p.is_leaf)


def test_look_ahead_goes_where_the_true_optimizer_would() -> None:
    method, real = warmed(unroll=3, lr=1e-3, second_phase=0.0)
    fake = method.generator(method.noise(4)).detach()
    ahead = method.look_ahead(real, fake)
    for _ in range(3):
        method.discriminator_step(real, fake)
    for name, value in method.discriminator.named_parameters():
        assert torch.allclose(ahead[name], value, atol=2e-6), name


def test_look_ahead_parameters_carry_the_gradient_of_the_fakes() -> None:
    method, real = warmed(unroll=2, lr=1e-3, second_phase=0.0)
    method.discriminator.double()
    for state in method.optimizer_d.state.values():
        state["exp_avg"], state["exp_avg_sq"] = state["exp_avg"].double(), state["exp_avg_sq"].double() + 1.0
    real, fake = real.double(), method.generator(method.noise(4)).detach().double().requires_grad_()
    set_lr(method.optimizer_d, 1.0)
    direction = torch.randn_like(fake)
    weight = {name: torch.randn_like(p) for name, p in method.discriminator.named_parameters()}

    def total(x: Tensor) -> Tensor:
        ahead = method.look_ahead(real, x)
        return torch.stack(
            [(weight[k] * (v - method.discriminator.get_parameter(k))).sum() for k, v in ahead.items()]
        ).sum()

    (gradient,) = torch.autograd.grad(total(fake), fake)
    h = 1e-6  # small enough to cross no kink of a LeakyReLU
    measured = (total(fake + h * direction) - total(fake - h * direction)).detach() / (2 * h)
    assert float((gradient * direction).sum()) == pytest.approx(float(measured), rel=1e-3)
    assert abs(float(measured)) > 1e-4


def test_no_look_ahead_is_the_plain_gan() -> None:
    plain, unrolled = make("gan"), make("unrolled_gan", unroll=0, d_pace=1.0)
    for method in (plain, unrolled):
        stream = batches(method)
        torch.manual_seed(3)
        for _ in range(3):
            method.step(stream)
    assert torch.allclose(flat(plain.generator), flat(unrolled.generator), atol=1e-6)


def test_the_discriminator_keeps_its_own_pace_in_both_phases() -> None:
    method = make("unrolled_gan", d_pace=0.25, lr=1e-3, second_lr=1e-4, steps=4, second_phase=0.5)
    stream = batches(method)
    rates = []
    for _ in range(4):
        method.step(stream)
        rates.append([o.param_groups[0]["lr"] for o in (method.optimizer_g, method.optimizer_d)])
    assert rates == [pytest.approx([1e-3, 2.5e-4])] * 2 + [pytest.approx([1e-4, 2.5e-5])] * 2


def test_fresh_pictures_are_not_those_of_the_look_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    for fresh in (True, False):
        method, real = warmed(unroll=1, fresh=fresh)
        fake = method.generator(method.noise(4))
        monkeypatch.setattr(unrolled_gan, "functional_call", lambda network, values, args: judged.append(args[0]) or
                            torch.func.functional_call(network, values, args))  # fmt: skip
        method.generator_step(fake, real)
        seen, answered = judged[-2], judged[-1]
        assert torch.equal(seen[4:], fake)
        assert torch.equal(answered, fake) != fresh


def test_minimax_turns_the_loss_of_the_discriminator_that_looked_ahead() -> None:
    method, real = warmed(unroll=2, minimax=True)
    fake = method.generator(method.noise(4))
    ahead = method.look_ahead(real, fake)
    logits = torch.func.functional_call(method.discriminator, ahead, (torch.cat([real, fake]),))
    loss = L.logistic_discriminator(*logits.chunk(2))
    wanted = torch.autograd.grad(-loss, list(method.generator.parameters()), retain_graph=True)
    found = method.generator_step(fake, real)
    assert float(found["loss_g"]) == pytest.approx(-float(loss.detach()))
    for parameter, gradient in zip(method.generator.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-7)


# ---- the mixture


@pytest.mark.parametrize("n", [2, 3, 10])
def test_simplex_corners_have_one_distance_and_their_mean_at_the_origin(n: int) -> None:
    means = md_gan.simplex(n, 3.5)
    assert means.shape == (n, n - 1)
    distances = torch.cdist(means, means)[~torch.eye(n, dtype=torch.bool)]
    assert torch.allclose(distances, torch.tensor(3.5, dtype=torch.float64))
    assert torch.allclose(means.mean(0), torch.zeros(n - 1, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("distance", [1.0, 2.5, 4.0])
def test_lambda_is_the_largest_likelihood(distance: float) -> None:
    mixture = md_gan.Mixture(md_gan.simplex(3, distance))
    axis = torch.linspace(-4, 4, 801)
    everywhere = mixture(torch.cartesian_prod(axis, axis))
    assert float(everywhere.max()) == pytest.approx(0.0, abs=1e-4)


def test_lambda_of_two_near_gaussians_is_their_sum_half_way() -> None:
    mixture = md_gan.Mixture(md_gan.simplex(2, 1.0))  # one hump below a distance of 2
    assert mixture.log_lambda == pytest.approx(math.log(2 * math.exp(-0.125)))


def test_likelihood_of_a_far_embedding_keeps_a_gradient() -> None:
    mixture = md_gan.Mixture(md_gan.simplex(4, 4.0))
    e = torch.full((1, 3), 100.0, requires_grad=True)
    mixture(e).sum().backward()
    assert e.grad is not None
    assert float(e.grad.norm()) > 10.0


def test_log_rest_is_the_log_of_what_is_left() -> None:
    share = torch.tensor([0.1, 0.5, 0.99])
    assert torch.allclose(md_gan.log_rest(share.log()), torch.log(1 - share), atol=1e-5)
    assert bool(md_gan.log_rest(torch.zeros(1)).isfinite().all())


def test_md_gan_logit_is_the_odds_of_its_likelihood_share() -> None:
    method = make("md_gan")
    image = next(batches(method)).image
    share = method.mixture(method.discriminator(image)).detach().exp()
    assert torch.allclose(method.logit(image), torch.logit(share), atol=1e-4)


# ---- points


def test_true_points_cover_every_mode_and_a_single_mode_one() -> None:
    data = gaussians.grid(5, n=20_000)
    found = data.coverage(torch.from_numpy(data.points))
    assert found.modes == 25
    assert found.good == pytest.approx(1 - math.exp(-4.5), abs=3e-3)  # Rayleigh within 3 sigma
    assert found.balance == pytest.approx(1.0, abs=1e-3)
    one = data.coverage(torch.tensor(data.means[3]).float().expand(50, 2))
    assert (one.modes, one.good, one.balance) == (1, 1.0, 0.0)
    assert data.coverage(torch.full((9, 2), 5.0)) == gaussians.Coverage(0, 0.0, 0.0)


def test_points_are_pictures_of_one_pixel_inside_the_range() -> None:
    data = load_data("gaussians:ring8", "test", {"size": 1})
    batch = data.batch(np.arange(500), np.random.default_rng(0))
    assert batch.image.shape == (500, 2, 1, 1)
    assert float(batch.image.abs().max()) <= 1.0
    radius = batch.image.flatten(1).norm(dim=1).mean()
    assert float(radius) == pytest.approx(gaussians.EXTENT, abs=5e-3)
    assert batch.specified is not None
    assert set(batch.specified.tolist()) == set(range(8))


@pytest.mark.parametrize("layout", ["", "ring", "ring1", "cube3", "/tmp"])
def test_unknown_layouts_are_refused(layout: str) -> None:
    with pytest.raises(DataError, match="ringK or gridSIDE"):
        load_data(f"gaussians:{layout}", "train", {"size": 1})


@gans
def test_points_preset_trains_on_points_and_draws_a_density(method_id: str) -> None:
    config = configs.resolve(method_id, "points", ["batch_size=8"])
    method = configs.method_module(method_id).Method(config)
    data = load_data("gaussians:ring8", "test", method.data_options(config))
    batch = data.batch(np.arange(8), np.random.default_rng(0))
    terms = method.step(itertools.repeat(batch))
    assert all(bool(v.isfinite()) for v in terms.values())
    grid = method.samples(batch)
    assert grid.shape == (3, 256, 128)
    assert float(grid.max()) > 0


# ---- LeNet


def test_features_are_what_the_last_layer_reads() -> None:
    method = make("digit_classifier")
    image = torch.rand(3, 1, 8, 8) * 2 - 1
    features = method.features(image)
    assert features.shape == (3, 10)
    head: Any = method.ema.network.head
    assert torch.allclose(torch.softmax(head(features), 1), method.probability(image), atol=1e-6)


def test_shift_moves_each_picture_by_whole_pixels() -> None:
    torch.manual_seed(0)
    image = torch.full((50, 1, 7, 7), -1.0)
    image[:, :, 3, 3] = 1.0
    moved = digit_classifier.shifted(image, 2)
    assert moved.shape == image.shape
    _, _, rows, columns = (moved == 1.0).nonzero(as_tuple=True)
    assert len(rows) == 50
    assert set(rows.tolist()) == set(columns.tolist()) == {1, 2, 3, 4, 5}
    assert not torch.equal(rows, columns)
    assert torch.equal(digit_classifier.shifted(image, 0), image)


def test_the_notebook_of_the_unrolled_gan_is_the_authors() -> None:
    config = unrolled_gan.Config(**unrolled_gan.PRESETS["notebook"])
    assert (config.z_dim, config.batch_size, config.steps, config.unroll) == (256, 512, 25_000, 5)
    assert (config.lr, config.d_pace * config.lr, config.beta1) == (1e-3, pytest.approx(1e-4), 0.5)
    assert config.minimax
    method = unrolled_gan.Method(config)
    for network, sizes in ((method.generator, [256, 128, 128, 2]), (method.discriminator, [2, 128, 128, 1])):
        linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
        assert [linear[0].in_features, *(layer.out_features for layer in linear)] == sizes
        assert sum(isinstance(layer, nn.Tanh) for layer in network.modules()) == 2  # none at the end
        rows = linear[1].weight @ linear[1].weight.T
        torch.testing.assert_close(rows, 1.4**2 * torch.eye(128), atol=1e-4, rtol=0)
