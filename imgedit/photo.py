"""Photos: files, Pillow images and arrays in, upright 8-bit RGB and what must survive it out, and back to files.

The only place that opens image files. Channel values are passed on as they are: a colour profile is kept beside them,
not applied; only CMYK, which no model understands, is converted.
"""

from __future__ import annotations

import io
import logging
import math
import os
import secrets
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from imgedit.errors import OutputError, PhotoError

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "JpegCoding",
    "Photo",
    "check_output",
    "default_output",
    "like",
    "read",
    "to_image",
    "write",
]

MAX_PIXELS = 200_000_000
"""Largest photo that is opened, width times height."""

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".jp2": "JPEG2000",
    ".avif": "AVIF",
}
"""File name ending to the format that is written."""

# Formats that are read. Others that Pillow knows start programs (EPS), or are no photos.
_COMMON = ("JPEG", "PNG", "BMP", "GIF", "PPM")  # Pillow always loads these
_FORMATS = (*_COMMON, "MPO", "TIFF", "WEBP", "DIB", "JPEG2000", "AVIF", "QOI")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_KEEPS_ALPHA = ("PNG", "WEBP", "TIFF", "JPEG2000", "AVIF")
_KEEPS_EXIF = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")
_KEEPS_DPI = ("JPEG", "PNG", "TIFF", "BMP")

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What a TIFF file's own directory holds besides its layout: description, maker, model, orientation, software, date,
# artist, copyright, EXIF, GPS.
_TIFF_TAGS = (0x010E, 0x010F, 0x0110, _ORIENTATION, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825)
_EXIF_LIMIT = 65_533 - len(b"Exif\0\0")  # bytes in one JPEG segment

_log = logging.getLogger(__name__)
_limit_lock = threading.Lock()


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG file was compressed: Pillow's quantization tables and subsampling number."""

    tables: dict[int, list[int]]
    subsampling: int
    progressive: bool


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, upright, and everything about it that an edit must keep.

    Attributes:
        rgb: `(H, W, 3)` uint8.
        alpha: `(H, W)` uint8, 0 is transparent; None if the photo has none.
        format: Pillow's name of the file format it came in.
        exif: EXIF block; its orientation says upright.
        icc: ICC profile of the values in `rgb`.
        dpi: Pixels per inch, across and down.
        path: The file it came from.
        mode: Pillow's name of the pixel layout it came in.
        jpeg: How it was compressed if it came as JPEG.
        lossless: False if its file format lost detail.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    format: str | None = None
    exif: bytes | None = None
    icc: bytes | None = None
    dpi: tuple[float, float] | None = None
    path: Path | None = None
    mode: str = "RGB"
    jpeg: JpegCoding | None = None
    lossless: bool = True

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.rgb.shape[1])


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
        return _decode(source, "the image", None)
    if source == "-":
        return _from_bytes(sys.stdin.buffer.read(), "standard input", None)
    path = Path(source)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file; check the name") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{path}: is a folder; give a photo") from error
    except PermissionError as error:
        if path.is_dir():  # Windows
            raise PhotoError(f"{path}: is a folder; give a photo") from error
        raise PhotoError(f"{path}: no permission to read it") from error
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return _from_bytes(data, str(path), path)


def write(
    photo: Photo,
    rgb: NDArray[np.uint8],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    quality: int | None = None,
) -> Path:
    """Write pixels with a photo's metadata, whole or not at all.

    EXIF, profile, resolution and alpha are kept where the format can hold them; transparent parts become white where it
    cannot. A JPEG that came as JPEG keeps its quantization and subsampling.

    Args:
        photo: Where the metadata come from.
        rgb: `(h, w, 3)` uint8; alpha is kept if the size is the photo's.
        path: The file; its ending is the format. `-` for standard output in the photo's own format.
        overwrite: Replace a file that exists.
        quality: 1..100 for JPEG, WebP and AVIF; None for the source's, or 95.

    Returns:
        The path.

    Raises:
        OutputError: It cannot be written there.
    """
    target = Path(path)
    if str(path) == "-":
        kind = next((kind for kind in SUFFIXES.values() if kind == photo.format), "PNG")
        sys.stdout.buffer.write(_encode(photo, rgb, kind, quality, "standard output"))
        sys.stdout.buffer.flush()
        return target
    check_output(target, overwrite=overwrite)
    data = _encode(photo, rgb, SUFFIXES[target.suffix.lower()], quality, str(target))
    temporary = target.parent / f".imgedit-{secrets.token_hex(6)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        _remove(temporary)
    return target


