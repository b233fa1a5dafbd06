"""The mixing methods: what the judge sees and moves, what each loss reaches, and the options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch, Stream
from training.data.grouped import Grouped
from training.families import pair
from training.losses.latent import squared_error
from training.methods import mathieu, szabo
from training.networks.pair import ClassDiscriminator, PairDiscriminator, discriminator_step, generator_loss
from training.run import config as configs
from training.run.optim import set_lr

MODULES = {"mathieu": mathieu, "szabo": szabo}
both = pytest.mark.parametrize("method_id", MODULES)


def make(method_id: str, **changes: Any) -> Any:
    module = MODULES[method_id]
    config = configs.build(module.Config, {**module.Method.tiny(), **changes})
    torch.manual_seed(0)
    return module.Method(config)


def bars(n: int = 64, size: int = 16, pairs: bool = True) -> Grouped:
    """Two classes, upright and lying bars; their place is the style."""
    images = np.zeros((n, size, size, 1), np.uint8)
    place = np.random.default_rng(0).integers(2, size - 4, n)
    for i, at in enumerate(place):
        if i % 2:
            images[i, at : at + 3] = 255
        else:
            images[i, :, at : at + 3] = 255
    return Grouped(images, np.arange(n) % 2, ("upright", "lying"), pairs=pairs)


def moved(before: dict[str, Tensor], network: nn.Module) -> bool:
    return any(not torch.equal(v, before[name]) for name, v in network.state_dict().items())


def copy_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: v.clone() for name, v in network.state_dict().items()}


class Sum(nn.Module):
    """A judge with a closed form: `a sum(image) + b sum(condition)`."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        return self.a * image.flatten(1).sum(1) + self.b * condition.flatten(1).sum(1)


def test_hinge_and_logistic_games_have_their_closed_forms() -> None:
    judge, optimizer = Sum(0.5, 0.0), torch.optim.SGD([torch.zeros(1)], lr=0.0)
    real, fake = torch.full((2, 1, 1, 1), 1.0), torch.full((2, 1, 1, 1), 3.0)
    hinge = discriminator_step(judge, optimizer, real, real, [fake], real, adversarial="hinge")
    assert float(hinge["loss_d"]) == pytest.approx((1 - 0.5) + (1 + 1.5), abs=1e-6)
    logistic = discriminator_step(judge, optimizer, real, real, [fake], real, adversarial="non_saturating")
    assert float(logistic["loss_d"]) == pytest.approx(np.log1p(np.exp(-0.5)) + np.log1p(np.exp(1.5)), abs=1e-5)
    assert float(hinge["d_accuracy"]) == 0.5  # every real picture right, every generated one wrong
    assert float(generator_loss(judge, [fake], real, "hinge")) == pytest.approx(-1.5, abs=1e-6)
    assert float(generator_loss(judge, [fake], real, "non_saturating")) == pytest.approx(
        np.log1p(np.exp(-1.5)), abs=1e-5
    )


def test_two_kinds_of_generated_pictures_weigh_as_much_as_the_real_ones() -> None:
    judge, optimizer = Sum(1.0, 0.0), torch.optim.SGD([torch.zeros(1)], lr=0.0)
    one = torch.ones(2, 1, 1, 1)
    terms = discriminator_step(judge, optimizer, 0 * one, one, [one, 3 * one], one, adversarial="hinge")
    assert float(terms["loss_d"]) == pytest.approx(1 + (2 + 4) / 2, abs=1e-6)


def test_r1_adds_the_squared_gradient_at_the_picture_not_at_its_reference() -> None:
    judge = Sum(1.0, 5.0)
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.0)
    zero = torch.zeros(2, 1, 3, 3)
    grads = []
    for r1 in (0.0, 0.1):
        discriminator_step(judge, optimizer, zero, zero, [zero], zero, adversarial="hinge", r1=r1)
        grads.append((float(judge.a.grad), float(judge.b.grad)))  # type: ignore[arg-type]
    assert grads[1][0] - grads[0][0] == pytest.approx(0.1 * 2 * 9 * 1.0, abs=1e-5)  # d/da of r1 * 9 a^2
    assert grads[1][1] == grads[0][1]


@pytest.mark.parametrize(("limit", "steps"), [(0.8, False), (1.0, True)])
def test_a_judge_that_is_right_too_often_rests(limit: float, steps: bool) -> None:
    judge = Sum(0.5, 0.0)
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.1)
    one = torch.ones(2, 1, 1, 1)
    terms = discriminator_step(judge, optimizer, one, one, [-one], one, adversarial="hinge", accuracy_limit=limit)
    assert float(terms["d_accuracy"]) == 1.0
    assert (judge.a.item() != 0.5) == steps


