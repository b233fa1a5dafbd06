"""`Delta`: what a network drew on a crop, added to the photo at the photo's own resolution.

Only a `Region` of the photo is ever touched, and in it only pixels with a weight above 0: all others stay as they are,
bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from imgedit.models.manifest import Crop
from imgedit.pixels import Floats, Pixels, kept_signed
from imgedit.render import regions
from imgedit.render.change import DETAIL
from imgedit.render.guided import bands, dot, fit_guided
from imgedit.render.regions import Region
from imgedit.vision import geometry
from imgedit.vision.geometry import Matrix
from imgedit.vision.subject import Subject

__all__ = ["Delta", "apply_delta"]


@dataclass(frozen=True, eq=False)
class Delta:
    """An edited crop minus the crop.

    Attributes:
        delta: `(h, w, 3)`, colours in [-1, 1], so -2..2.
        crop: the window that it was found on.
        region: name of the region where it may act.
    """

    delta: Floats
    crop: Crop
    region: str
    order: ClassVar[int] = DETAIL
    is_local: ClassVar[bool] = True

    def scaled(self, strength: float) -> Delta:
        """Return the same change at a share of its strength."""
        return replace(self, delta=self.delta * np.float32(strength))

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Add the delta to the photo, in the region and within the crop's own window; as `Change.apply`."""
        spec = (self.crop.kind, self.crop.height, self.crop.width)
        crop = subject.crop(*spec).transpose(1, 2, 0)
        area = regions.intersect(regions.window(subject, *spec), region)
        return apply_delta(rgb, self.delta, crop, subject.matrix(*spec), area, found_on=subject.rgb, own=own)


def apply_delta(
    rgb: Pixels,
    delta: Floats,
    crop: Floats,
    matrix: Matrix,
    region: Region,
    *,
    found_on: Pixels | None = None,
    radius: int = 2,
    eps: float = 1e-3,
    own: bool = False,
) -> Pixels:
    """Add a change that was found on a crop to the photo.

    What of the delta is a local linear function of the crop's colours (shading, tint) is taken as such of the photo's
    colours at full resolution, with all its detail; the rest (new edges, such as frames of glasses) is enlarged
    smoothly. Both are added to the photo.

    Args:
        rgb: the photo, with the changes before this one.
        delta: `(h, w, 3)`, edited minus crop, colours in [-1, 1].
        crop: `(h, w, 3)`, [-1, 1], what the delta was found on.
        matrix: photo to crop.
        region: where to act.
        found_on: the photo that the crop was cut out of; the linear function does not hold for colours that other
            changes made. None for `rgb`.
        radius: of the guided filter, crop pixels.
        eps: regularization of the guided filter on colours in 0..1.
        own: as `Change.apply`.

    Returns:
        The changed photo.
    """
    out = rgb if own else rgb.copy()
    x0, y0, x1, y1 = region.roi
    guide = np.asarray(crop * 0.5 + 0.5, np.float32)
    coefficients = fit_guided(guide, delta, radius, eps)
    rest = delta - (np.einsum("hwci,hwi->hwc", coefficients[..., :3], guide) + coefficients[..., 3])
    planes = [np.ascontiguousarray(coefficients[:, :, c]) for c in range(3)]
    for rows in bands(y1 - y0, x1 - x0):
        weight = region.weight[rows]
        if not weight.any():
            continue
        area = (x0, y0 + rows.start, x1, y0 + rows.stop)
        band = out[area[1] : area[3], x0:x1]
        cause = (rgb if found_on is None else found_on)[area[1] : area[3], x0:x1].astype(np.float32)
        cause /= 255.0
        change = geometry.put_back(np.asarray(rest, np.float32), matrix, area, smooth=True, edge=True)
        for c, plane in enumerate(planes):
            a = geometry.put_back(plane, matrix, area, edge=True)
            change[..., c] += dot(a, cause) + a[..., 3]
        change *= weight[..., None]
        colours = band.astype(np.float32)
        colours /= 255.0
        colours *= 2.0
        colours -= 1.0
        change += colours
        np.copyto(band, kept_signed(change, rgb.dtype), where=weight[..., None] > 0)
    return out
