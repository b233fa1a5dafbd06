"""Swap: pictures split into s (identity, or the digit) and z (pose and expression, or the hand), and crossed.

pictures --subjects--> what the model sees --encode--> s, z --mixed--> s, z --decode--> one small picture
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit import deliver
from imgedit import photo as photos
from imgedit.errors import ConfigError, ModelError, NoFaceError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions, check_kind
from imgedit.photo import Photo
from imgedit.pixels import Floats, to_pixels, to_tensor
from imgedit.vision import faces
from imgedit.vision.faces import Face
from imgedit.vision.subject import Networks, face_subject

__all__ = [
    "DIGITS",
    "FACES",
    "Code",
    "Swapper",
    "Swapping",
    "check_names",
    "check_options",
    "made",
    "output",
    "stem",
    "swap_photos",
]

DIGITS = "cycle_vae.mnist"
FACES = "cycle_vae.cfp"

MAX_STEPS = 64
MAX_GRID = 16

_DIGIT_SIDE = 64  # px; a grey picture without a face is taken for a digit up to this side
_GREY = 8  # largest difference of a grey picture's channels, of 255: what JPEG leaves


@dataclass(frozen=True)
class Code:
    """What pictures are encoded to: s `(N, S)` and z `(N, Z)`, float32."""

    s: Floats
    z: Floats


@dataclass(frozen=True)
class Swapping:
    """What became of some pictures.

    Attributes:
        rgb: `(h, w, 3)` uint8, one picture, a strip or a grid, at the model's size.
        model: id and version of the model.
        faces: the face of each picture; None where the model sees the whole picture.
    """

    rgb: NDArray[np.uint8]
    model: tuple[str, str]
    faces: list[Face] | list[None]


class Swapper:
    """One swap model, ready for many pictures.

    Args:
        model: of kind `swap`, or one that translates by way of a code: then z is all there is of it.
        sessions: where its graphs are opened.

    Raises:
        ModelError: the model does something else, is damaged, or does not say what pictures it sees.
    """

    def __init__(self, model: Model, sessions: Sessions) -> None:
        self.has_s = not (model.manifest.kind == "translate" and model.has("encode") and model.has("decode"))
        self.model = check_kind(model, "swap") if self.has_s else model
        self.crop = model.manifest.crop
        self._networks = Networks(sessions)
        self._encode, self._decode = (sessions.open(model, role) for role in ("encode", "decode"))
        shape = self._encode.inputs.get("image", ())
        if len(shape) != 4 or shape[1] not in (1, 3) or not self.crop.height or not self.crop.width:
            raise ModelError(f"{model.id} must say its crop's size, and take images of 1 or 3 channels, not {shape}")
        self.channels = int(shape[1])

    def seen(self, photo: Photo, face: Face | None) -> Floats:
        """Return what the model sees of a photo, `(C, H, W)` in [-1, 1]: the aligned face, or the whole picture."""
        if self.crop.kind == "none":
            pixels = _fitted(_on_white(photo), self.channels, self.crop.height, self.crop.width)
        elif face is None:
            raise NoFaceError(f"{self.model.id} swaps faces, and no face of the picture is given")
        else:
            subject = face_subject(photo, face, self._networks)
            pixels = subject.pixels(self.crop.kind, self.crop.height, self.crop.width)
            if self.channels == 1:
                pixels = _grey(pixels)
        return to_tensor(pixels)

    def encode(self, images: Floats) -> Code:
        """Split images `(N, C, H, W)` in [-1, 1] into s (empty where the model has none) and z (its mean)."""
        found = self._encode.run({"image": images}, ["s", "z"] if self.has_s else ["z"])
        for name, part in found.items():
            if part.ndim != 2 or len(part) != len(images) or part.shape[1] == 0:
                raise ModelError(
                    f"{self.model.id} gives no {name} to swap: shape {part.shape} for {len(images)} images"
                )
        return Code(found.get("s", np.zeros((len(images), 0), np.float32)), found["z"])

    def decode(self, code: Code) -> NDArray[np.uint8]:
        """Put images together, `(N, H, W, 3)` in 0..255; grey ones have three equal channels."""
        feeds = {"s": code.s, "z": code.z} if self.has_s else {"z": code.z}
        image = self._decode.run(feeds, ["image"])["image"]
        expected = (len(code.z), self.channels, self.crop.height, self.crop.width)
        if image.shape != expected or not np.isfinite(image).all():
            raise ModelError(f"{self.model.id} returned images of shape {image.shape} or not finite, not {expected}")
        return _pixels(image)


def check_options(count: int, *, take: str | None = None, steps: int | None = None, grid: bool = False) -> None:
    """Raise ConfigError where `swap_photos` could not carry the options out with `count` pictures."""
    if count < 2:
        raise ConfigError(f"a swap takes two pictures, got {count}")
    if count > 2 and not grid:
        raise ConfigError(f"a swap takes two pictures, got {count}; a grid crosses more", hint="add --grid")
    if count > MAX_GRID:
        raise ConfigError(f"a grid takes at most {MAX_GRID} pictures, got {count}")
    if grid and (steps is not None or take is not None):
        raise ConfigError("a grid shows every s with every z; leave out take and steps")
    if take not in (None, "s", "z"):
        raise ConfigError(f"take must be pose, expression or both of photos, s or z of a model's code, got {take!r}")
    if steps is not None and not 2 <= steps <= MAX_STEPS:
        raise ConfigError(f"steps must be from 2 to {MAX_STEPS} pictures, got {steps}")


def swap_photos(
    pictures: Sequence[Photo],
    *,
    take: str | None = None,
    steps: int | None = None,
    grid: bool = False,
    model: str | PathLike[str] | None = None,
    device: str = "auto",
) -> Swapping:
    """Cross pictures a, b, or more of them in a grid.

    A face model finds and aligns the largest face of each picture. A digit model takes a picture as it is, brought to
    the model's size; one with a light border is taken for dark on light and inverted. The result has the model's size.

    Args:
        pictures: a, b and, for a grid, more.
        take: what is taken from `a`: `s` (what None means) or `z`, the other from `b`. With `steps` it is what stays
            that of `a`, and None lets both go over.
        steps: give a strip of so many pictures instead, from `a` to `b` in even steps.
        grid: give a grid instead: s from the picture at the head of a column, z from that at the head of a row. The
            diagonal is what the model makes of each picture itself.
        model: id or folder of a swap model, or, with `steps`, of one that translates by way of a code. None for `FACES`
            where every picture shows a face, and otherwise `DIGITS` if every picture is grey and at most 64 px.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        ConfigError: the options do not fit together or the pictures.
        NoFaceError: a model of faces is needed or named, and a picture has none.
        ModelError: the model is missing, damaged, or no swap model.
    """
    check_options(len(pictures), take=take, steps=steps, grid=grid)
    sessions = Sessions(device)
    return _swapped(pictures, None if model is None else _named(model, sessions), sessions, take, steps, grid)


def _named(name: str | PathLike[str], sessions: Sessions) -> Swapper:
    return Swapper(library.find(name), sessions)


def _swapped(
    pictures: Sequence[Photo],
    swapper: Swapper | None,
    sessions: Sessions,
    take: str | None,
    steps: int | None,
    grid: bool,
) -> Swapping:
    """Cross pictures with a model, or with the one that fits them."""
    swapper, chosen = _fitting(pictures, swapper, sessions)
    if not swapper.has_s and (steps is None or take is not None):
        raise ConfigError(f"{swapper.model.id} has no s to swap, only a way from one picture to another: give steps")
    seen = np.stack([swapper.seen(photo, face) for photo, face in zip(pictures, chosen, strict=True)])
    code = swapper.encode(seen)
    if grid:
        rgb = _framed(_pixels(seen), swapper.decode(_crossed(code)))
    elif steps is not None:
        rgb = np.concatenate(list(swapper.decode(_between(code, steps, take))), axis=1)
    else:
        rgb = swapper.decode(_between(code, 2, take or "s"))[1]
    return Swapping(rgb, (swapper.model.id, swapper.model.manifest.version), chosen)


def check_names(pictures: Sequence[Any]) -> None:
    """Raise ConfigError where more than one picture is to come from standard input."""
    if sum(isinstance(picture, str) and deliver.is_stdout(picture) for picture in pictures) > 1:
        raise ConfigError("stdin holds one picture; give the others by their names")


def made(done: Swapping) -> Photo:
    """Return the picture as a photo; one of faces says that a model made it."""
    if not any(done.faces):
        return Photo(done.rgb)
    return photos.marked(Photo(done.rgb), "swap", [done.model], generated=True)


def output(
    a: str | PathLike[str],
    b: Any,
    *,
    take: str | None = None,
    steps: int | None = None,
    grid: bool = False,
    out: str | PathLike[str] | None = None,
) -> Path:
    """Name the result: `a.swap.b.png`, `a.steps.b.png`, `a.grid.b.png`, with what is taken if that is said.

    It stands beside `a`, or in the folder that `out` names, unless `out` is a file. Standard input stays stdout.

    Raises:
        ConfigError: `b` has no name, or `out` is empty or a broken template.
        PhotoError: `a` is not the name of a file.
    """
    if out is not None and deliver.names_file(out):
        return Path(out)
    word = "grid" if grid else "swap" if steps is None else "steps"
    if take == "z" or (take and steps is not None):
        word = f"{word}-{take}"
    if str(a) == "-" and out is None:
        return Path("-")
    named = deliver.name(a, [word, stem(b)], out) or Path(a)
    is_template = "{" in str(out or "")
    return named if is_template else named.with_suffix(".png")  # new and small: nothing is gained by JPEG


def stem(picture: Any) -> str:
    """Return what the name of a result calls another picture.

    Raises:
        ConfigError: it has no name.
    """
    if not isinstance(picture, str | PathLike):
        raise ConfigError("the second picture has no name to go by; say with out where the result goes")
    return "stdin" if str(picture) == "-" else Path(picture).stem


def _fitting(
    pictures: Sequence[Photo], swapper: Swapper | None, sessions: Sessions
) -> tuple[Swapper, list[Face] | list[None]]:
    """Return the model, opened where none was named, and what it needs of each picture."""
    whole = [None] * len(pictures)
    if swapper is not None:
        is_whole = swapper.crop.kind == "none"
        return swapper, whole if is_whole else _largest(pictures, _searched(pictures, sessions.device))
    found = _searched(pictures, sessions.device)
    if not all(found) and all(_is_like_a_digit(photo) for photo in pictures):
        return _named(DIGITS, sessions), whole
    hint = f" (digits are swapped where all pictures are grey and at most {_DIGIT_SIDE} px; or name the model)"
    chosen = _largest(pictures, found, hint)  # no face is said before a missing model
    return _named(FACES, sessions), chosen


def _searched(pictures: Sequence[Photo], device: str) -> list[list[Face]]:
    return [faces.search(photo.rgb, device=device) for photo in pictures]


def _largest(pictures: Sequence[Photo], found: Sequence[Sequence[Face]], hint: str = "") -> list[Face]:
    """Choose the largest face of each picture, or say which picture has none."""
    chosen = []
    for number, (photo, seen) in enumerate(zip(pictures, found, strict=True), start=1):
        try:
            chosen += faces.pick(seen, "largest", photo=(photo.width, photo.height))
        except NoFaceError as error:
            name = f"picture {number}" if photo.path is None else photo.path
            raise NoFaceError(f"{name}: {error}{hint}") from error
    return chosen


def _is_like_a_digit(photo: Photo) -> bool:
    small = max(photo.height, photo.width) <= _DIGIT_SIDE
    return small and int(np.ptp(_on_white(photo), axis=2).max()) <= _GREY


def _on_white(photo: Photo) -> NDArray[np.uint8]:
    """Return the pixels on a white ground where the photo is transparent."""
    if photo.alpha is None:
        return photo.rgb
    alpha = photo.alpha[..., None] / 255.0
    return np.asarray(np.rint(photo.rgb * alpha + 255.0 * (1.0 - alpha)), np.uint8)


def _grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(h, w, 3)` to `(h, w, 1)`."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)[..., None]


def _fitted(rgb: NDArray[np.uint8], channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """Bring a whole picture to a model's size, centred on its own ground; grey ones come out light on dark.

    Args:
        rgb: `(H, W, 3)`.
        channels: 1 for grey.
        height: of the result, px.
        width: of the result, px.

    Returns:
        `(height, width, channels)`.
    """
    pixels = _grey(rgb) if channels == 1 else rgb
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    if channels == 1 and border.mean() > 127.5:
        pixels, border = 255 - pixels, 255 - border
    scale = min(height / pixels.shape[0], width / pixels.shape[1])
    inner = [max(1, round(side * scale)) for side in pixels.shape[:2]]
    if inner != [*pixels.shape[:2]]:
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        resized = cv2.resize(pixels, (inner[1], inner[0]), interpolation=way)
        pixels = np.asarray(resized, np.uint8).reshape(*inner, channels)
    fitted = np.empty((height, width, channels), np.uint8)
    fitted[:] = np.rint(np.median(border, axis=0))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    fitted[top : top + inner[0], left : left + inner[1]] = pixels
    return fitted


def _between(code: Code, steps: int, take: str | None) -> Code:
    """Go from the first picture's code to the second's in even steps; `take` names the part that stays."""
    way = np.linspace(0.0, 1.0, steps, dtype=np.float32)[:, None]
    s_way, z_way = way * (take != "s"), way * (take != "z")
    return Code(code.s[0] * (1 - s_way) + code.s[1] * s_way, code.z[0] * (1 - z_way) + code.z[1] * z_way)


def _crossed(code: Code) -> Code:
    """Put every s together with every z: picture i n + j has s of j and z of i."""
    n = len(code.s)
    return Code(np.tile(code.s, (n, 1)), np.repeat(code.z, n, axis=0))


def _pixels(images: Floats) -> NDArray[np.uint8]:
    """`(N, C, H, W)` in [-1, 1] to `(N, H, W, 3)` in 0..255."""
    pixels = to_pixels(images)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:3], 3)))


def _framed(heads: NDArray[np.uint8], cells: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay `n * n` cells out under and beside the `n` pictures that they cross, on white with a gap between."""
    n, height, width = heads.shape[:3]
    gap = max(2, height // 16)
    framed = np.full(((n + 1) * height + gap, (n + 1) * width + gap, 3), 255, np.uint8)
    framed[:height, width + gap :] = np.concatenate(list(heads), axis=1)
    framed[height + gap :, :width] = np.concatenate(list(heads), axis=0)
    rows = [np.concatenate(list(row), axis=1) for row in cells.reshape(n, n, *cells.shape[1:])]
    framed[height + gap :, width + gap :] = np.concatenate(rows, axis=0)
    return framed
