"""The authors' own code of Mathieu et al.: its networks, its three pictures a step, and its weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.data.batch import Batch
from training.methods import mathieu
from training.networks.mathieu import LookupDiscriminator, MathieuDecoder, MathieuEncoder
from training.networks.pair import discriminator_step, generator_loss
from training.run import config as configs

N = 4


def make(**changes: Any) -> Any:
    torch.manual_seed(0)
    small = {"s_dim": 3, "z_dim": 5, "width": 4, "d_width": 4, "batch_size": N}
    return mathieu.Method(configs.build(mathieu.Config, {**mathieu.PRESETS["authors"], **small, **changes}))


def pictures(seed: int, classes: list[int]) -> Batch:
    image, partner = torch.rand(2, N, 1, 28, 28, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return Batch(image, specified=torch.tensor(classes), partner=partner)


def two() -> tuple[Batch, Batch]:
    return pictures(0, [0, 1, 2, 3]), pictures(1, [4, 5, 6, 7])


class Seen:
    """What went into a network and came out of it, call by call."""

    def __init__(self, network: nn.Module) -> None:
        self.given: list[tuple[Tensor, ...]] = []
        self.made: list[Any] = []
        network.register_forward_hook(lambda _, given, made: (self.given.append(given), self.made.append(made))[0])


def test_the_preset_is_what_the_authors_readme_runs_on_mnist() -> None:
    c = configs.resolve("mathieu", "authors")
    assert (c.network, c.procedure, c.discriminator) == ("authors", "triples", "class_lookup")
    assert (c.s_dim, c.z_dim, c.width, c.d_width, c.batch_size) == (64, 512, 16, 16, 16)
    assert (c.lr, c.lr_d, c.beta1, c.schedule, c.ema_decay) == (1e-2, 1e-2, 0.5, "constant", 0.0)
    assert (c.adversarial, c.label_real, c.lambda_r1, c.accuracy_limit) == ("non_saturating", 0.95, 0.0, 1.0)
    method = make()
    for optimizer in (method.optimizer, method.optimizer_d):
        assert isinstance(optimizer, torch.optim.Adam)
    method.steps = c.steps - 1
    method.step(iter(two()))
    for optimizer in (method.optimizer, method.optimizer_d):
        (group,) = optimizer.param_groups
        assert (group["lr"], group["betas"]) == (1e-2, (0.5, 0.999))


def test_the_networks_have_the_authors_layers() -> None:
    c = configs.resolve("mathieu", "authors")
    method = mathieu.Method(c)
    same = [(16, 16, 3, 1), (32, 32, 3, 1), (64, 64, 3, 1), (128, 128, 3, 1)]
    halves = [(16, 32, 2, 2), (32, 64, 2, 2), (64, 128, 2, 2)]
    expected = {
        "encoder": [(1, 16, 3, 1), same[0], halves[0], same[1], halves[1], same[2], halves[2], same[3]],
        "decoder": [
            same[3], (128, 64, 2, 2), same[2], (64, 32, 2, 2), same[1], (32, 16, 2, 2), same[0], (16, 1, 3, 1)
        ],
        "discriminator": [
            (1, 16, 3, 1), (16, 16, 2, 2), (16, 32, 2, 2), same[1], (32, 64, 2, 2), same[2], same[2]
        ],
    }  # fmt: skip
    for name, layers in expected.items():
        network: nn.Module = getattr(method, name)
        convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
        found = [(m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in convolutions]
        assert found == layers, name
        norms = sum(isinstance(m, nn.BatchNorm2d) for m in network.modules())
        assert norms == len(layers) - (name == "decoder")  # of the discriminator none after the first, two in between
    linear = [
        {(m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)}
        for network in (method.encoder, method.decoder, method.discriminator)
    ]
    assert linear == [{(2048, 64), (2048, 512)}, {(64, 2048), (512, 2048)}, {(1024, 1)}]


@pytest.mark.parametrize("layer", range(3))
def test_logits_depend_on_the_class_in_each_of_three_layers(layer: int) -> None:
    torch.manual_seed(0)
    network = LookupDiscriminator(1, 4, 5).eval()
    image = torch.rand(3, 1, 28, 28)
    classes, others = torch.tensor([0, 1, 2]), torch.tensor([3, 4, 3])
    own = network.maps[layer].weight.detach().clone()
    for maps in network.maps:
        nn.init.zeros_(maps.weight)
    torch.testing.assert_close(network(image, classes), network(image, others), rtol=0, atol=0)
    network.maps[layer].weight.data.copy_(own)
    assert not torch.isclose(network(image, classes), network(image, others)).any()


@pytest.mark.parametrize("layer", range(3))
def test_a_batch_norm_follows_the_class(layer: int) -> None:
    torch.manual_seed(0)
    network = LookupDiscriminator(1, 4, 5).train()
    network.head[-2].p = 0.0
    image, one = torch.rand(8, 1, 28, 28), torch.zeros(8, dtype=torch.int64)
    before = network(image, one)
    network.maps[layer].weight.data[0] += 3.0  # in all pictures alike, so that the batch norm takes it away again
    torch.testing.assert_close(network(image, one), before, rtol=1e-3, atol=1e-4)
    network.eval()
    assert not torch.isclose(network(image, one), before).any()


def test_small_pictures_have_a_grey_border_that_is_cut_off_again() -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 1, 28, 28)
    framed = F.pad(image, (2, 2, 2, 2))
    encoder = MathieuEncoder(1, 3, 5, 4, True, False).eval()
    torch.testing.assert_close(encoder(image).z, encoder(framed).z, rtol=0, atol=0)
    judge, classes = LookupDiscriminator(1, 4, 5).eval(), torch.tensor([1, 2])
    torch.testing.assert_close(judge(image, classes), judge(framed, classes), rtol=0, atol=0)
    small, large = (MathieuDecoder(1, size, 3, 5, 4).eval() for size in (28, 32))
    large.load_state_dict(small.state_dict())
    s, z = torch.randn(2, 3), torch.randn(2, 5)
    torch.testing.assert_close(small(s, z), large(s, z)[..., 2:30, 2:30], rtol=0, atol=0)


class Sum(nn.Module):
    """A judge whose logit is `sum(image)`."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return self.scale * image.flatten(1).sum(1)


