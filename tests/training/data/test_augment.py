"""Differentiable augmentation keeps shape, range and gradients."""

from __future__ import annotations

import torch

from training.data.augment import augment_colour, diff_augment


def test_strength_zero_changes_nothing() -> None:
    image = torch.rand(4, 3, 8, 8) * 2 - 1
    torch.testing.assert_close(augment_colour(image, 0.0), image)
    torch.testing.assert_close(diff_augment(image, 0.0, 0.0, 0.0), image)


def test_colour_stays_in_range_and_differs_between_pictures() -> None:
    torch.manual_seed(0)
    image = torch.full((8, 3, 4, 4), 0.9)
    out = augment_colour(image, 0.3)
    assert out.abs().max() <= 1.0
    assert out.mean((1, 2, 3)).std() > 0.05


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
