"""Files, Pillow images and arrays -> `Photo`."""

from __future__ import annotations

import io
import logging
import math
import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from imgedit.errors import PhotoError
from imgedit.photo import heif, jpeg2000, segments, sixteen
from imgedit.photo.exif import read_exif
from imgedit.photo.metadata import read_metadata
from imgedit.photo.profiles import is_for_grey
from imgedit.photo.record import GREY_MODES, Deep, JpegCoding, Photo
from imgedit.photo.sixteen import eight_bit
from imgedit.photo.sources import limited, opened_file, standard_input

__all__ = ["MAX_PIXELS", "decode", "read"]

MAX_PIXELS = 200_000_000
"""Largest photo that is opened, width times height."""
_STRIPE = 1 << 22  # pixels copied at once

# Formats that are read. Others that Pillow knows start programs (EPS), or are no photos.
_COMMON = ("JPEG", "PNG", "BMP", "GIF", "PPM")  # Pillow always loads these
_FORMATS = (*_COMMON, "MPO", "TIFF", "WEBP", "DIB", "JPEG2000", "AVIF", "HEIF", "QOI")

_X_RESOLUTION, _ORIENTATION = 0x011A, 0x0112  # tags of TIFF and EXIF
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

if "PILLOW_BLOCK_SIZE" not in os.environ:
    # Pillow holds pictures in blocks. What the C library of Linux frees in blocks of up to 32 MB, it may keep.
    Image.core.set_block_size(1 << 26)  # type: ignore[attr-defined]  # bytes
warnings.filterwarnings("ignore", module=r"PIL\.")  # tags that Pillow cannot make sense of are dropped

_log = logging.getLogger(__name__)
_limit_lock, _opening = threading.Lock(), threading.Lock()
_limits: list[int | None] = []  # of Pillow: its own, then what `_limit_lifted` found


