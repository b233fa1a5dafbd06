"""Small photos to read and write: pixels, metadata, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(height: int = 24, width: int = 36, channels: int = 3) -> np.ndarray:
    """Return a picture in which every row and column is different."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [y * 7 + 3, x * 5 + 11, (x + y) * 3, 40 + x * 4]
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


def saved(path: Path, array: np.ndarray, **options: Any) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


def exif_with(orientation: int | None = None, text: str = "A camera") -> bytes:
    exif = Image.Exif()
    exif[0x010F] = text
    if orientation is not None:
        exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return exif.tobytes()