def test_the_generator_loss_reaches_the_picture_and_leaves_the_judge_without_gradient() -> None:
    judge = PairDiscriminator(1, 16, 4)
    fake = torch.zeros(2, 1, 16, 16, requires_grad=True)
    generator_loss(judge, [fake], torch.zeros(2, 1, 16, 16), "hinge").backward()
    assert fake.grad is not None
    assert bool(fake.grad.any())
    assert all(p.grad is None and p.requires_grad for p in judge.parameters())


@pytest.mark.parametrize("size", [28, 64])
def test_discriminators_give_one_logit_a_picture_which_the_condition_changes(size: int) -> None:
    image = torch.rand(3, 1, size, size)
    pair, classes = PairDiscriminator(1, size, 4), ClassDiscriminator(1, size, 4, 5)
    for judge, a, b in (
        (pair, image, -image),
        (classes, torch.tensor([0, 1, 2]), torch.tensor([3, 4, 3])),
    ):
        assert judge(image, a).shape == (3,)
        assert not torch.isclose(judge(image, a), judge(image, b)).any()


@both
def test_each_step_moves_only_its_own_side(method_id: str) -> None:
    method = make(method_id)
    batch = next(Stream(bars(), 4, 0))
    fake = torch.rand(4, 1, 16, 16)
    before = {name: copy_of(getattr(method, name)) for name in ("encoder", "decoder", "discriminator")}
    method.discriminator_step(batch, (fake,) if method_id == "mathieu" else fake)
    assert [name for name in before if moved(before[name], getattr(method, name))] == ["discriminator"]

    before["discriminator"] = copy_of(method.discriminator)
    seen = method.discriminator_step
    method.discriminator_step = lambda *a: {}  # what is left of a step is the generator's side
    method.step(iter([batch]))
    method.discriminator_step = seen
    assert [name for name in before if moved(before[name], getattr(method, name))] == ["encoder", "decoder"]


def test_mathieu_judges_pictures_that_have_the_next_class_against_that_class() -> None:
    for form, expected in (("class_embedding", [1, 1, 0, 0]), ("image_pair", None)):
        method = make("mathieu", discriminator=form)
        image = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 16, 16)
        batch = Batch(image, specified=torch.tensor([0, 1, 1, 0]), partner=image + 10)
        shown: list[Tensor] = []
        method.discriminator = _Spy(method.discriminator, shown)
        method.discriminator_step(batch, (image,))
        real, fake = shown
        wanted = torch.tensor(expected) if expected else image.roll(-1, 0)
        assert torch.equal(fake, wanted)
        assert torch.equal(real, batch.specified if expected else image)


class _Spy(nn.Module):
    """Write down the conditions that a discriminator is given."""

    def __init__(self, network: nn.Module, shown: list[Tensor]) -> None:
        super().__init__()
        self.network, self.shown = network, shown

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        self.shown.append(condition)
        logits: Tensor = self.network(image, condition)
        return logits


@pytest.mark.parametrize(
    ("gaussian", "terms", "n_judged"),
    [("z", {"loss_kl"}, 2), ("s", {"loss_kl_s"}, 1), ("both", {"loss_kl", "loss_kl_s"}, 2), ("none", set(), 1)],
)
def test_gaussian_says_which_code_is_a_distribution(gaussian: str, terms: set[str], n_judged: int) -> None:
    method = make("mathieu", gaussian=gaussian)
    batches = Stream(bars(), 4, 0)
    assert {name for name in method.step(batches) if name.startswith("loss_kl")} == terms
    code = method.encode(next(batches).image)
    is_drawn = {"z": gaussian in ("z", "both"), "s": gaussian in ("s", "both")}
    assert (code.z_logvar is not None) == is_drawn["z"]
    assert method.graphs()["encode"].outputs == ["s", "z", "z_logvar"][: 3 if is_drawn["z"] else 2]
    # What is no VAE is decoded as it is encoded; what is one, with noise.
    encoded = method.encoder(torch.rand(8, 1, 16, 16))
    decoded: list[tuple[Tensor, ...]] = []
    handle = method.decoder.register_forward_pre_hook(lambda _, given: decoded.append(given))
    method._decode_all(encoded)
    handle.remove()
    s, z = (part[:4] for part in decoded[0])
    assert torch.equal(s, encoded.s[:4]) != is_drawn["s"]
    assert torch.equal(z, encoded.z[:4]) != is_drawn["z"]
    # Only a z with a prior can be drawn from it, so only then is there a second picture to judge.
    assert len(method._decode_all(method.encoder(torch.zeros(8, 1, 16, 16)))[2]) == n_judged