@contextmanager
def _limit_lifted() -> Iterator[None]:
    """Switch off Pillow's own limit, which warns at 89 megapixels and refuses 179; `_decode` has ours.

    Pillow asks it when it opens a file, and again when it decodes one or cuts a part out. Several threads may be here;
    the last that leaves switches it on again.
    """
    with _limit_lock:
        _limits.append(Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _limit_lock:
            Image.MAX_IMAGE_PIXELS = _limits.pop()


def read(source: str | os.PathLike[str] | Image.Image | NDArray[Any]) -> Photo:
    """Read a photo.

    Args:
        source: A file, `-` for standard input, a Pillow image, or an array `(H, W)`, `(H, W, 1 | 3 | 4)` of uint8 or
            uint16, RGB.

    Raises:
        PhotoError: It cannot be read, or is no photo that imgedit understands.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, None, "the image", None)
    if not isinstance(source, str | os.PathLike):
        raise PhotoError(f"{type(source).__name__} is no photo; give a path, a Pillow image or an array")
    if source == "-":
        return decode(standard_input(), "standard input")
    path = Path(source)
    with opened_file(source) as (file, status):
        data = limited(file, str(path))
    return replace(decode(data, str(path), path), permissions=stat.S_IMODE(status.st_mode))


def _from_array(array: NDArray[Any]) -> Photo:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in array.shape:
        raise PhotoError(f"an array of shape {array.shape} is no photo; give (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype not in (np.uint8, np.uint16):
        raise PhotoError(f"an array of {array.dtype} is no photo; give uint8 0..255 or uint16 0..65535")
    planes = array.reshape(*array.shape[:2], channels)
    wide = np.repeat(planes, 3, axis=2) if channels == 1 else planes
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[channels]
    if array.dtype == np.uint16:
        return replace(_from_deep(wide), mode=mode)
    alpha = np.ascontiguousarray(wide[..., 3]) if channels == 4 else None
    return Photo(np.ascontiguousarray(wide[..., :3]), alpha, mode=mode)


def _from_deep(wide: NDArray[np.uint16]) -> Photo:
    """Return a photo of `(H, W, 3 or 4)` with 16 bits."""
    rgb, alpha = np.ascontiguousarray(wide[..., :3]), None
    if wide.shape[2] == 4:
        alpha = np.ascontiguousarray(wide[..., 3])
    of = eight_bit(rgb)
    return Photo(of, None if alpha is None else eight_bit(alpha), deep=Deep(rgb, of, alpha))


def decode(data: bytes, name: str = "the picture", path: Path | None = None) -> Photo:
    """Read a photo from the bytes of an image file.

    Args:
        data: The file's content.
        name: What messages call it.
        path: Where it came from; kept in the photo.

    Raises:
        PhotoError: It is damaged, or no photo that imgedit understands.
    """
    if not data:
        raise PhotoError(f"{name}: is empty (zero bytes); copy the photo again")
    try:
        with _limit_lifted(), _opening, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd files that are read all the same
            image = _opened(data, name)
    except UnidentifiedImageError as error:
        if heif.is_heif(data) and not heif.register():
            raise PhotoError(f"{name}: {heif.MISSING}", hint=heif.hint()) from error
        if heif.is_heif(data):
            raise PhotoError(f"{name}: is a damaged HEIF file; copy it again, or save it as JPEG or PNG") from error
        raise PhotoError(
            f"{name}: is not a photo (or of a kind that is not read); give JPEG, PNG, WebP or TIFF"
        ) from error
    except Exception as error:  # Pillow's plugins let anything through when a header is damaged
        raise _damaged(name, error) from error
    with image:
        photo = _decode(image, data, name, path)
    if photo.format == "WEBP" and b"VP8L" not in data:
        return replace(photo, lossless=False)
    return photo


def _opened(data: bytes, name: str) -> Image.Image:
    """Open a picture; a damaged segment that keeps a JPEG from being opened is dropped."""
    try:
        return _open(data)
    except UnidentifiedImageError as error:
        alone = [(marker,) for marker in segments.NAMES]
        for markers in (*alone, tuple(segments.NAMES)) if data.startswith(segments.START) else ():
            rest = segments.without(data, markers)
            with suppress(UnidentifiedImageError):
                image = _open(rest) if rest != data else None
                if image is not None:
                    labels = ", ".join(segments.NAMES[marker] for marker in markers)
                    _log.warning("%s: its head is damaged, and what %s says is dropped", name, labels)
                    return image
        raise error


def _open(data: bytes) -> Image.Image:
    Image.preinit()
    try:
        return Image.open(io.BytesIO(data), formats=_COMMON)
    except UnidentifiedImageError:
        Image.init()
        if heif.is_heif(data):
            heif.register()
        return Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])


def _damaged(name: str, error: Exception) -> PhotoError:
    if isinstance(error, MemoryError):
        return PhotoError(f"{name}: does not fit into memory; make it smaller first")
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return PhotoError(f"{name}: is damaged or cut off ({reason}); copy the photo again")


@_limit_lifted()
def _decode(image: Image.Image, data: bytes | None, name: str, path: Path | None) -> Photo:
    """Bring an opened image to 8-bit RGB, upright."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise PhotoError(
            f"{name}: has {image.width}x{image.height} = {pixels / 1e6:.0f} megapixels, more than "
            f"{MAX_PIXELS / 1e6:.0f}; make it smaller first"
        )
    if pixels == 0:
        raise PhotoError(f"{name}: has no pixels ({image.width}x{image.height})")
    kind = "JPEG" if image.format == "MPO" else image.format
    is_deep, is_cut = sixteen.is_deep(image, data), sixteen.is_cut(image, data)
    try:
        if kind != "JPEG" and getattr(image, "is_animated", False):
            _log.warning("%s: has several pictures; only the first is used", name)
        stored = image.getexif().get(_ORIENTATION, 1) if is_deep else 1  # Pillow turns a TIFF when it loads it
        image.load()
        jpeg = _jpeg_coding(image) if kind == "JPEG" else None
        dpi = _dpi(image.info.get("dpi"))
        if _X_RESOLUTION not in getattr(image, "tag_v2", (_X_RESOLUTION,)):
            dpi = None  # Pillow gives 1 dpi to a TIFF that says nothing
        orientation, exif = read_exif(image, name)
        metadata = read_metadata(image, data, name)
        icc = image.info.get("icc_profile") or (jpeg2000.profile(data) if data and kind == "JPEG2000" else None)
        rgb, alpha, icc, deep = _pixels(image, orientation if orientation in _TURNS else 1, icc, name)
        if is_deep and data is not None:
            rgb, alpha, deep = _with_all_bits(data, rgb, alpha, stored if isinstance(stored, int) else 1)
        if deep is None and is_cut:
            _log.warning("%s: has more than 8 bits a channel, of which 8 are read, edited and written", name)
    except PhotoError:
        raise
    except Exception as error:  # OSError, SyntaxError, ValueError, struct.error ...: Pillow's plugins raise them all
        raise _damaged(name, error) from error
    if dpi and orientation >= 5:
        dpi = (dpi[1], dpi[0])
    is_lossless = kind not in ("JPEG", "AVIF", "HEIF")
    compression = image.info.get("compression") if kind == "TIFF" else None
    return Photo(
        rgb, alpha, kind, exif, icc, dpi, path, image.mode, jpeg, is_lossless, metadata, deep=deep,
        compression=compression,
    )  # fmt: skip


