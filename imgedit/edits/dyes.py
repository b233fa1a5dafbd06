"""Hair colours that no word names: of a picture of a colour, `#7a3b2e`, or of another photo's hair.

Both are made into a `Target`, as real hair of a word's colour is, and carried out in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imgedit import photo as photos
from imgedit.edits.tones import HairColours, Target, hair_colours, target_of
from imgedit.errors import ConfigError, NoFaceError
from imgedit.models.sessions import Sessions
from imgedit.photo import Photo
from imgedit.pixels import Floats, to_lab
from imgedit.render.tone import log_luminance
from imgedit.vision import faces
from imgedit.vision.subject import Networks, face_subject

__all__ = ["ColourDye", "Dye", "PhotoDye", "read", "read_colour", "read_hair"]

_HEX = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
_SIDES = (10.0, 90.0)  # as `imgedit.edits.tones`
_SKIN = 66.0  # median L* of the skin of 689 heads of CelebAMask-HQ
_OF_SKIN = (
    0.5  # share of the luminance that skin lacks which a colour lacks too: skin is dark in dim light, or by itself
)
_LIGHT = 0.5  # share of what is unusual of a skin's tint that is light, and the hair has too
_FEWEST = 30  # pixels of a lightness whose tint counts
_CHROMA = (0.2, 1.5)  # least and most chroma at another lightness, as shares of that at the colour's own


class Dye(Protocol):
    """A colour for hair."""

    @property
    def name(self) -> str:
        """What the edited copy and messages call it, such as `hair-7a3b2e`."""
        ...

    def target(self, tones: Mapping[str, NDArray[Any]]) -> Target:
        """Return what hair is to look like.

        Args:
            tones: statistics of real hair, as `imgedit.edits.tones.target_of` takes them.
        """
        ...


@dataclass(frozen=True)
class ColourDye:
    """One colour, which the middle of the hair takes in usual light; in half as much light it is darker.

    Attributes:
        rgb: sRGB, 0..255.
    """

    rgb: tuple[int, int, int]

    @property
    def name(self) -> str:
        """`hair-` and the colour."""
        return "hair-" + "".join(f"{value:02x}" for value in self.rgb)

    def target(self, tones: Mapping[str, NDArray[Any]]) -> Target:
        """As `Dye.target`: contrast and chroma at other lightnesses are those of the real hair that is as light."""
        lightness, *ab = (float(value) for value in to_lab(np.array([[self.rgb]], np.uint8))[0, 0])
        log_y = float(log_luminance(np.asarray(lightness, np.float32)))
        known = [target_of(tones, index) for index in range(len(tones["tint"]))]
        near = min(known, key=lambda one: abs(one.top - float(one.above.mean()) - log_y))
        level = np.full(2, log_y - _OF_SKIN * float(log_luminance(np.asarray(_SKIN, np.float32))), np.float32)
        tint = np.outer(_chroma(near.tint, lightness), ab).astype(np.float32)
        none = np.zeros(2, np.float32)
        return near._replace(level=level, of_skin=_OF_SKIN, top=0.0, tint=tint, share=none, width=none)


@dataclass(frozen=True, eq=False)
class PhotoDye:
    """The colours of the hair of another photo, beside its own skin.

    Attributes:
        photo: what the edited copy calls it.
        colours: of its hair and skin.
    """

    photo: str
    colours: HairColours

    @property
    def name(self) -> str:
        """`hair-like-` and the photo."""
        return f"hair-like-{self.photo}"

    def target(self, tones: Mapping[str, NDArray[Any]]) -> Target:
        """As `Dye.target`: how light, how varied and of which tint the other hair is, beside its own skin."""
        hair, skin = self.colours
        log_y = log_luminance(hair[:, 0])
        lower, middle, upper = (float(value) for value in np.percentile(log_y, (_SIDES[0], 50.0, _SIDES[1])))
        return Target(
            level=np.full(2, middle - float(log_luminance(skin[0])), np.float32),
            below=np.full(2, middle - lower, np.float32),
            above=np.full(2, upper - middle, np.float32),
            top=0.0,
            tint=_tint(hair, len(tones["tint"][0])),
            share=np.full(2, _LIGHT, np.float32),
            width=np.zeros(2, np.float32),
            usual=np.asarray(skin[1:], np.float32),
        )


def read(colour: str | None = None, like: Any = None, *, device: str = "auto") -> Dye | None:
    """Return the dye that a user asks for; None where that is none.

    Args:
        colour: as `read_colour`.
        like: as `read_hair`.
        device: as `read_hair`.

    Raises:
        ConfigError: both are asked for; or as `read_colour` and `read_hair`.
        NoFaceError: as `read_hair`.
    """
    if colour is not None and like is not None:
        raise ConfigError("a hair colour and another photo's hair contradict each other; name only one of them")
    if colour is not None:
        return read_colour(colour)
    return None if like is None else read_hair(like, device=device)


def read_colour(text: str) -> ColourDye:
    """Read a colour.

    Args:
        text: `#7a3b2e`, `7a3b2e` or `#a52`.

    Raises:
        ConfigError: it is none.
    """
    found = _HEX.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    if found is None:
        raise ConfigError(f"a hair colour is six digits from 0 to f, got {text!r}", hint="such as #7a3b2e")
    digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return ColourDye((red, green, blue))


def read_hair(picture: Any, *, device: str = "auto") -> PhotoDye:
    """Take the colours of the hair of the largest face of a picture.

    Args:
        picture: a path, `-` for standard input, a PIL image, an array, or a `Photo`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        NoFaceError: there is no face.
        ConfigError: the face shows too little hair or skin, or the photo has no colours.
        PhotoError: the picture cannot be read.
    """
    photo = picture if isinstance(picture, Photo) else photos.read(picture)
    is_named = isinstance(picture, str | PathLike)
    called = str(picture) if is_named else str(photo.path or "the other picture")
    rgb = photos.srgb(photo)
    try:
        (face,) = faces.pick(faces.search(rgb, device=device), "largest", photo=(photo.width, photo.height))
    except NoFaceError as error:
        raise NoFaceError(f"{called}: {error}") from error
    subject = face_subject(replace(photo, rgb=rgb, icc=None), face, Networks(Sessions(device)))
    found = hair_colours(subject)
    if found is None:
        raise ConfigError(
            f"{called}: {face} shows too little hair or skin to take colours from", hint="one with uncovered hair"
        )
    if subject.is_grey:
        raise ConfigError(f"{called} is a grey photo, which does not tell a hair's colour", hint="a photo in colour")
    return PhotoDye(Path(called).stem if is_named and called != "-" else "another", found)


def _chroma(tint: Floats, lightness: float) -> NDArray[np.float64]:
    """Return the chroma of each of `(n, 2)` tints as a share of that at one lightness, `(n,)`."""
    chroma = np.hypot(*tint.T.astype(np.float64))
    at = (np.arange(len(chroma)) + 0.5) * 100.0 / len(chroma)
    return np.asarray(np.clip(chroma / max(float(np.interp(lightness, at, chroma)), 1.0), *_CHROMA))


def _tint(hair: Floats, n: int) -> Floats:
    """Return the median a*, b* of hair at each of n lightnesses, `(n, 2)`; black and white have little."""
    index = np.clip(hair[:, 0] * n / 100.0, 0, n - 1).astype(np.intp)
    known = [i for i in range(n) if (index == i).sum() >= _FEWEST]
    medians = np.array([np.median(hair[index == i, 1:], axis=0) for i in known])
    places = np.array([-1.0, *known, float(n)])
    values = np.concatenate([_CHROMA[0] * medians[:1], medians, _CHROMA[0] * medians[-1:]])
    return np.column_stack([np.interp(np.arange(n), places, values[:, c]) for c in range(2)]).astype(np.float32)
