"""Differentiable augmentation of image batches."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment_colour(image: Tensor, strength: float) -> Tensor:
    """Random gain per channel, contrast and offset a picture, as light and cameras differ.

    Args:
        image: `(N, 3, H, W)`, [-1, 1].
        strength: standard deviation of gain and offset; contrast varies twice as much.

    Returns:
        The same shape and range.
    """
    n = image.shape[0]
    gain = 1.0 + strength * torch.randn(n, 3, 1, 1, device=image.device)
    contrast = 1.0 + 2.0 * strength * torch.randn(n, 1, 1, 1, device=image.device)
    offset = strength * torch.randn(n, 1, 1, 1, device=image.device)
    return ((image + 1.0) * gain * contrast - 1.0 + offset).clamp(-1.0, 1.0)


def diff_augment(image: Tensor, brightness: float = 0.1, shift: float = 0.125, cutout: float = 0.4) -> Tensor:
    """Brightness, translation and cutout for a discriminator's input, real and fake alike.

    Args:
        image: `(N, C, H, W)`.
        brightness: half width of a uniform offset.
        shift: largest translation as a share of the side; what comes in is zero.
        cutout: side of the zeroed square as a share of the image's.

    Reference: Zhao et al. 2020, Differentiable Augmentation for Data-Efficient GAN Training (arXiv 2006.10738).
    Deviations: no saturation or contrast change, because hair colour is what the discriminator must judge.
    """
    n, _, height, width = image.shape
    device = image.device
    image = image + brightness * (2.0 * torch.rand(n, 1, 1, 1, device=device) - 1.0)
    theta = torch.eye(2, 3, device=device).repeat(n, 1, 1)
    theta[:, :, 2] = 2.0 * shift * (2.0 * torch.rand(n, 2, device=device) - 1.0)
    grid = F.affine_grid(theta, list(image.shape), align_corners=False)
    image = F.grid_sample(image, grid, padding_mode="zeros", align_corners=False)
    centre = torch.rand(n, 2, 1, device=device)
    ys = (torch.arange(height, device=device) / height - centre[:, 0]).abs() < cutout / 2
    xs = (torch.arange(width, device=device) / width - centre[:, 1]).abs() < cutout / 2
    return image * (~(ys[:, :, None] & xs[:, None, :])).float()[:, None]