def _with_all_bits(
    data: bytes, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None, orientation: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, Deep | None]:
    """Return RGB and alpha of a file of 16 bits, and these; with 8 bits where the file is too odd."""
    seen = rgb if alpha is None else np.dstack([rgb, alpha])
    wide = sixteen.read_deep(data, seen, orientation)
    if wide is None:
        return rgb, alpha, None
    photo = _from_deep(wide)
    return photo.rgb, photo.alpha, photo.deep


def _pixels(
    image: Image.Image, orientation: int, icc: bytes | None, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, bytes | None, Deep | None]:
    """Return RGB, alpha, the profile that still holds, and the 16 bits of a grey picture, all upright."""
    if orientation != 1 and (image.mode in ("CMYK", "I") or image.mode.startswith("I;16")):
        image, orientation = image.transpose(_TURNS[orientation]), 1
    if image.mode == "CMYK":
        _log.warning("%s: is CMYK; it is edited and written as sRGB", name)
        return np.array(_from_cmyk(image, icc)), None, None, None
    if icc is not None and not (icc[16:20] == b"RGB " or (is_for_grey(icc) and image.mode in GREY_MODES)):
        icc = None  # it says nothing about these channels
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise PhotoError(f"{name}: has more than 16 bits per pixel; save it with 8 or 16 bits")
        photo = _from_deep(np.repeat(grey.astype(np.uint16)[..., None], 3, axis=2))
        return photo.rgb, None, icc, photo.deep
    if image.mode == "F":
        raise PhotoError(f"{name}: has floating-point pixels; save it with 8 or 16 bits")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "RGBa", "LA", "PA") or image.has_transparency_data:
        return *_copied(image, "RGBA", orientation), icc, None
    return *_copied(image, "RGB", orientation), icc, None


def _copied(image: Image.Image, layout: str, orientation: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return RGB and alpha of an image, upright; in stripes, since Pillow and NumPy at once hold it several times."""
    size = (image.width, image.height) if orientation >= 5 else (image.height, image.width)
    rgb = np.empty((*size, 3), np.uint8)
    alpha = np.empty(size, np.uint8) if layout == "RGBA" else None
    stored, stored_alpha = (None if one is None else _as_stored(one, orientation) for one in (rgb, alpha))
    rows = max(1, _STRIPE // image.width)
    for top in range(0, image.height, rows):
        end = min(top + rows, image.height)
        part = image.crop((0, top, image.width, end))
        values = np.asarray(part if part.mode == layout else part.convert(layout))
        if stored is not None:
            stored[top:end] = values[..., :3]
        if stored_alpha is not None:
            stored_alpha[top:end] = values[..., 3]
    return rgb, alpha


def _as_stored(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Return upright pixels as a file with an orientation stores them, without a copy."""
    across, down = (-1 if orientation in some else 1 for some in ((2, 3, 6, 7), (3, 4, 7, 8)))
    view = pixels[::down, ::across]
    return view.swapaxes(0, 1) if orientation >= 5 else view


def _from_cmyk(image: Image.Image, icc: bytes | None) -> Image.Image:
    """Convert to sRGB by the photo's profile, or by Pillow's formula where it has none that works."""
    if icc is not None:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError) as error:
            _log.warning("the CMYK profile cannot be used: %s", error)
    return image.convert("RGB")


def _jpeg_coding(image: Image.Image) -> JpegCoding | None:
    tables = getattr(image, "quantization", None)
    if not tables or image.mode not in ("RGB", "L"):
        return None
    subsampling = JpegImagePlugin.get_sampling(image)
    return JpegCoding(dict(tables), subsampling, bool(image.info.get("progressive")))


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    is_sound = all(math.isfinite(number) and 1 <= number <= 65535 for number in (across, down))
    return (across, down) if is_sound else None
