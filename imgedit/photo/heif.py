"""HEIC and HEIF, the format of most telephones: read and written by pillow-heif where that is installed."""

from __future__ import annotations

import importlib.util
from functools import cache

from imgedit.extras import how_to_install

__all__ = ["BRANDS", "MISSING", "hint", "is_heif", "is_here", "register"]

BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
"""What such a file says that it is, behind its first eight bytes."""
MISSING = "HEIF (HEIC) needs the package pillow-heif; install it, or use JPEG or PNG"
"""What is wrong where it is not installed."""


def hint() -> str:
    """Say how pillow-heif is installed here, for the hint of an error."""
    return f"add it with: {how_to_install('pillow-heif')}"


def is_heif(data: bytes) -> bool:
    """Tell whether the bytes of a file are HEIF."""
    return data[4:8] == b"ftyp" and data[8:12] in BRANDS


def is_here() -> bool:
    """Tell whether HEIF can be read and written; nothing is loaded."""
    return importlib.util.find_spec("pillow_heif") is not None


@cache
def register() -> bool:
    """Teach Pillow the format; False where pillow-heif is not installed, or does not work."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return True
