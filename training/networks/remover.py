"""A generator that takes something off a picture, and says where; and the discriminator of what is left."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.blocks import conv_norm_act
from training.networks.unet import PatchGAN, UNet

__all__ = ["Finder", "HolePainter", "PictureDiscriminator", "Remover", "Taken", "grown"]

_RARE = -3.0  # logit of both masks at the start: hardly anything is taken off
_SOLID = (0.06, 0.25)  # of the mask of solid things: no hole, and a whole one
_GROWN = 5  # px; a maximum over so many pixels grows a hole by 2


class Taken(NamedTuple):
    """What a `Remover` found and left.

    Attributes:
        cleared: `(N, 3, H, W)`, the picture without shadows and reflections, and with solid things half gone.
        mask: `(N, 1, H, W)`, 0..1, where that differs.
        solid: `(N, 1, H, W)`, logits of where solid things are.
        hole: `(N, 1, H, W)`, 0..1, what was painted without a look at it.
        left: `(N, 3, H, W)`, the picture with everything taken off.
    """

    cleared: Tensor
    mask: Tensor
    solid: Tensor
    hole: Tensor
    left: Tensor


class _Mirrored(UNet):
    """U-Net that also sees the mirror image, for a face is nearly symmetrical; H and W are multiples of 32.

    Args:
        n_in: channels of what it sees.
        n_out: channels that it draws.
        width: channels at half resolution.
    """

    def __init__(self, n_in: int, n_out: int, width: int) -> None:
        super().__init__(2 * n_in, (width, 2 * width, 3 * width, 4 * width, 4 * width))
        self.finish = conv_norm_act(width + 2 * n_in, 16)
        self.leave = nn.Conv2d(16, n_out, 3, 1, 1)

    def draw(self, seen: Tensor) -> Tensor:
        """Return `(N, n_out, H, W)` of `(N, n_in, H, W)`, before any activation."""
        both = torch.cat([seen, seen.flip(3)], 1)
        drawn: Tensor = self.leave(self.finish(torch.cat([self.trunk(both), both], 1))).float()
        return drawn


class Finder(_Mirrored):
    """`(N, 3, H, W)` in [-1, 1] -> colours, where they count, and logits of where solid things are.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__(3, 5, width)
        with torch.no_grad():
            torch.as_tensor(self.leave.bias)[3:] = _RARE

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return `(N, 3, H, W)` in [-1, 1], `(N, 1, H, W)` in 0..1 and `(N, 1, H, W)`."""
        drawn = self.draw(image)
        return torch.tanh(drawn[:, :3]), torch.sigmoid(drawn[:, 3:4]), drawn[:, 4:]


class HolePainter(_Mirrored):
    """Paints a hole of which it sees nothing: `(N, 3, H, W)`, `(N, 1, H, W)` in 0..1 -> `(N, 3, H, W)`.

    Args:
        width: channels at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__(4, 3, width)

    def forward(self, image: Tensor, hole: Tensor) -> Tensor:
        """Return the picture with its hole painted."""
        drawn = torch.tanh(self.draw(torch.cat([image * (1.0 - hole), hole], 1)))
        return image * (1.0 - hole) + drawn * hole


class Remover(nn.Module):
    """Finds what is to go, clears shadows and reflections away, and paints what solid things hide.

    Where something solid is, nothing of it is shown to what paints there: what was seen of a frame would shine through.

    Args:
        width: channels of both networks at half resolution.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.finder, self.painter = Finder(width), HolePainter(width)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the picture `(N, 3, H, W)` with everything taken off, and where it was, `(N, 1, H, W)` in 0..1."""
        taken = self.take(image)
        return taken.left, torch.maximum(taken.mask, taken.hole)

    def take(self, image: Tensor, holes: Tensor | None = None) -> Taken:
        """Take everything off.

        Args:
            image: `(N, 3, H, W)`, [-1, 1].
            holes: `(M, 1, H, W)`, 0..1: what is painted of the first M pictures; None or the rest: what was found.
        """
        colours, mask, solid = self.finder(image)
        cleared = image * (1.0 - mask) + colours * mask
        low, high = _SOLID
        hole = grown(((torch.sigmoid(solid.detach()) - low) / (high - low)).clamp(0.0, 1.0))
        if holes is not None:
            hole = torch.cat([holes, hole[len(holes) :]])
        return Taken(cleared, mask, solid, hole, self.painter(cleared, hole))


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


def grown(mask: Tensor, by: int = _GROWN) -> Tensor:
    """Return a mask `(N, 1, H, W)` grown: a maximum over `by` pixels, softened by as many as it grew."""
    wide = F.max_pool2d(mask, by, 1, by // 2)
    return F.avg_pool2d(wide, 3, 1, 1, count_include_pad=False)
