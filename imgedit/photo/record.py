"""A photo as it is held in memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["JpegCoding", "Metadata", "Photo", "to_image"]


@dataclass(frozen=True)
class JpegCoding:
    """How a JPEG file was compressed: Pillow's quantization tables and subsampling number."""

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
        metadata: XMP, IPTC and comments.
        permissions: Who may read and write the file it came from, as `os.chmod` takes it; None if it was no file.
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

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.rgb.shape[1])


def to_image(photo: Photo) -> Image.Image:
    """Return a Pillow image, RGB or RGBA, that carries the photo's metadata in its `info`."""
    image = Image.fromarray(np.ascontiguousarray(photo.rgb))
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(np.ascontiguousarray(photo.alpha)))
    known = {"exif": photo.exif, "icc_profile": photo.icc, "dpi": photo.dpi, "xmp": photo.metadata.xmp}
    for key, value in known.items():
        if value is not None:
            image.info[key] = value
    return image
