"""Generators that move a picture's own pixels: from where in it they are copied, and where colour is painted."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.networks.blocks import pixel_centres
from training.networks.translators import LocalUNet


class FlowGenerator(LocalUNet):
    """Says from where in the picture hair is copied, and where skin is painted; it draws no hair of its own.

    An attribute that is asked for copies what the mask shows (hair, down onto the forehead); one that is to go is
    painted over with a smooth colour. So few numbers can be applied to a photo of any size, whose own strands they move
    (`imgedit.render.flow`), and they leave no room for the stripes that a small image generator draws for bangs.

    Reference: Zhou et al. 2016, "View synthesis by appearance flow" (arXiv 1605.03557), for the flow; the mask as
    visibility, section 3.3 there.
    Deviations: the flow begins at `START`, because the gradient of a bilinear look-up sees no further than a pixel.

    Args:
        n_edit: length K of the edit vector.
        width: channels at half resolution.
        n_blocks: residual blocks at the bottom.
        windows: as of `windows_of`, at *half* the picture's size; None: the edit may act anywhere.
    """

    START = 0.18
    """How far above a place its hair comes from before anything is learned, as a share of the crop's side."""
    REACH = 0.35
    """How far from there the flow may lead, along x and y each."""
    CHEEKS = (0.3, 0.5, 0.7, 0.8)
    """x0, y0, x1, y1 of where a `face` crop shows skin, from the eyes to the mouth; shares of its side."""
    SHADE = 0.3
    """How much brighter or darker than the mean colour there the paint may be; of another tint it may not be."""

    def __init__(
        self, n_edit: int, width: int = 24, n_blocks: int = 4, windows: tuple[Tensor, Tensor] | None = None
    ) -> None:
        super().__init__(4, n_edit, width, n_blocks, windows)
        self.move = nn.Conv2d(2 * width, 3, 3, 1, 1)
        self.weigh = nn.Conv2d(width, 2, 3, 1, 1)
        for head in (self.move, self.weigh):
            nn.init.normal_(head.weight, std=1e-2)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, edit: Tensor, mask: Tensor) -> Tensor:
        """Return the fields that `render` and `imgedit.render.flow.apply_fields` carry out.

        Args:
            image: `(N, 3, H, W)`, [-1, 1]; H and W multiples of 8.
            edit: `(N, K)`, wanted minus present.
            mask: `(N, 1, H, W)`, 0..1, what may be copied.

        Returns:
            `(N, 7, H / 2, W / 2)`, as `carry_out` takes them.
        """
        quarter, half = self.features(torch.cat([image, 2.0 * mask - 1.0], 1), edit)
        move = F.interpolate(self.move(quarter), scale_factor=2.0, mode="bilinear", align_corners=False)
        asked = edit.clamp_min(0.0).sum(1)[:, None, None, None]
        to_go = (-edit).clamp_min(0.0).sum(1)[:, None, None, None]
        weights = torch.sigmoid(self.weigh(half))
        if self.rows is not None:
            weights = weights * self.where(edit).to(weights.dtype)
        flow = self.REACH * torch.tanh(move[:, :2])
        return torch.cat(
            [
                flow[:, :1],
                flow[:, 1:] - self.START * asked,
                weights[:, :1] * asked.clamp(max=1.0),
                weights[:, 1:] * to_go.clamp(max=1.0),
                self._skin(image, mask) + self.SHADE * torch.tanh(move[:, 2:]),
            ],
            1,
        )

    def _skin(self, image: Tensor, mask: Tensor) -> Tensor:
        """Return the mean colour of the cheeks, `(N, 3, 1, 1)`, without what the mask shows."""
        height, width = (int(n) for n in image.shape[2:])  # while exported they are tensors
        x0, y0, x1, y1 = self.CHEEKS
        part = (..., slice(round(y0 * height), round(y1 * height)), slice(round(x0 * width), round(x1 * width)))
        bare = 1.0 - mask[part] + 1e-3
        return (image[part] * bare).mean((2, 3), keepdim=True) / bare.mean((2, 3), keepdim=True)

    def render(self, fields: Tensor, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Carry out `fields` on a crop; return the edited image and where what the mask shows is now."""
        return carry_out(fields, image, mask)


class PaintGenerator(LocalUNet):
    """Says from where in the picture each place is copied, and what is painted, without a mask and without an edit.

    What it copies keeps the photo's own pixels; what it paints is smooth. Before anything is learned it copies each
    place from itself.

    Args:
        width: channels at half resolution.
        n_blocks: residual blocks at the bottom.
    """

    REACH = 0.35
    """How far the flow may lead, as a share of the picture's sides."""
    LITTLE = -2.0
    """Logit of the paint's weight before anything is learned."""

    def __init__(self, width: int = 24, n_blocks: int = 4) -> None:
        super().__init__(3, 0, width, n_blocks, None)
        self.move = nn.Conv2d(2 * width, 2, 3, 1, 1)
        self.weigh = nn.Conv2d(width, 5, 3, 1, 1)
        for head in (self.move, self.weigh):
            nn.init.normal_(head.weight, std=1e-2)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor) -> Tensor:
        """Return the fields of `carry_out`.

        Args:
            image: `(N, 3, H, W)`, [-1, 1]; H and W multiples of 8.
        """
        quarter, half = self.features(image)
        flow = self.REACH * torch.tanh(self.move(quarter))
        flow = F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)
        found = self.weigh(half)
        copy, paint = torch.sigmoid(found[:, :1]), torch.sigmoid(found[:, 1:2] + self.LITTLE)
        return torch.cat([flow, copy, paint, torch.tanh(found[:, 2:])], 1)


def carry_out(fields: Tensor, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Copy and paint, as `imgedit.render.flow.apply_fields` does on a photo.

    Args:
        fields: `(N, 7, h, w)`: x and y of the flow to the source (shares of the crop's sides), weight of the copy,
            weight of the paint, and the paint, [-1, 1].
        image: `(N, 3, H, W)`, [-1, 1].
        mask: `(N, 1, H, W)`, 0..1, what may be copied; None: everything.

    Returns:
        The picture, and where what the mask shows is now.
    """
    height, width = image.shape[2:]
    mask = torch.ones_like(image[:, :1]) if mask is None else mask
    fields = F.interpolate(fields.float(), (height, width), mode="bilinear", align_corners=False)
    y, x = pixel_centres(height, width, image.device)
    source = torch.stack([x + 2.0 * fields[:, 0], y + 2.0 * fields[:, 1]], -1)
    copied = F.grid_sample(torch.cat([image, mask], 1).float(), source, padding_mode="border", align_corners=False)
    copy, paint = fields[:, 2:3] * copied[:, 3:], fields[:, 3:4]
    out = image + copy * (copied[:, :3] - image)
    out = out + paint * (fields[:, 4:] - out)
    return out.clamp(-1.0, 1.0), torch.maximum(mask, copy) * (1.0 - paint)
