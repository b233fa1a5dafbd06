"""Where the hair of one face is: in the parser's window, and where it goes on below it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.pixels import Floats, to_lab
from imgedit.vision import geometry, mesh
from imgedit.vision.colours import fit, fit_several, nearest
from imgedit.vision.geometry import Matrix
from imgedit.vision.matte import person
from imgedit.vision.parsing import without_islands
from imgedit.vision.subject import Subject

__all__ = ["HAIRLINE", "doubt", "find_hair", "hair_of", "hairline_step", "is_long", "wears_hat"]

Look = Callable[[int], tuple[NDArray[np.uint8], Floats]]
"""Rows by which the parser's window is moved down -> its crop `(h, w, 3)` RGB, and how probably each pixel of it is
hair, `(h, w)`."""

HAIRLINE = 75
"""Row of the CelebA frame above which a head with a hat shows no hair; the eyes are in row 112."""
STEP = 0.3
"""How far below the first window a second one lies, as a share of its side; most long hair ends within that."""
FADE = 0.25
"""Rows at the end of the first window, as a share of its side, over which the second takes over."""
_NONE, _WHOLE = 0.1, 0.6
"""Probabilities of hair at which a pixel is none of it and all of it. Of short and thin hair the parser is half sure,
and black hair that is dyed blond by half is khaki. Over dark grounds it sees a faint haze."""
_GROUND, _PERSON = 0.4, 0.8
"""Probabilities of a person at which a pixel is no hair, whatever the parser takes it for, and may be all of it: dark
ground behind dark hair is hair to the parser, and the matte knows better."""
_SAMPLES = 50  # pixels that tell what colours hair and ground have
_GROUNDS = 4  # colours of the ground
_LOCK_NOISE = 4.0  # as `_COLOUR_NOISE`, where hair is told from ground
_CLEARLY = 6.0  # difference of log likelihoods, twice, at which a pixel has the hair's colours for certain
_FACE = (89.0, 120.0, 54.0, 70.0)  # centre and half axes, across and down, of face and forehead, px of the frame
_FACE_EDGE = 0.1  # width of that ellipse's edge, as a share of it
_SURE_SKIN, _SKIN_NOISE = 0.9, 4.0  # probability of skin that tells its colours; as `_COLOUR_NOISE`
_SKIN_CLEARLY = 12.0  # as `_CLEARLY`, of skin
_LIKE_SKIN = 5.0  # percent of the hair beside the face that may look more like skin than what is taken for skin
_DARKER = 20.0  # by how much hair is darker than skin, L*, where they are told apart by half
_HAIRLINE_WIDTH = 0.025  # of the window's side, within which skin shines through hair
_MIXED = (0.25, 0.8)  # places between hair's and skin's lightness: hair as far as it matters, and skin
_LAST_ROWS = 0.05  # of the window's side
_GOES_ON = 0.02  # share of these rows that is hair; below it nothing hangs out of the window
_EYES = (33, 263)  # points of the mesh: outer corners of the eyes
_THICK, _LONG = 0.7, 0.2  # hair above the forehead, and below the eyes, in squares of the face's width
_SURE = 0.5
_UNSURE = (0.2, 0.8)
_HAT = 0.05  # share of the parser's window that a hat covers
_HAT_EDGE = 8.0  # rows of the frame over which hair sets in below a hat
_COLOUR_NOISE = 6.0  # standard deviation of a colour that is the same, L*a*b* units
_NEAR, _FAR = 2.5, 4.5  # distances from the hair's colours, in standard deviations: still hair, hair no more


def hair_of(subject: Subject, *, below_hairline: bool = False) -> Floats:
    """Return the hair of a face, found once, as `find_hair` does; arguments and result as there."""
    return subject.cached(("hair", below_hairline), lambda: _found(subject, below_hairline))


def _found(subject: Subject, below_hairline: bool) -> Floats:
    parser = subject.networks.parser
    spec = (parser.crop.kind, parser.crop.height, parser.crop.width)
    channel = parser.classes.index("hair")

    def look(down: int) -> tuple[NDArray[np.uint8], Floats]:
        crop, found = subject.pixels(*spec, down=down), subject.parsed(down)[channel]
        if parser.matte is not None:
            found = _apart_from_ground(found, crop, person(subject, parser.matte, *spec, down=down))
        if not down:
            found = _apart_from_skin(found, crop, subject.parsed()[parser.classes.index("skin")])
        return crop, found

    shape = (subject.photo.height, subject.photo.width)
    return find_hair(look, subject.matrix(*spec), shape, below_hairline=below_hairline)


def doubt(probability: Floats) -> float:
    """Return how unsure a parser is of the hair: pixels that may be hair or not, for each pixel that rather is.

    Measured in the parser's window of `face_parser.celebamask_hq`: below 1 for 97 of 100 photos of CelebAMask-HQ
    (n = 120) and 55 of 60 of CelebA, above 1 for 30 of 34 faces that were drawn with lines and even colours
    (`tests/drawings.py`, seeds 0 to 35, of which 34 are found) and for half of the small, tight crops of UTKFace
    (n = 60).

    Args:
        probability: how probably each pixel is hair, `(h, w)`.
    """
    low, high = _UNSURE
    unsure = int(((probability > low) & (probability < high)).sum())
    return unsure / max(1, int((probability > _SURE).sum()))


def wears_hat(subject: Subject) -> bool:
    """Tell whether a parser sees a hat on a face, since classifiers of whole faces miss some."""
    classes = subject.networks.parser.classes
    return "hat" in classes and bool((subject.parsed()[classes.index("hat")] > _SURE).mean() > _HAT)


def is_long(subject: Subject) -> bool | None:
    """Tell whether a face's hair is long or thick enough to be combed into the forehead; None without a mesh.

    Looked at by the results of bangs on 30 faces of CelebAMask-HQ that have none: nine are refused, of which seven were
    bad and two have hardly any hair.
    """
    if subject.mesh is None:
        return None
    crop = subject.networks.parser.crop
    matrix = subject.matrix(crop.kind, crop.height, crop.width)
    points, face = subject.mesh.points, mesh.template().points
    width = mesh.fit(face, points)[0] * np.ptp(face[:, 0]) * geometry.crop_scale(matrix)
    place = geometry.apply(matrix, points[:, :2])
    top, eyes, middle = place[mesh.OVAL[0], 1], place[list(_EYES), 1].mean(), place[:, 0].mean()
    hair = hair_of(subject)
    x0, x1 = (int(np.clip(middle + half * width, 0, crop.width)) for half in (-0.5, 0.5))
    above = hair[: int(np.clip(top, 0, len(hair))), x0:x1].sum() / width**2
    beside = hair[int(np.clip(eyes, 0, len(hair))) : crop.height].sum() / width**2
    return bool(above >= _THICK or beside >= _LONG)


def find_hair(look: Look, matrix: Matrix, shape: tuple[int, int], *, below_hairline: bool = False) -> Floats:
    """Find the hair of a face; where it hangs out of the window, look once more further down.

    Below the window the parser sees no face and takes dark cloth for hair now and then. There only counts what hangs
    together with the hair above it and has its colours.

    Args:
        look: what a parser sees.
        matrix: photo to the parser's window, of kind `head`.
        shape: height and width of the photo, px.
        below_hairline: nothing above the hairline counts: the face wears a hat, of which parsers take folds and dark
            cloth for hair.

    Returns:
        How much of each pixel is to be treated as hair, `(h, w)`, 0..1, on the window's pixels and those below it; h
        is the window's height where nothing hangs out of it.
    """
    crop, probability = look(0)
    height, width = probability.shape
    above = _share(probability)
    if below_hairline:
        above = above * hairline_step(height)
    above = without_islands(above)
    step = round(STEP * height)
    if not _hangs_out(above) or _is_beside(geometry.moved_down(matrix, height), (step, width), shape):
        return above
    below_crop, probability = look(step)
    below = _share(probability) * _of_colours(below_crop, crop[above > _SURE])
    fade = np.clip((height - np.arange(step, height) - 0.5) / (FADE * height), 0.0, 1.0)[:, None].astype(np.float32)
    joined = fade * above[step:] + (1.0 - fade) * below[: height - step]
    tall = np.concatenate([above[:step], joined, below[height - step :]])
    return _hanging(tall, height - round(FADE * height))


def hairline_step(height: int) -> Floats:
    """Return a column `(height, 1)` of a head crop: 0 above the hairline, 1 below, a soft step between."""
    rows = geometry.HEAD[1] + (np.arange(height) + 0.5) * geometry.HEAD[2] / height
    return np.clip((rows - HAIRLINE) / _HAT_EDGE + 0.5, 0.0, 1.0)[:, None].astype(np.float32)


def _share(probability: Floats) -> Floats:
    """Return how much of each pixel is to be treated as hair, 0..1."""
    return np.asarray(np.clip((probability - _NONE) / (_WHOLE - _NONE), 0.0, 1.0), np.float32)


def _apart_from_ground(probability: Floats, crop: NDArray[np.uint8], person: Floats) -> Floats:
    """Take ground away from what a parser takes for hair.

    Where the matte sees no person there is no hair, but for what has colours of this head's hair rather than of its
    ground: locks that stand off, which a matte of 256 px cuts away.

    Args:
        probability: of hair, `(h, w)`.
        crop: the same pixels, `(h, w, 3)` RGB.
        person: probability of a person, `(h, w)`.
    """
    kept = np.clip((person - _GROUND) / (_PERSON - _GROUND), 0.0, 1.0)
    lab = to_lab(np.asarray(cv2.blur(crop, (3, 3)), np.uint8))
    hair = lab[(probability > _WHOLE) & (person > _PERSON)]
    ground = lab[(probability < _NONE / 2.0) & (person < _GROUND / 2.0)]
    if min(len(hair), len(ground)) > _SAMPLES:
        likes = nearest(fit_several(ground, _LOCK_NOISE, _GROUNDS), lab) - fit(hair, _LOCK_NOISE).surprise(lab)
        kept = np.maximum(kept, np.clip(likes / _CLEARLY, 0.0, 1.0))
    return np.asarray(probability * kept, np.float32)


def _apart_from_skin(probability: Floats, crop: NDArray[np.uint8], skin: Floats) -> Floats:
    """Take away skin that a parser takes for hair: the forehead between strands, and a strip of it at the hairline.

    Near the face, a pixel is left out that has the skin's colours rather than the hair's, by more than most of the hair
    elsewhere has.

    Args:
        probability: of hair, `(h, w)`, in a head crop.
        crop: the same pixels, `(h, w, 3)` RGB.
        skin: probability of skin, `(h, w)`.
    """
    lab = to_lab(np.asarray(cv2.blur(crop, (3, 3)), np.uint8))
    near = _near_face(probability.shape)
    hair = lab[(probability > _PERSON) & (near < 0.5)]
    face = lab[(skin > _SURE_SKIN) & (near > 0.5)]
    if min(len(hair), len(face)) < _SAMPLES:
        return probability
    dark, light = np.median(hair[:, 0]), np.median(face[:, 0])
    clear = np.clip((light - dark) / _DARKER - 0.5, 0.0, 1.0)  # hair about as light as skin is not told from it
    if clear == 0.0:
        return probability
    of_hair, of_skin = fit(hair, _SKIN_NOISE), fit(face, _SKIN_NOISE)
    limit = min(0.0, float(np.percentile(of_skin.surprise(hair) - of_hair.surprise(hair), _LIKE_SKIN)))
    likes = of_skin.surprise(lab) - of_hair.surprise(lab) - limit
    # At the hairline pixels show both, and lightness tells how much of each.
    uncovered = ((lab[..., 0] - dark) / (light - dark) - _MIXED[0]) / (_MIXED[1] - _MIXED[0])
    reach = 2 * round(_HAIRLINE_WIDTH * len(crop)) + 1
    beside = cv2.blur(cv2.dilate((skin > _SURE).astype(np.float32), np.ones((reach, reach))), (reach, reach))
    taken = np.maximum(np.clip(-likes / _SKIN_CLEARLY, 0.0, 1.0), beside * np.clip(uncovered, 0.0, 1.0))
    return np.asarray(probability * (1.0 - clear * near * taken), np.float32)


def _near_face(shape: tuple[int, int]) -> Floats:
    """Return where in a head crop a forehead may be, `(h, w)`, 0..1: an ellipse about the face with a soft edge."""
    height, width = shape
    left, top, side = geometry.HEAD
    x = left + (np.arange(width) + 0.5) * side / width
    y = top + (np.arange(height)[:, None] + 0.5) * side / height
    away = np.hypot((x - _FACE[0]) / _FACE[2], (y - _FACE[1]) / _FACE[3])
    return np.asarray(np.clip((1.0 - away) / _FACE_EDGE + 0.5, 0.0, 1.0), np.float32)


def _hangs_out(probability: Floats) -> bool:
    last = max(1, round(_LAST_ROWS * len(probability)))
    return bool((probability[-last:] > _SURE).mean() > _GOES_ON)


def _is_beside(matrix: Matrix, size: tuple[int, int], shape: tuple[int, int]) -> bool:
    """Tell whether a crop of a height and width shows nothing of a photo of a height and width."""
    x0, y0, x1, y1 = geometry.crop_roi(matrix, size, shape)
    return x1 <= x0 or y1 <= y0


def _of_colours(crop: NDArray[np.uint8], samples: NDArray[np.uint8]) -> Floats:
    """Say which pixels have the colours of some others, `(h, w)`, 0..1."""
    lab = to_lab(np.asarray(cv2.blur(crop, (3, 3)), np.uint8))
    distance = np.sqrt(fit(to_lab(samples[None])[0], _COLOUR_NOISE).distance(lab))
    return np.asarray(np.clip((_FAR - distance) / (_FAR - _NEAR), 0.0, 1.0), np.float32)


def _hanging(probability: Floats, top: int) -> Floats:
    """Drop what lies below row `top` and does not hang together with the hair above it."""
    sure = (probability > _SURE).astype(np.uint8)
    n, labels = cv2.connectedComponents(sure, connectivity=8)
    hangs = np.bincount(labels[:top].ravel(), minlength=n) > 0
    hair = hangs[labels] & (labels > 0)
    near = cv2.dilate(hair.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0  # its soft edge stays
    near[:top] = True
    return np.where(near, probability, np.float32(0.0))
