"""Strands that are drawn where hair shows none: noise, smeared along the way that the hair lies.

Black hair in a photo is often one dark mass, of which light hair would make a flat one. How hair lies is told by what
can be seen of it, and by its outline, which strands follow.

Reference: Cabral and Leedom 1993, "Imaging vector fields using line integral convolution"; the way is that of the
structure tensor (Bigün and Granlund 1987, "Optimal orientation detection of linear symmetry").
"""

from __future__ import annotations

import cv2
import numpy as np

from imgedit.pixels import Floats
from imgedit.render.matting import blurred

__all__ = ["strands", "way"]

# Lengths are shares of the width of the subject's window.
_SEEN, _OUTLINE = 0.004, 0.012  # blur of what is seen of the hair, and of its outline
_OUTLINES = 60.0, 0.3  # lightness L* that an outline counts as, and its weight beside what is seen
_SCALES = (0.012, 0.03, 0.08)  # radii within which the way is one; wider ones where little is seen
_THICK, _LONG = 0.0035, 0.06  # of a strand: its width, and half its length
_SURE = (0.1, 0.5)  # how sure it is how hair lies where there are no strands, and all
_STEP = 1.0  # widths of a strand, along it
_SEED = 0


def way(lightness: Floats, share: Floats, width: float) -> Floats:
    """Return how hair lies: vectors x, y, `(h, w, 2)`; a strand has no direction, so their sign means nothing.

    They are as long as it is sure that hair lies so around there, 0..1.

    Args:
        lightness: `(h, w)`, L*.
        share: `(h, w)`, how much of each pixel is hair, 0..1.
        width: of the subject's window, px.
    """
    tensor = _tensor(_gaussian(lightness, max(1.0, _SEEN * width)))
    outline, weight = _OUTLINES
    tensor += weight * _tensor(outline * _gaussian(share, max(1.0, _OUTLINE * width)))
    total = np.zeros_like(tensor)
    for scale in _SCALES:
        smooth = blurred(tensor, scale * width)
        total += (_SCALES[0] / scale) ** 0.5 / (float(np.hypot(smooth[..., 0], smooth[..., 2]).mean()) + 1e-6) * smooth
    xx, xy, yy = (total[..., i] for i in range(3))
    across = 0.5 * np.arctan2(2.0 * xy, xx - yy)
    sure = np.hypot(xx - yy, 2.0 * xy) / (xx + yy + 1e-6)
    return np.asarray(sure[..., None] * np.stack([-np.sin(across), np.cos(across)], axis=2), np.float32)


def strands(lightness: Floats, share: Floats, width: float) -> Floats:
    """Return strands, `(h, w)`, with a mean near 0 and a standard deviation of 1 where it is sure how hair lies.

    Where it is not they are faint, or they would swirl. Arguments as `way`. The same picture has the same strands.
    """
    h, w = lightness.shape
    lies = way(lightness, share, width)
    sure = np.hypot(lies[..., 0], lies[..., 1])
    lies = np.asarray(lies / np.maximum(sure, 1e-6)[..., None], np.float32)
    thick = max(1.0, _THICK * width)
    grains = np.random.default_rng(_SEED).normal(size=(int(np.ceil(h / thick)), int(np.ceil(w / thick))))
    noise = np.asarray(cv2.resize(grains.astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
    total = noise.copy()
    step = max(1.0, _STEP * thick)
    ys, xs = np.mgrid[0:h, 0:w].astype(np.float32)
    for sign in (1.0, -1.0):
        x, y, ahead = xs, ys, np.float32(sign) * lies
        for _ in range(int(_LONG * width / step)):
            x, y = x + step * ahead[..., 0], y + step * ahead[..., 1]
            here = cv2.remap(lies, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            turns = here[..., 0] * ahead[..., 0] + here[..., 1] * ahead[..., 1] < 0.0
            ahead = np.where(turns[..., None], -here, here)
            total += cv2.remap(noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    total -= _gaussian(total, 4.0 * thick)
    total *= np.clip((sure - _SURE[0]) / (_SURE[1] - _SURE[0]), 0.0, 1.0) / max(float(total.std()), 1e-6)
    return total


def _gaussian(values: Floats, deviation: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), deviation), np.float32)


def _tensor(values: Floats) -> Floats:
    """Return the structure tensor xx, xy, yy of each pixel, `(h, w, 3)`; strong edges count little more than weak."""
    gx, gy = (cv2.Sobel(values, cv2.CV_32F, dx, dy) for dx, dy in ((1, 0), (0, 1)))
    products = np.stack([gx * gx, gx * gy, gy * gy], axis=2)
    return np.asarray(products / (np.hypot(gx, gy)[..., None] + 1.0), np.float32)
