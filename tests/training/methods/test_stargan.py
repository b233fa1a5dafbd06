"""StarGAN as published: its settings, its losses in closed form, and what each step moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.methods.stargan import PRESETS, Config, Method, classification_loss, draw_targets
from training.run import config as configs


def make(**changes: Any) -> Method:
    torch.manual_seed(0)
    return Method(configs.build(Config, {**Method.tiny(), **changes}))


def batch(n: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(5)
    labels = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])[:n]
    return Batch(torch.rand(n, 3, 16, 16, generator=generator) * 2 - 1, labels)


def source(method: Method, image: Tensor) -> float:
    with torch.no_grad():
        return float(method.discriminator(image)[0].mean())


def test_paper_is_the_published_configuration() -> None:
    config = Config(**PRESETS["paper"])
    assert (config.lambda_cls, config.lambda_rec, config.lambda_gp, config.n_critic) == (1.0, 10.0, 10.0, 5)
    assert (config.size, config.width, config.n_blocks, config.d_width, config.d_layers) == (128, 64, 6, 64, 6)
    assert (config.batch_size, config.steps, config.lr_g, config.lr_d, config.beta1) == (16, 200_000, 1e-4, 1e-4, 0.5)
    assert config.attributes == ("Black_Hair", "Blond_Hair", "Brown_Hair", "Male", "Young")
    assert (config.decay_from, config.decay_every, config.ema_decay) == (0.5, 1000, 0.0)
    assert set(Config(**PRESETS["paper-seven"]).attributes) == {
        "Black_Hair", "Blond_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling",
    }  # fmt: skip


def test_pictures_are_drawn_uniformly_and_only_mirrored() -> None:
    options = Method.data_options(Config())
    assert options["jitter"] is False
    assert not {"balance", "groups", "mask_model"} & options.keys()


def test_targets_are_the_labels_of_the_batch_in_another_order() -> None:
    torch.manual_seed(0)
    labels = torch.eye(6)
    targets = draw_targets(labels)
    assert sorted(targets.argmax(1).tolist()) == list(range(6))
    assert not torch.equal(targets, labels)


def test_classification_is_summed_over_labels_and_a_mean_over_pictures() -> None:
    logits, labels = torch.tensor([[0.0, 2.0], [-1.0, 0.5]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    each = np.log1p(np.exp([[0.0, 2.0], [-1.0, -0.5]]))
    assert float(classification_loss(logits, labels)) == pytest.approx(each.sum() / 2, rel=1e-6)


class Linear(nn.Module):
    """A discriminator with a closed form: every patch says `w` times the mean of its picture."""

    def __init__(self, w: float, patches: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(w))
        self.patches = patches

    def forward(self, image: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        source = self.w * image.mean((1, 2, 3))
        return source.view(-1, 1, 1, 1).expand(-1, 1, 2, self.patches // 2), torch.zeros(len(image), 2)


def test_the_gradient_penalty_is_of_the_sum_of_the_source_patches() -> None:
    method = make()
    method.discriminator = Linear(1.0, 4)  # type: ignore[assignment]
    method.optimizer_d = torch.optim.SGD(method.discriminator.parameters(), lr=0.0)  # type: ignore[assignment]
    x = batch()
    terms = method.discriminator_step(x.image, x.require_labels(), x.image.flip(0))
    size = 3 * 16 * 16
    # Four patches, each with a gradient of 1 / size at every value of the picture.
    slope = 4 / size * size**0.5
    assert float(terms["loss_d_gp"]) == pytest.approx((slope - 1.0) ** 2, rel=1e-4)


def test_a_step_of_the_discriminator_parts_real_from_translated_pictures_and_learns_labels() -> None:
    method = make(lr_d=1e-3, lambda_gp=0.0)
    x, labels = batch().image, batch().require_labels()
    targets = labels.flip(1)
    fake = method.generator(x, targets).detach()

    def told() -> float:
        with torch.no_grad():
            return float(classification_loss(method.discriminator(x)[1], labels))

    gap, before = source(method, x) - source(method, fake), told()
    generator = [p.detach().clone() for p in method.generator.parameters()]
    for _ in range(5):
        method.discriminator_step(x, labels, fake)
    assert source(method, x) - source(method, fake) > gap
    assert told() < before
    assert all(torch.equal(a, b) for a, b in zip(method.generator.parameters(), generator, strict=True))


@pytest.mark.parametrize("term", ["adversarial", "classification", "reconstruction"])
def test_a_step_of_the_generator_raises_d_of_fakes_shows_the_targets_and_comes_back(term: str) -> None:
    method = make(
        lr_g=1e-3,
        lambda_cls=1.0 if term == "classification" else 0.0,
        lambda_rec=1.0 if term == "reconstruction" else 0.0,
    )
    if term != "adversarial":
        nn.init.zeros_(method.discriminator.adversarial.weight)
    x, labels = batch().image, batch().require_labels()
    targets = labels.flip(1)

    def measured() -> float:
        with torch.no_grad():
            fake = method.generator(x, targets)
            if term == "adversarial":
                return -source(method, fake)
            if term == "classification":
                return float(classification_loss(method.discriminator(fake)[1], targets))
            return float((method.generator(fake, labels) - x).abs().mean())

    before, discriminator = measured(), [p.detach().clone() for p in method.discriminator.parameters()]
    for _ in range(5):
        method.generator_step(x, labels, targets, method.generator(x, targets))
    assert measured() < before
    assert all(torch.equal(a, b) for a, b in zip(method.discriminator.parameters(), discriminator, strict=True))
    assert all(p.requires_grad for p in method.discriminator.parameters())


def test_the_cycle_leads_back_to_the_pictures_own_labels() -> None:
    method = make()
    x, labels = batch().image, batch().require_labels()
    asked: list[Tensor] = []
    method.generator.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    with torch.no_grad():
        expected = (method.generator(method.generator(x, labels.flip(1)), labels) - x).abs().mean()
    asked.clear()
    terms = method.generator_step(x, labels, labels.flip(1), method.generator(x, labels.flip(1)))
    assert len(asked) == 2
    assert torch.equal(asked[0], labels.flip(1))
    assert torch.equal(asked[1], labels)
    assert float(terms["loss_g_rec"]) == pytest.approx(float(expected), rel=1e-5)


def test_a_step_translates_each_batch_once_and_the_last_one_back() -> None:
    method = make(n_critic=3)
    asked: list[tuple[bool, Tensor]] = []
    method.generator.register_forward_pre_hook(lambda _, given: asked.append((torch.is_grad_enabled(), given[0])))
    method.step(iter([batch()] * 3))
    assert [grad for grad, _ in asked] == [False, False, True, True]  # three for D, of which G learns by the last


def test_rates_fall_in_stairs_to_zero_over_the_second_half() -> None:
    method = make(steps=100, decay_every=10, n_critic=1, lr_g=1.0, lr_d=2.0)
    rates = []
    for step in (0, 49, 50, 59, 60, 75, 99):
        method.steps = step
        method.set_learning_rates()
        rates.append((method.optimizer_g.param_groups[0]["lr"], method.optimizer_d.param_groups[0]["lr"]))
    assert [g for g, _ in rates] == pytest.approx([1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.2])
    assert [d for _, d in rates] == pytest.approx([2 * g for g, _ in rates])


def test_the_published_run_exports_its_last_weights_and_the_compact_one_an_average() -> None:
    for decay, same in ((0.0, True), (0.999, False)):
        method = make(ema_decay=decay)
        for _ in range(3):
            method.step(iter([batch()] * 5))
        pairs = zip(method.ema.network.parameters(), method.generator.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) is same


def test_initialise_takes_what_fits_from_a_run_at_another_size() -> None:
    small, large = make(), make(size=32)
    nn.init.ones_(small.discriminator.adversarial.weight)
    large.initialise(small.state_dict())
    for own, given in zip(large.generator.parameters(), small.generator.parameters(), strict=True):
        assert torch.equal(own, given)
    assert torch.equal(large.discriminator.adversarial.weight, small.discriminator.adversarial.weight)
    assert large.discriminator.classify.weight.shape != small.discriminator.classify.weight.shape


def test_the_sample_sheet_sets_a_hair_colour_and_clears_the_others() -> None:
    method = make(attributes=("Black_Hair", "Blond_Hair", "Smiling"))
    asked: list[Tensor] = []
    method.ema.network.register_forward_pre_hook(lambda _, given: asked.append(given[1]))
    labels = torch.tensor([[1.0, 0.0, 1.0]])
    sheet = method.samples(Batch(batch(1).image, labels))
    assert sheet.shape == (3, 4 * 16, 16)
    assert [a[0].tolist() for a in asked] == [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 100}, "multiple of 2\\*\\*d_layers"),
        ({"crop": "head"}, "choose one of face, inner, close"),
        ({"attributes": ()}, "name the attributes"),
        ({"n_critic": 0}, "n_critic=0"),
    ],
)
def test_wrong_settings_say_what_is_right(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config(**settings)
