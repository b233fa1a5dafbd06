"""A photo's numbers as sRGB, which is what networks and colour changes read, and what they changed back in its profile.

Reference: ICC.1:2022, relative colorimetric rendering.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from imgedit.photo.profiles import MatrixProfile, is_for_grey, matrix_profile
from imgedit.photo.record import Deep, Photo
from imgedit.photo.sixteen import eight_bit
from imgedit.photo.tables import TableProfile, table_profile
from imgedit.pixels import Floats

__all__ = ["is_grey", "srgb", "srgb_deep", "with_srgb"]

_STRIPE = 1 << 22  # pixels converted at once
_CHANGED = 1 << 20  # pixels given back at once, which takes about 50 bytes for each
_LOOK = 1 << 16  # pixels looked at once
_TOLERANCE = 1  # steps of 255 by which a profile may differ from sRGB and still be it
_BLOCK = 8  # px; side of the blocks whose mean colours tell whether a photo is grey
_GREY = 16.0  # steps of 255 between the channels of a block of a grey photo that was scanned or compressed in colour
_FADE = 32.0  # steps of 255 of change over which the rounding of the way to sRGB and back fades out

_log = logging.getLogger(__name__)


def srgb(photo: Photo) -> NDArray[np.uint8]:
    """Return a photo's pixels as sRGB, `(H, W, 3)`; the photo's own array where its profile is sRGB, or it has none.

    Colours beyond sRGB become the nearest ones on its surface.
    """
    both = _transforms(photo.icc) if photo.icc else None
    return photo.rgb if both is None else _converted(photo.rgb, both[0])


def srgb_deep(photo: Photo) -> Floats | None:
    """Return the pixels of a photo of 16 bits as sRGB, `(H, W, 3)` float32, 0..255 with fractions; None with 8 bits."""
    wide = photo.rgb16
    if wide is None:
        return None
    profile = _deep_profile(photo.icc)
    if profile is None:
        return np.divide(wide, np.float32(257.0), dtype=np.float32)
    result = np.empty(wide.shape, np.float32)
    for stripe in _stripes(wide):
        result[stripe] = profile.to_srgb(wide[stripe].reshape(-1, 3)).reshape(wide[stripe].shape)
    return result


def with_srgb(
    photo: Photo,
    seen: NDArray[Any],
    edited: NDArray[Any],
    *,
    area: tuple[int, int, int, int] | None = None,
    into: NDArray[Any] | None = None,
) -> Photo:
    """Return a photo with what was changed in its sRGB pixels; every other pixel stays bit-equal.

    Args:
        photo: The photo.
        seen: What `srgb` or `srgb_deep` returns for it.
        edited: Those pixels after the edit, `(H, W, 3)`; of `srgb` also of another size, for a crop or a strip.
        area: x0, y0, x1, y1 of the part, pixels, that `edited` holds and in which anything was changed; None for all.
        into: Takes the result of a photo of 8 bits: `photo.rgb` or `edited`, whichever is no longer wanted. None for
            memory of its own, where it needs any.
    """
    area = area or (0, 0, photo.width, photo.height)
    if edited.dtype == np.float32:
        return _with_deep(photo, seen, edited, slice(area[1], area[3]), slice(area[0], area[2]))
    both = None if photo.icc is None else _transforms(photo.icc)
    if edited.shape != photo.rgb.shape:
        return replace(photo, rgb=edited if both is None else _converted(edited, both[1]))
    if into is None:
        into = edited if both is None else photo.rgb.copy()
    if into is edited:
        _fill_around(edited, photo.rgb, area)
    rows, columns = max(1, _CHANGED // max(1, area[2] - area[0])), slice(area[0], area[2])
    for top in range(area[1], area[3], rows):
        stripe = slice(top, min(top + rows, area[3])), columns
        if both is not None:
            into[stripe] = _with_changed(photo.rgb[stripe], seen[stripe], edited[stripe], both[1])
        elif into is not edited:
            into[stripe] = edited[stripe]
    return replace(photo, rgb=into)


def _fill_around(pixels: NDArray[Any], others: NDArray[Any], area: tuple[int, int, int, int]) -> None:
    """Copy what lies around a part of a picture from another picture of the same size."""
    x0, y0, x1, y1 = area
    for around in (np.s_[:y0], np.s_[y1:], np.s_[y0:y1, :x0], np.s_[y0:y1, x1:]):
        pixels[around] = others[around]


def _with_changed(
    own: NDArray[np.uint8], seen: NDArray[np.uint8], edited: NDArray[np.uint8], back: Any
) -> NDArray[np.uint8]:
    """Return a part of a photo, `(h, w, 3)` in its profile, with what was changed in sRGB."""
    changed = (edited != seen).any(axis=2)
    result = own.copy()
    if changed.any():
        result[changed] = _restored(own[changed], seen[changed], edited[changed], back)
    return result


def _with_deep(photo: Photo, seen: Floats, edited: Floats, rows: slice, columns: slice) -> Photo:
    """Return a photo of 16 bits with what was changed in some of its rows and columns."""
    if photo.deep is None:
        raise ValueError("the photo has no 16 bits")
    whole, whole_rgb = photo.deep.rgb.copy(), photo.rgb.copy()
    wide, rgb = whole[rows, columns], whole_rgb[rows, columns]
    seen, edited = seen[rows, columns], edited[rows, columns]
    profile = _deep_profile(photo.icc)
    for stripe in _stripes(wide):
        changed = (edited[stripe] != seen[stripe]).any(axis=2)
        if not changed.any():
            continue
        after = edited[stripe][changed]
        if profile is not None:
            before = seen[stripe][changed]
            own = wide[stripe][changed].astype(np.float32) / np.float32(257.0)
            after = _given_back(profile.from_srgb(after), own - profile.from_srgb(before), before, after)
        values = np.clip(np.rint(after * np.float32(257.0)), 0, 65535).astype(np.uint16)
        wide[stripe][changed] = values
        rgb[stripe][changed] = eight_bit(values)
    return replace(photo, rgb=whole_rgb, deep=Deep(whole, whole_rgb, photo.deep.alpha))


@lru_cache(maxsize=4)
def _deep_profile(icc: bytes | None) -> MatrixProfile | TableProfile | None:
    """Return the ways to sRGB and back for 16 bits; None for a profile that is sRGB or does not work."""
    both = _transforms(icc) if icc else None
    if icc is None or both is None:
        return None
    forward, back = both
    return matrix_profile(icc) or table_profile(lambda own: _converted(own, forward), lambda rgb: _converted(rgb, back))


def _stripes(pixels: NDArray[Any]) -> Iterator[slice]:
    """Give rows of a picture, few enough to be converted at once."""
    rows = max(1, _STRIPE // max(1, pixels.shape[1]))
    return (slice(top, top + rows) for top in range(0, pixels.shape[0], rows))


def is_grey(photo: Photo) -> bool:
    """Tell whether a photo has no colours: the three numbers of every block of it are as good as equal.

    Blocks, since single pixels of a scan, or of a grey photo that was compressed as a coloured one, differ by more.
    """
    rows = max(1, _LOOK // photo.width // _BLOCK) * _BLOCK  # few at once: the first of a coloured photo mostly tells
    stripes = (photo.rgb[top : top + rows] for top in range(0, photo.height, rows))
    return all(_spread(stripe) <= _GREY for stripe in stripes)


def _spread(rgb: NDArray[np.uint8]) -> float:
    """Return the largest difference between the channels of the mean colour of a block of `(h, w, 3)`."""
    import cv2  # as in `sixteen`

    height, width = (-(-size // _BLOCK) for size in rgb.shape[:2])
    means = cv2.resize(rgb.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return float(np.ptp(means.reshape(-1, 3), axis=1).max(initial=0.0))


def _restored(
    own: NDArray[np.uint8], seen: NDArray[np.uint8], edited: NDArray[np.uint8], back: Any
) -> NDArray[np.uint8]:
    """Return pixels `(n, 3)` in the photo's profile.

    What the way to sRGB and back loses (rounding, colours beyond sRGB) is given back where little was changed, so that
    an edit's border shows no step.
    """
    there, lost = _converted(edited[None], back)[0], own.astype(np.float32) - _converted(seen[None], back)[0]
    restored: NDArray[np.uint8] = np.clip(np.rint(_given_back(there, lost, seen, edited)), 0, 255).astype(np.uint8)
    return restored


def _given_back(there: NDArray[Any], lost: Floats, seen: NDArray[Any], edited: NDArray[Any]) -> Floats:
    change = np.abs(edited.astype(np.float32) - seen).max(axis=1, keepdims=True)
    kept = np.clip(1.0 - change / _FADE, 0.0, 1.0)
    return np.asarray(there + lost * kept, np.float32)


def _converted(pixels: NDArray[np.uint8], transform: Any) -> NDArray[np.uint8]:
    """Convert `(h, w, 3)`, a stripe at a time; by Pillow's transform, or by the 256 values of every channel."""
    result = np.empty_like(pixels)
    rows = max(1, _STRIPE // max(1, pixels.shape[1]))
    for top in range(0, pixels.shape[0], rows):
        part = np.ascontiguousarray(pixels[top : top + rows])
        if isinstance(transform, np.ndarray):
            np.take(transform, part, out=result[top : top + rows])
        else:
            result[top : top + rows] = np.asarray(ImageCms.applyTransform(Image.fromarray(part), transform))
    return result


@lru_cache(maxsize=16)
def _transforms(icc: bytes) -> tuple[Any, Any] | None:
    """Return the ways to sRGB and back; None for a profile that is sRGB or does not work."""
    try:
        forward, back = _grey_transforms(icc) if is_for_grey(icc) else _colour_transforms(icc)
        levels = np.linspace(0, 255, 9).round().astype(np.uint8)
        cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        difference = np.abs(_converted(cube, forward).astype(int) - cube).max()
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        _log.warning("the colour profile cannot be used and its colours are taken for sRGB: %s", error)
        return None
    return None if difference <= _TOLERANCE else (forward, back)


def _colour_transforms(icc: bytes) -> tuple[Any, Any]:
    own, standard = ImageCms.ImageCmsProfile(io.BytesIO(icc)), ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    there = ImageCms.buildTransform(own, standard, "RGB", "RGB", intent)
    return there, ImageCms.buildTransform(standard, own, "RGB", "RGB", intent)


def _grey_transforms(icc: bytes) -> tuple[Any, Any]:
    """Return the values 0..255 of a grey profile as sRGB, and the way back."""
    profile = matrix_profile(icc)
    if profile is None:
        raise ValueError("it is a grey profile without a rising curve")
    levels = np.repeat(np.arange(256)[:, None], 3, axis=1)
    there, back = profile.to_srgb((levels * 257).astype(np.uint16)), profile.from_srgb(levels.astype(np.float32))
    return np.rint(there[:, 0]).astype(np.uint8), np.rint(back[:, 0]).astype(np.uint8)
