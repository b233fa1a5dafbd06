"""hair_grid, hair_flow and local_edits: what each step moves and in which direction, and what each method adds."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from imgedit.errors import ConfigError
from imgedit.vision.geometry import FACE_TEMPLATE, WINDOWS
from training import helpers
from training.data.batch import Batch
from training.families import translation
from training.methods import hair_flow, hair_grid, local_edits
from training.methods.hair_grid import HAIR
from training.methods.local_edits import BOXES
from training.networks.teacher import FrozenClassifier
from training.run import config as configs

MODULES: dict[str, Any] = {"hair_grid": hair_grid, "hair_flow": hair_flow, "local_edits": local_edits}
every = pytest.mark.parametrize("method_id", MODULES)


def make(method_id: str, handed: dict[str, FrozenClassifier] | None = None, **changes: Any) -> Any:
    module = MODULES[method_id]
    config = configs.build(module.Config, {**module.Method.tiny(), **changes})
    torch.manual_seed(0)
    return module.Method(config, **(handed or {}))


def batch(method: Any, n: int = 8) -> Batch:
    generator = torch.Generator().manual_seed(5)
    k, size = len(method.config.attributes), method.config.size
    labels = (
        torch.eye(k)[torch.arange(n) % k]
        if method.id == "hair_grid"
        else (torch.arange(n)[:, None] >> torch.arange(k)) % 2
    )
    image, mask = torch.rand(n, 4, size, size, generator=generator).split([3, 1], 1)
    return Batch(image * 2 - 1, labels.float(), mask)


def wanted_of(method: Any, present: Tensor) -> Tensor:
    """Labels of which each differs from the present ones."""
    return present.roll(1, 1) if method.id == "hair_grid" else 1.0 - present


def copy_of(network: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def moved(network: nn.Module, before: list[Tensor]) -> bool:
    return any(not torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True))


def logits_of(method: Any, image: Tensor, mask: Tensor | None, labels: Tensor) -> float:
    """Return the mean of D_src, without the augmentation."""
    seen = torch.cat([image, image * mask, mask], 1) if method.id == "hair_grid" else image
    with torch.no_grad():
        return float(method.discriminator(seen, labels)[0].mean())


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the augmentation of D's input away, so that directions can be measured."""
    for module in (translation, hair_grid):
        monkeypatch.setattr(module, "diff_augment", lambda image: image)


@every
def test_each_step_moves_only_its_own_network(method_id: str) -> None:
    method = make(method_id)
    data = batch(method)
    wanted = method.draw_wanted(data.labels)
    generator, discriminator = copy_of(method.generator), copy_of(method.discriminator)
    method.discriminator_step(data, wanted)
    assert moved(method.discriminator, discriminator)
    assert not moved(method.generator, generator)
    discriminator = copy_of(method.discriminator)
    method.generator_step(data, wanted)
    assert moved(method.generator, generator)
    assert not moved(method.discriminator, discriminator)
    assert all(p.requires_grad for p in method.discriminator.parameters())


@every
@pytest.mark.usefixtures("plain")
def test_a_step_of_the_generator_raises_d_of_edited_pictures(method_id: str) -> None:
    changes = {"lambda_cls": 0.0, "lambda_rec": 0.0, "lr_g": 1e-3, "lambda_adv": 1.0}
    off = ("lambda_colour", "lambda_smooth", "lambda_curve", "lambda_change", "lambda_tv")
    fields = MODULES[method_id].Config.__dataclass_fields__
    method = make(method_id, **changes, **{name: 0.0 for name in off if name in fields})
    data = batch(method)
    present = data.require_labels()
    wanted = wanted_of(method, present)

    def fooled() -> float:
        with torch.no_grad():
            edited = method.apply(method.generator, data.image, method.edit_of(present, wanted), data.mask)
        return logits_of(method, edited.image, data.mask, wanted)

    before = fooled()
    for _ in range(10):
        method.generator_step(data, wanted)
    assert fooled() > before


