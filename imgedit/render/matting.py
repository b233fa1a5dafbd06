"""How much of each pixel is hair, where hair and what lies behind it show in one pixel.

A parser's map is soft at its edge because the parser is unsure, not because hair is thin there. Near its edge a pixel's
colour is set between that of the hair and that of the skin or ground nearby; the shares are then made to follow the
photo's own edges by closed-form matting, whose Laplacian is what a guided filter leaves of a map.

Reference: Levin, Lischinski, Weiss 2008, "A closed-form solution to natural image matting"; He, Sun, Tang 2010, "Fast
matting using large kernel matting Laplacian matrices".
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, pixels_to_lab
from imgedit.render.guided import Guide

__all__ = ["Mixture", "blurred", "matte", "mixture", "nearby"]

# Lengths are shares of the width of the subject's window.
_INSIDE, _OUTSIDE = 0.018, 0.03  # from the map's edge: what is farther in or out is hair or none for certain
_LIKELY, _UNLIKELY = 0.9, 0.1  # of the map, which there begin
_TELLS = (0.9, 0.05)  # of the map: pixels that tell the colours of hair, and of what lies beside it
_HAIR_NEAR, _GROUND_NEAR = 0.02, 0.015  # radii of neighbours that tell the colours of either
_VARIED = (0.03, 0.02)  # the same of how varied they are
_MAPPED = (0.4, 0.7)  # probabilities that are nothing and all of it where colours tell nothing
_BESIDE = (0.5, 0.9)  # the same on and about what never is hair
_SEEN, _AROUND = 0.5, 0.006  # probability of what never is hair, and width about it
_SCALES = 3  # each twice as wide, for pixels without neighbours of the kind
_ENOUGH = 0.08  # share of the neighbours that must be of the kind
_NOISE = 9.0  # variance of one colour, L*a*b* units
_APART = (2.0, 8.0)  # squared distance of the colours over their variances, from which and at which they tell all
_OWN = (0.05, 0.4)  # least and most of the way between the colours that is either's own variation
_SMOOTH, _EPS = 0.01, 1e-4  # radius and regularization of the guided filter
_FIXED, _LEAST, _SURE = 10.0, 0.1, 0.3  # weights of what is certain, of the map, and of colours that tell all
_STEPS, _DONE = 16, 1e-3  # of conjugate gradients: at most, and where they end
_ENDS = (0.08, 0.94)  # shares that count as nothing and as all


class Mixture(NamedTuple):
    """What colours hair and what lies beside it have near each pixel, L*a*b*.

    Attributes:
        hair: `(h, w, 3)`, mean.
        ground: `(h, w, 3)`, mean of skin or ground.
        hair_variance: `(h, w)`.
        ground_variance: `(h, w)`.
        apart: `(h, w)`, 0..1, how surely a pixel's colour tells one from the other.
    """

    hair: Floats
    ground: Floats
    hair_variance: Floats
    ground_variance: Floats
    apart: Floats

    def share(self, lab: Floats) -> Floats:
        """Return how far colours `(h, w, 3)` lie on the way from the ground's to the hair's, `(h, w)`, 0..1."""
        way = self.hair - self.ground
        length = np.maximum((way**2).sum(-1), 1.0)
        place = ((lab - self.ground) * way).sum(-1) / length
        own = [np.clip(np.sqrt(v / length), *_OWN) for v in (self.ground_variance, self.hair_variance)]
        return np.asarray(np.clip((place - own[0]) / (1.0 - own[0] - own[1]), 0.0, 1.0), np.float32)


def blurred(values: Floats, radius: float) -> Floats:
    """Return values `(h, w)` or `(h, w, C)` blurred by about a Gaussian of a standard deviation, px."""
    reach = 2 * max(1, round(1.22 * radius)) + 1  # of two boxes
    for _ in range(2):
        values = np.asarray(cv2.blur(values, (reach, reach), borderType=cv2.BORDER_REFLECT_101), np.float32)
    return values


def nearby(values: Floats, weight: Floats, radius: float) -> Floats:
    """Return the weighted mean of the neighbours of each pixel; of farther ones where near ones have no weight.

    Args:
        values: `(h, w)` or `(h, w, C)`.
        weight: `(h, w)`.
        radius: of the nearest, px.
    """
    weight = (weight + np.float32(1e-6))[..., None]
    levels = [np.concatenate([values.reshape(*weight.shape[:2], -1) * weight, weight], axis=2)]
    while len(levels) < _SCALES:  # what is twice as far may be seen half as large
        height, width = levels[-1].shape[:2]
        half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
        levels.append(np.asarray(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA), np.float32))
    out: Floats | None = None
    for level in reversed(levels):
        sums = blurred(level, radius)
        mean, share = sums[..., :-1] / np.maximum(sums[..., -1:], 1e-9), np.clip(sums[..., -1:] / _ENOUGH, 0.0, 1.0)
        if out is None:
            out = np.asarray(mean, np.float32)
            continue
        farther = cv2.resize(out, level.shape[1::-1], interpolation=cv2.INTER_LINEAR).reshape(mean.shape)
        out = np.asarray(farther + share * (mean - farther), np.float32)
    assert out is not None
    return np.asarray(out.reshape(values.shape), np.float32)


def mixture(lab: Floats, hair: Floats, ground: Floats, width: float) -> Mixture:
    """Find what colours hair and what lies beside it have near each pixel.

    Args:
        lab: `(h, w, 3)`, L*a*b*.
        hair: `(h, w)`, weights of the pixels that tell the hair's colours.
        ground: the same of what lies beside it.
        width: of the subject's window, px.
    """
    of_hair, of_ground = nearby(lab, hair, _HAIR_NEAR * width), nearby(lab, ground, _GROUND_NEAR * width)
    variances = [
        nearby(((lab - mean) ** 2).sum(-1), weight, radius * width) + _NOISE
        for mean, weight, radius in ((of_hair, hair, _VARIED[0]), (of_ground, ground, _VARIED[1]))
    ]
    distance = ((of_hair - of_ground) ** 2).sum(-1) / (variances[0] + variances[1])
    apart = np.asarray(np.clip((distance - _APART[0]) / (_APART[1] - _APART[0]), 0.0, 1.0), np.float32)
    return Mixture(of_hair, of_ground, variances[0], variances[1], apart)


def matte(rgb: NDArray[np.uint8], likely: Floats, width: float, never: Floats | None = None) -> Floats:
    """Return how much of each pixel is hair.

    Args:
        rgb: `(h, w, 3)`.
        likely: `(h, w)`, 0..1, how probably each is hair.
        width: of the subject's window, px.
        never: `(h, w)`, 0..1, how probably each is something that hair's colours must not spread to: there `likely`
            alone counts.

    Returns:
        `(h, w)`, 0..1.
    """
    sure = cv2.erode((likely > _LIKELY).astype(np.uint8), _disc(_INSIDE * width)) > 0
    none = cv2.dilate((likely > _UNLIKELY).astype(np.uint8), _disc(_OUTSIDE * width)) == 0
    beside = np.zeros(likely.shape, bool)
    if never is not None:
        beside = cv2.dilate((never > _SEEN).astype(np.uint8), _disc(_AROUND * width)) > 0
        none |= beside & (likely < _UNLIKELY)
    lab = pixels_to_lab(np.asarray(cv2.blur(rgb, (2, 2)), np.uint8))
    hair = cv2.erode((likely > _TELLS[0]).astype(np.uint8), np.ones((3, 3))).astype(np.float32)
    ground = cv2.erode((likely < _TELLS[1]).astype(np.uint8), np.ones((5, 5))).astype(np.float32)
    mixed = mixture(lab, hair, ground, width)
    apart = np.where(beside, np.float32(0.0), mixed.apart)  # a brow has hair's colours, and is none
    low, high = (np.where(beside, np.float32(a), np.float32(b)) for a, b in zip(_BESIDE, _MAPPED, strict=True))
    mapped = np.clip((likely - low) / (high - low), 0.0, 1.0)
    wanted = apart * mixed.share(lab) + (1.0 - apart) * mapped
    trust = np.where(sure | none, np.float32(_FIXED), np.float32(_LEAST) + np.float32(_SURE) * apart)
    wanted = np.where(sure, np.float32(1.0), np.where(none, np.float32(0.0), wanted))
    guide = Guide(rgb.astype(np.float32) / 255.0, max(2, round(_SMOOTH * width)), _EPS)
    found = _solved(guide, np.asarray(wanted, np.float32), np.asarray(trust, np.float32))
    return np.asarray(np.clip((found - _ENDS[0]) / (_ENDS[1] - _ENDS[0]), 0.0, 1.0), np.float32)


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _solved(guide: Guide, wanted: Floats, trust: Floats) -> Floats:
    """Return the map x that is nearest to `wanted`, as far as trusted, and to its own guided filter.

    It is the least of `x (x - filtered(x)) + trust (x - wanted)^2`, by conjugate gradients.
    """
    scale = 1.0 / (trust + 0.8)  # about the diagonal, for preconditioning

    def applied(x: Floats) -> Floats:
        return np.asarray(x - guide.filtered(x) + trust * x, np.float32)

    x = wanted.copy()
    left = trust * wanted - applied(x)
    step = scale * left
    size = first = float((left * step).sum())
    for _ in range(_STEPS):
        if size <= _DONE**2 * first:
            break
        image = applied(step)
        share = size / max(float((step * image).sum()), 1e-12)
        x += share * step
        left -= share * image
        ready = scale * left
        before, size = size, float((left * ready).sum())
        step = ready + size / before * step
    return np.asarray(np.clip(x, 0.0, 1.0), np.float32)
