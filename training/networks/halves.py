"""A generator that paints the hidden half of a face by the half that is seen, and the discriminator of its pictures."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.blocks import conv_norm_act


class HalfPainter(nn.Module):
    """U-Net: `(N, 3, H, W)` in [-1, 1] and what is seen of it `(N, 1, H, W)`, 0 or 1 -> `(N, 3, H, W)`.

    It also sees the mirror image of both, for a face from the front is nearly symmetrical. What is seen is returned as
    it is, bit for bit. H and W are multiples of 32.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = (width, 2 * width, 3 * width, 4 * width, 4 * width)
        self.down = nn.ModuleList(
            [nn.Sequential(nn.PixelUnshuffle(2), conv_norm_act(4 * 8, w[0]), conv_norm_act(w[0], w[0]))]
            + [nn.Sequential(conv_norm_act(a, b, 3, 2), conv_norm_act(b, b)) for a, b in itertools.pairwise(w)]
        )
        self.up = nn.ModuleList([conv_norm_act(w[k + 1] + w[k], w[k]) for k in (3, 2, 1, 0)])
        self.leave = nn.Conv2d(w[0] + 8, 3, 3, 1, 1)

    def forward(self, image: Tensor, visible: Tensor) -> Tensor:
        """Return the picture with its hidden half painted."""
        seen = torch.cat([image * visible, visible], 1)
        both = torch.cat([seen, seen.flip(3)], 1)
        skips = []
        x = both
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], 1))
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        drawn = torch.tanh(self.leave(torch.cat([x, both], 1))).float()
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
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(sizes[-1], 1, 3, 1, 1, bias=False))

    def forward(self, image: Tensor, visible: Tensor) -> Tensor:
        """Return logits, larger for more real."""
        logits: Tensor = self.layers(torch.cat([image, visible], 1))
        return logits
