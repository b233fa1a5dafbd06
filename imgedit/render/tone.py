"""`Tone`: a part of a photo in the colours that real hair has, with the photo's own light and detail.

The logarithm of the luminance of every pixel is moved and scaled, and at its new lightness it takes the tint that hair
of the wanted colour has there. Pixels without weight stay as they are, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import cv2
import numpy as np

from imgedit.models.manifest import Crop
from imgedit.pixels import Floats, Pixels, from_lab, kept, pixels_to_lab
from imgedit.render.change import COLOUR
from imgedit.render.guided import bands, enlarged_rows, work_grid
from imgedit.render.regions import Region
from imgedit.vision import geometry
from imgedit.vision.subject import Subject

__all__ = ["Curve", "Tone", "log_luminance", "toned"]

_DARK = 0.004  # luminance, 0..1, added before the logarithm, so that noise in the dark does not count
_HIGHLIGHT, _MOST = 0.25, 0.15  # share of what is brighter than the hair that stays, and the most of it, of a logarithm
_DEPTH = 0.5  # by how much a shadow may be darker than the hair's darkest, of a logarithm
_NEAR, _EDGE = 0.05, 0.02  # radii of neighbours, and of the region's edge, as shares of the crop's width
_TWICE = float(np.log(2.0))  # by how much a hair may be brighter than its neighbours within the hair
_OWN, _OWN_MOST = 0.35, 8.0  # share of the photo's own variation of a* and b* that stays, and the most of it
_SAMPLED = 320  # longest side of the copy on which neighbours are found, px


@dataclass(frozen=True, eq=False)
class Curve:
    """What happens to the colours of one head's hair.

    Attributes:
        middle: log luminance of the hair in the photo.
        target: where that goes.
        below: factor of differences from it of what is darker.
        above: the same of what is lighter.
        low: least log luminance of the hair in the photo.
        high: greatest; what is brighter is skin or ground that shines through, or a highlight.
        tint: `(n, 2)`, a* and b* at L* = (i + 0.5) 100 / n.
    """

    middle: float
    target: float
    below: float
    above: float
    low: float
    high: float
    tint: Floats

    def moved(self, log_y: Floats) -> Floats:
        """Return new log luminances."""
        over = np.minimum(_HIGHLIGHT * np.maximum(log_y - self.high, 0.0), _MOST)
        held = np.maximum(np.minimum(log_y, self.high) + over, self.low - _DEPTH)
        away = held - self.middle
        return np.asarray(self.target + np.where(away > 0.0, self.above, self.below) * away, np.float32)

    def tint_at(self, lightness: Floats) -> Floats:
        """Return a* and b* at lightnesses L*, `(..., 2)`."""
        n = len(self.tint)
        at = np.clip(lightness * (n / 100.0) - 0.5, 0.0, n - 1.001)
        index = at.astype(np.intp)
        share = np.asarray(at - index, np.float32)[..., None]
        return np.asarray(self.tint[index] * (1.0 - share) + self.tint[index + 1] * share, np.float32)


@dataclass(frozen=True, eq=False)
class Tone:
    """Real hair's colours for a part of a photo.

    Attributes:
        curve: what happens to colours.
        crop: the window that radii are shares of.
        region: name of the region where it may act.
        amount: share of the change, 0..1.
    """

    curve: Curve
    crop: Crop
    region: str
    amount: float = 1.0
    order: ClassVar[int] = COLOUR

    def scaled(self, strength: float) -> Tone:
        """Return the same change at a share of its strength."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region) -> Pixels:
        """Tone the photo in the region; as `Change.apply`."""
        matrix = subject.matrix(self.crop.kind, self.crop.height, self.crop.width)
        return toned(rgb, self.curve, region, self.crop.width / geometry.crop_scale(matrix), self.amount)


def toned(rgb: Pixels, curve: Curve, region: Region, window: float, amount: float = 1.0) -> Pixels:
    """Tone a photo.

    Args:
        rgb: the photo.
        curve: what happens to colours.
        region: where to act.
        window: width of the subject's window, px of the photo.
        amount: share of the change.

    Returns:
        A new photo: `photo + amount * region * (toned - photo)`. At the region's edge, where skin or ground shines
        through, nothing becomes brighter than the hair around it.
    """
    out = rgb.copy()
    x0, y0, x1, y1 = region.roi
    if not region.weight.any():
        return out
    height, width = y1 - y0, x1 - x0
    most, mean_ab = _neighbours(rgb[y0:y1, x0:x1], curve, region, window)
    for rows in bands(height, width):
        weight = region.weight[rows]
        chosen = np.nonzero(weight)
        if not chosen[0].size:
            continue
        band = out[y0 + rows.start : y0 + rows.stop, x0:x1]
        pixels = band[chosen]
        lab = pixels_to_lab(pixels[None])[0]
        limit, around = (enlarged_rows(part, rows, height, width)[chosen] for part in (most, mean_ab))
        light = _lightness(np.minimum(curve.moved(log_luminance(lab[:, 0])), limit))
        own = np.clip(lab[:, 1:] - around, -_OWN_MOST, _OWN_MOST)
        made = np.column_stack([light, curve.tint_at(light) + _OWN * own]).astype(np.float32)
        colours = 255.0 * from_lab(made[None])[0]
        share = (amount * weight[chosen])[:, None]
        band[chosen] = kept(pixels + share * (colours - pixels), rgb.dtype)
    return out


def log_luminance(lightness: Floats) -> Floats:
    """Return the logarithm of luminance, 0..1, at lightnesses L*, above the dark."""
    linear = np.where(lightness > 8.0, ((lightness + 16.0) / 116.0) ** 3, lightness / 903.3)
    return np.asarray(np.log(linear + _DARK), np.float32)


def _lightness(log_y: Floats) -> Floats:
    y = np.maximum(np.exp(log_y) - _DARK, 0.0)
    return np.asarray(np.clip(np.where(y > 0.008856, 116.0 * np.cbrt(y) - 16.0, 903.3 * y), 0.0, 99.0), np.float32)


def _neighbours(rgb: Pixels, curve: Curve, region: Region, window: float) -> tuple[Floats, Floats]:
    """Return, on a reduced copy, the most log luminance of each place, `(h, w)`, and the photo's mean a*, b* there."""
    h, w, _ = work_grid(region.roi, _SAMPLED)
    small = cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA)
    weight = np.asarray(cv2.resize(region.weight, (w, h), interpolation=cv2.INTER_AREA), np.float32)
    lab = pixels_to_lab(small)
    scale = window * w / rgb.shape[1]

    def spread(values: Floats, radius: float) -> Floats:
        reach = 2 * round(radius * scale) + 1
        for _ in range(2):
            values = np.asarray(cv2.blur(values, (reach, reach), borderType=cv2.BORDER_REFLECT_101), np.float32)
        return values

    inside = np.clip(3.0 * spread(weight, _EDGE) - 2.0, 0.0, 1.0)
    core = np.asarray(weight * np.maximum(inside, 0.02), np.float32)  # the edge only where there is nothing else
    total = np.maximum(spread(core, _NEAR), 1e-6)
    mean = spread(np.asarray(curve.moved(log_luminance(lab[..., 0])) * core, np.float32), _NEAR) / total
    colours = np.maximum(spread(weight, _EDGE), 1e-6)[..., None]
    mean_ab = spread(np.asarray(lab[..., 1:] * weight[..., None], np.float32), _EDGE) / colours
    return np.asarray(mean + inside * _TWICE, np.float32), np.asarray(mean_ab, np.float32)
