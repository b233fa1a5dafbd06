"""`FaceHair`: a mustache or a beard, drawn hair by hair on the skin at the photo's own resolution.

Where hair grows, how densely and which way, are maps in the frame of the mean face, carried to the photo by the mesh.
Hairs are noise drawn out along the way they grow; their colour is that of the brows, in the light of the skin below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.pixels import Floats, Pixels, kept, to_lab
from imgedit.render.change import DETAIL
from imgedit.render.face_frame import places, widened
from imgedit.render.guided import bands, work_grid
from imgedit.render.regions import Region
from imgedit.render.sharpness import blur_of
from imgedit.render.skin import texture_matrix
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points
from imgedit.vision.parsing import any_of
from imgedit.vision.subject import Subject

__all__ = ["FaceHair", "Growth", "growth_of"]

_THIN, _CLUMP = 0.012, 0.07  # half widths of a hair and of a tuft, units of the mean face
_THINNEST = 0.45  # px; thinner hairs are lost in a photo's own pixels
_CROSSING = (-0.45, 0.4)  # radians by which two layers of hair grow aside
_CURL, _CURL_SIZE = 0.5, 0.3  # deviation of the way, radians, and over how far it keeps, units of the mean face
_FEWEST = 25  # pixels of brows or hair that tell their colour
_DARKER = {"brows": 12.0, "hair": 35.0}  # percentile of lightness up to which they are hair, not skin or lights
_DEEP = 0.8  # lightness of a beard beside that of brows: it is thicker, and its hairs shade each other
_CHROMA = 0.8  # share of their chroma that is kept; the skin below brows has more than hair
_LIGHT = (0.4, 1.2)  # least and greatest light of the skin beside its middle
_SPREAD = 0.24  # deviation of the hairs' lightness, as a share
_OF_HEAD = 0.5  # share of the colour that is that of the hair on the head, where some is seen
_FULL = 1.25  # times the density: from 1 on no skin is seen
_EVEN = 0.15  # over how much density is evened out, units of the mean face
_WIDER = 1.3  # how far beyond the outline of the mesh the maps are carried, as a share of its distance from the middle
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
    is_local: ClassVar[bool] = True

    def scaled(self, strength: float) -> FaceHair:
        """Return the same change at a share of its strength: the hair fades in."""
        return replace(self, amount=self.amount * strength)

    def apply(self, rgb: Pixels, subject: Subject, region: Region, *, own: bool = False) -> Pixels:
        """Draw the hair on the photo; as `Change.apply`."""
        out = rgb if own else rgb.copy()
        near = region.around(widened(self.points, _WIDER))
        if near is None:
            return out
        x0, y0, x1, y1 = near.roi
        unit = mesh.fit(mesh.template().points, self.points)[0]
        place = _place(self.points, self.growth, near.roi)
        way, density = _way(place, self.points, self.growth), _at(self.growth.density, place, cv2.BORDER_CONSTANT)
        del place
        hairs = _blurred(_hairs(way, self.growth.length * unit, unit), blur_of(out, self.points))
        del way
        # Where the mesh turns away from the viewer, neighbouring pixels lie far apart on the maps.
        density = np.asarray(cv2.GaussianBlur(density, (0, 0), max(_EVEN * unit, 0.5)), np.float32)
        cover = _cover(density, hairs, self.growth) * _skin(subject, near.roi)
        del density
        part, colour = out[y0:y1, x0:x1], _colour(subject)
        light = _light(part, cover, unit)
        for rows in bands(y1 - y0, x1 - x0):
            weight = (cover[rows] * near.weight[rows] * np.float32(self.amount))[..., None]
            shade = light[rows] * (1.0 + _SPREAD * np.clip(hairs[rows], -2.2, 1.4))
            made = np.minimum(colour * shade[..., None], _DARKEST * part[rows])
            mixed = part[rows] + weight * (made - part[rows])
            np.copyto(part[rows], kept(mixed, rgb.dtype), where=weight > 0)
        return out


def _place(points: Points, growth: Growth, roi: geometry.Roi) -> Floats:
    """Return where on the maps each pixel of a part of the photo lies, `(h, w, 2)`."""
    x0, y0, x1, y1 = roi
    h, w, to_photo = work_grid(roi, _WORK)
    found, nowhere = places(points, geometry.invert(to_photo), (h, w), _WIDER)
    to_maps = texture_matrix(growth.density.shape, growth.scale)
    found = np.asarray(geometry.apply(to_maps, found.reshape(-1, 2)), np.float32).reshape(found.shape)
    found[nowhere] = -10.0
    return np.asarray(cv2.resize(found, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR), np.float32)


def _at(one: Floats, place: Floats, border: int) -> Floats:
    """Return a map `(h, w)` at places `(H, W, 2)`."""
    return np.asarray(cv2.remap(one, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=border), np.float32)


def _way(place: Floats, points: Points, growth: Growth) -> Floats:
    """Return the way hair grows on a part of the photo, unit vectors `(h, w, 2)`; `place` as `_place` returns it."""
    way = np.empty_like(place)
    turn = mesh.fit(mesh.template().points, points)[1][:2, :2].T.astype(np.float32)
    for rows in bands(*place.shape[:2]):
        maps = [_at(one, place[rows], cv2.BORDER_REPLICATE) for one in growth.direction]
        turned = np.stack(maps, axis=-1) @ turn
        way[rows] = turned / np.maximum(np.linalg.norm(turned, axis=-1, keepdims=True), 1e-6)
    return way


def _hairs(way: Floats, length: float, unit: float) -> Floats:
    """Return noise of mean 0 and deviation 1 that is drawn out along a way, `(h, w)`: hairs that cross and curl.

    Args:
        way: `(h, w, 2)`, unit vectors.
        length: of a hair, px.
        unit: of the mean face, px.
    """
    rng = np.random.default_rng(0)
    shape = way.shape[:2]
    curl = _smooth_noise(rng, shape, _CURL_SIZE * unit) * _CURL
    total = np.zeros(shape, np.float32)
    for aside in _CROSSING:
        hairs = _normal(_drawn_out(_noise(rng, shape, _THIN * unit), way, curl, length, aside))
        hairs *= 0.6
        total += hairs
    tufts = _normal(_drawn_out(_noise(rng, shape, _CLUMP * unit), way, curl, 1.2 * length))
    tufts *= 0.35
    total += tufts
    return _normal(total)


def _blurred(hairs: Floats, blur: float) -> Floats:
    """Return hairs `(h, w)` that are as blurred as the photo, px; they lose contrast as much."""
    if blur <= _THINNEST:
        return hairs
    return np.asarray(cv2.GaussianBlur(hairs, (0, 0), float(np.sqrt(blur**2 - _THINNEST**2))), np.float32)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> Floats:
    noise = np.empty(shape, np.float32)
    for rows in bands(*shape):
        noise[rows] = rng.standard_normal((rows.stop - rows.start, shape[1]))
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), max(width, _THINNEST)), np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], width: float) -> Floats:
    """Return noise of deviation 1 that keeps over a width, px: drawn coarsely, so that its cost does not grow."""
    step = max(1.0, width / 2.0)
    small = rng.standard_normal([max(2, round(side / step)) for side in shape]).astype(np.float32)
    small = _normal(np.asarray(cv2.GaussianBlur(small, (0, 0), 1.5), np.float32))
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR), np.float32)


def _normal(noise: Floats) -> Floats:
    """Return noise of mean 0 and deviation 1; it is changed in place."""
    deviation = np.float32(max(float(noise.std()), 1e-6))
    noise -= noise.mean()
    noise /= deviation
    return noise


def _turned(way: Floats, angle: Floats) -> Floats:
    """Return unit vectors `(h, w, 2)` turned by an angle, radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = way[..., 0], way[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)


