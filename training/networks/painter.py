"""A generator that paints a hole of a picture, and the discriminator that looks at what it painted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.blocks import conv_norm_act
from training.networks.unet import PatchGAN, UNet

__all__ = ["N_MASKS", "N_SLEEVE_MASKS", "Painter", "RegionDiscriminator", "SleevePainter", "around", "over"]

N_MASKS = 3
"""Masks of a mouth: within the outer contour, between the lips, and the hole."""
N_SLEEVE_MASKS = 10
"""Masks of an arm: upper arm, forearm, hole, red, green and blue of the skin and of the cloth, and whether sleeves are
short."""
_N_BASES = 4  # colours that are mixed
_AROUND = 32  # px; side of the squares over which colours are averaged
_RING = 7  # px; a maximum over so many pixels grows the hole by 3


class Painter(UNet):
    """U-Net that paints a hole: `(N, 3, H, W)` in [-1, 1] and `(N, 3, H, W)` masks in 0..1 -> `(N, 3, H, W)`.

    It sees nothing of what the hole covers, and returns the picture as it is around the hole. H and W are multiples of
    16. Colours leave by bilinear enlargement and two narrow convolutions: a pixel shuffle there draws dots.

    Args:
        width: channels at half resolution.
        n_masks: number of masks; the third is the hole.
        n_drawn: channels that are drawn.
    """

    def __init__(self, width: int, n_masks: int = N_MASKS, n_drawn: int = 3) -> None:
        super().__init__(3 + n_masks, (width, 2 * width, 3 * width, 3 * width))
        self.finish = conv_norm_act(width + 3 + n_masks, 16)
        self.leave = nn.Conv2d(16, n_drawn, 3, 1, 1)

    def forward(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return the picture with its hole painted."""
        hole = masks[:, 2:3]
        return image * (1.0 - hole) + torch.tanh(self.draw(image, masks)) * hole

    def draw(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return what is drawn, `(N, n_drawn, H, W)`, before any activation."""
        seen = torch.cat([image * (1.0 - masks[:, 2:3]), masks], 1)
        drawn: Tensor = self.leave(self.finish(torch.cat([self.trunk(seen), seen], 1))).float()
        return drawn


class SleevePainter(Painter):
    """Paints the person and says where: as `Painter`, but `(N, 4, H, W)`: colours in [-1, 1], and the person in 0..1.

    Each colour is a mixture of the skin's tone, the cloth's, the mean of what is seen around, and one that is free,
    made lighter or darker: a network that had to learn to copy colours would take hours. The ground shows where the
    person is not; it is put together by whoever knows it (`over`).

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, N_SLEEVE_MASKS, _N_BASES + 5)

    def forward(self, image: Tensor, masks: Tensor) -> Tensor:
        """Return what the hole shows of the person; outside of it, what the network makes of it."""
        drawn = self.draw(image, masks)
        share = torch.softmax(drawn[:, :_N_BASES], 1)
        free, light, person = torch.tanh(drawn[:, 4:7]), torch.tanh(drawn[:, 7:8]), torch.sigmoid(drawn[:, 8:])
        skin, cloth = masks[:, 3:6] * 2.0 - 1.0, masks[:, 6:9] * 2.0 - 1.0
        bases = (skin, cloth, _mean_around(image, 1.0 - masks[:, 2:3]), free)
        mixed = sum((share[:, i : i + 1] * base for i, base in enumerate(bases)), torch.zeros_like(free))
        lit = (mixed + 1.0) * (1.0 + light) - 1.0
        return torch.cat([lit.clamp(-1.0, 1.0), person], 1)


def _mean_around(image: Tensor, seen: Tensor) -> Tensor:
    """Return the mean colour of what is seen of a picture around each place."""
    side = (_AROUND, _AROUND // 4, _AROUND // 2)  # window, stride, padding
    colours, share = F.avg_pool2d(image * seen, *side), F.avg_pool2d(seen, *side)
    mean = colours / share.clamp_min(1e-3)
    return F.interpolate(mean, size=image.shape[2:], mode="bilinear", align_corners=False)


def over(painted: Tensor, image: Tensor, ground: Tensor, hole: Tensor) -> Tensor:
    """Put what a `SleevePainter` painted before a ground, in a hole of a picture.

    Args:
        painted: `(N, 4, H, W)`.
        image: `(N, 3, H, W)`, what is around the hole.
        ground: `(N, 3, H, W)`, what is behind the person.
        hole: `(N, 1, H, W)`, 0..1.
    """
    person = painted[:, 3:]
    return image * (1.0 - hole) + (painted[:, :3] * person + ground * (1.0 - person)) * hole


class RegionDiscriminator(PatchGAN):
    """PatchGAN that sees a hole, a few pixels around it, and the masks; nothing else of the picture.

    Args:
        width: channels of the first layer.
        n_masks: number of masks; the third is the hole.
    """

    def __init__(self, width: int, n_masks: int = N_MASKS) -> None:
        super().__init__([3 + n_masks, width, 2 * width, 4 * width])

    def forward(self, image: Tensor, masks: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return logits `(N, 1, H / 8, W / 8)` and the features of each layer."""
        return self.judge(torch.cat([image * around(masks), masks], 1))


def around(masks: Tensor) -> Tensor:
    """Return the hole of masks and 3 pixels around it, `(N, 1, H, W)`, 0 or 1."""
    return F.max_pool2d((masks[:, 2:3] > 0.05).to(masks.dtype), _RING, 1, _RING // 2)