def check_output(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Find out before the work whether a photo can be written.

    Raises:
        OutputError: The ending is unknown, the folder missing or closed, or the file exists and may not be replaced.
    """
    target = Path(path)
    if str(path) == "-":
        return
    if target.suffix.lower() not in SUFFIXES:
        raise OutputError(f"{target}: unknown ending {target.suffix!r}; known: {' '.join(SUFFIXES)}")
    try:
        if target.is_dir():
            raise OutputError(f"{target}: is a folder; give a file name")
        if not target.parent.is_dir():
            raise OutputError(f"{target}: its folder {target.parent} does not exist; make it first")
        if os.path.lexists(target) and not overwrite:
            raise OutputError(f"{target}: exists already; use --overwrite or another name")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{target}: cannot be written: {reason}") from error
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{target}: no permission to write into {target.parent}")


def default_output(path: str | os.PathLike[str], words: Sequence[str]) -> Path:
    """Name the edited copy beside a photo: `photo.jpg` and `blond`, `smiling` give `photo.blond.smiling.jpg`.

    A format that is only read becomes `.png`; standard input stays standard output.
    """
    source = Path(path)
    if str(path) == "-":
        return source
    suffix = source.suffix if source.suffix.lower() in SUFFIXES else ".png"
    return source.with_name(".".join([source.stem, *words]) + suffix)


def to_image(photo: Photo) -> Image.Image:
    """Return a Pillow image, RGB or RGBA, that carries the photo's metadata in its `info`."""
    image = Image.fromarray(np.ascontiguousarray(photo.rgb))
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(photo.alpha)))
    for key, value in (("exif", photo.exif), ("icc_profile", photo.icc), ("dpi", photo.dpi)):
        if value is not None:
            image.info[key] = value
    return image


def like(source: object, photo: Photo) -> Any:
    """Return a photo in the kind that its source was: an array for an array, otherwise a Pillow image.

    Args:
        source: What `read` was given.
        photo: The edited photo. For an array with a fourth channel, alpha comes back as the fourth channel.
    """
    if not isinstance(source, np.ndarray):
        return to_image(photo)
    return photo.rgb if photo.alpha is None else np.dstack([photo.rgb, photo.alpha])


def _from_array(array: NDArray[Any]) -> Photo:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in array.shape:
        raise PhotoError(f"an array of shape {array.shape} is no photo; give (H, W), (H, W, 3) or (H, W, 4)")
    if array.dtype == np.uint16:
        array = _eight_bit(array)
    elif array.dtype != np.uint8:
        raise PhotoError(f"an array of {array.dtype} is no photo; give uint8 0..255 or uint16 0..65535")
    planes = array.reshape(*array.shape[:2], channels)
    rgb = np.repeat(planes, 3, axis=2) if channels == 1 else planes[..., :3]
    alpha = np.ascontiguousarray(planes[..., 3]) if channels == 4 else None
    return Photo(np.ascontiguousarray(rgb), alpha, mode={1: "L", 3: "RGB", 4: "RGBA"}[channels])


def _from_bytes(data: bytes, name: str, path: Path | None) -> Photo:
    if not data:
        raise PhotoError(f"{name}: is empty (zero bytes); copy the photo again")
    try:
        with _limit_lifted():
            image = _open(data)
    except UnidentifiedImageError as error:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
            raise PhotoError(f"{name}: HEIF photos are not supported; save it as JPEG or PNG") from error
        raise PhotoError(
            f"{name}: is not a photo (or of a kind that is not read); give JPEG, PNG, WebP or TIFF"
        ) from error
    except Exception as error:  # Pillow's plugins let anything through when a header is damaged
        raise _damaged(name, error) from error
    with image:
        photo = _decode(image, name, path)
    if photo.format == "WEBP" and b"VP8L" not in data:
        return replace(photo, lossless=False)
    return photo


def _open(data: bytes) -> Image.Image:
    Image.preinit()
    try:
        return Image.open(io.BytesIO(data), formats=_COMMON)
    except UnidentifiedImageError:
        Image.init()
        return Image.open(io.BytesIO(data), formats=[name for name in _FORMATS if name in Image.OPEN])


@contextmanager
def _limit_lifted() -> Iterator[None]:
    """Switch off Pillow's own limit, which warns at 89 megapixels; `_decode` has ours."""
    with _limit_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _damaged(name: str, error: Exception) -> PhotoError:
    if isinstance(error, MemoryError):
        return PhotoError(f"{name}: does not fit into memory; make it smaller first")
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return PhotoError(f"{name}: is damaged or cut off ({reason}); copy the photo again")


def _decode(image: Image.Image, name: str, path: Path | None) -> Photo:
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
    try:
        if kind != "JPEG" and getattr(image, "is_animated", False):
            _log.warning("%s: has several pictures; only the first is used", name)
        image.load()
        jpeg = _jpeg_coding(image) if kind == "JPEG" else None
        dpi = _dpi(image.info.get("dpi"))
        orientation, exif = _exif(image, name)
        icc = image.info.get("icc_profile") or None
        upright = image.transpose(_TURNS[orientation]) if orientation in _TURNS else image
        rgb, alpha, icc = _pixels(upright, icc, name)
    except PhotoError:
        raise
    except Exception as error:  # OSError, SyntaxError, ValueError, struct.error ...: Pillow's plugins raise them all
        raise _damaged(name, error) from error
    if dpi and orientation >= 5:
        dpi = (dpi[1], dpi[0])
    return Photo(rgb, alpha, kind, exif, icc, dpi, path, image.mode, jpeg, lossless=kind not in ("JPEG", "AVIF"))


