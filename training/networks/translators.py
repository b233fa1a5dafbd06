"""The generators that a translation method can choose: `resnet`, `compact`, `flow`, `bilateral`.

All map `(image (N, 3, H, W) in [-1, 1], edit (N, K))` to an image, or to what `render` turns into one: `bilateral` to a
grid of colour transforms, `flow` (which also wants a mask) to fields of flow.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgedit.render.grid import LUMA
from training.networks.blocks import instance_norm


def with_edit(image: Tensor, edit: Tensor) -> Tensor:
    """Append the edit vector as K constant planes: `(N, 3 + K, H, W)`."""
    planes = edit[:, :, None, None].expand(-1, -1, image.shape[2], image.shape[3])
    return torch.cat([image, planes], 1)


def _conv_in(n_in: int, n_out: int, kernel: int, stride: int = 1, padding: int | None = None) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2 if padding is None else padding, bias=False),
        instance_norm(n_out),
        nn.ReLU(inplace=True),
    )


class InstanceResidual(nn.Module):
    """Two 3x3 convolutions with instance norm round a skip; no ReLU after the sum (as in StarGAN and CycleGAN)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv_in(n, n, 3), nn.Conv2d(n, n, 3, 1, 1, bias=False), instance_norm(n))

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        out: Tensor = x + self.body(x)
        return out


class ResnetGenerator(nn.Module):
    """StarGAN's generator: two strided convolutions, residual blocks, two transposed ones, tanh.

    Reference: Choi et al. 2018 (arXiv 1711.09020), table 4. 9.96 GMAC at 128 px with five attributes.
    """

    def __init__(self, n_edit: int, width: int = 64, n_blocks: int = 6) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_in(3 + n_edit, width, 7)]
        for i in range(2):
            layers.append(_conv_in(width << i, width << (i + 1), 4, 2, 1))
        layers += [InstanceResidual(4 * width) for _ in range(n_blocks)]
        for i in (2, 1):
            layers += [
                nn.ConvTranspose2d(width << i, width << (i - 1), 4, 2, 1, bias=False),
                instance_norm(width << (i - 1)),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.Conv2d(width, 3, 7, 1, 3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, image: Tensor, edit: Tensor) -> Tensor:
        """Return the edited image."""
        out: Tensor = self.main(with_edit(image, edit))
        return out


class _LocalUNet(nn.Module):
    """A U-Net with residual blocks at 1/8 of the size, and the windows in which its edits may act.

    Args:
        n_in: channels of the picture.
        n_edit: length K of the edit vector; it enters at the picture and again at the bottleneck.
        width: channels at half resolution.
        n_blocks: residual blocks at the bottom.
        windows: weights of rows `(K, H)` and of columns `(K, W)`: where each entry of the edit may change the picture
            (`training.publish.words.windows_of`); None: anywhere.
    """

    def __init__(
        self, n_in: int, n_edit: int, width: int, n_blocks: int, windows: tuple[Tensor, Tensor] | None
    ) -> None:
        super().__init__()
        rows, columns = windows or (None, None)
        self.rows: Tensor | None
        self.columns: Tensor | None
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        w1, w2, w3 = width, 2 * width, 4 * width
        self.enter = nn.Sequential(nn.PixelUnshuffle(2), _conv_in(4 * (n_in + n_edit), w1, 3))
        self.down1 = _conv_in(w1, w2, 4, 2, 1)
        self.down2 = _conv_in(w2, w3, 4, 2, 1)
        self.edit = nn.Linear(n_edit, w3)
        self.blocks = nn.Sequential(*(InstanceResidual(w3) for _ in range(n_blocks)))
        self.up2 = _conv_in(w3 + w2, w2, 3)
        self.up1 = _conv_in(w2 + w1, w1, 3)

    def features(self, image: Tensor, edit: Tensor) -> tuple[Tensor, Tensor]:
        """Return `(N, 2 width, H / 4, W / 4)` and `(N, width, H / 2, W / 2)`; H and W multiples of 8."""
        x1 = self.enter(with_edit(image, edit))
        x2 = self.down1(x1)
        x = self.down2(x2) + self.edit(edit)[:, :, None, None]
        x = self.blocks(x)
        quarter = self.up2(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), x2], 1))
        half = self.up1(torch.cat([F.interpolate(quarter, scale_factor=2.0, mode="nearest"), x1], 1))
        return quarter, half

    def where(self, edit: Tensor) -> Tensor:
        """Return where the windows let an edit `(N, K)` act, `(N, 1, H, W)` in 0..1, in the windows' resolution."""
        if self.rows is None or self.columns is None:
            raise ValueError("this generator has no windows")
        asked = edit.ne(0.0).to(self.rows.dtype)[:, :, None] * self.rows
        return (asked.transpose(1, 2) @ self.columns).clamp(max=1.0)[:, None]


