"""`Tone`: a part of a photo in the colours that real hair has, with the photo's own light and detail.

The logarithm of the luminance of every pixel is moved and scaled, and at its new lightness it takes the tint that hair
of the wanted colour has there. Pixels without weight stay as they are, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from imgedit.models.manifest import Crop
from imgedit.pixels import Floats, Pixels, from_lab, kept, pixels_to_lab
from imgedit.render.change import COLOUR
from imgedit.render.guided import bands, enlarged_rows, work_grid
from imgedit.render.matting import blurred, mixture, nearby
from imgedit.render.regions import Region
from imgedit.render.strands import strands
from imgedit.vision import geometry
from imgedit.vision.subject import Subject

__all__ = ["Curve", "Tone", "log_luminance", "toned"]

_DARK = 0.004  # luminance, 0..1, added before the logarithm, so that noise in the dark does not count
_HIGHLIGHT, _MOST = 0.25, 0.15  # share of what is brighter than the hair that stays, and the most of it, of a logarithm
_DEPTH = 0.5  # by how much a shadow may be darker than the hair's darkest, of a logarithm
_BASE, _VARIED = 0.012, 0.03  # radii of the neighbours that tell a hair's light, and its variation, of crops' width
_GAIN = (0.6, 2.0)  # least and most factor of contrast of single hairs
_GLEAM = 1.0  # most factor of what is lighter than the hair around
_DARKENED, _FALL = 1.4, 25.0  # least and most of these factors where lightness falls by so much, L*
_STRETCH = (2.2, 1.2)  # most factors by which shades below and above the middle are stretched
_DETAIL = 24.0  # most by which a hair is lighter or darker than those around, L*
_STRAND, _STRANDS = 5.0, (0.4, 60.0)  # L*, of strands that are drawn: at L* 60 and above, and least share and that L*
_PLAIN, _CHANGED = 1.6, 35.0  # variations that need none, in these, and rise of L* from which on all are drawn
_DENSE, _WORTH = (0.5, 0.9), 0.05  # shares of hair that has none and all of them; least part that is worth drawing
_UNEVEN = 60.0  # variance of a ground of which nothing is known, L*a*b* units
_EDGE, _WIDE = 0.02, 0.04  # widths of hair's edge, and of the neighbours that tell how light hair is
_LIGHTER = (1.0, 30.0)  # by how much hair may be lighter than those, L*: at the edge, and more inside
_STEP = 4.0  # L*, of the slope of a curve
_LEAST_VARIED = 4.0  # variance of L* of hair that is even
_HAIR, _GROUND = (0.8, 0.98), 0.02  # shares that tell hair's colours by nothing and by all; below which ground shows
_ALL, _THIN, _TRUSTED = 0.98, 0.35, (0.2, 0.7)  # shares: nothing shines through; least; whose colour tells none and all
_LAID, _MIXED = 0.6, 0.25  # how far new hair is laid over what lies behind, and from which share of either on
_OWN, _OWN_MOST = 0.35, 8.0  # share of the photo's own variation of a* and b* that stays, and the most of it
_SAMPLED = 400  # longest side of the copy on which neighbours are found, px


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
        lower: log luminance below which a tenth of the hair lies.
        upper: that above which a tenth lies.
        tint: `(n, 2)`, a* and b* at L* = (i + 0.5) 100 / n.
    """

    middle: float
    target: float
    below: float
    above: float
    low: float
    high: float
    lower: float
    upper: float
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
    is_local: ClassVar[bool] = True

    def scaled(self, strength: float) -> Tone:
        """Return the same change at a share of its strength."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Tone the photo in the region; as `Change.apply`."""
        matrix = subject.matrix(self.crop.kind, self.crop.height, self.crop.width)
        return toned(rgb, self.curve, region, self.crop.width / geometry.crop_scale(matrix), self.amount, own=own)


class _Around(NamedTuple):
    """What is around each place, `(h, w)` or `(h, w, C)`, L*a*b* units.

    Attributes:
        light: lightness of the hair.
        new: that which it becomes.
        gain: factor of differences from it.
        tint: a* and b* of the hair.
        ground: colour of what shines through.
        varied: standard deviation of the hair's lightness.
        drawn: strands, L*, for hair that shows none.
        apart: how surely hair's colours are told from the ground's, 0..1.
        even: the same, less where the ground is varied, so that little is known of what of it shines through.
    """

    light: Floats
    new: Floats
    gain: Floats
    tint: Floats
    ground: Floats
    varied: Floats
    drawn: Floats
    apart: Floats
    even: Floats