def test_real_pictures_are_labelled_lower_and_generated_ones_as_ever() -> None:
    judge, optimizer = Sum(), torch.optim.SGD([torch.zeros(1)], lr=0.0)
    real, fake = (torch.randn(5, 1, 1, 1, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    terms = discriminator_step(
        judge, optimizer, real, real, [fake], real, adversarial="non_saturating", label_real=0.95
    )
    bce = F.binary_cross_entropy_with_logits
    expected = bce(real.flatten(), torch.full((5,), 0.95)) + bce(fake.flatten(), torch.zeros(5))
    assert float(terms["loss_d"]) == pytest.approx(float(expected), abs=1e-6)
    aimed = generator_loss(judge, [fake], real, "non_saturating", 0.95)
    assert float(aimed) == pytest.approx(float(bce(fake.flatten(), torch.full((5,), 0.95))), abs=1e-6)


def test_both_sides_of_the_preset_have_the_label() -> None:
    pair, third = two()
    found = []
    for label in (1.0, 0.95):
        method = make(label_real=label)
        found.append((method.update_triples(pair, third), method))
    judge = Seen((fresh := make()).discriminator)
    fresh.update_triples(pair, third)
    fooled, real, _ = (float(logits.detach().mean()) for logits in judge.made)
    (plain, _), (smoothed, _) = found
    assert float(smoothed["loss_adv"] - plain["loss_adv"]) == pytest.approx(0.05 * fooled, abs=1e-5)
    assert float(smoothed["loss_d"] - plain["loss_d"]) == pytest.approx(0.05 * real, abs=1e-5)


def test_losses_are_the_authors_means_times_a_quarter_of_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    method, (pair, third) = make(), two()
    encoded, decoded, judged = Seen(method.encoder), Seen(method.decoder), Seen(method.discriminator)
    losses: list[Tensor] = []
    monkeypatch.setattr(mathieu, "descend", lambda _, loss: losses.append(loss.detach()))
    method.update_triples(pair, third)
    x = torch.cat([pair.image, pair.require_partner(), third.image])
    own, cross = decoded.made[0][: 3 * N], decoded.made[0][3 * N : 5 * N]
    mean, said = encoded.made[0].z, encoded.made[0].z_logvar
    kl = 0.5 * (mean.square() + (2 * said).exp() - 1 - 2 * said).sum() / len(mean)
    theirs = (
        0.5 * F.mse_loss(own, x)
        + 1.0 * F.mse_loss(cross, x[: 2 * N])
        + 0.01 * F.binary_cross_entropy_with_logits(judged.made[0], torch.full((2 * N,), 0.95))
        + 0.1 * 6 / (28 * 28) * kl
    )
    assert float(losses[0]) == pytest.approx(28 * 28 / 4 * float(theirs.detach()), rel=1e-5)


def test_what_is_decoded_of_three_pictures_and_what_is_judged() -> None:
    method, (pair, third) = make(gaussian="none"), two()
    encoded, decoded, judged = Seen(method.encoder), Seen(method.decoder), Seen(method.discriminator)
    method.update_triples(pair, third)
    assert len(encoded.made) == len(decoded.made) == 1
    (s1, s2, s3), (z1, z2, z3) = encoded.made[0].s.chunk(3), encoded.made[0].z.chunk(3)
    torch.testing.assert_close(decoded.given[0][0], torch.cat([s1, s2, s3, s2, s1, s2, s3]), rtol=0, atol=0)
    torch.testing.assert_close(decoded.given[0][1], torch.cat([z1, z2, z3, z1, z2, z3, z2]), rtol=0, atol=0)
    torch.testing.assert_close(encoded.given[0][0], torch.cat([pair.image, pair.require_partner(), third.image]))
    fooled, real, fake = judged.given  # encoder and decoder step first, and the fakes are not drawn anew
    torch.testing.assert_close(fooled[0], decoded.made[0][5 * N :], rtol=0, atol=0)
    torch.testing.assert_close(fake[0], fooled[0], rtol=0, atol=0)
    torch.testing.assert_close(real[0], torch.cat([pair.require_partner(), third.image]), rtol=0, atol=0)
    assert [given[1].tolist() for given in judged.given] == [list(range(8))] * 3


def test_each_decoding_has_its_own_noise() -> None:
    method, (pair, third) = make(), two()
    decoded = Seen(method.decoder)
    method.update_triples(pair, third)
    z = decoded.given[0][1]
    own, crossed = z[:N], z[3 * N : 4 * N]
    assert not torch.isclose(own, crossed).any()


def test_the_kl_reads_the_log_variance_as_a_logarithm_of_the_standard_deviation() -> None:
    mean, said = torch.tensor([[0.5, 0.0]]), torch.tensor([[0.3, -1.0]])
    prior = torch.distributions.Normal(0.0, 1.0)
    for of_std, std in ((True, said.exp()), (False, (0.5 * said).exp())):
        expected = torch.distributions.kl_divergence(torch.distributions.Normal(mean, std), prior).sum()
        assert float(make(kl_of_log_std=of_std)._kl(mean, said)) == pytest.approx(float(expected), rel=1e-5)


def test_each_side_steps_with_its_own_optimizer() -> None:
    method, (pair, third) = make(), two()
    trained = {id(w) for group in method.optimizer_d.param_groups for w in group["params"]}
    assert trained == {id(w) for w in method.discriminator.parameters()}
    before = {name: [w.detach().clone() for w in getattr(method, name).parameters()] for name in
              ("encoder", "decoder", "discriminator")}  # fmt: skip
    method.update_triples(pair, third)
    for name, weights in before.items():
        assert all(not torch.equal(a, b) for a, b in zip(weights, getattr(method, name).parameters(), strict=True)), (
            name
        )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"discriminator": "image_pair"}, "procedure=triples needs discriminator="),
        ({"size": 64}, "up to 32 px, got size=64"),
        ({"label_real": 0.5}, "label_real must be above 0.5"),
        ({"label_real": 1.1}, "label_real must be above 0.5"),
        ({"adversarial": "hinge"}, "label_real=0.95 needs adversarial=non_saturating"),
        ({"n_classes": 0}, "n_classes must be at least 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        mathieu.Config(**{**mathieu.PRESETS["authors"], **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("network", ["ours", "authors"])
@pytest.mark.parametrize("discriminator", ["class_embedding", "class_lookup"])
def test_networks_procedure_and_discriminator_go_together_otherwise_too(network: str, discriminator: str) -> None:
    method = make(network=network, discriminator=discriminator)
    assert all(bool(value.isfinite()) for value in method.step(iter(two())).values())
    joint = make(network=network, discriminator=discriminator, procedure="joint")
    assert all(bool(value.isfinite()) for value in joint.step(iter([two()[0]])).values())
    assert bool(method.encode(two()[0].image).z.isfinite().all())
