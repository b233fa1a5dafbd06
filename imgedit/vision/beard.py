"""Where a face has a beard or mustache, and how much of each pixel is hair rather than the skin between."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.models import library
from imgedit.pixels import Floats, to_lab
from imgedit.vision import geometry
from imgedit.vision.hair import hair_of, hairline_step
from imgedit.vision.mesh import OVAL, Points
from imgedit.vision.subject import Subject

__all__ = ["beard_of"]

# Points of the mesh. Above this line no beard grows: ear, cheek, under the nose, cheek, ear, as seen from the left.
_UPPER = (234, 205, 98, 2, 327, 425, 454)
_LOWER = OVAL[OVAL.index(454) + 1 : OVAL.index(234)]  # the jaw, from the right ear to the left one
_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)  # outer edge
_LONGER = 1.25  # how far below the jaw a beard may hang, as a share of the jaw's distance from the middle
_SOFT = 0.02  # of the window; over how much the edge of the zone is softened
_SKIN = 0.9  # probability of skin that tells its colour
_FEWEST = 200  # pixels of skin, and of the zone, in the parser's window
_DEEP = 85.0  # percentile of darkness in the zone that is hair alone
_SKIN_STEP = 6.0  # L* below the skin of the cheeks at which a pixel is still skin
_CLEAR = 18.0  # L* by which a beard has to be darker than that
_DULL = (0.9, 0.5)  # chroma, as a share of the skin's, of what is skin in the shade, and of what is hair
_WORDS = "drawn_face_hair.vectors"  # the model whose words name what a classifier sees of beards


def beard_of(subject: Subject, *, below_hairline: bool = False) -> Floats:
    """Return how much of each pixel is beard, `(h, w)`, 0..1, on the parser's window; nothing where none is seen.

    What is darker than the cheeks and less colourful is hair; skin in the shade keeps its colour.

    Args:
        subject: whose beard.
        below_hairline: nothing above the hairline counts.
    """
    found: Floats = subject.cached(("beard",), lambda: _found(subject))
    return found * hairline_step(len(found)) if below_hairline else found


def _found(subject: Subject) -> Floats:
    parser = subject.networks.parser
    crop = parser.crop
    none = np.zeros((crop.height, crop.width), np.float32)
    mesh = subject.mesh
    if mesh is None or not _is_seen(subject):
        return none
    parsed = subject.parsed()
    skin, hair = (np.asarray(parsed[parser.classes.index(name)], np.float32) for name in ("skin", "hair"))
    points = geometry.apply(subject.matrix(crop.kind, crop.height, crop.width), mesh.points[:, :2])
    # Hair beside the jaw hangs from the head; other hair within the face is a beard.
    zone = np.maximum(_zone(points, none.shape, _LONGER) * skin, _zone(points, none.shape, 1.0) * hair)
    zone *= 1.0 - np.clip(hair_of(subject)[: crop.height], 0.0, 1.0)  # which is dyed already
    lab = to_lab(subject.pixels(crop.kind, crop.height, crop.width))
    bare = (skin > _SKIN) & (zone < 0.01)
    if bare.sum() < _FEWEST or (zone > 0.5).sum() < _FEWEST:
        return none
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    depth = _across(lab[..., 0], bare) - lab[..., 0] - _SKIN_STEP
    deepest = float(np.percentile(depth[zone > 0.5], _DEEP))
    if deepest < _CLEAR - _SKIN_STEP:
        return none
    usual = float(np.median(chroma[bare]))
    dull = np.clip((_DULL[0] - chroma / max(usual, 1.0)) / (_DULL[0] - _DULL[1]), 0.0, 1.0)
    return np.asarray(np.clip(depth / deepest, 0.0, 1.0) * dull * zone, np.float32)


def _is_seen(subject: Subject) -> bool:
    """Tell whether the classifier sees hair on the face; yes where it cannot tell."""
    seen = subject.attributes
    words = library.bundled(_WORDS).manifest.words.values()
    signs = [abs(seen[name] - value) < 0.5 for word in words for name, value in word.sets.items() if name in seen]
    return any(signs) or not signs


def _across(lightness: Floats, bare: NDArray[np.bool_]) -> Floats:
    """Return how light skin is from side to side, `(1, w)`: a parabola through bare skin, so that shade is no beard."""
    where = np.nonzero(bare)[1]
    columns = np.arange(lightness.shape[1])
    fitted = np.polynomial.Polynomial.fit(where, lightness[bare], 2)
    return np.asarray(fitted(np.clip(columns, where.min(), where.max()))[None], np.float32)


def _zone(points: Points, size: tuple[int, int], reach: float) -> Floats:
    """Return where a beard may grow: below a line across the cheeks, around the lips, and down to the jaw.

    Args:
        points: `(468, 2)`, of the mesh, pixels of the window.
        size: of the window, px.
        reach: as far as so many times the jaw's distance from the middle of the face.
    """
    middle = points[list(OVAL)].mean(0)
    jaw = middle + reach * (points[list(_LOWER)] - middle)
    zone = np.zeros(size, np.float32)
    cv2.fillPoly(zone, [np.rint(np.vstack([points[list(_UPPER)], jaw])).astype(np.int32)], 1.0)
    cv2.fillPoly(zone, [np.rint(points[list(_LIPS)]).astype(np.int32)], 0.0)
    side = 2 * max(1, round(_SOFT * size[1])) + 1
    return np.asarray(cv2.blur(zone, (side, side)), np.float32)
