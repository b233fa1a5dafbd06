"""`Grid`: a photo graded with a model's affine colour transforms, at the photo's own resolution.

As in `imgedit.render.delta`, pixels without weight stay as they are, bit for bit.

Reference: Gharbi et al. 2017, "Deep bilateral learning for real-time image enhancement", section 3.3 (slicing). The
contrast that is put back, and the tint that the mean is held to, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.models.manifest import Crop, Tint
from imgedit.pixels import Floats, Pixels, from_lab, kept_signed, to_lab, to_tensor
from imgedit.render import tints
from imgedit.render.change import COLOUR
from imgedit.render.guided import bands, enlarged_rows, work_grid
from imgedit.render.regions import Region
from imgedit.vision import geometry
from imgedit.vision.geometry import Matrix
from imgedit.vision.subject import Subject

__all__ = [
    "CONTRAST",
    "CONTRAST_RADIUS",
    "EDGE_RADIUS",
    "HIGHLIGHT",
    "LUMA",
    "LUMINANCE_FLOOR",
    "MAX_CONTRAST_GAIN",
    "Grid",
    "apply_grids",
]

Grids = Sequence[tuple[float, Floats]]
Guide = Callable[[Floats], Floats]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601)."""
CONTRAST = 0.5
"""Share of the contrast among neighbouring hairs, on a logarithmic scale, that is taken from the photo. A curve that
makes black hair blond is nearly flat where the hair is, and alone paints it in one colour."""
CONTRAST_RADIUS = 0.05
"""Radius within which hairs are neighbours, as a share of the crop's width."""
LUMINANCE_FLOOR = 0.06
"""Luminance, 0..1, that tells a hair from the noise of the dark."""
MAX_CONTRAST_GAIN = 1.4
"""The most that a pixel is brightened or, as its inverse, darkened for the contrast."""
EDGE_RADIUS = 0.04
"""Radius within which a pixel lies at the region's edge, as a share of the crop's width. A pixel there shows skin or
ground as well, and would be brightened as if it were all hair: a bright line around the hair."""
HIGHLIGHT = 2.0
"""How much brighter than its neighbours' mean a hair may become within the hair; at its edge not at all."""
_SAMPLED = 320  # longest side of the copy on which the usual lift is found, px


