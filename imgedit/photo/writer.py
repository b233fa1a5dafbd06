"""`Photo` -> files, whole or not at all."""

from __future__ import annotations

import functools
import io
import logging
import operator
import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit.errors import ConfigError, OutputError, PhotoError
from imgedit.files import check_replaceable, write_whole
from imgedit.folders import check_folder
from imgedit.photo import bands, heif, metadata, sixteen, tiff
from imgedit.photo.colour import srgb
from imgedit.photo.exif import with_raw_text
from imgedit.photo.profiles import for_colours
from imgedit.photo.record import GREY_MODES, Before, Deep, Photo
from imgedit.photo.sources import check_no_address

__all__ = ["SUFFIXES", "check_output", "default_output", "encode", "permissions", "write"]

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".jp2": "JPEG2000",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
"""File name ending to the format that is written."""

_KEEPS_ALPHA = ("PNG", "WEBP", "TIFF", "JPEG2000", "AVIF", "HEIF")
_KEEPS_EXIF = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
_KEEPS_PROFILE = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")  # Pillow writes none into BMP and JPEG 2000
_KEEPS_BITS = ("PNG", "TIFF")  # 16 a channel
_KEEPS_DPI = ("JPEG", "PNG", "TIFF", "BMP")
_HOLDS_GREY = ("JPEG", "PNG", "TIFF")
_OPTIMIZED = 50_000_000  # pixels up to which a JPEG has Huffman codes of its own; libjpeg keeps the picture for them
_TIFF = ("tiff_adobe_deflate", "tiff_lzw", "packbits", "tiff_deflate", "raw")  # without loss; those of TIFFs are kept
_STRIPE = 1 << 20  # pixels copied at once
_EXIF_LIMIT = 65_533 - len(b"Exif\0\0")  # bytes in one JPEG segment

_log = logging.getLogger(__name__)


def write(
    photo: Photo,
    rgb: NDArray[Any],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    quality: int | None = None,
) -> Path:
    """Write pixels with a photo's metadata, whole or not at all.

    EXIF, profile, resolution and alpha are kept where the format can hold them; where it cannot, colours become sRGB
    and transparent parts white. A JPEG that came as JPEG keeps its quantization and its subsampling; one that Pillow
    cannot write (4:4:0, 4:1:1) becomes 4:4:4.

    Args:
        photo: Where the metadata come from.
        rgb: `(h, w, 3)` uint8, or uint16 for PNG and TIFF of 16 bits; alpha is kept if the size is the photo's. The
            photo's own pixels keep the bits that they have.
        path: The file; its ending is the format. `-` for standard output in the photo's own format.
        overwrite: Replace a file that exists.
        quality: 1..100 for JPEG, WebP, AVIF and HEIC; None for the source's, or 95.

    Returns:
        The path.

    Raises:
        OutputError: It cannot be written there.
    """
    target = Path(path)
    check_output(path, overwrite=overwrite)
    source = replace(photo, rgb=rgb)
    if rgb.dtype == np.uint16:
        of = sixteen.eight_bit(rgb)
        alpha = None if photo.deep is None else photo.deep.alpha
        source = replace(photo, rgb=of, deep=Deep(rgb, of, alpha))
    if str(path) == "-":
        data = encode(source, quality=quality, name="standard output")
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the reader has enough
            raise
        except OSError as error:
            raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error
        return target
    kind = SUFFIXES[target.suffix.lower()]
    data = encode(source, kind, quality=quality, name=str(target))
    write_whole(target, data, overwrite=overwrite, mode=permissions(photo))
    return target


def permissions(*photos: Photo) -> int | None:
    """Return what a file made from photos may at most permit: what all of them do, and its owner to read and write."""
    known = [photo.permissions for photo in photos if photo.permissions is not None]
    return functools.reduce(operator.and_, known) | 0o600 if known else None


def check_output(
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    endings: Collection[str] = tuple(SUFFIXES),
    makes_folder: bool = False,
) -> None:
    """Find out before the work whether a photo can be written.

    Args:
        path: The file; `-` for standard output.
        overwrite: A file that exists is replaced.
        endings: Of file names, that are known.
        makes_folder: The folder is made where it is missing.

    Raises:
        ConfigError: Standard output is a terminal.
        OutputError: The ending is unknown, the folder missing or closed, or the file exists and may not be replaced.
    """
    target = Path(path)
    if str(path) == "-":
        if sys.stdout is None:
            raise OutputError("standard output is closed; name a file instead")
        if sys.stdout.isatty():
            raise ConfigError("a picture is not printed to a terminal; name a file, or send it through a pipe")
        return
    if target.suffix.lower() not in endings:
        raise OutputError(f"{target}: unknown ending {target.suffix!r}; known: {' '.join(endings)}")
    if SUFFIXES.get(target.suffix.lower()) == "HEIF" and not heif.is_here():
        raise OutputError(f"{target}: {heif.MISSING}", hint=heif.hint())
    try:
        if target.is_dir():
            raise OutputError(f"{target}: is a folder; give a file name")
        if makes_folder:
            check_folder(target.parent)
            if not target.parent.exists():
                return
        if not target.parent.is_dir():
            raise OutputError(f"{target}: its folder {target.parent} does not exist; make it first")
        if os.path.lexists(target) and not overwrite:
            raise OutputError(f"{target}: exists already", hint="use --overwrite or another name")
        place = Path(os.path.realpath(target)) if overwrite else target  # a link stays: the file behind it is replaced
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{target}: cannot be written: {reason}") from error
    if overwrite:
        check_replaceable(target)
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{target}: no permission to write into {place.parent}")