def test_class_embedding_names_a_class_that_it_does_not_have() -> None:
    method = make("mathieu", discriminator="class_embedding", n_classes=1)
    with pytest.raises(ConfigError, match="class 1, but n_classes=1"):
        method.step(Stream(bars(), 4, 0))


def test_szabo_reconstructs_each_picture_from_its_own_z_and_the_partners_s() -> None:
    method = make("szabo", lambda_adv=0.0)
    batch = next(Stream(bars(), 4, 0))
    with torch.no_grad():
        first, second = method.encoder(batch.image), method.encoder(batch.require_partner())
        error = squared_error(method.decoder(second.s, first.z), batch.image)
        error = error + squared_error(method.decoder(first.s, second.z), batch.require_partner())
    assert float(method.step(iter([batch]))["loss_rec"]) == pytest.approx(float(error.mean()), rel=1e-4)


def test_szabo_fakes_a_partner_from_the_s_of_a_picture_and_the_z_of_another() -> None:
    method = make("szabo")
    batch = next(Stream(bars(), 4, 0))
    with torch.no_grad():
        code = method.encoder(batch.image)
    decoded: list[tuple[Tensor, Tensor]] = []
    method.decoder.register_forward_pre_hook(lambda _, given: decoded.append((given[0].detach(), given[1].detach())))
    method.step(iter([batch]))
    s, z = (part[8:] for part in decoded[0])  # behind the reconstructions of both pictures of four pairs
    torch.testing.assert_close(s, code.s, atol=1e-5, rtol=0)
    torch.testing.assert_close(z, code.z.roll(1, 0), atol=1e-5, rtol=0)
    assert not torch.isclose(z, code.z).all(1).any()


