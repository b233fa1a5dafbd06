"""CycleGAN and VAE-GAN: where each loss pulls, what is exported, and attribute vectors."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.methods import cyclegan, vae_gan
from training.methods.cyclegan import Pool
from training.networks.patch import PatchDiscriminator
from training.networks.vae_gan import Critic, Decoder, Encoder
from training.run import config as configs


def make(module: Any, **changes: Any) -> Any:
    torch.manual_seed(0)
    return module.Method(configs.build(module.Config, {**module.Method.tiny(), **changes}))


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# CycleGAN.


def test_hair_is_the_published_configuration() -> None:
    c = configs.resolve("cyclegan", "hair")
    assert (c.size, c.n_blocks, c.width, c.d_width, c.pool) == (256, 9, 64, 64, 50)
    assert (c.objective, c.lambda_cycle, c.lambda_identity, c.lr, c.beta1) == ("least-squares", 10.0, 0.0, 2e-4, 0.5)
    assert configs.resolve("cyclegan", "sleeves").rows == 256


def test_a_patch_of_the_discriminator_sees_70_pixels() -> None:
    network = PatchDiscriminator(3, 4)
    image = noise(1, 3, 128, 128).requires_grad_()
    logits = network(image)
    assert logits.shape == (1, 1, 14, 14)
    for norm in (m for m in network.modules() if isinstance(m, torch.nn.GroupNorm)):  # they look at all of the picture
        norm.forward = lambda x: x  # type: ignore[method-assign]
    network(image)[0, 0, 7, 7].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero()  # type: ignore[union-attr]
    assert int(rows.max() - rows.min()) + 1 == 70


@pytest.mark.parametrize("objective", ["least-squares", "logistic"])
def test_generators_fool_and_discriminators_tell(objective: str) -> None:
    method = make(cyclegan, objective=objective, lambda_cycle=0.0, lambda_identity=0.0, pool=0, lr=2e-3)
    x, y = noise(4, 3, 32, 32, seed=1), noise(4, 3, 32, 32, seed=2)

    def told() -> tuple[float, float, float, float]:
        with torch.no_grad():
            to_y, to_x = method.forward(x), method.backward(y)
            pairs = ((method.critic_y, y), (method.critic_y, to_y), (method.critic_x, x), (method.critic_x, to_x))
            real_y, made_y, real_x, made_x = (float(critic(image).mean()) for critic, image in pairs)
        return real_y, made_y, real_x, made_x

    before = told()
    method._generator_step(x, y, method.forward(x), method.backward(y))
    after = told()
    assert after[1] > before[1]  # D_Y believes in G(x) more than before
    assert after[3] > before[3]
    assert (after[0], after[2]) == (before[0], before[2])
    method._discriminator_step(x, y, method.forward(x).detach(), method.backward(y).detach())
    last = told()
    assert last[0] - last[1] > after[0] - after[1]
    assert last[2] - last[3] > after[2] - after[3]


def test_the_cycle_brings_both_domains_back() -> None:
    method = make(cyclegan, lambda_identity=0.0)
    x, y = noise(2, 3, 32, 32, seed=1), noise(2, 3, 32, 32, seed=2)
    logs = method._generator_step(x, y, method.forward(x), method.backward(y))
    fresh = make(cyclegan, lambda_identity=0.0)
    with torch.no_grad():
        wanted = (fresh.backward(fresh.forward(x)) - x).abs().mean() + (
            fresh.forward(fresh.backward(y)) - y
        ).abs().mean()
    torch.testing.assert_close(logs["loss_g_cycle"], wanted)


def test_the_pool_hands_on_old_pictures_half_of_the_time() -> None:
    torch.manual_seed(0)
    pool = Pool(20, (3, 1, 1))
    first = torch.arange(20.0)[:, None, None, None].expand(20, 3, 1, 1)
    assert torch.equal(pool.exchange(first), first)  # while it fills
    given = torch.arange(20.0, 420.0)[:, None, None, None].expand(400, 3, 1, 1)
    got = pool.exchange(given)
    is_new = (got == given).all((1, 2, 3))
    assert 0.4 < float(is_new.float().mean()) < 0.6
    assert len(set(got[:, 0, 0, 0].tolist())) == 400  # none twice
    assert torch.equal(Pool(0, (3, 1, 1)).exchange(given), given)


def test_domains_and_sizes_are_checked() -> None:
    with pytest.raises(ConfigError, match="multiples of 8"):
        cyclegan.Config(size=30)
    with pytest.raises(ConfigError, match="one or two attributes"):
        cyclegan.Config(attributes=("A", "B", "C"))
    with pytest.raises(ConfigError, match="crop="):
        cyclegan.Config(crop="nowhere")


def test_the_graphs_are_the_averaged_generators() -> None:
    method = make(cyclegan)
    graphs = method.graphs()
    assert set(graphs) == {"forward", "backward"}
    assert graphs["forward"].module is method.ema_forward.network
    assert graphs["backward"].module is method.ema_backward.network
    fields = method.manifest_fields()
    assert (fields["conditioning"], fields["attributes"]) == ("domains", ("Black_Hair", "Blond_Hair"))


@pytest.mark.parametrize("head", ["grid", "paint"])
def test_other_heads_begin_near_the_photo_itself(head: str) -> None:
    method = make(cyclegan, head=head)
    image = torch.nn.functional.avg_pool2d(noise(2, 3, 32, 32), 5, 1, 2, count_include_pad=False)
    with torch.no_grad():
        made = method._to(method.forward, image, torch.ones(2, 1, 32, 32))
    assert made.shape == image.shape
    assert (made - image).abs().mean() < 0.4 * image.abs().mean()


def test_a_grid_recolours_what_the_mask_shows_and_nothing_else() -> None:
    method = make(cyclegan, head="grid")
    torch.nn.init.normal_(method.forward.curve.weight, std=0.3)
    image, mask = noise(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[..., :16] = 1.0
    with torch.no_grad():
        made = method._to(method.forward, image, mask)
    assert torch.equal(made[..., 16:], image[..., 16:])
    assert (made - image)[..., :16].abs().mean() > 0.05


@pytest.mark.parametrize(
    ("head", "output", "roles"),
    [("grid", "grid", {"forward", "backward", "guide"}), ("paint", "flow", {"forward", "backward"})],
)
def test_other_heads_say_what_an_edit_gets(head: str, output: str, roles: set[str]) -> None:
    method = make(cyclegan, head=head)
    graphs = method.graphs()
    assert set(graphs) == roles
    raw = graphs["forward"].module(graphs["forward"].inputs["image"])
    assert raw.shape[1] == {"grid": 12, "paint": 7}[head]
    assert method.manifest_fields()["output"] == output
    assert ("mask_model" in method.data_options(method.config)) == (head == "grid")


def test_a_grid_is_for_faces() -> None:
    with pytest.raises(ConfigError, match="head=grid recolours hair"):
        cyclegan.Config(head="grid", size=64, height=96, crop="torso")


# VAE-GAN.


def test_celeba_is_the_published_layer_table() -> None:
    c = configs.resolve("vae_gan", "celeba")
    encoder, decoder = Encoder(64, 64, 128, c.width, c.hidden), Decoder(64, 64, 128, 4 * c.width)
    critic = Critic(64, 64, c.width // 2, c.hidden // 4)

    def channels(network: torch.nn.Module) -> list[int]:
        kinds = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)
        return [m.out_channels for m in network.modules() if isinstance(m, kinds)]

    assert channels(encoder) == [64, 128, 256]
    assert channels(decoder) == [256, 128, 32, 3]
    assert channels(critic) == [32, 128, 256, 256]
    assert encoder.dense[0].out_features == 2048
    assert decoder.dense[0].out_features == 8 * 8 * 256
    assert critic.dense[0].out_features == 512
    assert (c.optimizer, c.lr, c.batch_size, c.z_dim) == ("rmsprop", 3e-4, 64, 128)


def test_pictures_need_not_be_square() -> None:
    method = make(vae_gan, size=16, height=24)
    batch = Batch(noise(4, 3, 24, 16), torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    method.step(iter([batch]))
    assert method.decode(torch.zeros(1, 0), torch.zeros(1, 6)).shape == (1, 3, 24, 16)
    assert method.manifest_fields()["crop"] == {"kind": "face", "height": 24, "width": 16}


def test_the_encoder_learns_nothing_from_the_adversary() -> None:
    """Dis' answer has no part in Enc's gradient: with gamma 0 and another Dis head, Enc moves the same way."""
    batch = Batch(noise(4, 3, 16, 16), torch.zeros(4, 2))
    moved = []
    for scale in (1.0, -3.0):
        method = make(vae_gan, similarity="pixel")
        with torch.no_grad():
            method.discriminator.last.weight.mul_(scale)
        torch.manual_seed(5)
        method.step(iter([batch]))
        moved.append(copy.deepcopy(method.encoder.state_dict()))
    assert all(torch.equal(moved[0][name], moved[1][name]) for name in moved[0])


def test_the_decoder_raises_the_discriminator_s_answer() -> None:
    method = make(vae_gan, gamma=0.0, lr=2e-3, steps=1000)
    batch = Batch(noise(8, 3, 16, 16), torch.zeros(8, 2))
    for _ in range(30):  # until it tells pictures apart
        method.step(iter([batch]))
    before = copy.deepcopy(method.discriminator.state_dict())
    method._discriminator_step = lambda *args: {}  # it stays as it is
    z = torch.randn(64, 6, generator=torch.Generator().manual_seed(2))

    def told() -> float:
        with torch.no_grad():
            return float(method.discriminator(method.decoder(z))[0].mean())

    first = told()
    for _ in range(80):
        method.step(iter([batch]))
    assert told() > first + 0.02
    parameters = dict(method.discriminator.named_parameters())
    assert all(torch.equal(before[name], value) for name, value in parameters.items())


def gathered(plain: bool) -> torch.Tensor:
    """Vectors of codes that follow two labels which mostly come together."""
    generator = torch.Generator().manual_seed(0)
    first = (torch.rand(4000, generator=generator) < 0.5).float()
    second = torch.where(torch.rand(4000, generator=generator) < 0.8, first, 1.0 - first)
    labels = torch.stack([first, second], 1)
    z = 0.7 + labels @ torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    means = vae_gan._Gathered(2, 3, 0.9)
    for i in range(0, 4000, 40):
        means.add(labels[i : i + 40], z[i : i + 40])
    return means.vectors(plain)


def test_decorrelated_vectors_do_not_drag_other_attributes_along() -> None:
    torch.testing.assert_close(gathered(False), torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]), atol=0.02, rtol=0.0)


def test_plain_vectors_are_differences_of_means() -> None:
    vectors = gathered(True)
    assert vectors[0, 0] == pytest.approx(1.0, abs=1e-3)
    assert vectors[1, 1] == pytest.approx(2.0, abs=1e-3)
    assert vectors[0, 1] == pytest.approx(2.0 * 0.6, abs=0.15)  # 0.6 = p(second | first) - p(second | not first)


def test_a_label_that_was_never_seen_gets_a_finite_vector() -> None:
    means = vae_gan._Gathered(2, 3, 0.9)
    means.add(torch.zeros(5, 2), torch.randn(5, 3))
    for plain in (True, False):
        assert bool(means.vectors(plain).isfinite().all())


def test_the_model_adds_to_the_picture_what_moving_z_changes() -> None:
    method = make(vae_gan)
    method.gathered.of_z.normal_()
    method.gathered.of_labels.copy_(torch.tensor([[0.5, 0.2, 0.5], [0.2, 0.5, 0.5], [0.5, 0.5, 1.0]]))
    network = method.graphs()["translate"].module
    image = 0.5 * noise(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(network(image, torch.zeros(2, 2)), image)
        edit = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
        code = method.encode(image)
        moved = method.decode(code.s, code.z + edit @ method.attribute_vectors())
        wanted = (image + moved - method.decode(code.s, code.z)).clamp(-1, 1)
        torch.testing.assert_close(network(image, edit), wanted)
    assert method.manifest_fields()["conditioning"] == "difference"