def default_output(path: str | os.PathLike[str], words: Sequence[str]) -> Path:
    """Name the edited copy beside a photo: `photo.jpg` and `blond`, `smiling` give `photo.blond.smiling.jpg`.

    A format that is only read becomes `.png`; standard input stays standard output.

    Raises:
        PhotoError: The path has no file name, or is the address of something on the network.
    """
    source = Path(path)
    if str(path) == "-":
        return source
    check_no_address(path)
    if not source.name:  # "", "." or "/"
        raise PhotoError(f"{str(path)!r} is not the name of a photo; give a file")
    suffix = source.suffix if source.suffix.lower() in SUFFIXES else ".png"
    return source.with_name(".".join([source.stem, *words]) + suffix)


def encode(
    photo: Photo,
    kind: str | None = None,
    *,
    quality: int | None = None,
    name: str = "the photo",
    before: Before | None = None,
) -> bytes:
    """Return the bytes of an image file with a photo's pixels and metadata.

    Args:
        photo: What to encode; its alpha is kept if it has the size of the pixels.
        kind: Pillow's name of a format in `SUFFIXES`, such as `JPEG`; None for the photo's own, or PNG where that is
            only read.
        quality: 1..100 for JPEG, WebP, AVIF and HEIC; None for the source's, or 95.
        name: What messages call it.
        before: What an edit changed in a photo of 8 bits. The picture then shows the photo before and after, side by
            side and without alpha.

    Raises:
        OutputError: The format is unknown, or cannot hold this photo.
    """
    rgb = photo.rgb
    if kind is None:
        kind = next((known for known in SUFFIXES.values() if known == photo.format), "PNG")
    if kind not in SUFFIXES.values():
        raise OutputError(f"unknown format {kind!r}; known: {', '.join(dict.fromkeys(SUFFIXES.values()))}")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise OutputError(f"{name}: only (H, W, 3) uint8 can be written, not {rgb.shape} {rgb.dtype}")
    if kind == "HEIF" and not heif.register():
        raise OutputError(f"{name}: {heif.MISSING}", hint=heif.hint())
    if photo.rgb16 is not None and kind in _KEEPS_BITS:
        return _with_all_bits(photo, kind, name)
    if photo.rgb16 is not None:
        _log.warning("%s: %s holds 8 bits a channel; of the photo's 16 the lower ones are dropped", name, kind)
    if photo.icc and kind not in _KEEPS_PROFILE:
        if before is not None:
            photo, before = replace(photo, rgb=np.asarray(_image(rgb, before)), alpha=None), None
        photo = _as_srgb(photo, kind, name)
        rgb = photo.rgb
    parts = [rgb] if before is None else [rgb, before.rgb]
    is_grey = photo.mode in GREY_MODES and not any(np.ptp(part, axis=2).any() for part in parts)
    layout = "L" if is_grey and kind in _HOLDS_GREY else "RGB"  # as it came
    size = (rgb.shape[1] if before is None else 2 * rgb.shape[1], rgb.shape[0])
    options = _options(photo, kind, quality, name, is_grey=layout == "L")
    is_large = size[0] * size[1] > _OPTIMIZED
    if kind == "JPEG":
        options["optimize"] = not is_large
        if is_large:  # libjpeg would keep all of the picture's coefficients
            options["progressive"] = False
    try:
        if before is None and photo.alpha is not None and photo.alpha.shape == rgb.shape[:2]:
            return _saved(_with_alpha(_image(rgb, None, layout), photo.alpha, kind, name), kind, options)
        if kind == "JPEG" and is_large:
            return bands.encode(size, lambda top, end: _image(rgb, before, layout, top, end), options)
        return _saved(_image(rgb, before, layout), kind, options)
    except KeyError as error:
        raise OutputError(f"{name}: cannot be written as {kind}: this Pillow cannot write {kind}") from error
    except Exception as error:  # whatever odd metadata lead Pillow to
        if "exif" not in options:
            raise OutputError(f"{name}: cannot be written as {kind}: {error}") from error
        _log.warning("%s: the EXIF block cannot be written and is dropped: %s", name, error)
    return encode(replace(photo, exif=None), kind, quality=quality, name=name, before=before)


