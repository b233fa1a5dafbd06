"""Show words at strengths from 0 to 1: as numbered pictures, as a strip, or as an animation.

The networks run once; only the changes are carried out anew for each strength.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from imgedit import deliver
from imgedit.edits import translate
from imgedit.edits.plan import Warn
from imgedit.edits.translate import Translation
from imgedit.edits.words import Words
from imgedit.errors import ConfigError, OutputError
from imgedit.models.library import Model
from imgedit.photo import Photo, mark_alone, mark_in_words, remade
from imgedit.photo.gif import with_xmp
from imgedit.render.change import Change
from imgedit.vision.subject import Subject

__all__ = ["LAYOUTS", "MAX_STEPS", "Interpolation", "prepare"]

LAYOUTS = ("files", "strip", "gif")
MAX_STEPS = 64
GIF_SIDE = 640
"""Longest side of an animation, px; its colours are reduced to 256, so nothing is gained by more."""
_FIRST_PAUSE, _PAUSE = 800, 150  # milliseconds: at both ends, and of each picture between


@dataclass(frozen=True)
class Interpolation:
    """A plan of words that is carried out at several strengths.

    Attributes:
        translation: the words at their full strength.
        steps: pictures, at least 2.
        layout: one of `LAYOUTS`.
    """

    translation: Translation
    steps: int
    layout: str

    @property
    def names(self) -> Sequence[str]:
        """The words, and `strip` for a strip."""
        return [*self.translation.names, *(["strip"] if self.layout == "strip" else [])]

    @property
    def description(self) -> str:
        """The words."""
        return self.translation.description

    @property
    def models(self) -> Sequence[Model]:
        """The models of the words."""
        return self.translation.models

    @property
    def strengths(self) -> Sequence[float]:
        """Even steps from 0 to 1."""
        return [i / (self.steps - 1) for i in range(self.steps)]

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Return the changes of the words at full strength; as `Plan.changes`."""
        return self.translation.changes(subject, warn)

    def paths(self, target: Path | None, *, is_named: bool) -> list[Path]:
        """Name the files.

        Args:
            target: as `imgedit.deliver.name` gives it; None for pictures that are given back.
            is_named: the user named the target.

        Raises:
            ConfigError: an animation has no file to go to.
            OutputError: an animation is named otherwise than `.gif`.
        """
        if self.layout == "gif":
            if target is None or deliver.is_stdout(target):
                raise ConfigError("an animation is written to a file; give the photo by its path, and name a .gif file")
            if is_named and target.suffix.lower() != ".gif":
                raise OutputError(f"{target}: an animation must end in .gif")
            return [target if is_named else target.with_suffix(".gif")]
        count = self.steps if self.layout == "files" else 1
        return [] if target is None else [deliver.numbered(target, index, count) for index in range(count)]

    def laid_out(self, photos: Sequence[Photo]) -> list[Photo | bytes]:
        """Bring the pictures of the strengths, in order, into the layout: photos, or the bytes of an animation."""
        if self.layout == "gif":
            return [_animation(photos)]
        if self.layout == "strip":
            alpha = [photo.alpha for photo in photos if photo.alpha is not None]
            wide = [photo.rgb16 for photo in photos]
            if all(one is not None for one in wide):
                strip = deliver.beside([one for one in wide if one is not None])
            else:
                strip = deliver.beside([photo.rgb for photo in photos])
            laid = remade(photos[-1] if strip.dtype == np.uint16 else replace(photos[-1], deep=None), lambda _: strip)
            return [replace(laid, alpha=np.concatenate(alpha, axis=1) if alpha else None)]
        return list(photos)


def prepare(
    words: Words,
    models: Sequence[Model] | None = None,
    *,
    steps: int = 5,
    layout: str = "files",
    force: bool = False,
) -> Interpolation:
    """Settle what is shown, and how.

    Args:
        words: as `translate.prepare`; a word's own strength is where it ends.
        models: as there.
        steps: pictures, the first at strength 0, the last at 1.
        layout: one of `LAYOUTS`.
        force: as `translate.prepare`.

    Raises:
        ConfigError: there is no such layout, or too few or too many steps.
        ImgeditError: another of its children, as `translate.prepare`.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"unknown layout {layout!r}; known: {', '.join(LAYOUTS)}")
    if not 2 <= steps <= MAX_STEPS:
        raise ConfigError(f"an interpolation has 2 to {MAX_STEPS} steps, not {steps}")
    return Interpolation(translate.prepare(words, models, force=force), steps, layout)


def _animation(photos: Sequence[Photo]) -> bytes:
    """Return a GIF that goes from the first picture to the last and back, without end."""
    frames = [Image.fromarray(photo.rgb) for photo in photos]
    for frame in frames:
        frame.thumbnail((GIF_SIDE, GIF_SIDE), Image.Resampling.LANCZOS)
    pauses = [_FIRST_PAUSE, *[_PAUSE] * (len(frames) - 2), _FIRST_PAUSE]
    frames, pauses = [*frames, *frames[-2:0:-1]], [*pauses, *pauses[-2:0:-1]]
    buffer = io.BytesIO()
    comment = mark_in_words(photos[-1])
    options = {"comment": comment.encode()} if comment else {}
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0, **options)
    packet = mark_alone(photos[-1])  # an animation holds nothing else of what the photo says of itself
    return with_xmp(buffer.getvalue(), packet) if packet else buffer.getvalue()
