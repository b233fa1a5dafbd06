"""The frontal refiner: what is seen is kept, and where each loss pulls."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from imgedit.errors import ConfigError
from training.data.batch import Batch
from training.methods.frontal_refiner import PRESETS, Config, Method, masked_l1, seam
from training.networks.halves import HalfPainter
from training.networks.teacher import FrozenClassifier
from training.run import config as configs


def make(frozen: FrozenClassifier | None = None, **changes: Any) -> Method:
    torch.manual_seed(0)
    return Method(configs.build(Config, {**Method.tiny(), **changes}), classifier=frozen)


def batch(n: int = 2) -> Batch:
    """Smooth pictures of which the left half is seen."""
    generator = torch.Generator().manual_seed(5)
    image = torch.nn.functional.interpolate(torch.rand(n, 3, 4, 4, generator=generator) * 2 - 1, 32, mode="bilinear")
    mask = torch.zeros(n, 1, 32, 32)
    mask[..., :16] = 1.0
    return Batch(image, mask=mask)


def test_what_is_seen_is_kept_bit_for_bit_and_the_rest_is_not_looked_at() -> None:
    torch.manual_seed(0)
    painter, pictures = HalfPainter(4).eval(), batch()
    visible = pictures.require_mask()
    painted = painter(pictures.image, visible)
    seen = visible.expand_as(painted) > 0.5
    assert torch.equal(painted[seen], pictures.image[seen])
    other = torch.where(seen, pictures.image, torch.rand_like(pictures.image))
    assert torch.equal(painter(other, visible)[~seen], painted[~seen])


def test_the_painter_sees_the_mirror_image() -> None:
    torch.manual_seed(0)
    painter, pictures = HalfPainter(4).eval(), batch(1)
    image = pictures.image.clone().requires_grad_()
    painter(image, pictures.require_mask())[0, :, 16, 31].sum().backward()
    assert image.grad is not None
    assert float(image.grad[0, :, 16, 0].abs().max()) > 0  # the other border, through the mirror


def test_the_masked_mean_counts_only_what_the_mask_shows() -> None:
    where = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]]).reshape(1, 1, 2, 2)
    difference = torch.tensor([[-0.5, 9.0], [9.0, 9.0]]).expand(1, 3, 2, 2)
    assert float(masked_l1(difference, where)) == 0.5
    assert float(masked_l1(difference, torch.zeros(1, 1, 2, 2))) == 0.0


def test_a_seam_is_a_step_at_the_border_and_nowhere_else() -> None:
    pictures = batch()
    image, visible = pictures.image, pictures.require_mask()
    assert float(seam(image, image, visible)) == 0.0
    step = torch.where(visible.expand_as(image) > 0.5, image, image + 0.4)  # all painted pixels too bright
    # of the four columns in the band three gradients across remain, and one of them is off by 0.4
    assert float(seam(step, image, visible)) == pytest.approx(0.4 / 3, rel=1e-4)
    far = image.clone()
    far[..., 24:] += 0.4
    assert float(seam(far, image, visible)) == 0.0


def test_the_discriminator_tells_painted_faces_from_others() -> None:
    method, pictures = make(lr_d=2e-3, lambda_r1=0.0), batch()
    painted = torch.where(pictures.require_mask() > 0.5, pictures.image, torch.zeros(()))
    losses = [
        float(method.discriminator_step(pictures.image, painted, pictures.require_mask())["loss_d_adv"])
        for _ in range(60)
    ]
    assert losses[-1] < 0.5 * losses[0]


def test_the_generator_step_paints_the_truth_and_leaves_d_alone() -> None:
    method, pictures = make(lr_g=3e-3, lambda_adv=0.0, d_warmup=0), batch()
    before = {name: p.detach().clone() for name, p in method.discriminator.named_parameters()}
    history = []
    for _ in range(60):
        painted = method.generator(pictures.image, pictures.require_mask())
        for group in method.optimizer_g.param_groups:
            group["lr"] = 3e-3
        history.append(float(method.generator_step(pictures.image, painted, pictures.require_mask())["loss_g_rec"]))
    assert history[-1] < 0.5 * history[0]
    assert all(torch.equal(p, before[name]) for name, p in method.discriminator.named_parameters())


class Brightness(nn.Module):
    """A classifier whose one logit is the mean of the picture, times 10."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 10.0 * image.mean((1, 2, 3))[:, None]


def test_the_classifier_must_see_the_same_face() -> None:
    classifier = FrozenClassifier(Brightness(), ("Bright",), 32, "face")
    method, pictures = make(classifier, classifier="x", lambda_identity=1.0), batch()
    image, visible = pictures.image, pictures.require_mask()

    def identity(painted: torch.Tensor) -> float:
        return float(method.generator_step(image, painted.requires_grad_(), visible)["loss_g_identity"])

    assert identity(image.clone()) == pytest.approx(0.0, abs=1e-6)
    assert identity(image + 0.1) > 10 * max(identity(image + 0.02), 1e-6)
    with pytest.raises(ConfigError, match="hand it in"):
        make(classifier="x", lambda_identity=1.0).step(iter([batch()]))
    with pytest.raises(ConfigError, match="go together"):
        make(lambda_identity=1.0)
    with pytest.raises(ConfigError, match="multiple of 32"):
        make(size=48)


def test_presets_name_the_classifier_that_they_need() -> None:
    for settings in PRESETS.values():
        assert Config(**settings).helpers() == {"classifier": "attribute_classifier.celeba"}