@both
def test_r1_once_in_k_steps_weighs_as_much_as_in_each_of_them(method_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    def spy(*args: Any, **options: Any) -> dict[str, Tensor]:
        asked.append(options["r1"])
        return discriminator_step(*args, **options)

    monkeypatch.setattr(pair, "discriminator_step", spy)
    method = make(method_id, lambda_r1=0.5, r1_every=3)
    batches = Stream(bars(), 4, 0)
    for _ in range(6):
        method.step(batches)
    assert asked == [1.5, 0.0, 0.0, 1.5, 0.0, 0.0]


@both
@pytest.mark.parametrize("adversarial", ["hinge", "non_saturating"])
def test_a_step_of_encoder_and_decoder_raises_d_of_the_fakes(method_id: str, adversarial: str) -> None:
    off = dict.fromkeys(("lambda_own", "lambda_cross", "lambda_kl", "lambda_rec"), 0.0)
    fields = MODULES[method_id].Config.__dataclass_fields__
    changes = {k: v for k, v in off.items() if k in fields} | ({"gaussian": "s"} if method_id == "mathieu" else {})
    method = make(method_id, adversarial=adversarial, **changes)
    if method_id == "mathieu":
        method.encoder.variational_s = True
    batch = next(Stream(bars(), 4, 0))
    method.discriminator_step = lambda *_: {}  # it does not move
    set_lr(method.optimizer, 1e-3)

    def fooled() -> float:
        torch.manual_seed(3)
        seen: list[Tensor] = []
        handle = method.discriminator.register_forward_hook(lambda _, __, logits: seen.append(logits.detach()))
        method.update(batch)
        handle.remove()
        return float(seen[-1].mean())

    first = fooled()
    for _ in range(10):
        last = fooled()
    assert last > first


def test_mathieu_reconstructs_x1_from_its_own_s_and_from_its_partners() -> None:
    method = make("mathieu", gaussian="s", lambda_adv=0.0)  # z has no noise here
    with torch.no_grad():
        method.encoder.s.weight[3:] = 0.0
        method.encoder.s.bias[3:] = -100.0  # nor has s: log variance at its lower limit
    batch = next(Stream(bars(), 4, 0))
    with torch.no_grad():
        first, second = method.encoder(batch.image), method.encoder(batch.require_partner())
        own = squared_error(method.decoder(first.s, first.z), batch.image).mean()
        cross = squared_error(method.decoder(second.s, first.z), batch.image).mean()
    terms = method.step(iter([batch]))
    assert float(terms["loss_own"]) == pytest.approx(float(own), rel=1e-3)
    assert float(terms["loss_cross"]) == pytest.approx(float(cross), rel=1e-3)


@both
def test_the_judges_verdict_reaches_decoder_s_and_z(method_id: str) -> None:
    weights = dict.fromkeys(("lambda_own", "lambda_cross", "lambda_kl", "lambda_rec"), 0.0)
    config = MODULES[method_id].Config
    method = make(method_id, **{k: v for k, v in weights.items() if k in config.__dataclass_fields__})
    method.step(Stream(bars(), 4, 0))
    for part in (method.decoder, method.encoder.s, method.encoder.z):
        assert all(p.grad is not None and bool(p.grad.any()) for p in part.parameters())


@pytest.mark.parametrize("form", ["image_pair", "class_embedding"])
def test_a_step_leaves_the_batch_as_it_was(form: str) -> None:
    batch = next(Stream(bars(), 4, 0))
    before = batch.image.clone()
    make("mathieu", discriminator=form).step(iter([batch]))
    make("szabo").step(iter([batch]))
    assert torch.equal(batch.image, before)
    assert not batch.image.requires_grad


def test_noise_on_z_is_of_training_only() -> None:
    batch = next(Stream(bars(), 4, 0))
    clean, noisy = make("szabo"), make("szabo", z_noise=1.0)
    assert torch.equal(clean.encode(batch.image).z, noisy.encode(batch.image).z)
    torch.manual_seed(1)
    assert float(clean.step(iter([batch]))["loss_rec"]) != float(noisy.step(iter([batch]))["loss_rec"])


def released(method_id: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    small = {**pair.RELEASED, "s_dim": 3, "z_dim": 4, "batch_size": 4, "steps": 40}
    return MODULES[method_id].Method(configs.build(MODULES[method_id].Config, {**small, **changes}))


def digits(n: int = 12) -> Stream:
    return Stream(bars(n, 28), 4, 0)


@both
def test_the_released_code_steps_each_side_by_itself_and_the_generator_twice(method_id: str) -> None:
    method = released(method_id)
    order = []
    for name in ("autoencode", "fool", "tell"):
        own = getattr(method, name)
        setattr(method, name, lambda *batches, n=name, own=own: order.append((n, len(batches))) or own(*batches))
    method.step(digits())
    told, fooled = [("tell", 2)], [("fool", 2)] * 2
    assert order == [("autoencode", 1), *(told + fooled if method_id == "szabo" else fooled + told)]


@both
def test_each_side_of_the_released_code_moves_what_it_should(method_id: str) -> None:
    method = released(method_id, accuracy_limit=1.0)
    first, second = next(digits()), next(digits())
    optimizers = {"autoencode": method.optimizer, "fool": method.optimizer_g, "tell": method.optimizer_d}
    assert len({id(one) for one in optimizers.values()}) == 3
    for name, sides in (
        ("autoencode", ["encoder", "decoder"]), ("fool", ["encoder", "decoder"]), ("tell", ["discriminator"]),
    ):  # fmt: skip
        before = {part: copy_of(getattr(method, part)) for part in ("encoder", "decoder", "discriminator")}
        getattr(method, name)(*([first] if name == "autoencode" else [first, second]))
        assert [part for part in before if moved(before[part], getattr(method, part))] == sides, name
        assert optimizers[name].state


@both
def test_fooling_raises_what_the_released_discriminator_says(method_id: str) -> None:
    method = released(method_id, **({"lambda_kl": 0.0} if method_id == "mathieu" else {}))
    first, second = next(digits()), next(digits())
    losses = [float(method.fool(first, second)["loss_adv"]) for _ in range(30)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_published_settings_of_the_two_rivals() -> None:
    for method_id, preset in (("szabo", "paper"), ("mathieu", "jha")):
        c = configs.resolve(method_id, preset)
        assert (c.network, c.procedure, c.generator_steps, c.schedule) == ("released", "alternating", 2, "constant")
        assert (c.lr, c.lr_d, c.beta1, c.batch_size, c.accuracy_limit) == (1e-4, 1e-4, 0.5, 64, 0.8)
        assert (c.s_dim, c.z_dim, c.lambda_adv, c.adversarial) == (16, 16, 784.0, "non_saturating")


def test_the_released_form_of_mathieu_has_one_form() -> None:
    with pytest.raises(ValueError, match="image_pair"):
        mathieu.Config(**pair.RELEASED, gaussian="s")