@dataclass(frozen=True, eq=False)
class Grid:
    """Affine colour transforms in a bilateral grid.

    Attributes:
        grids: amount and grid, as `apply_grids` takes them.
        guide: colours -> depth coordinate, as there.
        crop: the window that the grids span.
        region: name of the region where it may act.
        tint: range for the mean of what the grids make; None leaves it as it is.
    """

    grids: Grids
    guide: Guide
    crop: Crop
    region: str
    tint: Tint | None = None
    order: ClassVar[int] = COLOUR
    is_local: ClassVar[bool] = True

    def scaled(self, strength: float) -> Grid:
        """Return the same change at a share of its strength."""
        return replace(self, grids=[(amount * strength, grid) for amount, grid in self.grids])

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Grade the photo in the region; as `Change.apply`."""
        spec = (self.crop.kind, self.crop.height, self.crop.width)
        matrix = subject.matrix(*spec)
        return apply_grids(rgb, self.grids, self.guide, matrix, spec[1:], region, tint=self.tint, own=own)


def apply_grids(
    rgb: Pixels,
    grids: Grids,
    guide: Guide,
    matrix: Matrix,
    shape: tuple[int, int],
    region: Region,
    *,
    contrast: float = CONTRAST,
    tint: Tint | None = None,
    own: bool = False,
) -> Pixels:
    """Grade a photo with bilateral grids of affine colour transforms.

    Args:
        rgb: the photo.
        grids: weight and grid `(12, D, h, w)`, channel 4 c + i, for colours in [-1, 1].
        guide: `(1, 3, h, w)` in [-1, 1] -> `(1, 1, h, w)` depth coordinate, any h and w.
        matrix: photo to the crop that the grid spans; beyond it the grid's border holds.
        shape: height and width of that crop, px.
        region: where to act.
        contrast: share of the photo's contrast among neighbours that comes back.
        tint: range for the mean of what the grids make; None leaves it as it is.
        own: as `Change.apply`.

    Returns:
        The photo: `photo + region * (graded - photo)` with `graded = photo + sum of weight * (clip(A photo + b) -
        photo)`, its luminance then pulled towards the photo's contrast, in proportion to region, and at the region's
        edge held to the mean of what lies around it. If the mean of `A photo + b` is out of `tint`, one shift of a* and
        b* is added to it.
    """
    out = rgb if own else rgb.copy()
    x0, y0, x1, y1 = region.roi
    if not region.weight.any():
        return out
    sample = _Sample.of(rgb, grids, guide, matrix, shape, region)
    shift = _Shift.towards(tint, sample, sum(amount for amount, _ in grids)) if tint is not None else None
    if shift is not None:
        sample = _Sample.of(rgb, grids, guide, matrix, shape, region, shift)
    around = sample.around(CONTRAST_RADIUS * shape[1], EDGE_RADIUS * shape[1])
    for rows in bands(y1 - y0, x1 - x0):
        weight = region.weight[rows]
        chosen = np.nonzero(weight)
        if not chosen[0].size:
            continue
        band = out[y0 + rows.start : y0 + rows.stop, x0:x1]
        offset = np.array([[1.0, 0.0, x0], [0.0, 1.0, y0 + rows.start]])
        colours, graded = _graded(band, chosen, grids, guide, geometry.chain(offset, matrix), shape, shift)
        share = weight[chosen]
        lift, inside, hair = (enlarged_rows(part, rows, y1 - y0, x1 - x0)[chosen] for part in around)
        # Less at the border, where a bright ground that shines through is no hair.
        factor = np.exp(contrast * share * (lift - _lift(colours, graded))).clip(
            1.0 / MAX_CONTRAST_GAIN, MAX_CONTRAST_GAIN
        )
        graded = _held((graded + 1.0) * factor[:, None] - 1.0, colours, hair, inside)
        band[chosen] = kept_signed(colours + share[:, None] * (graded - colours), rgb.dtype)
    return out


@dataclass(frozen=True)
class _Sample:
    """Single pixels of the region, on a reduced copy: the mean of a logarithm is not that of blurred hair.

    Attributes:
        weight: `(h, w)` of the copy, the region's.
        chosen: rows and columns of the P pixels with weight.
        colours: `(P, 3)` of the photo, in [-1, 1].
        graded: `(P, 3)`, what the grids make of them.
        scale: pixels of the crop to one of the copy.
    """

    weight: Floats
    chosen: tuple[NDArray[np.intp], ...]
    colours: Floats
    graded: Floats
    scale: float

    @classmethod
    def of(
        cls,
        rgb: Pixels,
        grids: Grids,
        guide: Guide,
        matrix: Matrix,
        shape: tuple[int, int],
        region: Region,
        shift: _Shift | None = None,
    ) -> _Sample:
        x0, y0, x1, y1 = region.roi
        h, w, to_photo = work_grid(region.roi, _SAMPLED)
        small = np.asarray(cv2.resize(rgb[y0:y1, x0:x1], (w, h), interpolation=cv2.INTER_NEAREST))
        weight = np.asarray(cv2.resize(region.weight, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)
        chosen = np.nonzero(weight)
        to_crop = geometry.chain(to_photo, matrix)
        colours, graded = _graded(small, chosen, grids, guide, to_crop, shape, shift)
        return cls(weight, chosen, colours, graded, geometry.crop_scale(to_crop))

    def around(self, near: float, edge: float) -> tuple[Floats, Floats, Floats]:
        """Return what lies around each place of the copy, `(h, w)` each; radii in pixels of the crop.

        Args:
            near: of the means.
            edge: of the edge.

        Returns:
            The mean `_lift`; 0 where no more than two thirds of the places around have weight, to 1 where all have; the
            mean graded colour, `(h, w, 3)`.
        """
        inside = np.asarray((3.0 * self._spread(self.weight, edge) - 2.0).clip(0.0, 1.0), np.float32)
        lift = self._mean(_lift(self.colours, self.graded), self.weight, near)
        # The edge has no say in what it is held to, but where there is nothing else.
        return lift, inside, self._mean(self.graded, self.weight * np.maximum(inside, 0.02), near)

    def _mean(self, values: Floats, weight: Floats, radius: float) -> Floats:
        """Mean of the chosen pixels' values, `(P, ...)`, around each place: `(h, w, ...)`."""
        sums = np.zeros((*weight.shape, *values.shape[1:]), np.float32)
        sums[self.chosen] = (values.T * weight[self.chosen]).T
        total = np.maximum(self._spread(weight, radius), 1e-6)
        return np.asarray((self._spread(sums, radius).T / total.T).T, np.float32)

    def _spread(self, values: Floats, radius: float) -> Floats:
        """Mean over a tent, which has no corners that could show."""
        reach = 2 * round(radius / self.scale) + 1
        for _ in range(2):
            values = np.asarray(cv2.blur(values, (reach, reach), borderType=cv2.BORDER_REFLECT_101), np.float32)
        return values