def toned(
    rgb: Pixels, curve: Curve, region: Region, window: float, amount: float = 1.0, *, own: bool = False
) -> Pixels:
    """Tone a photo.

    Args:
        rgb: the photo.
        curve: what happens to colours.
        region: where to act.
        window: width of the subject's window, px of the photo.
        amount: share of the change.
        own: as `Change.apply`.

    Returns:
        The changed photo. Where hair is a share of a pixel, that share changes, and what shines through stays.
    """
    out = rgb if own else rgb.copy()
    x0, y0, x1, y1 = region.roi
    if not region.weight.any():
        return out
    height, width = y1 - y0, x1 - x0
    around = _around(rgb[y0:y1, x0:x1], curve, region.weight, window)
    for rows in bands(height, width):
        chosen = np.nonzero(region.weight[rows])
        if not chosen[0].size:
            continue
        band = out[y0 + rows.start : y0 + rows.stop, x0:x1]
        pixels = band[chosen]
        here = _Around(*(enlarged_rows(part, rows, height, width)[chosen] for part in around))
        colours = 255.0 * _coloured(pixels, here, curve, region.weight[rows][chosen])
        band[chosen] = kept(pixels + amount * (colours - pixels), rgb.dtype)
    return out


def _coloured(pixels: Pixels, here: _Around, curve: Curve, share: Floats) -> Floats:
    """Return pixels `(n, 3)` with their share `(n,)` of hair toned, sRGB 0..1."""
    lab = pixels_to_lab(pixels[None])[0]
    own = share[:, None]
    is_whole = share > _ALL
    # What of the colour is the hair's: the more of it lies behind, the more is told by the hair around.
    seen = (lab[:, 0] - (1.0 - share) * here.ground[:, 0]) / np.maximum(share, _THIN)
    seen = here.apart * seen + (1.0 - here.apart) * lab[:, 0]
    trust = np.clip((share - _TRUSTED[0]) / (_TRUSTED[1] - _TRUSTED[0]), 0.0, 1.0)
    detail = trust * np.clip(seen - here.light, -2.0 * here.varied, 0.5 * here.varied)
    detail = np.where(is_whole, lab[:, 0] - here.light, detail)
    tinted = np.clip(lab[:, 1:] - here.tint, -_OWN_MOST, _OWN_MOST) * np.where(is_whole, 1.0, trust)[:, None]
    hair = np.column_stack([here.light + detail, here.tint + tinted])
    hair = np.where(is_whole[:, None], lab, hair).astype(np.float32)
    # A gleam on dark hair is far lighter than the hair; on light hair it is hardly. Light hair that becomes dark keeps
    # more of the contrast of single hairs, or they would lie in one flat mass.
    falls = np.clip((here.light - here.new) / _FALL, 0.0, 1.0)
    gain = np.maximum(here.gain, _GAIN[0] + falls * (_DARKENED - _GAIN[0]))
    gleam = np.minimum(gain, _GLEAM + falls * (_DARKENED - _GLEAM))
    grown = np.where(detail > 0.0, gleam, gain) * detail
    light = np.clip(here.new + _DETAIL * np.tanh((grown + here.drawn) / _DETAIL), 0.0, 99.0)
    made = np.column_stack([light, curve.tint_at(light) + _OWN * tinted]).astype(np.float32)
    before, after = pixels / np.float32(255.0), from_lab(made[None])[0]
    added = before + own * (after - from_lab(hair[None])[0])
    # Where the colours tell the shares, nothing becomes lighter than both the photo and new hair over what lies behind;
    # over an even ground the new hair is also laid anew.
    behind = (1.0 - own) * from_lab(here.ground[None])[0]
    added -= here.apart[:, None] * np.maximum(added - np.maximum(before, own * after + behind), 0.0)
    plain = np.column_stack([here.new, curve.tint_at(here.new)]).astype(np.float32)
    laid = own * from_lab(plain[None])[0] + behind
    mixed = _LAID * here.even * np.clip(share / _MIXED, 0.0, 1.0) * np.clip((1.0 - share) / _MIXED, 0.0, 1.0)
    return np.asarray(added + mixed[:, None] * (laid - added), np.float32)


def log_luminance(lightness: Floats) -> Floats:
    """Return the logarithm of luminance, 0..1, at lightnesses L*, above the dark."""
    linear = np.where(lightness > 8.0, ((lightness + 16.0) / 116.0) ** 3, lightness / 903.3)
    return np.asarray(np.log(linear + _DARK), np.float32)


def _lightness(log_y: Floats) -> Floats:
    y = np.maximum(np.exp(log_y) - _DARK, 0.0)
    return np.asarray(np.clip(np.where(y > 0.008856, 116.0 * np.cbrt(y) - 16.0, 903.3 * y), 0.0, 99.0), np.float32)


