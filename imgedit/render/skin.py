"""`Skin`: a face grows older or younger by the detail and the shading of its own skin, at the photo's own size.

The logarithm of the skin's luminance is split into bands; each is amplified, or calmed, by what a map in the frame of
the mean face says. To it come the lines that faces get, drawn as vectors in the same frame, and a smooth shading.
Eyes, brows and lips are left alone, and what is not skin takes no part in any blur, so that nothing bleeds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.pixels import Floats, Pixels, kept
from imgedit.render.change import COLOUR
from imgedit.render.guided import bands, work_grid
from imgedit.render.mesh_fields import rasterize, smoothstep
from imgedit.render.regions import Region
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject

__all__ = ["BANDS", "Age", "Skin", "age_of", "texture_matrix"]

BANDS = (0.08, 0.17, 0.34, 0.68, 1.36)
"""Standard deviations of the blurs between which bands lie, units of the mean face (about a centimetre)."""

_DARK = 0.01  # added to luminance, 0..1, before its logarithm
_LIMIT = 0.45  # of log luminance: detail stronger than this is a hair or a mole, and no skin
_BRIGHT = 0.6  # share of the amplification that what is brighter than its surroundings gets: lines are dark
_BURNT, _PALE = (0.55, 0.95), 0.75  # luminances of skin with lines, and burnt out; the share that its lines lose
_WORK = 256  # longest side of the copy on which the mesh is drawn, px
_MOST = 0.9  # change of log luminance


@dataclass(frozen=True, eq=False)
class Age:
    """What happens to skin, as maps of one size in the frame of the mean face.

    Attributes:
        shade: `(h, w)`, added to log luminance.
        gain: factor of each band, less 1.
        weight: `(h, w)`, 0..1; 0 on eyes, brows and lips.
        scale: pixels of the maps a unit of the mean face.
    """

    shade: Floats
    gain: tuple[float, ...]
    weight: Floats
    scale: float


def age_of(arrays: Mapping[str, NDArray[Any]], *, is_younger: bool) -> Age:
    """Return what a model's maps make of skin.

    Args:
        arrays: what its graph returns: `shade`, `lines`, `weight` `(h, w)`, `scale` `(1,)`, and `older` and `younger`,
            factors of each band (less 1), of `shade` and of `lines`.
        is_younger: whether the face grows younger, not older.

    Raises:
        ModelError: the graph returns something else.
    """
    shade, lines, weight = (arrays.get(name, np.zeros(())) for name in ("shade", "lines", "weight"))
    factors = arrays.get("younger" if is_younger else "older", np.zeros(()))
    scale = np.ravel(arrays.get("scale", 0.0))
    fits = (
        weight.ndim == 2
        and shade.shape == lines.shape == weight.shape
        and factors.shape == (len(BANDS) + 1,)
        and all(np.isfinite(one).all() for one in (shade, lines, weight, factors))
        and scale.shape == (1,)
        and scale[0] > 0
    )
    if not fits:
        raise ModelError("the maps of younger and older skin have shapes or values that make no sense")
    *gain, of_shade, of_lines = (float(one) for one in factors)
    return Age(
        np.asarray(of_shade * shade + of_lines * lines, np.float32),
        tuple(gain),
        np.asarray(weight, np.float32),
        float(scale[0]),
    )


def texture_matrix(shape: tuple[int, int], scale: float) -> geometry.Matrix:
    """Return the matrix from the mean face, `x, y`, to a map of some height and width about its middle."""
    points = mesh.template().points[:, :2]
    middle = (points.min(0) + points.max(0)) / 2.0
    shift = np.array([(shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0]) - scale * middle
    return np.column_stack([scale * np.eye(2), shift])


@dataclass(frozen=True, eq=False)
class Skin:
    """A face that grows older or younger.

    Attributes:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        age: what happens.
        region: name of the region where it may act.
        amount: share of the change, 0..1.
    """

    points: Points
    age: Age
    region: str
    amount: float = 1.0
    order: ClassVar[int] = COLOUR
    is_local: ClassVar[bool] = True

    def scaled(self, strength: float) -> Skin:
        """Return the same change at a share of its strength."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Change the skin of the photo; as `Change.apply`."""
        out = rgb if own else rgb.copy()
        near = region.around(self.points)
        if near is None:
            return out
        x0, y0, x1, y1 = near.roi
        part = out[y0:y1, x0:x1]
        change, weight = self._change(part, near.weight, near.roi)
        for rows in bands(y1 - y0, x1 - x0):
            share = (weight[rows] * np.float32(self.amount))[..., None]
            linear = _to_linear(part[rows])
            made = 255.0 * _to_srgb(linear * np.exp(change[rows])[..., None])
            mixed = part[rows] + share * (made - part[rows])
            np.copyto(part[rows], kept(mixed, rgb.dtype), where=share > 0)
        return out

    def _change(self, part: Pixels, skin: Floats, roi: geometry.Roi) -> tuple[Floats, Floats]:
        """Return what is added to log luminance, and how much of it counts, both `(h, w)`."""
        unit = mesh.fit(mesh.template().points, self.points)[0]
        weight, change = _looked_up(self.points, self.age, roi)
        weight *= skin
        log_y = _log_luminance(part)
        around = _blurred(log_y, weight, BANDS[2] * unit)
        for rows in bands(*around.shape[:2]):
            level = np.exp(around[rows])
            change[rows] *= 1.0 - _PALE * smoothstep((level - _BURNT[0]) / (_BURNT[1] - _BURNT[0])).astype(np.float32)
        del around
        finer = _blurred(log_y, weight, BANDS[0] * unit)
        for sigma, gain in zip(BANDS[1:], self.age.gain, strict=True):
            coarser = _blurred(log_y, weight, sigma * unit)
            for rows in bands(*change.shape[:2]):
                detail = finer[rows] - coarser[rows]
                kept = np.exp(-np.square(detail / _LIMIT))
                if gain > 0:
                    kept = np.where(detail > 0, np.float32(_BRIGHT), np.float32(1.0)) * kept
                change[rows] += np.float32(gain) * detail * kept
            finer = coarser
        return np.clip(change, -_MOST, _MOST, out=change), weight