class CompactGenerator(_LocalUNet):
    """A U-Net that adds a change to its input; 0.43 GMAC at 128 px.

    The change leaves by bilinear enlargement and two narrow convolutions at full size. A pixel shuffle there lets a
    generator draw a pattern of dots that satisfies a classifier and no eye (seen after 2,500 steps at 64 px).

    Args:
        n_edit: length K of the edit vector.
        width: channels at half resolution.
        n_blocks: residual blocks at the bottom.
        windows: as of `windows_of`, at the picture's size; None: the edit may act anywhere.
    """

    def __init__(
        self, n_edit: int, width: int = 24, n_blocks: int = 4, windows: tuple[Tensor, Tensor] | None = None
    ) -> None:
        super().__init__(3, n_edit, width, n_blocks, windows)
        self.finish = _conv_in(width + 3, 16, 3)
        self.leave = nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, image: Tensor, edit: Tensor) -> Tensor:
        """Return the edited image; H and W multiples of 8."""
        _, x = self.features(image, edit)
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = self.finish(torch.cat([x, image], 1))
        change = 2.0 * torch.tanh(0.5 * self.leave(x))
        if self.rows is not None:
            change = change * self.where(edit).to(change.dtype)
        return (image + change).clamp(-1.0, 1.0)


class FlowGenerator(_LocalUNet):
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
            `(N, 7, H / 2, W / 2)`: x and y of the flow to the source (shares of the crop's side), weight of the copy,
            weight of the paint, and the paint, [-1, 1].
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
        height, width = image.shape[2:]
        fields = F.interpolate(fields.float(), (height, width), mode="bilinear", align_corners=False)
        y, x = _centres(height, width, image.device)
        source = torch.stack([x + 2.0 * fields[:, 0], y + 2.0 * fields[:, 1]], -1)
        copied = F.grid_sample(torch.cat([image, mask], 1).float(), source, padding_mode="border", align_corners=False)
        copy, paint = fields[:, 2:3] * copied[:, 3:], fields[:, 3:4]
        out = image + copy * (copied[:, :3] - image)
        out = out + paint * (fields[:, 4:] - out)
        return out.clamp(-1.0, 1.0), torch.maximum(mask, copy) * (1.0 - paint)


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

    def forward(self, image: Tensor, edit: Tensor) -> Tensor:
        """Return the grid `(N, 12, depth, cells, cells)`; row c of the transform is channels 4c..4c+3."""
        features = self.look(image)
        if self.cells == 1:
            local = features.mean((2, 3), keepdim=True)
        else:
            step = features.shape[2] // self.cells
            local = F.avg_pool2d(features, step, step)
        whole = features.mean((2, 3), keepdim=True).expand(-1, -1, local.shape[2], local.shape[3])
        planes = edit[:, :, None, None].expand(-1, -1, local.shape[2], local.shape[3])
        curve = self.curve(self.mix(torch.cat([local, whole, planes], 1)))
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
    y, x = _centres(height, width, image.device)
    where = torch.stack([x.expand(n, -1, -1), y.expand(n, -1, -1), guide[:, 0]], -1)[:, None]
    a = F.grid_sample(grid, where, padding_mode="border", align_corners=False)[:, :, 0]
    a = a.view(n, 3, 4, height, width)
    return (a[:, :, :3] * image[:, None]).sum(2) + a[:, :, 3]


def _centres(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return y and x of the pixels' centres, `(H, W)` each, -1..1 from border to border (as `F.grid_sample`)."""
    ys = (torch.arange(height, device=device) + 0.5) / height * 2 - 1
    xs = (torch.arange(width, device=device) + 0.5) / width * 2 - 1
    y, x = torch.meshgrid(ys, xs, indexing="ij")
    return y, x
