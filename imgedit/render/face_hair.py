"""`FaceHair`: a mustache or a beard, drawn hair by hair on the skin at the photo's own resolution.

Where hair grows, how densely and which way, are maps in the frame of the mean face, carried to the photo by the mesh.
Hairs are noise drawn out along the way they grow; their colour is that of the brows, in the light of the skin below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.pixels import Floats, Pixels, kept, to_lab
from imgedit.render.change import DETAIL
from imgedit.render.guided import work_grid
from imgedit.render.mesh_fields import rasterize
from imgedit.render.regions import Region
from imgedit.render.skin import texture_matrix
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from imgedit.vision.subject import Subject

__all__ = ["FaceHair", "Growth", "growth_of"]

_THIN, _CLUMP = 0.010, 0.05  # half widths of a hair and of a strand, units of the mean face
_CLUMP_LENGTH = 1.4  # of a strand, in lengths of a hair
_FEWEST = 25  # pixels of brows that tell their colour
_DARKER = 30.0  # percentile of the brows' lightness up to which they are hair and not the skin between
_CHROMA = 0.8  # share of the brows' chroma that is kept; the skin below them has more than hair
_LIGHT = (0.4, 1.2)  # least and greatest light of the skin beside its middle
_SPREAD = 0.2  # deviation of the hairs' lightness, as a share
_DARKEST = 0.85  # share of the skin's light that a hair throws back at most
_DARK = (40.0, 32.0, 28.0)  # colour of hair where no brows are seen
_WORK = 256  # longest side of the copy on which the mesh is drawn, px


@dataclass(frozen=True, eq=False)
class Growth:
    """How hair grows on a face, as maps in the frame of the mean face.

    Attributes:
        density: `(h, w)`, 0..1.
        direction: `(2, h, w)`, right and down.
        scale: pixels of the maps a unit of the mean face.
        cover: share of the skin that hair hides where it is dense.
        variation: deviation of that share from hair to hair.
        length: of a hair, units of the mean face.
    """

    density: Floats
    direction: Floats
    scale: float
    cover: float
    variation: float
    length: float


def growth_of(arrays: Mapping[str, NDArray[Any]], index: int) -> Growth:
    """Return one of the cuts that a model holds.

    Args:
        arrays: what its graph returns: `density` `(n, h, w)`, `direction` `(2, h, w)`, `scale` `(1,)`, and `cover`,
            `variation` and `length` `(n,)`.
        index: of the cut.

    Raises:
        ModelError: the graph returns something else.
    """
    try:
        density, direction = (
            np.asarray(arrays["density"], np.float32)[index],
            np.asarray(arrays["direction"], np.float32),
        )
        scale = float(np.ravel(arrays["scale"])[0])
        cover, variation, length = (float(np.ravel(arrays[name])[index]) for name in ("cover", "variation", "length"))
    except (KeyError, IndexError) as error:
        raise ModelError(f"the maps of hair on a face lack {error}") from error
    fits = density.ndim == 2 and direction.shape == (2, *density.shape) and scale > 0
    if not fits or not np.isfinite([scale, cover, variation, length]).all():
        raise ModelError(
            f"the maps of hair on a face have shapes {density.shape} and {direction.shape} that make no sense"
        )
    return Growth(density, direction, scale, cover, variation, length)


class _Looked(NamedTuple):
    """Maps on a part of the photo: density `(h, w)`, and the way hair grows `(h, w, 2)`, unit vectors."""

    density: Floats
    way: Floats


@dataclass(frozen=True, eq=False)
class FaceHair:
    """A mustache or a beard on a face.

    Attributes:
        points: the face's mesh, `(468, 3)`, pixels of the photo.
        growth: how it grows.
        region: name of the region where it may act.
        amount: share of the change, 0..1.
    """

    points: Points
    growth: Growth
    region: str
    amount: float = 1.0
    order: ClassVar[int] = DETAIL

    def scaled(self, strength: float) -> FaceHair:
        """Return the same change at a share of its strength: the hair fades in."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region) -> Pixels:
        """Draw the hair on the photo; as `Change.apply`."""
        out = rgb.copy()
        near = region.around(self.points)
        if near is None:
            return out
        x0, y0, x1, y1 = near.roi
        unit = mesh.fit(mesh.template().points, self.points)[0]
        looked = _looked_up(self.points, self.growth, near.roi)
        hairs = _hairs(looked.way, self.growth.length * unit, unit)
        cover = _cover(looked.density, hairs, self.growth) * _skin(subject, near.roi)
        weight = cover * near.weight * np.float32(self.amount)
        part = out[y0:y1, x0:x1]
        shade = _light(part, cover, unit) * (1.0 + _SPREAD * np.clip(hairs, -1.5, 2.2))
        made = np.minimum(_colour(subject) * shade[..., None], _DARKEST * part)
        mixed = part + weight[..., None] * (made - part)
        np.copyto(part, kept(mixed, rgb.dtype), where=weight[..., None] > 0)
        return out


