"""StarGAN's steps, targets and presets, beyond what every method must do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch

from imgedit.errors import ConfigError
from imgedit.vision.geometry import FACE_TEMPLATE, WINDOWS
from training import helpers
from training.data.batch import Batch
from training.data.celeba import HAIR
from training.families.translation import SHAPE, WIDER
from training.methods.stargan import PRESETS, Config, Method
from training.publish.words import WORDS

TINY_HAIR = {
    **PRESETS["hair"], "size": 16, "width": 4, "d_width": 4, "d_layers": 3, "batch_size": 8, "d_warmup": 0,
}  # fmt: skip


def hair_batch(n: int = 8) -> Batch:
    torch.manual_seed(5)
    labels = torch.eye(4).repeat(n // 4, 1)
    return Batch(torch.rand(n, 3, 16, 16) * 2 - 1, labels, torch.rand(n, 1, 16, 16))


def snapshot(network: torch.nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def moved(network: torch.nn.Module, before: list[torch.Tensor]) -> bool:
    return any(not torch.equal(p, b) for p, b in zip(network.parameters(), before, strict=True))


def test_paper_is_the_published_configuration() -> None:
    config = Config(**PRESETS["paper"])
    assert (config.lambda_cls, config.lambda_rec, config.lambda_gp, config.n_critic) == (1.0, 10.0, 10.0, 5)
    assert (config.size, config.n_blocks, config.generator, config.adversarial) == (128, 6, "resnet", "wgan_gp")
    assert set(Config(**PRESETS["paper-seven"]).attributes) == {
        "Black_Hair", "Blond_Hair", "Male", "Young", "Bangs", "Mustache", "Smiling",
    }  # fmt: skip


@pytest.mark.parametrize("overrides", [TINY_HAIR, Method.tiny()])
def test_each_step_moves_only_its_own_network(overrides: dict[str, object]) -> None:
    method = Method(Config(**overrides))
    batch = hair_batch()
    batch = dataclasses.replace(batch, labels=batch.labels[:, : len(method.config.attributes)])
    wanted = method._wanted(batch.labels)
    generator, discriminator = snapshot(method.generator), snapshot(method.discriminator)
    method.discriminator_step(batch, wanted)
    assert moved(method.discriminator, discriminator)
    assert not moved(method.generator, generator)
    discriminator = snapshot(method.discriminator)
    method.generator_step(batch, wanted)
    assert moved(method.generator, generator)
    assert not moved(method.discriminator, discriminator)


def test_generator_is_left_alone_during_warm_up() -> None:
    def stream() -> Iterator[Batch]:
        while True:
            yield hair_batch()

    method = Method(Config(**{**TINY_HAIR, "d_warmup": 2}))
    generator = snapshot(method.generator)
    batches = stream()
    method.step(batches)
    method.step(batches)
    assert not moved(method.generator, generator)
    method.step(batches)
    assert moved(method.generator, generator)


def test_wanted_hair_is_one_colour_whatever_the_present_one() -> None:
    method = Method(Config(**TINY_HAIR))
    labels = torch.eye(4).repeat(50, 1)
    wanted = method._wanted(labels)
    assert wanted.sum(1).eq(1).all()
    assert wanted.sum(0).min() > 30  # each colour about 50 of 200 times
    assert 0.1 < (wanted == labels).all(1).float().mean() < 0.4  # a quarter keeps its colour


def test_flip_changes_one_attribute_and_a_new_hair_colour_clears_the_others() -> None:
    config = Config(**{**Method.tiny(), "attributes": (*HAIR, "Smiling"), "targets": "flip"})
    labels = torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0]]).repeat(200, 1)
    torch.manual_seed(0)
    wanted = Method(config)._wanted(labels)
    assert wanted[:, :4].sum(1).max() == 1
    changed = (wanted != labels).sum(1)
    # None now and then (1 in 8), one, or a new hair colour with the old one cleared.
    assert set(changed.tolist()) == {0, 1, 2}
    assert 0.05 < (changed == 0).float().mean() < 0.2
    assert (wanted[changed == 2, 0] == 0).all()


def test_bangs_are_learned_on_the_hair_mask() -> None:
    tiny = {"size": 16, "width": 4, "d_width": 4, "d_layers": 3, "n_blocks": 1, "batch_size": 4, "d_warmup": 0}
    method = Method(Config(**{**PRESETS["bangs"], **tiny}))
    torch.manual_seed(5)
    batch = Batch(torch.rand(4, 3, 16, 16) * 2 - 1, torch.tensor([[0.0], [1.0]]).repeat(2, 1), torch.rand(4, 1, 16, 16))
    before = snapshot(method.generator)
    logs = method.step(iter([batch]))
    assert moved(method.generator, before)
    assert {"loss_g_rec", "loss_g_smooth", "loss_d_cls"} <= set(logs)
    wanted = 1.0 - batch.require_labels()
    edited = method.translate(batch.image, batch.require_labels(), wanted, batch.mask)
    changed = (edited - batch.image).abs().amax((1, 2, 3))
    assert (changed > 0).all()
    no_hair = method.translate(batch.image, batch.require_labels(), wanted, torch.zeros_like(batch.mask))
    assert torch.equal(no_hair[::2], batch.image[::2])  # nothing to copy
    assert list(method.graphs()["translate"].inputs) == ["image", "edit", "mask"]


def test_hair_outside_the_mask_stays_as_it_is() -> None:
    method = Method(Config(**TINY_HAIR))
    torch.nn.init.normal_(method.generator.curve.weight, std=1.0)
    batch = hair_batch()
    mask = torch.zeros_like(batch.mask)
    mask[..., :8] = 1.0
    out = method.translate(batch.image, batch.labels, method._wanted(batch.labels), mask)
    assert torch.equal(out[..., 8:], batch.image[..., 8:])
    assert not torch.equal(out[..., :8], batch.image[..., :8])


def test_a_local_edit_changes_only_where_the_attribute_is_seen() -> None:
    config = Config(**{**Method.tiny(), "size": 32, "crop": "close", "attributes": SHAPE, "local": True,
                       "generator": "compact", "conditioning": "difference", "adversarial": "hinge"})  # fmt: skip
    method = Method(config)
    image = torch.rand(3, 3, 32, 32) * 1.8 - 0.9
    edit = torch.zeros(3, 5)
    edit[0, SHAPE.index("Mustache")] = 1.0
    edit[1, SHAPE.index("Eyeglasses")] = -0.5
    changed = (method.generator(image, edit) - image).abs().amax(1) > 0
    _, top, side = WINDOWS["close"]
    rows = [(row.nonzero().flatten().float() + 0.5) * side / 32 + top for row in changed.any(2)]
    nose, mouth, eyes = FACE_TEMPLATE[2, 1], FACE_TEMPLATE[3, 1], FACE_TEMPLATE[0, 1]
    assert nose - 5 < rows[0].min() < mouth < rows[0].max() < mouth + 10
    assert rows[1].min() < eyes < rows[1].max() < nose + 5
    assert not changed[2].any()


def test_faces_without_one_hair_colour_teach_neither_colours_nor_the_way_back() -> None:
    method = Method(Config(**{**TINY_HAIR, "any_hair": True, "lambda_tint": 0.0}))
    batch = hair_batch()
    unnamed = batch.labels.clone()
    unnamed[1], unnamed[2] = 0.0, 1.0
    logits = torch.randn(8, 4)
    rest = [0, 3, 4, 5, 6, 7]
    loss = method._classification(logits, unnamed)
    assert loss == pytest.approx(float(method._classification(logits[rest], unnamed[rest]) * 6 / 8))
    wanted = method._wanted(unnamed)
    assert (wanted.sum(1) == 1).all()
    method.generator_step(dataclasses.replace(batch, labels=unnamed), wanted)
    assert sum(method.bank.counts) == 6 * 96
    logs = method.generator_step(dataclasses.replace(batch, labels=torch.zeros(8, 4)), wanted)
    assert float(logs["loss_g_rec"]) == 0.0


def test_keeper_watches_all_other_attributes_and_stays_as_it_is() -> None:
    keeping = {**TINY_HAIR, "keeper": "attribute_classifier.celeba", "lambda_keep": 1.0, "lambda_adv": 0.0}
    config = Config(**keeping)
    method = Method(config, **helpers.load(config))
    assert method.keeper is not None
    assert len(method.keeper.columns) == 36
    batch = hair_batch()
    before = snapshot(method.keeper)
    moving = {name: float(v) for name, v in method.generator_step(batch, method._wanted(batch.labels)).items()}
    assert moving["loss_g_keep"] > 0.0
    assert not moved(method.keeper, before)


def test_initialise_takes_what_fits_from_a_run_at_another_size() -> None:
    small = Method(Config(**Method.tiny()))
    large = Method(Config(**{**Method.tiny(), "size": 32}))
    large.initialise(small.state_dict())
    for own, given in zip(large.generator.parameters(), small.generator.parameters(), strict=True):
        assert torch.equal(own, given)
    assert large.discriminator.classify.weight.shape != small.discriminator.classify.weight.shape


def test_teacher_counts_pictures_by_what_they_are_asked_for() -> None:
    taught = {**TINY_HAIR, "teacher": "attribute_classifier.celeba", "lambda_teacher": 1.0, "lambda_adv": 0.0}
    wanted = torch.eye(4).repeat(2, 1)
    losses = {}
    for shares in ((), (3.0, 3.0, 3.0, 3.0), (1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 1.0, 1.0)):
        torch.manual_seed(0)
        config = Config(**taught, teacher_share=shares)
        method = Method(config, **helpers.load(config))
        losses[shares] = float(method.generator_step(hair_batch(), wanted)["loss_g_teacher"])
    every, tripled, black, others = losses.values()
    assert tripled == pytest.approx(3.0 * every)
    assert black > 0.0
    assert others > 0.0
    assert black + others == pytest.approx(every)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"generator": "vit"}, "resnet, compact, flow, bilateral"),
        ({"size": 100}, "multiple of 2\\*\\*d_layers"),
        ({"lambda_teacher": 1.0}, "teacher and lambda_teacher"),
        ({"lambda_colour": 1.0}, "needs mask"),
        ({"lambda_keep": 1.0}, "keeper and lambda_keep"),
        ({"keep_share": (1.0, 2.0)}, "keep_share has 2 numbers; give one for each attribute"),
        ({"teacher_share": (1.0, 2.0)}, "teacher_share has 2 numbers; give one for each attribute"),
        ({"any_hair": True}, "all hair colours"),
        ({"local": True}, "conditioning=difference"),
        ({"generator": "flow", "conditioning": "difference"}, "needs mask=true"),
        ({"free_tint": (1.0, 2.0)}, "one for each of 4 colours"),
    ],
)
def test_wrong_settings_say_what_is_right(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config(**settings)


def test_every_word_belongs_to_an_attribute_and_hair_words_act_on_hair() -> None:
    fields = Method(Config(**{**Method.tiny(), "attributes": (*HAIR, "Smiling")})).manifest_fields()
    words = fields["words"]
    assert words["blond"].sets == {"Black_Hair": 0.0, "Blond_Hair": 1.0, "Brown_Hair": 0.0, "Gray_Hair": 0.0}
    assert words["smiling"].sets == {"Smiling": 1.0}
    assert words["blond"].region == "hair"
    assert words["smiling"].region == "face"
    assert set(WORDS) >= set(WIDER)
