"""A generator that paints the hidden half of a face by the half that is seen, and the discriminator of its pictures."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from training.networks.activations import LeakyReLU
from training.networks.unet import UNet


class HalfPainter(UNet):
    """U-Net: `(N, 3, H, W)` in [-1, 1] and what is seen of it `(N, 1, H, W)`, 0 or 1 -> `(N, 3, H, W)`.

    It also sees the mirror image of both, for a face from the front is nearly symmetrical. What is seen is returned as
    it is, bit for bit. H and W are multiples of 32.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__(8, (width, 2 * width, 3 * width, 4 * width, 4 * width))
        self.leave = nn.Conv2d(width + 8, 3, 3, 1, 1)

    def forward(self, image: Tensor, visible: Tensor) -> Tensor:
        """Return the picture with its hidden half painted."""
        seen = torch.cat([image * visible, visible], 1)
        both = torch.cat([seen, seen.flip(3)], 1)
        drawn = torch.tanh(self.leave(torch.cat([self.trunk(both), both], 1))).float()
        return torch.where(visible > 0.5, image, drawn)


class HalfDiscriminator(nn.Module):
    """PatchGAN that sees a picture and what of it was given: `(N, 3, H, W)` and `(N, 1, H, W)` -> `(N, 1, h, w)`.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [4, width, 2 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for n_in, n_out in itertools.pairwise(sizes):
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 1, 3, 1, 1, bias=False))

    def forward(self, image: Tensor, visible: Tensor) -> Tensor:
        """Return logits, larger for more real."""
        logits: Tensor = self.layers(torch.cat([image, visible], 1))
        return logits