@every
@pytest.mark.usefixtures("plain")
def test_a_step_of_the_discriminator_parts_real_from_edited_pictures(method_id: str) -> None:
    method = make(method_id, lambda_cls=0.0, lr_d=1e-3)
    data = batch(method)
    present = data.require_labels()
    wanted = wanted_of(method, present)
    with torch.no_grad():
        edited = method.apply(method.generator, data.image, method.edit_of(present, wanted), data.mask).image
    noise = (edited + 0.5 * torch.randn_like(edited)).clamp(-1, 1)  # untrained edits change next to nothing

    def gap() -> float:
        real = logits_of(method, data.image, data.mask, present)
        return real - logits_of(method, noise, data.mask, wanted)

    before = gap()
    method.apply = lambda *_: translation.Edited(noise, noise, data.mask)
    for _ in range(5):
        method.discriminator_step(data, wanted)
    assert gap() > before


@every
def test_generator_is_left_alone_during_warm_up(method_id: str) -> None:
    method = make(method_id, d_warmup=2)
    stream = iter([batch(method)] * 3)
    generator = copy_of(method.generator)
    method.step(stream)
    method.step(stream)
    assert not moved(method.generator, generator)
    assert method.ema.updates == 0
    method.step(stream)
    assert moved(method.generator, generator)
    assert method.ema.updates == 1


@every
def test_r1_once_in_sixteen_steps_weighs_as_much_as_in_each_of_them(
    method_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, int]] = []
    lazy = translation.losses.lazy_r1

    def spy(real: Tensor, logits: Tensor, gamma: float, every: int) -> Tensor:
        asked.append((gamma, every))
        return lazy(real, logits, gamma, every)

    monkeypatch.setattr(translation.losses, "lazy_r1", spy)
    method = make(method_id)
    stream = iter([batch(method)] * 33)
    for _ in range(33):
        method.step(stream)
    assert asked == [(method.r1_weight(), 16)] * 3  # at steps 0, 16 and 32


@every
def test_the_cycle_leads_back_to_the_pictures_own_labels(method_id: str) -> None:
    method = make(method_id)
    data = batch(method)
    present = data.require_labels()
    wanted = wanted_of(method, present)
    asked: list[Tensor] = []
    apply = method.apply

    def spy(network: nn.Module, image: Tensor, edit: Tensor, mask: Tensor | None) -> translation.Edited:
        asked.append(edit)
        return apply(network, image, edit, mask)

    method.apply = spy
    method.generator_step(data, wanted)
    assert len(asked) == 2
    assert torch.equal(asked[0], method.edit_of(present, wanted))
    assert torch.equal(asked[1], method.edit_of(wanted, present))


@every
def test_where_nothing_is_asked_a_change_costs(method_id: str) -> None:
    method = make(method_id)
    data = batch(method)
    present = data.require_labels()
    wanted = wanted_of(method, present)
    wanted[:2] = present[:2]
    edited = translation.Edited(data.image, (data.image + 0.25), data.mask)
    # The way back is right, so that nothing else costs.
    method.apply = lambda network, image, edit, mask: translation.Edited(image, data.image, mask)
    assert float(method.reconstruction(data, wanted, edited)) == pytest.approx(0.25, rel=1e-5)
    assert float(method.reconstruction(data, wanted_of(method, present), edited)) == 0.0


@every
def test_a_teacher_that_is_named_must_be_handed_in(method_id: str) -> None:
    method = make(method_id, teacher="attribute_classifier.celeba", lambda_teacher=1.0)
    with pytest.raises(ConfigError, match="hand it in"):
        method.step(iter([batch(method)]))


def test_wanted_hair_is_one_colour_whatever_the_present_one() -> None:
    method = make("hair_grid")
    labels = torch.eye(4).repeat(50, 1)
    wanted = method.draw_wanted(labels)
    assert wanted.sum(1).eq(1).all()
    assert wanted.sum(0).min() > 30  # each colour about 50 of 200 times
    assert 0.1 < (wanted == labels).all(1).float().mean() < 0.4  # a quarter keeps its colour