def _looked_up(points: Points, growth: Growth, roi: geometry.Roi) -> _Looked:
    """Return the maps on a part of the photo."""
    x0, y0, x1, y1 = roi
    h, w, to_photo = work_grid(roi, _WORK)
    on_grid = np.column_stack([geometry.apply(geometry.invert(to_photo), points[:, :2]), points[:, 2]])
    face = mesh.template()
    place = geometry.apply(texture_matrix(growth.density.shape, growth.scale), face.points[:, :2])
    found, inside = rasterize(on_grid, place, face.triangles, (h, w))
    found[~inside] = -10.0
    field = cv2.resize(found, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)

    def at(one: Floats, border: int) -> Floats:
        return np.asarray(cv2.remap(one, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=border), np.float32)

    density = at(growth.density, cv2.BORDER_CONSTANT)
    way = np.stack([at(one, cv2.BORDER_REPLICATE) for one in growth.direction], axis=-1)
    turned = way @ mesh.fit(face.points, points)[1][:2, :2].T.astype(np.float32)
    length = np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-6)
    return _Looked(density, np.asarray(turned / length, np.float32))


def _hairs(way: Floats, length: float, unit: float) -> Floats:
    """Return noise of mean 0 that is drawn out along a way, `(h, w)`.

    Args:
        way: `(h, w, 2)`, unit vectors.
        length: of a hair, px.
        unit: of the mean face, px.
    """
    rng = np.random.default_rng(0)
    total = np.zeros(way.shape[:2], np.float32)
    for share, width, reach in ((0.8, _THIN * unit, length), (0.5, _CLUMP * unit, _CLUMP_LENGTH * length)):
        noise = rng.standard_normal(way.shape[:2]).astype(np.float32)
        if width > 0.35:
            noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), width), np.float32)
        drawn = _drawn_out(noise, way, reach)
        total += np.float32(share) * (drawn - drawn.mean()) / np.float32(max(float(drawn.std()), 1e-6))
    return total


def _drawn_out(noise: Floats, way: Floats, reach: float) -> Floats:
    """Return the sum of noise along a way, over some pixels to both sides: each doubling looks twice as far.

    Reference:
        Cabral and Leedom 1993, "Imaging vector fields using line integral convolution".
    """
    y, x = np.mgrid[0 : noise.shape[0], 0 : noise.shape[1]].astype(np.float32)
    step = 1.0
    while step < reach:
        dx, dy = (np.float32(step / 2.0) * way[..., axis] for axis in (0, 1))
        ahead = cv2.remap(noise, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        back = cv2.remap(noise, x - dx, y - dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        noise = np.asarray(cv2.add(ahead, back), np.float32)
        step *= 2.0
    return noise


def _cover(density: Floats, hairs: Floats, growth: Growth) -> Floats:
    """Return how much of the skin each pixel's hair hides, 0..1; thin places have single hairs."""
    loose = np.sqrt(np.clip(density * (1.4 - density), 0.0, None))
    found = growth.cover * density + growth.variation * hairs * loose
    ragged = np.clip((density + 0.18 * hairs * (density > 0.02) - 0.12) / 0.35, 0.0, 1.0)
    return np.asarray(np.clip(found, 0.0, 0.95) * ragged, np.float32)


def _skin(subject: Subject, roi: geometry.Roi) -> Floats:
    """Return where skin is in a part of the photo, `(h, w)`, 0..1."""
    parser = subject.networks.parser
    crop = parser.crop
    found = subject.parsed()[parser.classes.index("skin")]
    matrix = subject.matrix(crop.kind, crop.height, crop.width)
    skin = geometry.put_back(np.ascontiguousarray(found, np.float32), matrix, roi, smooth=True, edge=True)
    return np.asarray(np.clip((skin - 0.3) / 0.4, 0.0, 1.0), np.float32)


def _colour(subject: Subject) -> Floats:
    """Return the colour of the brows, `(3,)`, 0..255."""
    parser = subject.networks.parser
    crop = parser.crop
    pixels = subject.pixels(crop.kind, crop.height, crop.width)
    brows = pixels[subject.parsed()[parser.classes.index("brows")] > 0.6]
    colour = np.array(_DARK)
    if len(brows) >= _FEWEST:
        lightness = to_lab(brows[None])[0, :, 0]
        colour = np.median(brows[lightness <= np.percentile(lightness, _DARKER)], axis=0)
    chroma = 0.0 if subject.is_grey else _CHROMA
    return np.asarray(colour.mean() + chroma * (colour - colour.mean()), np.float32)


def _light(part: Pixels, cover: Floats, unit: float) -> Floats:
    """Return how much lighter the skin is than in the middle of what is covered, a factor `(h, w)`."""
    smooth = cv2.GaussianBlur(part.mean(axis=2).astype(np.float32), (0, 0), max(1.0, 0.6 * unit))
    covered = smooth[cover > 0.2]
    middle = float(np.median(covered)) if covered.size else float(smooth.mean())
    return np.asarray(np.clip(smooth / max(middle, 1.0), *_LIGHT), np.float32)
