"""A photo as it is held in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgedit.photo.profiles import for_colours
from imgedit.photo.sixteen import eight_bit

__all__ = [
    "GREY_MODES",
    "Before",
    "Deep",
    "JpegCoding",
    "Metadata",
    "Photo",
    "remade",
    "stripped",
    "to_image",
    "turned",
]

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B")
"""Pillow's names of pixel layouts without colours."""


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG file was compressed: Pillow's quantization tables and subsampling number.

    The number is 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0, and -1 for others and for grey.
    """

    tables: dict[int, list[int]]
    subsampling: int
    progressive: bool


@dataclass(frozen=True)
class Metadata:
    """What a photo says about itself besides EXIF.

    Attributes:
        xmp: XMP packet; it says that the photo is upright.
        iptc: Photoshop image resources, which hold IPTC's fields.
        comments: Keyword and text of each comment; in JPEG all have the keyword `Comment`.
        left_out: Names of what the file held and no edited photo may.
    """

    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Deep:
    """The 16 bits of a photo that has them.

    Attributes:
        rgb: `(H, W, 3)` uint16.
        of: the 8-bit pixels that are their rounding. A photo with other pixels than these has 8 bits.
        alpha: `(H, W)` uint16; None if the photo has none.
    """

    rgb: NDArray[np.uint16]
    of: NDArray[np.uint8]
    alpha: NDArray[np.uint16] | None = None


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo, upright, and everything about it that an edit must keep.

    Attributes:
        rgb: `(H, W, 3)` uint8.
        alpha: `(H, W)` uint8, 0 is transparent; None if the photo has none.
        format: Pillow's name of the file format it came in.
        exif: EXIF block; its orientation says upright.
        icc: ICC profile of the values in `rgb`; of a grey photo it may be one of a single channel.
        dpi: Pixels per inch, across and down.
        path: The file it came from.
        mode: Pillow's name of the pixel layout it came in.
        jpeg: How it was compressed if it came as JPEG.
        lossless: False if its file format lost detail.
        metadata: XMP, IPTC and comments.
        permissions: Who may read and write the file it came from, as `os.chmod` takes it; None if it was no file.
        deep: 16 bits of its pixels, if it came with them; read it by `rgb16`.
        compression: Pillow's name of how it was compressed if it came as TIFF, such as `tiff_lzw`.
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
    metadata: Metadata = Metadata()
    permissions: int | None = None
    deep: Deep | None = None
    compression: str | None = None

    @property
    def rgb16(self) -> NDArray[np.uint16] | None:
        """The pixels with 16 bits, `(H, W, 3)`; None for a photo that has 8, or whose pixels were replaced."""
        return self.deep.rgb if self.deep is not None and self.deep.of is self.rgb else None

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.rgb.shape[1])


@dataclass(frozen=True, eq=False)
class Before:
    """The part of a photo that an edit changed, as it was before; all else is as in the edited photo.

    Attributes:
        rgb: `(h, w, 3)` uint8.
        x: its first column in the photo.
        y: its first row.
    """

    rgb: NDArray[np.uint8]
    x: int
    y: int

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], edited: NDArray[np.uint8]) -> Before:
        """Find the part in which two pictures `(H, W, 3)` differ, and copy it out of the first."""
        rows = [y for y, (own, new) in enumerate(zip(rgb, edited, strict=True)) if not np.array_equal(own, new)]
        top, end = (rows[0], rows[-1] + 1) if rows else (0, 0)
        differ = np.zeros(rgb.shape[1], np.bool_)
        for y in rows:
            differ |= (rgb[y] != edited[y]).any(axis=1)
        columns = np.flatnonzero(differ)
        left, right = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
        return cls(rgb[top:end, left:right].copy(), left, top)

    def rows(self, edited: NDArray[np.uint8], top: int) -> NDArray[np.uint8]:
        """Return rows of the photo as they were.

        Args:
            edited: those rows of the edited photo, `(n, W, 3)`.
            top: the first of them in the photo.
        """
        rows = edited.copy()
        first, end = max(top, self.y), min(top + len(rows), self.y + len(self.rgb))
        if first < end:
            rows[first - top : end - top, self.x : self.x + self.rgb.shape[1]] = self.rgb[first - self.y : end - self.y]
        return rows


def stripped(photo: Photo) -> Photo:
    """Return a photo that says nothing about itself: no EXIF (and so no place and time), XMP, IPTC or comments.

    What its colours mean (the profile) and its resolution stay.
    """
    return replace(photo, exif=None, metadata=Metadata())


def remade(photo: Photo, make: Callable[[NDArray[Any]], NDArray[Any]]) -> Photo:
    """Return a photo of other pixels, without alpha: what `make` returns for those of this one, with all their bits.

    Args:
        photo: what the metadata come from.
        make: takes pixels `(H, W, 3)`, uint8 or uint16, and returns others of the same type.
    """
    wide = photo.rgb16
    if wide is None:
        return replace(photo, rgb=make(photo.rgb), alpha=None, deep=None)
    made = make(wide)
    rgb = eight_bit(made)
    return replace(photo, rgb=rgb, alpha=None, deep=Deep(made, rgb))


def turned(photo: Photo, quarters: int) -> Photo:
    """Return a photo turned by quarters of a circle, counter-clockwise; nothing of it changes else.

    With 8 bits it shares its pixels with the photo: they are not copied.
    """

    def turn(pixels: NDArray[Any]) -> NDArray[Any]:
        view = np.rot90(pixels, quarters)
        return view if photo.deep is None else np.ascontiguousarray(view)

    rgb, deep = turn(photo.rgb), None
    alpha = None if photo.alpha is None else turn(photo.alpha)
    if photo.deep is not None and photo.rgb16 is not None:
        deep = Deep(turn(photo.deep.rgb), rgb, None if photo.deep.alpha is None else turn(photo.deep.alpha))
    dpi = photo.dpi[::-1] if photo.dpi and quarters % 2 else photo.dpi
    return replace(photo, rgb=rgb, alpha=alpha, deep=deep, dpi=dpi)


def to_image(photo: Photo) -> Image.Image:
    """Return a Pillow image, RGB or RGBA, that carries the photo's metadata in its `info`."""
    image = Image.fromarray(np.ascontiguousarray(photo.rgb))
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(photo.alpha)))
    known = {"exif": photo.exif, "icc_profile": for_colours(photo.icc), "dpi": photo.dpi, "xmp": photo.metadata.xmp}
    for key, value in known.items():
        if value is not None:
            image.info[key] = value
    return image