@dataclass(frozen=True)
class _Shift:
    """One shift of a* and b* for all pixels, less for those darker than the mean: the dark has little tint.

    Attributes:
        ab: of a pixel that is as light as the mean or lighter.
        lightness: L* of the mean.
    """

    ab: Floats
    lightness: float

    @classmethod
    def towards(cls, tint: Tint, sample: _Sample, strength: float) -> _Shift | None:
        """Return the shift that takes the sample's mean into a tint; None where it is there.

        Args:
            tint: what the whole edit should have.
            sample: of the edit at this strength.
            strength: above 0 to 1; the shift is that of the whole edit.
        """
        weight = sample.weight[sample.chosen]
        if not len(weight) or strength <= 0:
            return None
        whole = sample.colours + (sample.graded - sample.colours) / np.float32(strength)
        lab = _lab(whole)
        mean = np.asarray((weight[:, None] * lab).sum(0) / weight.sum(), np.float32)
        # The shift fades in the dark, which has a part in the mean.
        felt = float((weight * np.clip(lab[:, 0] / max(float(mean[0]), 1.0), 0.0, 1.0)).sum() / weight.sum())
        ab = tints.shift(tint, mean[1:]) / np.float32(max(felt, 0.1))
        return cls(ab, max(float(mean[0]), 1.0)) if np.abs(ab).max() > 0.1 else None

    def applied(self, colours: Floats) -> Floats:
        """Return moved colours, `(P, 3)` in [-1, 1]."""
        lab = _lab(colours)
        lab[:, 1:] += np.clip(lab[:, :1] / self.lightness, 0.0, 1.0) * self.ab
        moved = from_lab(lab[None])[0]
        return np.asarray(moved * 2.0 - 1.0, np.float32)


def _lab(colours: Floats) -> Floats:
    """Return CIELAB of `(P, 3)` sRGB in [-1, 1]."""
    rgb = np.clip(colours * 0.5 + 0.5, 0.0, 1.0).astype(np.float32)
    return np.asarray(to_lab(rgb[None])[0], np.float32)


def _graded(
    image: Pixels,
    chosen: tuple[NDArray[np.intp], ...],
    grids: Grids,
    guide: Guide,
    matrix: Matrix,
    shape: tuple[int, int],
    shift: _Shift | None = None,
) -> tuple[Floats, Floats]:
    """Return the chosen pixels of an image, and what the grids make of them: `(P, 3)` each, in [-1, 1]."""
    values = to_tensor(image)
    depth = guide(values[None])[0, 0][chosen]
    colours = np.moveaxis(values, 0, -1)[chosen]
    x, y = chosen[1].astype(np.float32), chosen[0].astype(np.float32)
    m = matrix.astype(np.float32)
    u, v = (
        np.asarray(2.0 * (row[0] * x + row[1] * y + row[2] + 0.5) / length - 1.0, np.float32)
        for row, length in zip(m, reversed(shape), strict=True)
    )
    graded = colours.copy()
    for amount, grid in grids:
        made = np.clip(_sliced(grid, u, v, depth, colours), -1.0, 1.0)
        graded += np.float32(amount) * ((made if shift is None else shift.applied(made)) - colours)
    return colours, graded


