"""Colours of image batches, differentiable: Lab, the distance of two sets of colours, and a bank of real ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from imgedit.render import grid as grading
from imgedit.render.grid import LUMA

_RGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_WHITE_D65 = (0.95047, 1.0, 1.08883)


def rgb_to_lab(image: Tensor) -> Tensor:
    """Convert sRGB to CIE Lab (D65).

    Args:
        image: `(N, 3, ...)`, sRGB in [-1, 1].

    Returns:
        The same shape: L in 0..100, a and b about -100..100.

    Reference: IEC 61966-2-1 and CIE 15:2004.
    """
    rgb = (image.clamp(-1.0, 1.0) + 1.0) / 2.0
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)
    matrix = torch.tensor(_RGB_TO_XYZ, device=image.device, dtype=image.dtype)
    white = torch.tensor(_WHITE_D65, device=image.device, dtype=image.dtype)
    xyz = torch.einsum("ij,nj...->ni...", matrix / white[:, None], linear)
    delta = 6.0 / 29.0
    f = torch.where(xyz > delta**3, xyz.clamp_min(delta**3) ** (1.0 / 3.0), xyz / (3.0 * delta**2) + 4.0 / 29.0)
    x, y, z = f.unbind(1)
    return torch.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], 1)


def sliced_wasserstein(a: Tensor, b: Tensor, n_directions: int = 8) -> Tensor:
    """Mean 1-Wasserstein distance of two equal-sized samples along the axes and random directions.

    Args:
        a: `(M, C)` points.
        b: `(M, C)` points.
        n_directions: random unit directions beside the C axes.

    Reference: Bonneel et al. 2015; in one dimension the distance is that of the sorted values.
    """
    channels = a.shape[1]
    random = F.normalize(torch.randn(channels, n_directions, device=a.device, dtype=a.dtype), dim=0)
    directions = torch.cat([torch.eye(channels, device=a.device, dtype=a.dtype), random], 1)
    return ((a @ directions).sort(0).values - (b @ directions).sort(0).values).abs().mean()


def curve_penalty(grid: Tensor, slope: tuple[float, float] = (0.4, 2.5), tint_gain: float = 0.5) -> Tensor:
    """How far a bilateral grid is from gentle tone curves that keep light above dark and do not amplify tints.

    Along the depth, what neutral grey of each level becomes must rise by `slope` times the step in luma, its tint
    must change evenly (no green lights beside purple shadows), and of the colour differences at equal luma at most
    `tint_gain` may stay: new hair takes its colour from its own light and dark.
    Outside these bounds a grid makes outlines, solarized strands and tinted noise, which a classifier does not mind
    and an eye does.

    Args:
        grid: `(N, 12, D, h, w)`, affine transforms of colours in [-1, 1], D >= 2.
        slope: smallest and largest slope that cost nothing.
        tint_gain: largest gain of colour differences that costs nothing.

    Returns:
        The mean squared excess, bends of the tint tenfold; a scalar.
    """
    n, _, depth, height, width = grid.shape
    affine = grid.view(n, 3, 4, depth, height, width)
    step = 2.0 / depth
    levels = torch.linspace(-1.0 + step / 2, 1.0 - step / 2, depth, device=grid.device, dtype=grid.dtype)
    toned = affine[:, :, :3].sum(2) * levels.view(1, 1, depth, 1, 1) + affine[:, :, 3]
    luma = (toned * torch.tensor(LUMA, device=grid.device, dtype=grid.dtype).view(1, 3, 1, 1, 1)).sum(1)
    bend = (toned - luma[:, None]).diff(n=2, dim=2)
    rise = luma.diff(dim=1) / step
    uneven = F.relu(slope[0] - rise).square().mean() + F.relu(rise - slope[1]).square().mean()
    root = torch.tensor([[1.0, -1.0, 0.0], [0.5, 0.5, -1.0]], device=grid.device, dtype=grid.dtype)
    root = root / root.norm(dim=1, keepdim=True)
    tint = torch.einsum("ncidhw,ki->nkcdhw", affine[:, :, :3], root).norm(dim=2)
    return uneven + F.relu(tint - tint_gain).square().mean() + 10.0 * bend.square().mean()


def with_contrast(image: Tensor, graded: Tensor, mask: Tensor, share: float) -> Tensor:
    """Do to graded hair what `imgedit.render.grid.apply_grids` does: contrast of the photo, and no brighter an edge.

    Args:
        image: `(N, 3, H, W)`, [-1, 1].
        graded: the same with other colours.
        mask: `(N, 1, H, W)`, 0..1, where the hair is.
        share: of the logarithmic contrast among neighbouring hairs that is the photo's.

    Returns:
        `(N, 3, H, W)`, from -1 on, not clamped above.
    """
    near, edge = (round(radius * image.shape[3]) for radius in (grading.CONTRAST_RADIUS, grading.EDGE_RADIUS))
    lift = ((_luminance(graded) + grading.LUMINANCE_FLOOR) / (_luminance(image) + grading.LUMINANCE_FLOOR)).log()
    usual = _spread(mask * lift, near) / _spread(mask, near).clamp_min(1e-6)
    factor = (share * mask * (usual - lift)).exp().clamp(1.0 / grading.MAX_CONTRAST_GAIN, grading.MAX_CONTRAST_GAIN)
    out = (graded + 1.0) * factor

    inside = (3.0 * _spread(mask, edge) - 2.0).clamp(0.0, 1.0)
    weight = mask * inside.clamp_min(0.02)
    hair = _spread(weight * graded, near) / _spread(weight, near).clamp_min(1e-6)
    light, now = _luminance(hair).clamp_min(1e-3), _luminance(out - 1.0).clamp_min(1e-3)
    most = torch.maximum(_luminance(image), light * (1.0 + inside * (grading.HIGHLIGHT - 1.0)))
    held = (most / now).clamp(max=1.0)
    tinted = (1.0 - inside) * (5.0 * (1.0 - held)).clamp(max=1.0)
    own = out * held
    return own + tinted * ((hair + 1.0) * (most / light) - own) - 1.0


def without_brightness(change: Tensor) -> Tensor:
    """What of a change of colours `(N, 3, H, W)` is not a change of brightness: the change less its luma."""
    return change - _luma(change)


def _luminance(image: Tensor) -> Tensor:
    """Return the luma of `(N, 3, H, W)` in [-1, 1], `(N, 1, H, W)` in 0..1."""
    return (_luma(image) + 1.0) / 2.0


def _luma(colours: Tensor) -> Tensor:
    """Weigh the channels of `(N, 3, H, W)`, `(N, 1, H, W)`."""
    weights = torch.tensor(LUMA, device=colours.device, dtype=colours.dtype).view(1, 3, 1, 1)
    return (colours * weights).sum(1, keepdim=True)


def _spread(values: Tensor, radius: int) -> Tensor:
    """Mean over a tent, `(N, C, H, W)`."""
    for _ in range(2):
        values = F.avg_pool2d(F.pad(values, [radius] * 4, mode="reflect"), 2 * radius + 1, 1)
    return values


def colour_points(pixels: Tensor) -> Tensor:
    """Describe pixels by their colour and by how far its tint is from the picture's own mean.

    The second part is what tells strands of one tint from strands of many: pictures of grey hair may be bluish or
    yellowish, but each of them is so all over.

    Args:
        pixels: `(N, 3, P)`, P pixels of each of N pictures, sRGB in [-1, 1].

    Returns:
        `(N, P, 5)`: L, a, b, a - mean a, b - mean b; L divided by 100, the others by 33, because a wrong tint is seen
        before a wrong lightness.
    """
    light, tint = rgb_to_lab(pixels).split([1, 2], 1)
    own = tint - tint.mean(2, keepdim=True)
    return torch.cat([light / 100.0, tint / 33.0, own / 33.0], 1).transpose(1, 2)
