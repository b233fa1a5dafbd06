"""A generator that takes something off a picture, and says where; and the discriminator of what is left."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.blocks import conv_norm_act

__all__ = ["PictureDiscriminator", "Remover"]

_RARE = -3.0  # logit of the mask at the start: hardly anything is taken off


class Remover(nn.Module):
    """U-Net: `(N, 3, H, W)` in [-1, 1] -> what is painted `(N, 3, H, W)` in [-1, 1], and where `(N, 1, H, W)` in 0..1.

    It also sees the picture's mirror image, for a face is nearly symmetrical. H and W are multiples of 32.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = (width, 2 * width, 3 * width, 4 * width, 4 * width)
        self.down = nn.ModuleList(
            [nn.Sequential(nn.PixelUnshuffle(2), conv_norm_act(4 * 6, w[0]), conv_norm_act(w[0], w[0]))]
            + [nn.Sequential(conv_norm_act(a, b, 3, 2), conv_norm_act(b, b)) for a, b in itertools.pairwise(w)]
        )
        self.up = nn.ModuleList([conv_norm_act(w[k + 1] + w[k], w[k]) for k in (3, 2, 1, 0)])
        self.finish = conv_norm_act(w[0] + 6, 16)
        self.leave = nn.Conv2d(16, 4, 3, 1, 1)
        with torch.no_grad():
            torch.as_tensor(self.leave.bias)[3] = _RARE

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is painted, and where."""
        both = torch.cat([image, image.flip(3)], 1)
        skips = []
        x = both
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        for stage, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = stage(torch.cat([x, skip], 1))
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        drawn = self.leave(self.finish(torch.cat([x, both], 1))).float()
        return torch.tanh(drawn[:, :3]), torch.sigmoid(drawn[:, 3:])


class PictureDiscriminator(nn.Module):
    """PatchGAN whose patches see about 90 px of a picture: `(N, 3, H, W)` -> logits `(N, 1, H / 16, W / 16)`.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [3, width, 2 * width, 4 * width, 4 * width]
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.2))
            for n_in, n_out in itertools.pairwise(sizes)
        )
        self.last = nn.Conv2d(sizes[-1], 1, 3, 1, 1, bias=False)  # the hinge loss cancels a bias

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits, larger for more real, and the features of each layer."""
        features = []
        x = image
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return self.last(x), features
