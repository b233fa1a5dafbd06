"""Generators that edit a picture by an edit vector: StarGAN's, and a U-Net that can be kept to parts of a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

    def forward(self, image: Tensor, edit: Tensor | None = None) -> Tensor:
        """Return the edited image; a generator of `n_edit` 0 takes no edit."""
        out: Tensor = self.main(image if edit is None else with_edit(image, edit))
        return out


class LocalUNet(nn.Module):
    """A U-Net with residual blocks at 1/8 of the size, and the windows in which its edits may act.

    Args:
        n_in: channels of the picture.
        n_edit: length K of the edit vector; it enters at the picture and again at the bottleneck; 0: there is none.
        width: channels at half resolution.
        n_blocks: residual blocks at the bottom.
        windows: weights of rows `(K, H)` and of columns `(K, W)`: where each entry of the edit may change the picture
            (`training.families.windows.windows_of`); None: anywhere.
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
        self.edit = nn.Linear(n_edit, w3) if n_edit else None
        self.blocks = nn.Sequential(*(InstanceResidual(w3) for _ in range(n_blocks)))
        self.up2 = _conv_in(w3 + w2, w2, 3)
        self.up1 = _conv_in(w2 + w1, w1, 3)

    def features(self, image: Tensor, edit: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return `(N, 2 width, H / 4, W / 4)` and `(N, width, H / 2, W / 2)`; H and W multiples of 8."""
        x1 = self.enter(image if edit is None else with_edit(image, edit))
        x2 = self.down1(x1)
        x = self.down2(x2)
        if edit is not None and self.edit is not None:
            x = x + self.edit(edit)[:, :, None, None]
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


class CompactGenerator(LocalUNet):
    """A U-Net that adds a change to its input; 0.43 GMAC at 128 px.

    The change leaves by bilinear enlargement and two narrow convolutions at full size. A pixel shuffle there lets a
    generator draw a pattern of dots that satisfies a classifier and no eye.

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