@pytest.mark.parametrize("method_id", ["hair_flow", "local_edits"])
def test_one_label_is_turned_round_and_now_and_then_none(method_id: str) -> None:
    method = make(method_id)
    labels = torch.tensor([[1.0, 0.0]]).repeat(200, 1)
    torch.manual_seed(0)
    changed = (method.draw_wanted(labels) != labels).sum(1)
    assert set(changed.tolist()) == {0, 1}
    assert 0.05 < (changed == 0).float().mean() < 0.2


def test_hair_outside_the_mask_stays_as_it_is() -> None:
    method = make("hair_grid")
    nn.init.normal_(method.generator.curve.weight, std=1.0)
    data = batch(method)
    mask = torch.zeros_like(data.require_mask())
    mask[..., :8] = 1.0
    out = method.apply(method.generator, data.image, method.draw_wanted(data.labels), mask).image
    assert torch.equal(out[..., 8:], data.image[..., 8:])
    assert not torch.equal(out[..., :8], data.image[..., :8])


def test_flow_copies_nothing_where_there_is_no_hair() -> None:
    method = make("hair_flow", attributes=("Bangs",), boxes=((36.0, 56.0, 142.0, 112.0),))
    data = batch(method, 4)
    present = data.require_labels()
    edit = method.edit_of(present, 1.0 - present)
    edited = method.apply(method.generator, data.image, edit, data.mask).image
    assert ((edited - data.image).abs().amax((1, 2, 3)) > 0).all()
    bare = method.apply(method.generator, data.image, edit, torch.zeros_like(data.require_mask())).image
    assert torch.equal(bare[::2], data.image[::2])  # asked for bangs: nothing to copy
    assert list(method.graphs()["translate"].inputs) == ["image", "edit", "mask"]


def test_a_local_edit_changes_only_where_the_attribute_is_seen() -> None:
    method = make("local_edits", size=32, crop="close", attributes=tuple(BOXES), boxes=tuple(BOXES.values()))
    image = torch.rand(3, 3, 32, 32) * 1.8 - 0.9
    edit = torch.zeros(3, 5)
    edit[0, list(BOXES).index("Mustache")] = 1.0
    edit[1, list(BOXES).index("Eyeglasses")] = -0.5
    changed = (method.generator(image, edit) - image).abs().amax(1) > 0
    _, top, side = WINDOWS["close"]
    rows = [(row.nonzero().flatten().float() + 0.5) * side / 32 + top for row in changed.any(2)]
    nose, mouth, eyes = FACE_TEMPLATE[2, 1], FACE_TEMPLATE[3, 1], FACE_TEMPLATE[0, 1]
    assert nose - 5 < rows[0].min() < mouth < rows[0].max() < mouth + 10
    assert rows[1].min() < eyes < rows[1].max() < nose + 5
    assert not changed[2].any()