def _looked_up(points: Points, age: Age, roi: geometry.Roi) -> tuple[Floats, Floats]:
    """Return the maps of an age on a part of the photo: weight and shade, `(h, w)` each."""
    x0, y0, x1, y1 = roi
    h, w, to_photo = work_grid(roi, _WORK)
    on_grid = np.column_stack([geometry.apply(geometry.invert(to_photo), points[:, :2]), points[:, 2]])
    place = geometry.apply(texture_matrix(age.weight.shape, age.scale), mesh.template().points[:, :2])
    found, inside = rasterize(on_grid, place, mesh.template().triangles, (h, w))
    found[~inside] = -10.0  # beside the maps
    edge = cv2.blur(inside.astype(np.float32), (5, 5)) * inside
    size = (x1 - x0, y1 - y0)
    field = cv2.resize(found, size, interpolation=cv2.INTER_LINEAR)
    within = cv2.resize(edge, size, interpolation=cv2.INTER_LINEAR)
    weight, shade = (np.empty(field.shape[:2], np.float32) for _ in range(2))
    for rows in bands(*weight.shape[:2]):
        at = field[rows, :, 0], field[rows, :, 1]
        for out, one in ((weight, age.weight), (shade, age.shade)):
            out[rows] = cv2.remap(one, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        weight[rows] *= np.clip(2.0 * within[rows] - 1.0, 0.0, 1.0)
    return weight, shade


def _blurred(image: Floats, weight: Floats, sigma: float) -> Floats:
    """Return a Gaussian blur in which pixels count by their weight; where none does, the picture itself."""
    if sigma < 0.3:
        return image
    step = max(1, math.floor(sigma / 2.0))
    h, w = image.shape
    size = (max(1, round(w / step)), max(1, round(h / step)))
    planes = [np.asarray(image * weight, np.float32), weight]
    if step > 1:
        planes = [np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32) for plane in planes]
    # Where a map was averaged over `step` pixels it has a part of the blur already.
    left = math.sqrt(max(sigma**2 - (step**2 - 1) / 12.0, 0.01)) / step
    over, under = (_gaussian(plane, left) for plane in planes)
    mean = np.asarray(over / np.maximum(under, 1e-4), np.float32)
    if step > 1:
        mean, under = (_enlarged(one, (w, h)) for one in (mean, under))
    return np.asarray(np.where(under > 1e-3, mean, image), np.float32)


def _gaussian(plane: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def _enlarged(plane: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _log_luminance(rgb: Pixels) -> Floats:
    log_y = np.empty(rgb.shape[:2], np.float32)
    for rows in bands(*rgb.shape[:2]):
        y = _to_linear(rgb[rows]) @ np.array([0.2126, 0.7152, 0.0722], np.float32)
        log_y[rows] = np.log(y + np.float32(_DARK))
    return log_y


def _to_linear(rgb: Pixels) -> Floats:
    return _LINEAR[rgb] if rgb.dtype == np.uint8 else _linear_of(rgb / np.float32(255.0))


def _to_srgb(linear: Floats) -> Floats:
    clipped = np.clip(linear, 0.0, 1.0)
    return np.asarray(np.where(clipped > 0.0031308, 1.055 * clipped ** (1 / 2.4) - 0.055, 12.92 * clipped), np.float32)


def _linear_of(value: NDArray[Any]) -> Floats:
    return np.asarray(np.where(value > 0.04045, ((value + 0.055) / 1.055) ** 2.4, value / 12.92), np.float32)


_LINEAR = _linear_of(np.arange(256) / 255.0)