def _image(
    rgb: NDArray[np.uint8], before: Before | None = None, layout: str = "RGB", top: int = 0, end: int | None = None
) -> Image.Image:
    """Return some rows of a picture, or of one before and after an edit, as Pillow holds it.

    It is put together from stripes where it would be copied.
    """
    rows = rgb[top:end]
    if before is None and rgb.flags.c_contiguous:
        return _laid_out(Image.fromarray(rows), layout)
    height, width = rows.shape[:2]
    image = Image.new(layout, (width if before is None else 2 * width, height))
    step = max(1, _STRIPE // width)
    for start in range(0, height, step):
        part = rows[start : start + step]
        if before is not None:
            part = np.concatenate([before.rows(part, top + start), part], axis=1)
        image.paste(_laid_out(Image.fromarray(np.ascontiguousarray(part)), layout), (0, start))
    return image


def _laid_out(image: Image.Image, layout: str) -> Image.Image:
    return image if image.mode == layout else image.convert(layout)


def _with_alpha(image: Image.Image, alpha: NDArray[np.uint8], kind: str, name: str) -> Image.Image:
    """Return a picture with its transparency; where a format has none, on white."""
    mask = Image.fromarray(np.ascontiguousarray(alpha))
    if kind in _KEEPS_ALPHA:
        image.putalpha(mask)
    elif alpha.min() < 255:
        _log.warning("%s: %s cannot be transparent; transparent parts become white", name, kind)
        image = Image.composite(image, Image.new(image.mode, image.size, "white"), mask)
    return image


def _as_srgb(photo: Photo, kind: str, name: str) -> Photo:
    """Return a photo without a profile, its colours converted to sRGB."""
    rgb = srgb(photo)
    if rgb is not photo.rgb:
        _log.warning("%s: %s cannot hold a colour profile; the colours are converted to sRGB", name, kind)
    return replace(photo, rgb=rgb, icc=None)


def _with_all_bits(photo: Photo, kind: str, name: str) -> bytes:
    """Return the bytes of a PNG or TIFF file of 16 bits a channel."""
    wide = photo.rgb16
    if wide is None or photo.deep is None:
        raise OutputError(f"{name}: has no 16 bits")
    is_grey = photo.mode in GREY_MODES and not np.ptp(wide, axis=2).any()
    options = _options(photo, kind, None, name, is_grey=is_grey)
    if photo.deep.alpha is not None and photo.deep.alpha.shape == wide.shape[:2]:
        wide = np.dstack([wide, photo.deep.alpha])
    try:
        return sixteen.encode(wide, kind, options, is_grey=is_grey)
    except Exception as error:  # as in `encode`
        if "exif" not in options:
            raise OutputError(f"{name}: cannot be written as {kind}: {error}") from error
        _log.warning("%s: the EXIF block cannot be written and is dropped: %s", name, error)
    return _with_all_bits(replace(photo, exif=None), kind, name)


def _saved(image: Image.Image, kind: str, options: dict[str, Any]) -> bytes:
    if kind == "TIFF" and "exif" in options and options["compression"] != "raw":
        return tiff.compressed(image, options)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _options(photo: Photo, kind: str, quality: int | None, name: str, *, is_grey: bool) -> dict[str, Any]:
    """Return Pillow's settings for saving in a format, a picture with colours or without."""
    options: dict[str, Any] = {}
    if icc := photo.icc if is_grey else for_colours(photo.icc):
        options["icc_profile"] = icc
    if photo.dpi and kind in _KEEPS_DPI:
        options["dpi"] = photo.dpi
    if photo.exif and kind in _KEEPS_EXIF:
        if kind == "JPEG" and len(photo.exif) > _EXIF_LIMIT:
            _log.warning("%s: the EXIF block is too long for JPEG and dropped", name)
        else:
            options["exif"] = photo.exif
    described = metadata.options(photo.metadata, kind, name)
    tags = described.pop("tags", {})  # TIFF holds them beside EXIF
    if kind == "TIFF" and (photo.exif or tags):
        options["exif"] = Image.Exif()
        if photo.exif:
            try:
                options["exif"] = with_raw_text(photo.exif)
            except Exception as error:  # whatever a damaged block leads Pillow to
                _log.warning("%s: the EXIF block is damaged and dropped: %s", name, error)
        for tag, value in tags.items():
            options["exif"][tag] = value
    options |= described
    if kind == "JPEG" and photo.jpeg and quality is None:
        options |= {"qtables": photo.jpeg.tables, "progressive": photo.jpeg.progressive}
        if photo.jpeg.subsampling < 0 and photo.mode not in GREY_MODES:
            _log.warning("%s: its chroma subsampling cannot be written and becomes 4:4:4", name)
        options["subsampling"] = max(photo.jpeg.subsampling, 0)
    elif kind == "JPEG":
        options |= {"quality": quality or 95, "subsampling": 0}
    elif kind == "WEBP":
        is_exact = photo.lossless and photo.format == "WEBP" and quality is None
        options |= {"lossless": True, "exact": True} if is_exact else {"quality": quality or 95}
    elif kind in ("AVIF", "HEIF"):
        options["quality"] = quality or 90
    elif kind == "TIFF":
        options["compression"] = photo.compression if photo.compression in _TIFF else _TIFF[0]
    return options
