"""A generator that paints a hole of a picture, and the discriminator that looks at what it painted."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.blocks import conv_norm_act

__all__ = ["N_MASKS", "Painter", "RegionDiscriminator", "around"]

N_MASKS = 3
"""Masks of a mouth: within the outer contour, between the lips, and the hole."""
_RING = 7  # px; a maximum over so many pixels grows the hole by 3


class Painter(nn.Module):
    """U-Net that paints a hole: `(N, 3, H, W)` in [-1, 1] and `(N, 3, H, W)` masks in 0..1 -> `(N, 3, H, W)`.

    It sees nothing of what the hole covers, and returns the picture as it is around the hole. H and W are multiples of
    16. Colours leave by bilinear enlargement and two narrow convolutions: a pixel shuffle there draws dots.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w1, w2, w3 = width, 2 * width, 3 * width
        self.down = nn.ModuleList(
            [
                nn.Sequential(nn.PixelUnshuffle(2), conv_norm_act(4 * (3 + N_MASKS), w1), conv_norm_act(w1, w1)),
                nn.Sequential(conv_norm_act(w1, w2, 3, 2), conv_norm_act(w2, w2)),
                nn.Sequential(conv_norm_act(w2, w3, 3, 2), conv_norm_act(w3, w3)),
                nn.Sequential(conv_norm_act(w3, w3, 3, 2), conv_norm_act(w3, w3)),
            ]
        )
        self.up = nn.ModuleList([conv_norm_act(w3 + w3, w3), conv_norm_act(w3 + w2, w2), conv_norm_act(w2 + w1, w1)])
        self.finish = conv_norm_act(w1 + 3 + N_MASKS, 16)
        self.leave = nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return the picture with its hole painted."""
        hole = masks[:, 2:3]
        seen = torch.cat([image * (1.0 - hole), masks], 1)
        skips = []
        x = seen
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], 1))
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        drawn = torch.tanh(self.leave(self.finish(torch.cat([x, seen], 1)))).float()
        return image * (1.0 - hole) + drawn * hole


class RegionDiscriminator(nn.Module):
    """PatchGAN that sees a hole, a few pixels around it, and the masks; nothing else of the picture.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [3 + N_MASKS, width, 2 * width, 4 * width]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.2))
            for n_in, n_out in itertools.pairwise(sizes)
        )
        self.last = nn.Conv2d(4 * width, 1, 3, 1, 1, bias=False)  # the hinge loss cancels a bias

    def forward(self, image: Tensor, masks: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits `(N, 1, H / 8, W / 8)` and the features of each layer."""
        x = torch.cat([image * around(masks), masks], 1)
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return self.last(x), features


def around(masks: Tensor) -> Tensor:
    """Return the hole of masks and 3 pixels around it, `(N, 1, H, W)`, 0 or 1."""
    return F.max_pool2d((masks[:, 2:3] > 0.05).to(masks.dtype), _RING, 1, _RING // 2)
