"""Photos: files, Pillow images and arrays in, upright RGB and what must survive it out, and back to files.

The only place that opens image files. EXIF, XMP, IPTC, comments, profile and resolution survive where a format can
hold them. Channel values are passed on as they are: a colour profile is kept beside them, not applied; only CMYK, which
no model understands, is converted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from imgedit.photo.colour import is_grey, srgb, srgb_deep, with_srgb
from imgedit.photo.marking import is_marked, mark_alone, mark_in_words, marked
from imgedit.photo.reader import MAX_PIXELS, decode, read
from imgedit.photo.record import Before, Deep, JpegCoding, Metadata, Photo, remade, stripped, to_image, turned
from imgedit.photo.sources import check_source
from imgedit.photo.writer import SUFFIXES, check_output, default_output, encode, permissions, write

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Before",
    "Deep",
    "JpegCoding",
    "Metadata",
    "Photo",
    "check_output",
    "check_source",
    "decode",
    "default_output",
    "encode",
    "is_grey",
    "is_marked",
    "like",
    "mark_alone",
    "mark_in_words",
    "marked",
    "permissions",
    "read",
    "remade",
    "srgb",
    "srgb_deep",
    "stripped",
    "to_image",
    "turned",
    "with_srgb",
    "write",
]


def like(source: object, photo: Photo) -> Any:
    """Return a photo in the kind that its source was: an array for an array, otherwise a Pillow image.

    Args:
        source: What `read` was given.
        photo: The edited photo. For an array with a fourth channel, alpha comes back as the fourth channel; for one of
            16 bits an array of 16 bits.
    """
    if not isinstance(source, np.ndarray):
        return to_image(photo)
    wide = photo.rgb16
    if source.dtype == np.uint16 and wide is not None and photo.deep is not None:
        return wide if photo.deep.alpha is None else np.dstack([wide, photo.deep.alpha])
    return np.ascontiguousarray(photo.rgb) if photo.alpha is None else np.dstack([photo.rgb, photo.alpha])
