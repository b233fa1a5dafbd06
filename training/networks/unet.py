"""What the networks that paint have in common: the trunk of a U-Net, and a PatchGAN that shows its features."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.activations import LeakyReLU
from training.networks.blocks import conv_norm_act

__all__ = ["PatchGAN", "UNet"]


class UNet(nn.Module):
    """A trunk to inherit from: `(N, n_in, H, W)` -> `(N, widths[0], H, W)`; H and W are multiples of 2**len(widths).

    Maps are enlarged bilinearly: a pixel shuffle draws dots.

    Args:
        n_in: channels of what it sees.
        widths: channels at half resolution, at a quarter, and so on.
    """

    def __init__(self, n_in: int, widths: Sequence[int]) -> None:
        super().__init__()
        w = widths
        first = nn.Sequential(nn.PixelUnshuffle(2), conv_norm_act(4 * n_in, w[0]), conv_norm_act(w[0], w[0]))
        deeper = [nn.Sequential(conv_norm_act(a, b, 3, 2), conv_norm_act(b, b)) for a, b in itertools.pairwise(w)]
        self.down = nn.ModuleList([first, *deeper])
        self.up = nn.ModuleList([conv_norm_act(b + a, a) for a, b in reversed(list(itertools.pairwise(w)))])

    def trunk(self, seen: Tensor) -> Tensor:
        """Return features at the resolution of what is seen."""
        skips = []
        x = seen
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], 1))
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class PatchGAN(nn.Module):
    """Convolutions of stride 2: `(N, channels[0], H, W)` -> logits `(N, 1, h, w)`, larger for more real.

    Args:
        channels: of what it sees, and of each layer.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1), LeakyReLU(0.2))
            for n_in, n_out in itertools.pairwise(channels)
        )
        self.last = nn.Conv2d(channels[-1], 1, 3, 1, 1, bias=False)  # the hinge loss cancels a bias

    def judge(self, seen: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and the features of each layer."""
        features = []
        x = seen
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return self.last(x), features
