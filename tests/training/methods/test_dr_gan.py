"""DR-GAN: its settings, how codes are fused, and where each loss pulls."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from imgedit.errors import ConfigError, DataError
from training.data.batch import Batch
from training.methods.dr_gan import PRESETS, Config, Method, Rotate
from training.networks.rotation import CODE, Decoder, Encoder, fuse
from training.run import config as configs


def make(**changes: Any) -> Method:
    torch.manual_seed(0)
    return Method(configs.build(Config, {**Method.tiny(), **changes}))


def batch(n: int = 4, poses: tuple[int, ...] = (0, 1, 2, 1)) -> Batch:
    generator = torch.Generator().manual_seed(5)
    image = torch.rand(n, 3, 16, 16, generator=generator) * 2 - 1
    return Batch(image, specified=torch.arange(n) // 2, pose=torch.tensor(poses[:n]))


def test_paper_is_the_published_configuration() -> None:
    config = Config(**PRESETS["paper"])
    assert (config.size, config.width, config.n_noise, config.group, config.thin) == (96, 32, 50, 1, False)
    assert (config.batch_size, config.lr, config.beta1, config.d_every) == (64, 2e-4, 0.5, 4)
    assert (config.lambda_identity, config.lambda_pose, config.lambda_pixel, config.augment) == (1.0, 1.0, 0.0, False)
    assert Config(**PRESETS["paper-multi"]).group == 6


def test_the_encoder_is_casia_net() -> None:
    channels = [m.out_channels for m in Encoder(32, 321).modules() if isinstance(m, nn.Conv2d)]
    assert channels == [32, 64, 64, 64, 128, 128, 96, 192, 192, 128, 256, 256, 160, 321]
    assert CODE * 32 == 320


@pytest.mark.parametrize("thin", [False, True])
def test_the_decoder_undoes_every_halving(thin: bool) -> None:
    doubling = [m for m in Decoder(2, 48, 5, thin).modules() if isinstance(m, nn.ConvTranspose2d)]
    assert len(doubling) == 4
    assert Decoder(2, 48, 5, thin)(torch.zeros(2, 5)).shape == (2, 3, 48, 48)
    assert Encoder(2, 7, thin)(torch.zeros(2, 3, 48, 48)).shape == (2, 7)


def test_fused_codes_are_means_weighted_by_confidence() -> None:
    code = torch.tensor([[1.0, 0.0], [3.0, 4.0], [5.0, 5.0], [7.0, 9.0]])
    fused = fuse(code, torch.tensor([[0.75], [0.25], [0.5], [0.5]]), 2)
    torch.testing.assert_close(fused, torch.tensor([[1.5, 1.0], [6.0, 7.0]]))


def test_a_group_draws_one_picture_more_of_the_same_person() -> None:
    method, pictures = make(group=2), batch()
    fake, wanted, person = method.rotate(pictures)
    assert fake.shape == (6, 3, 16, 16)
    assert person.tolist() == [0, 0, 1, 1, 0, 1]
    assert wanted.shape == (6,)
    fake, _, person = make().rotate(pictures)
    assert person.tolist() == [0, 0, 1, 1]


def test_pixels_are_compared_with_the_picture_of_the_wanted_pose() -> None:
    method, pictures = make(group=2), batch()
    image = pictures.image
    wanted = torch.tensor([1, 0, 2, 0, 0, 2])  # the mate, the mate, the picture itself, nobody, and two fused ones
    right = torch.stack([image[1], image[0], image[2], image[3] + 0.5, image[0], image[2]])
    assert float(method.pixels(pictures, right, wanted)) == 0.0
    off = right + torch.tensor([0.1, 0.0, 0.2, 9.0, 0.3, 0.4]).view(-1, 1, 1, 1)
    assert float(method.pixels(pictures, off, wanted)) == pytest.approx(1.0 / 5, rel=1e-5)


def test_the_picture_itself_comes_before_a_mate_in_the_same_pose() -> None:
    method, pictures = make(group=2), batch(poses=(1, 1, 0, 0))
    wanted = torch.tensor([1, 1, 0, 0, 1, 0])
    own = torch.cat([pictures.image, pictures.image[::2]])
    assert float(method.pixels(pictures, own, wanted)) == 0.0


def test_the_discriminator_learns_people_poses_and_what_is_drawn() -> None:
    method, pictures = make(lr=2e-3, width=4), batch()
    fake = torch.rand(4, 3, 16, 16) * 2 - 1
    for _ in range(60):
        method.discriminator_step(pictures, fake)
    identity, pose = method.discriminator(pictures.image)
    assert identity.argmax(1).tolist() == pictures.require_specified().tolist()
    assert pose.argmax(1).tolist() == pictures.require_pose().tolist()
    assert method.discriminator(fake)[0].argmax(1).tolist() == [method.config.n_people] * 4


def test_at_first_d_learns_people_alone_and_nothing_of_drawn_pictures() -> None:
    method = make(d_alone=2, n_people=5)
    generator, head = method.state_dict()["generator"], method.discriminator.identity.weight.detach().clone()
    drawn = {name: value.clone() for name, value in generator.items()}
    logs = method.step(iter([batch()]))
    assert sorted(logs) == ["d_right", "loss_d_identity", "loss_d_pose"]
    for name, value in method.generator.state_dict().items():
        torch.testing.assert_close(value, drawn[name])
    after = method.discriminator.identity.weight.detach()
    torch.testing.assert_close(after[-1], head[-1])
    assert (after[:-1] - head[:-1]).abs().max() > 0
    method.step(iter([batch()]))
    assert "loss_g_identity" in method.step(iter([batch()]))


def test_the_generator_step_makes_the_person_and_the_pose_likelier_and_leaves_d_alone() -> None:
    method, pictures = make(lr=2e-3, width=4), batch()
    drawn = torch.rand(4, 3, 16, 16) * 2 - 1
    for _ in range(120):
        method.discriminator_step(pictures, drawn)
    before = {name: p.detach().clone() for name, p in method.discriminator.named_parameters()}
    history = []
    noise, wanted, person = method.noise(4), torch.tensor([2, 0, 1, 0]), pictures.require_specified()
    for _ in range(40):
        code, _ = method.generator.encode(pictures.image)
        fake = method.generator(code, torch.eye(3)[wanted], noise)
        history.append(method.generator_step(pictures, fake, wanted, person))
    for name in ("loss_g_identity", "loss_g_pose"):
        assert float(history[-1][name]) < 0.7 * float(history[0][name]), name
    assert all(torch.equal(p, before[name]) for name, p in method.discriminator.named_parameters())


def test_the_discriminator_waits_for_its_turn() -> None:
    method = make(d_every=3)
    logged = [set(method.step(iter([batch()]))) for _ in range(4)]
    assert ["loss_d_drawn" in names for names in logged] == [True, False, False, True]


def test_the_learning_rate_falls_from_where_it_is_told() -> None:
    method = make(lr=1.0, steps=10, decay_from=0.5)
    rates = []
    for method.steps in range(11):
        method.set_learning_rates()
        rates.append(method.optimizer_g.param_groups[0]["lr"])
    assert rates == pytest.approx([1.0] * 6 + [0.8, 0.6, 0.4, 0.2, 0.0])


def test_the_exported_graph_draws_without_noise() -> None:
    method, pictures = make(), batch()
    generator = method.generator.eval()
    code, _ = generator.encode(pictures.image)
    pose = torch.eye(3)[[0, 1, 2, 0]]
    expected = generator(code, pose, torch.zeros(4, 3))
    torch.testing.assert_close(Rotate(generator, 3)(pictures.image, pose), expected)
    assert method.manifest_fields()["attributes"] == ("left", "front", "right")


def test_settings_and_data_that_do_not_fit_are_refused() -> None:
    for bad in ({"size": 20}, {"poses": ("front",)}, {"poses": ("a", "a")}, {"group": 0}, {"jitter": -1},
                {"size": -32}, {"d_rate": -0.1}, {"d_rate": math.inf}, {"d_alone": -1}, {"crop": "ear"}):  # fmt: skip
        with pytest.raises(ConfigError):
            make(**bad)
    for bad in ("beta1=1", "ema_decay=1.5", "lambda_pixel=-1", "lambda_identity=1e999", "decay_from=2"):
        with pytest.raises(ConfigError, match=f"{bad.partition('=')[0]} must be "):
            configs.resolve("dr_gan", None, [bad])
    with pytest.raises(DataError, match="n_people=2"):
        make(n_people=1).step(iter([batch()]))
    with pytest.raises(DataError, match="groups of 3"):
        make(group=3).step(iter([batch()]))


def test_the_encoder_may_start_from_what_d_knows() -> None:
    torch.manual_seed(0)
    taught, started = (Method(Config(**{**Method.tiny(), "encoder_from_d": True})) for _ in range(2))
    started.initialise(taught.state_dict())
    image = torch.rand(3, 3, 16, 16) * 2 - 1
    taught.discriminator.eval()
    started.generator.eval()
    code, _ = started.generator.encode(image)
    assert torch.equal(code, taught.discriminator.features(image))
    averaged, _ = started.ema.network.eval().encode(image)  # type: ignore[operator]
    assert torch.equal(averaged, code)


def test_d_may_learn_more_slowly_than_g() -> None:
    method = Method(Config(**{**Method.tiny(), "lr": 1e-3, "d_rate": 0.1}))
    method.set_learning_rates()
    assert method.optimizer_g.param_groups[0]["lr"] == pytest.approx(1e-3)
    assert method.optimizer_d.param_groups[0]["lr"] == pytest.approx(1e-4)


def test_d_may_keep_the_statistics_of_its_norms() -> None:
    for keeps in (False, True):
        method = make(d_keeps_norms=keeps, d_every=1)
        name = "features.layers.0.1.running_mean"
        before = method.discriminator.state_dict()[name].clone()
        method.step(iter([batch()]))
        assert torch.equal(method.discriminator.state_dict()[name], before) == keeps


def test_an_output_of_its_own_for_drawn_faces_leaves_the_people_alone() -> None:
    method = make(drawn_as="head", d_every=1)
    logs = method.step(iter([batch()]))
    assert {"loss_d_drawn", "loss_g_real"} <= logs.keys()
    drawn = nn.Parameter(torch.zeros(4, 6))  # five people, and whether it is drawn
    pose = torch.zeros(4, 3)
    method.discriminator.forward = lambda image: (drawn, pose)  # type: ignore[method-assign]
    seen = batch()
    method.discriminator_step(seen, torch.zeros_like(seen.image))
    assert drawn.grad is not None
    assert drawn.grad[:, 5].abs().sum() == 0  # half drawn, half real: nothing to learn from equal outputs
    assert bool((drawn.grad[:, :5].abs().sum(1) > 0).all())
    assert drawn.grad[:, :5].sum(1) == pytest.approx(torch.zeros(4).numpy(), abs=1e-6)
