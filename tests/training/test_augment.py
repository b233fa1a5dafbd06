"""Differentiable augmentation keeps shape, range and gradients."""

from __future__ import annotations

import torch

from training.augment import augment_colour, diff_augment, moved


def test_strength_zero_changes_nothing() -> None:
    image = torch.rand(4, 3, 8, 8) * 2 - 1
    torch.testing.assert_close(augment_colour(image, 0.0), image)
    torch.testing.assert_close(diff_augment(image, 0.0, 0.0, 0.0), image)
    torch.testing.assert_close(moved(image, 0.0, flip=False), image)


def test_colour_stays_in_range_and_differs_between_pictures() -> None:
    torch.manual_seed(0)
    image = torch.full((8, 3, 4, 4), 0.9)
    out = augment_colour(image, 0.3)
    assert out.abs().max() <= 1.0
    assert out.mean((1, 2, 3)).std() > 0.05


def test_about_half_the_pictures_are_mirrored_and_the_others_left_alone() -> None:
    torch.manual_seed(0)
    image = torch.linspace(-1, 1, 8).expand(400, 1, 8, 8)
    out = moved(image, 0.0, flip=True)
    turned = out[:, 0, 0, 0] > 0
    assert 0.4 < turned.float().mean() < 0.6
    torch.testing.assert_close(out[turned], image[turned].flip(3))
    torch.testing.assert_close(out[~turned], image[~turned])


def test_a_shift_stays_below_its_share_and_repeats_the_border() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 40).expand(200, 1, 40, 40)
    out = moved(ramp, 0.1, flip=False)
    assert out.amin() == -1
    assert out.amax() == 1  # the border, and no zeros beside it
    middle = out[:, 0, 20, 20] - ramp[:, 0, 20, 20]  # the ramp rises by about 2 over the whole side
    assert 0.15 < middle.abs().max() < 0.25
    edges = (out[:, 0, 20, 0] - ramp[:, 0, 20, 0]).abs().max()
    assert edges < 0.45  # shift and zoom together


def test_cutout_zeroes_its_share_at_most() -> None:
    torch.manual_seed(0)
    out = diff_augment(torch.ones(64, 1, 20, 20), brightness=0.0, shift=0.0, cutout=0.4)
    zero = (out == 0).float().mean((1, 2, 3))
    assert zero.max() <= 0.4**2 + 0.05
    assert zero.mean() > 0.08  # squares that hang over the edge are smaller


def test_gradients_reach_the_picture() -> None:
    image = torch.zeros(2, 3, 16, 16, requires_grad=True)
    diff_augment(augment_colour(image, 0.05)).sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().sum() > 0