def test_patches_count_by_what_of_them_an_edit_may_change() -> None:
    where = torch.zeros(2, 1, 8, 8)
    where[0, :, :4, :4] = 1.0
    where[1] = 1.0
    weights = translation.patch_weights(where, torch.zeros(2, 1, 2, 2))
    torch.testing.assert_close(weights[0, 0], torch.tensor([[4.0, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(weights[1, 0], torch.ones(2, 2))


def test_faces_without_one_hair_colour_teach_neither_colours_nor_the_way_back() -> None:
    method = make("hair_grid", lambda_tint=0.0)
    data = batch(method)
    unnamed = data.require_labels().clone()
    unnamed[1], unnamed[2] = 0.0, 1.0
    logits = torch.randn(8, 4)
    rest = [0, 3, 4, 5, 6, 7]
    loss = method.classification(logits, unnamed)
    assert loss == pytest.approx(float(method.classification(logits[rest], unnamed[rest]) * 6 / 8))
    wanted = method.draw_wanted(unnamed)
    method.generator_step(dataclasses.replace(data, labels=unnamed), wanted)
    assert sum(method.bank.counts) == 6 * 96
    logs = method.generator_step(dataclasses.replace(data, labels=torch.zeros(8, 4)), wanted)
    assert float(logs["loss_g_rec"]) == 0.0


def test_the_preservation_classifier_sees_all_other_attributes_and_stays_as_it_is() -> None:
    named = {"preserver": "attribute_classifier.celeba", "lambda_preserve": 1.0}
    config = configs.build(hair_grid.Config, {**hair_grid.Method.tiny(), **named})
    method = make("hair_grid", helpers.load(config), **named)
    assert len(method.preserver.columns) == 36
    data = batch(method)
    before = copy_of(method.preserver)
    logs = method.generator_step(data, method.draw_wanted(data.labels))
    assert float(logs["loss_g_preserve"]) > 0.0
    assert not moved(method.preserver, before)


def test_teacher_counts_pictures_by_what_they_are_asked_for() -> None:
    named = {"teacher": "attribute_classifier.celeba", "lambda_teacher": 1.0, "lambda_adv": 0.0}
    handed = helpers.load(configs.build(hair_grid.Config, {**hair_grid.Method.tiny(), **named}))
    wanted = torch.eye(4).repeat(2, 1)
    found = {}
    for weights in ((), (3.0, 3.0, 3.0, 3.0), (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 1.0, 1.0)):
        method = make("hair_grid", copy.copy(handed), **named, teacher_weights=weights)
        torch.manual_seed(0)
        found[weights] = float(method.generator_step(batch(method), wanted)["loss_g_teacher"])
    alike, tripled, black, others = found.values()
    assert tripled == pytest.approx(3.0 * alike)
    assert black > 0.0
    assert others > 0.0
    assert black + others == pytest.approx(alike)


@every
def test_settings_are_fewer_than_thirty(method_id: str) -> None:
    assert len(MODULES[method_id].Config.__dataclass_fields__) < 30


@every
def test_pictures_without_what_the_method_needs_are_refused(method_id: str) -> None:
    method = make(method_id)
    data = dataclasses.replace(batch(method), mask=None)
    if method_id == "local_edits":
        method.step(iter([data]))
    else:
        with pytest.raises(ConfigError, match="needs labels and hair masks"):
            method.step(iter([data]))


@pytest.mark.parametrize(
    ("method_id", "settings", "message"),
    [
        ("hair_grid", {"size": 100}, "multiple of 16"),
        ("hair_grid", {"attributes": ()}, "name the attributes"),
        ("hair_grid", {"attributes": ("Blond_Hair",)}, "at least two; got Blond_Hair"),
        ("hair_grid", {"lambda_teacher": 1.0}, "teacher and lambda_teacher"),
        ("hair_grid", {"lambda_preserve": 1.0}, "preserver and lambda_preserve"),
        ("hair_grid", {"preserve_weights": (1.0, 2.0)}, "preserve_weights has 2 numbers; give one for each"),
        ("hair_grid", {"teacher_weights": (1.0, 2.0)}, "teacher_weights has 2 numbers; give one for each"),
        ("hair_grid", {"free_tint": (1.0, 2.0)}, "one for each of 4 colours"),
        ("hair_flow", {"boxes": ((0.0, 0.0, 9.0, 9.0),)}, "boxes has 1 boxes; give one for each attribute"),
        ("local_edits", {"attributes": ("Smiling",)}, "boxes has 2 boxes; give one for each attribute"),
        ("local_edits", {"height": 24, "boxes": ()}, "height=24 must be a multiple of 16"),
        ("local_edits", {"height": 32}, "with a height give none"),
        ("local_edits", {"crop": "head"}, "choose one of face, inner, close"),
    ],
)
def test_wrong_settings_say_what_is_right(method_id: str, settings: dict[str, Any], message: str) -> None:
    module = MODULES[method_id]
    with pytest.raises(ConfigError, match=message):
        configs.build(module.Config, {**module.Method.tiny(), **settings})


def test_presets_edit_hair_bangs_and_the_face() -> None:
    assert configs.resolve("hair_grid").attributes == HAIR
    assert configs.resolve("hair_flow").attributes == ("Bangs",)
    assert configs.resolve("local_edits").attributes == tuple(BOXES)
