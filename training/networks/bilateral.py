"""A generator of colour changes: a bilateral grid of affine transforms, and how one is sliced."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.render.grid import LUMA
from training.networks.blocks import pixel_centres


class BilateralGenerator(nn.Module):
    """Predicts a bilateral grid of affine colour transforms from a small look at the crop.

    At each level of brightness the transform is a curve and a saturation: `out = s (x - luma) + luma + offset` with one
    saturation s in 0..1 and one colour offset. An untrained generator changes almost nothing. `cells` is the grid's
    height and width: few cells keep gradients out of the hair (a 16x16 grid paints yellow rims, 2x2 does not).

    Reference: Gharbi et al. 2017, HDRNet (arXiv 1707.02880), sections 3.1 to 3.3.
    Deviations: 4 free numbers a cell in place of 12, and luma as the guide in place of a learned one, because free
    transforms turn tints round and a learned guide takes tint for brightness (blue hair with red strands); no
    instance norm, which would take away the exposure that the colours depend on.
    """

    def __init__(self, n_edit: int, width: int = 24, cells: int = 2, depth: int = 8) -> None:
        super().__init__()
        self.cells, self.depth = cells, depth
        w1, w2, w3 = width, 2 * width, 4 * width
        self.look = nn.Sequential(
            nn.Conv2d(3, w1, 4, 2, 1), nn.ReLU(inplace=True),
            nn.Conv2d(w1, w2, 4, 2, 1), nn.ReLU(inplace=True),
            nn.Conv2d(w2, w3, 4, 2, 1), nn.ReLU(inplace=True),
            nn.Conv2d(w3, w3, 3, 1, 1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.mix = nn.Sequential(
            nn.Conv2d(2 * w3 + n_edit, 2 * w3, 1), nn.ReLU(inplace=True),
            nn.Conv2d(2 * w3, 2 * w3, 1), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.curve = nn.Conv2d(2 * w3, 4 * depth, 1)
        nn.init.normal_(self.curve.weight, std=1e-3)
        nn.init.zeros_(self.curve.bias)  # type: ignore[arg-type]
        self.guide = Guide()
        grey = torch.tensor(LUMA).expand(3, 3)
        self.grey: Tensor
        self.tint: Tensor
        self.register_buffer("grey", F.pad(grey, (0, 1)).flatten())
        self.register_buffer("tint", F.pad(torch.eye(3) - grey, (0, 1)).flatten())

    def forward(self, image: Tensor, edit: Tensor | None = None) -> Tensor:
        """Return the grid `(N, 12, depth, cells, cells)`; row c of the transform is channels 4c..4c+3.

        A generator of `n_edit` 0 takes no edit.
        """
        features = self.look(image)
        if self.cells == 1:
            local = features.mean((2, 3), keepdim=True)
        else:
            step = features.shape[2] // self.cells
            local = F.avg_pool2d(features, step, step)
        whole = features.mean((2, 3), keepdim=True).expand(-1, -1, local.shape[2], local.shape[3])
        known = [local, whole]
        if edit is not None:
            known.append(edit[:, :, None, None].expand(-1, -1, local.shape[2], local.shape[3]))
        curve = self.curve(self.mix(torch.cat(known, 1)))
        curve = curve.reshape(-1, 4, self.depth, local.shape[2], local.shape[3])
        saturation = torch.sigmoid(4.0 * (1.0 + curve[:, 3:]))
        zero = torch.zeros_like(saturation)
        offset = torch.cat([zero, zero, zero, curve[:, :1], zero, zero, zero, curve[:, 1:2], zero, zero, zero], 1)
        tint, grey = (part.view(1, 12, 1, 1, 1) for part in (self.tint, self.grey))
        out: Tensor = saturation * tint + grey + torch.cat([offset, curve[:, 2:3]], 1)
        return out

    def render(self, grid: Tensor, image: Tensor) -> Tensor:
        """Slice `grid` at the image's resolution and transform its colours (not clamped)."""
        return slice_grid(grid, self.guide(image), image)


class Guide(nn.Module):
    """Brightness as the grid sees it: luma, `(N, 3, H, W)` -> `(N, 1, H, W)` in -1..1. Nothing in it is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.luma: Tensor
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Weigh the channels."""
        out: Tensor = (image * self.luma).sum(1, keepdim=True)
        return out


def slice_grid(grid: Tensor, guide: Tensor, image: Tensor) -> Tensor:
    """Look up an affine colour transform for every pixel and apply it.

    Args:
        grid: `(N, 12, D, h, w)`.
        guide: `(N, 1, H, W)`, -1..1, the depth coordinate.
        image: `(N, 3, H, W)`, [-1, 1].

    Returns:
        `(N, 3, H, W)`, not clamped.

    Reference: Gharbi et al. 2017, eq. 4 and 6.
    """
    n, _, height, width = image.shape
    y, x = pixel_centres(height, width, image.device)
    where = torch.stack([x.expand(n, -1, -1), y.expand(n, -1, -1), guide[:, 0]], -1)[:, None]
    a = F.grid_sample(grid, where, padding_mode="border", align_corners=False)[:, :, 0]
    a = a.view(n, 3, 4, height, width)
    return (a[:, :, :3] * image[:, None]).sum(2) + a[:, :, 3]