def _held(graded: Floats, colours: Floats, hair: Floats, inside: Floats) -> Floats:
    """Hold graded pixels to the hair around them: what shines through at its edge is not brightened as if it were hair.

    Args:
        graded: `(P, 3)` in [-1, 1].
        colours: the same pixels of the photo; none of them is made darker than that.
        hair: the mean graded colour around each.
        inside: 0 at the edge to 1.

    Returns:
        Pixels at most as bright as the photo or the hair around them, within the hair `HIGHLIGHT` times as bright;
        those that are darkened for it at the edge also take on the hair's tint.
    """
    light = np.maximum(_luminance(hair), 1e-3)
    now = np.maximum(_luminance(graded), 1e-3)
    most = np.maximum(_luminance(colours), light * (1.0 + inside * (HIGHLIGHT - 1.0)))
    factor = np.minimum(most / now, 1.0)
    tinted = ((1.0 - inside) * np.minimum(5.0 * (1.0 - factor), 1.0))[:, None]
    own, other = (graded + 1.0) * factor[:, None], (hair + 1.0) * (most / light)[:, None]
    return np.asarray(own + tinted * (other - own) - 1.0, np.float32)


def _lift(colours: Floats, graded: Floats) -> Floats:
    """Return by how much colours became brighter, `(P,)`: the logarithm of the ratio of luminances above the floor."""
    return np.asarray(
        np.log((_luminance(graded) + LUMINANCE_FLOOR) / (_luminance(colours) + LUMINANCE_FLOOR)), np.float32
    )


def _luminance(colours: Floats) -> Floats:
    """Return the luma of `(P, 3)` colours in [-1, 1], `(P,)` in 0..1."""
    return np.asarray((colours @ np.array(LUMA, np.float32) + 1.0) / 2.0, np.float32)


def _sliced(grid: Floats, u: Floats, v: Floats, depth: Floats, colours: Floats) -> Floats:
    """Look up every pixel's affine transform trilinearly and apply it: `(P, 3)`.

    The same as torch's `grid_sample(grid, (u, v, depth), align_corners=False, padding_mode="border")`.
    """
    n_depth, n_rows, n_columns = grid.shape[1:]
    table = np.ascontiguousarray(grid.reshape(12, -1).T)
    (x_low, x_high, fx), (y_low, y_high, fy), (d_low, d_high, fd) = (
        _neighbours(coordinate, n)
        for coordinate, n in ((u, n_columns), (v, n_rows), (np.asarray(depth, np.float32), n_depth))
    )
    affine = np.zeros((u.size, 12), np.float32)
    for d, wd in ((d_low, 1.0 - fd), (d_high, fd)):
        for row, wy in ((y_low, 1.0 - fy), (y_high, fy)):
            for column, wx in ((x_low, 1.0 - fx), (x_high, fx)):
                affine += (wd * wy * wx)[:, None] * table[(d * n_rows + row) * n_columns + column]
    rows = affine.reshape(-1, 3, 4)
    return np.asarray(np.einsum("pci,pi->pc", rows[..., :3], colours) + rows[..., 3], np.float32)


def _neighbours(coordinate: Floats, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Cells below and above a coordinate in [-1, 1] along an axis of n cells, and the share of the one above."""
    position = np.clip(((coordinate + 1.0) * n - 1.0) / 2.0, 0.0, n - 1.0)
    low = position.astype(np.intp)
    return low, np.minimum(low + 1, n - 1), np.asarray(position - low, np.float32)
