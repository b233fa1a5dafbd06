"""A generator that takes something off a picture, and says where; and the discriminator of what is left."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.networks.blocks import conv_norm_act
from training.networks.unet import PatchGAN, UNet

__all__ = ["PictureDiscriminator", "Remover"]

_RARE = -3.0  # logit of the mask at the start: hardly anything is taken off


class Remover(UNet):
    """U-Net: `(N, 3, H, W)` in [-1, 1] -> what is painted `(N, 3, H, W)` in [-1, 1], and where `(N, 1, H, W)` in 0..1.

    It also sees the picture's mirror image, for a face is nearly symmetrical. H and W are multiples of 32.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__(6, (width, 2 * width, 3 * width, 4 * width, 4 * width))
        self.finish = conv_norm_act(width + 6, 16)
        self.leave = nn.Conv2d(16, 4, 3, 1, 1)
        with torch.no_grad():
            torch.as_tensor(self.leave.bias)[3] = _RARE

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is painted, and where."""
        both = torch.cat([image, image.flip(3)], 1)
        drawn = self.leave(self.finish(torch.cat([self.trunk(both), both], 1))).float()
        return torch.tanh(drawn[:, :3]), torch.sigmoid(drawn[:, 3:])


class PictureDiscriminator(PatchGAN):
    """PatchGAN whose patches see about 90 px of a picture: `(N, 3, H, W)` -> logits `(N, 1, H / 16, W / 16)`.

    Args:
        width: channels of the first layer.
    """

    def __init__(self, width: int) -> None:
        super().__init__([3, width, 2 * width, 4 * width, 4 * width])

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits, larger for more real, and the features of each layer."""
        return self.judge(image)