def _drawn_out(noise: Floats, way: Floats, curl: Floats, reach: float, aside: float = 0.0) -> Floats:
    """Return the sum of noise along a way, over some pixels to both sides: each doubling looks twice as far.

    Args:
        noise: `(h, w)`.
        way: `(h, w, 2)`, unit vectors.
        curl: how far hair turns from it, radians, `(h, w)`.
        reach: to one side, px.
        aside: what is added to `curl`.

    Reference:
        Cabral and Leedom 1993, "Imaging vector fields using line integral convolution".
    """
    height, width = noise.shape
    step = 1.0
    while step < reach:
        doubled = np.empty_like(noise)
        for rows in bands(height, width):
            y, x = np.mgrid[rows, 0:width].astype(np.float32)
            turned = _turned(way[rows], curl[rows] + aside)
            dx, dy = (np.float32(step / 2.0) * turned[..., axis] for axis in (0, 1))
            ahead = cv2.remap(noise, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            back = cv2.remap(noise, x - dx, y - dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
            cv2.add(ahead, back, dst=doubled[rows])
        noise = doubled
        step *= 2.0
    return noise


def _cover(density: Floats, hairs: Floats, growth: Growth) -> Floats:
    """Return how much of the skin each pixel's hair hides, 0..1; thin places have single hairs."""
    dense = np.clip(_FULL * density, 0.0, 1.0)
    loose = np.sqrt(dense * (1.0 - dense))
    found = growth.cover * dense + growth.variation * np.clip(hairs, -2.0, 2.0) * loose
    return np.asarray(np.clip(found, 0.0, 0.97) * np.clip(density / 0.06, 0.0, 1.0), np.float32)


def _skin(subject: Subject, roi: geometry.Roi) -> Floats:
    """Return where the skin of face and neck is in a part of the photo, `(h, w)`, 0..1."""
    crop = subject.networks.parser.crop
    found = any_of(subject.parsed(), subject.networks.parser.classes, ("skin", "neck"))
    matrix = subject.matrix(crop.kind, crop.height, crop.width)
    skin = geometry.put_back(found, matrix, roi, smooth=True, edge=True)
    return np.asarray(np.clip((skin - 0.3) / 0.4, 0.0, 1.0), np.float32)


def _colour(subject: Subject) -> Floats:
    """Return the colour of hair as thick as a beard, by those of brows and head, `(3,)`, 0..255."""
    found = [colour for colour in (_dark_of(subject, "brows"), _dark_of(subject, "hair")) if colour is not None]
    colour = np.array(_DARK)
    if found:
        colour = _DEEP * (found[0] if len(found) == 1 else (1.0 - _OF_HEAD) * found[0] + _OF_HEAD * found[1])
    chroma = 0.0 if subject.is_grey else _CHROMA
    return np.asarray(colour.mean() + chroma * (colour - colour.mean()), np.float32)


def _dark_of(subject: Subject, name: str) -> NDArray[np.float64] | None:
    """Return the colour of the darkest pixels of brows or hair, `(3,)`, 0..255; None where hardly any are seen."""
    parser = subject.networks.parser
    if name not in parser.classes:
        return None
    crop = parser.crop
    pixels = subject.pixels(crop.kind, crop.height, crop.width)
    hair = pixels[subject.parsed()[parser.classes.index(name)][: len(pixels)] > 0.6]
    if len(hair) < _FEWEST:
        return None
    lightness = to_lab(hair[None])[0, :, 0]
    dark = hair[lightness <= np.percentile(lightness, _DARKER[name])]
    return np.asarray(np.median(dark, axis=0), np.float64)


def _light(part: Pixels, cover: Floats, unit: float) -> Floats:
    """Return how much lighter the skin is than in the middle of what is covered, a factor `(h, w)`."""
    grey = np.empty(cover.shape, np.float32)
    for rows in bands(*cover.shape[:2]):
        grey[rows] = part[rows].mean(axis=2)
    smooth = cv2.GaussianBlur(grey, (0, 0), max(1.0, 0.6 * unit))
    covered = smooth[cover > 0.2]
    middle = float(np.median(covered)) if covered.size else float(smooth.mean())
    return np.asarray(np.clip(smooth / max(middle, 1.0), *_LIGHT), np.float32)