def _pixels(
    image: Image.Image, icc: bytes | None, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None, bytes | None]:
    """Return RGB, alpha and the profile that still holds."""
    if image.mode == "CMYK":
        return np.array(_from_cmyk(image, icc)), None, None
    if icc is not None and icc[16:20] != b"RGB ":  # a grey profile says nothing about colours
        icc = None
    if image.mode.startswith("I;16") or image.mode == "I":
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise PhotoError(f"{name}: has more than 16 bits per pixel; save it with 8 or 16 bits")
        return np.repeat(_eight_bit(grey)[..., None], 3, axis=2), None, icc
    if image.mode == "F":
        raise PhotoError(f"{name}: has floating-point pixels; save it with 8 or 16 bits")
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "RGBa", "LA", "PA") or image.has_transparency_data:
        rgba = np.array(image.convert("RGBA"))
        return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]), icc
    return np.array(image.convert("RGB")), None, icc


def _eight_bit(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale 0..65535 to 0..255, rounded."""
    return ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)


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


def _exif(image: Image.Image, name: str) -> tuple[int, bytes | None]:
    """Return the orientation and the EXIF block with it reset; a damaged block is dropped."""
    orientation = 1
    try:
        exif = image.getexif()
        if image.format == "TIFF":  # its directory also describes the file itself
            for tag in [tag for tag in exif if tag not in _TIFF_TAGS]:
                del exif[tag]
        if not exif:
            return 1, None
        value = exif.get(_ORIENTATION, 1)
        orientation = value if isinstance(value, int) else 1
        if _ORIENTATION in exif:
            exif[_ORIENTATION] = 1
        return orientation, exif.tobytes()
    except Exception as error:  # whatever a damaged block leads Pillow to
        _log.warning("%s: its EXIF block is damaged and dropped: %s", name, error)
        return orientation, None


def _encode(photo: Photo, rgb: NDArray[np.uint8], kind: str, quality: int | None, name: str) -> bytes:
    """Return the bytes of an image file."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise OutputError(f"{name}: only (H, W, 3) uint8 can be written, not {rgb.shape} {rgb.dtype}")
    image = Image.fromarray(np.ascontiguousarray(rgb))
    if photo.alpha is not None and photo.alpha.shape == rgb.shape[:2]:
        alpha = Image.fromarray(np.ascontiguousarray(photo.alpha))
        if kind in _KEEPS_ALPHA:
            image.putalpha(alpha)
        elif photo.alpha.min() < 255:
            _log.warning("%s: %s cannot be transparent; transparent parts become white", name, kind)
            image = Image.composite(image, Image.new("RGB", image.size, "white"), alpha)
    options = _options(photo, kind, quality, name)
    buffer = io.BytesIO()
    try:
        image.save(buffer, kind, **options)
    except (OSError, ValueError, KeyError) as error:
        reason = f"this Pillow cannot write {kind}" if isinstance(error, KeyError) else error
        raise OutputError(f"{name}: cannot be written as {kind}: {reason}") from error
    return buffer.getvalue()


def _options(photo: Photo, kind: str, quality: int | None, name: str) -> dict[str, Any]:
    """Return Pillow's settings for saving in a format."""
    options: dict[str, Any] = {}
    if photo.icc and kind != "BMP":
        options["icc_profile"] = photo.icc
    if photo.dpi and kind in _KEEPS_DPI:
        options["dpi"] = photo.dpi
    if photo.exif and kind in _KEEPS_EXIF:
        if kind == "JPEG" and len(photo.exif) > _EXIF_LIMIT:
            _log.warning("%s: the EXIF block is too long for JPEG and dropped", name)
        else:
            options["exif"] = photo.exif
    if kind == "JPEG" and photo.jpeg and quality is None:
        options |= {"qtables": photo.jpeg.tables, "progressive": photo.jpeg.progressive, "optimize": True}
        if photo.jpeg.subsampling >= 0:
            options["subsampling"] = photo.jpeg.subsampling
    elif kind == "JPEG":
        options |= {"quality": quality or 95, "subsampling": 0, "optimize": True}
    elif kind == "WEBP":
        is_exact = photo.lossless and photo.format == "WEBP" and quality is None
        options |= {"lossless": True, "exact": True} if is_exact else {"quality": quality or 95}
    elif kind == "AVIF":
        options["quality"] = quality or 90
    elif kind == "TIFF" and "exif" not in options:  # Pillow cannot write EXIF into a compressed TIFF
        options["compression"] = "tiff_adobe_deflate"
    return options


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        _log.warning("%s: a temporary file could not be removed", path)