def _around(rgb: Pixels, curve: Curve, weight: Floats, window: float) -> _Around:
    """Find, on a reduced copy of a part of a photo, what is around each place; `weight` is of that part."""
    h, w, _ = work_grid((0, 0, rgb.shape[1], rgb.shape[0]), _SAMPLED)
    lab = pixels_to_lab(cv2.resize(rgb, (w, h), interpolation=cv2.INTER_AREA))
    share = np.asarray(cv2.resize(weight, (w, h), interpolation=cv2.INTER_AREA), np.float32)
    width = window * w / rgb.shape[1]
    hair = np.clip((share - _HAIR[0]) / (_HAIR[1] - _HAIR[0]), 0.0, 1.0)
    hair = np.asarray(hair + 1e-4 * share, np.float32)  # the edge only where there is nothing else
    ground = cv2.erode((share < _GROUND).astype(np.uint8), np.ones((3, 3))).astype(np.float32)
    mixed = mixture(lab, hair, ground, width)
    usual = nearby(lab, hair, _BASE * width)
    light, tint = usual[..., 0], usual[..., 1:]
    variance = np.maximum(nearby((lab[..., 0] - light) ** 2, hair, _VARIED * width), 0.0)
    new, gain = _shaded(light, curve, hair)
    # At the edge skin shines through hair, which would become lighter than the hair around.
    inside = np.clip(3.0 * blurred(share, _EDGE * width) - 2.0, 0.0, 1.0)
    most = nearby(new, np.asarray(share * inside, np.float32), _WIDE * width) + _LIGHTER[0] + _LIGHTER[1] * inside
    new = np.asarray(np.minimum(new, most), np.float32)
    drawn = _drawn(lab[..., 0], share, np.sqrt(variance) * np.minimum(gain, _GLEAM), new - light, new, width)
    varied = np.sqrt(variance + _LEAST_VARIED)
    even = mixed.apart * np.clip(1.0 - mixed.ground_variance / _UNEVEN, 0.0, 1.0)
    return _Around(light, new, gain, tint, mixed.ground, varied, drawn, mixed.apart, np.asarray(even, np.float32))


def _drawn(lightness: Floats, share: Floats, variation: Floats, change: Floats, new: Floats, width: float) -> Floats:
    """Return strands, L*, for hair that shows none and becomes much lighter, `(h, w)`.

    Args:
        lightness: of the photo, L*, `(h, w)`.
        share: how much of each pixel is hair.
        variation: of the lightness of new hair, a standard deviation.
        change: of the hair's lightness.
        new: what that becomes.
        width: of the subject's window, px.
    """
    wanted = np.clip(change / _CHANGED, 0.0, 1.0) * np.clip(1.0 - variation / (_PLAIN * _STRAND), 0.0, 1.0)
    wanted *= np.clip((share - _DENSE[0]) / (_DENSE[1] - _DENSE[0]), 0.0, 1.0)
    if wanted.max(initial=0.0) < _WORTH:
        return np.zeros_like(lightness)
    height = _STRAND * np.clip(new / _STRANDS[1], _STRANDS[0], 1.0)
    return np.asarray(height * wanted * strands(lightness, share, width), np.float32)


def _shaded(light: Floats, curve: Curve, hair: Floats) -> tuple[Floats, Floats]:
    """Return what lightnesses L* of hair, without single hairs, become, and the factor of single hairs, `(h, w)`.

    Without single hairs hair is more even than with them; of black hair hardly any shade is left. It is stretched to as
    much as single hairs had, so that dark places of dark hair are the shaded places of light hair.
    """
    log_y = log_luminance(light)
    sure = log_y[hair > 0.5]
    lower, upper = np.percentile(sure, (10.0, 90.0)) if sure.size else (curve.lower, curve.upper)
    below, above = (
        float(np.clip(wanted / max(own, 1e-3), 1.0, most))
        for wanted, own, most in (
            (curve.middle - curve.lower, curve.middle - lower, _STRETCH[0]),
            (curve.upper - curve.middle, upper - curve.middle, _STRETCH[1]),
        )
    )

    def moved(values: Floats) -> Floats:
        away = log_luminance(values) - curve.middle
        return _lightness(curve.moved(np.asarray(curve.middle + np.where(away > 0.0, above, below) * away)))

    ends = light + _STEP, np.maximum(light - _STEP, 0.0)
    gain = np.clip((moved(ends[0]) - moved(ends[1])) / (ends[0] - ends[1]), *_GAIN)
    return moved(light), np.asarray(gain, np.float32)
