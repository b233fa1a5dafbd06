"""An edited photo says that it was edited."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from imgedit.photo import xmp
from imgedit.photo.record import Photo

__all__ = ["is_marked", "mark_alone", "mark_in_words", "marked"]

_SEEN = re.compile(rb"AISystemUsed[^a-zA-Z]{0,8}imgedit|edited with imgedit")
_HEAD, _TAIL = 1 << 18, 1 << 16  # bytes at a file's ends, where XMP and comments are


def marked(photo: Photo, words: str, models: Iterable[tuple[str, str]], *, generated: bool = False) -> Photo:
    """Return a photo whose XMP says what was done to it: digital source type, program, models, words, history.

    No time is written, so that the same edit gives the same file.

    Args:
        photo: The edited photo.
        words: What was asked for, such as `blond, smiling=0.5`.
        models: Id and version of each model that was used.
        generated: The whole picture comes from a model, not only a part of it.
    """
    from imgedit import __version__

    used = list(models)
    names = f"imgedit ({', '.join(name for name, _ in used)})" if used else "imgedit"
    versions = f"{__version__} ({', '.join(version for _, version in used)})" if used else __version__
    source = xmp.GENERATED if generated else xmp.COMPOSITE

    def mark(packet: bytes | None) -> bytes:
        tool = f"imgedit {__version__}"
        return xmp.mark(packet, tool=tool, version=versions, model=names, words=words, source=source)

    try:
        packet = mark(photo.metadata.xmp)
    except ValueError:  # a packet that did not come through the reader
        packet = mark(None)
    return replace(photo, metadata=replace(photo.metadata, xmp=packet))


def is_marked(path: Path) -> bool:
    """Tell whether a file carries the mark, by its first and its last bytes; False for one that cannot be read."""
    try:
        with path.open("rb") as file:
            seen = file.read(_HEAD)
            if len(seen) == _HEAD:
                file.seek(max(_HEAD, path.stat().st_size - _TAIL))
                seen += file.read(_TAIL)
    except OSError:
        return False
    return _SEEN.search(seen) is not None


def mark_alone(photo: Photo) -> bytes | None:
    """Return an XMP packet with the photo's mark and nothing else; None for a photo without one."""
    return xmp.mark_alone(photo.metadata.xmp) if photo.metadata.xmp else None


def mark_in_words(photo: Photo) -> str | None:
    """Return the mark as a sentence, for formats that hold a comment and no XMP; None for a photo without one."""
    values = xmp.marks(photo.metadata.xmp) if photo.metadata.xmp else {}
    if not values.get("DigitalSourceType"):
        return None
    return "edited with {AISystemUsed}: {AIPromptInformation} ({DigitalSourceType})".format(**values)
