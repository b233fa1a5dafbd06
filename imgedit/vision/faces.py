"""Find faces in photos (`imgedit.vision.mtcnn`), and choose among them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError, ModelError, NoFaceError, PhotoError
from imgedit.vision import geometry, mtcnn
from imgedit.vision.geometry import Matrix

__all__ = [
    "CLOSER_SIDE",
    "MAX_SIDE",
    "Face",
    "check_choice",
    "detect",
    "doubtful",
    "nearest_to",
    "pick",
    "search",
]

MAX_SIDE = 1024
"""Longer side of the copy that faces are looked for on, pixels; larger photos are reduced to it."""
CLOSER_SIDE = 2048
"""Longer side of the copy for a second look, where `search` found nothing on the first, pixels."""
MIN_FACE = 20
"""Side of the smallest face that is looked for, pixels of the copy."""

_SMALL, _DOUBTFUL = 0.25, 0.95  # share of the largest face's side, and score, below which `all` leaves a face out
_CLOSER_SCORE = 0.95  # a closer look also sees more patterns that only resemble a face; they score lower

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a photo.

    Attributes:
        box: `(4,)` float32: x0, y0, x1, y1, pixels of the upright photo; may reach beyond it.
        landmarks: `(5, 2)` float32: left eye, right eye, nose, left and right mouth corner as seen, pixels.
        score: Probability of being a face.
        named_at: Where messages say that it is, if it was found in a turned copy of the photo; None: at its nose.
    """

    box: Array
    landmarks: Array
    score: float
    named_at: tuple[float, float] | None = None

    @property
    def size(self) -> float:
        """Area of the box in square pixels."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    def __str__(self) -> str:
        """Return what messages call the face: by the tip of its nose, pixels of the photo."""
        x, y = (round(float(v)) for v in (self.landmarks[2] if self.named_at is None else self.named_at))
        return f"the face at {x}, {y}"

    @property
    def side(self) -> float:
        """Side of a square as large as the box, pixels."""
        return math.sqrt(max(self.size, 0.0))

    def turned(self, quarters: int, size: tuple[int, int]) -> Face:
        """Return the face as it is in the photo turned by quarters of a circle, counter-clockwise.

        Args:
            quarters: Any whole number.
            size: Width and height of the photo before.
        """
        corners = np.concatenate([np.asarray(self.box, np.float64).reshape(2, 2), self.landmarks])
        width, height = size
        for _ in range(quarters % 4):
            corners = np.column_stack([corners[:, 1], width - 1 - corners[:, 0]])
            width, height = height, width
        box = np.concatenate([corners[:2].min(0), corners[:2].max(0)]).astype(np.float32)
        return replace(self, box=box, landmarks=corners[2:].astype(np.float32))

    def matrix(self, kind: str, height: int, width: int) -> Matrix:
        """Return the matrix from the photo to a crop of this face.

        Args:
            kind: Of the crop, a key of `imgedit.vision.geometry.WINDOWS`.
            height: Of the crop, pixels; as its width.
            width: Of the crop, pixels.

        Raises:
            ModelError: There is no such kind, or the crop is not square.
        """
        if height != width:
            raise ModelError(f"a {kind} crop is square, not {width}x{height}")
        return geometry.crop_matrix(self.landmarks, kind, width)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers: `{"box": [...], "score": ..., "landmarks": [[x, y], ...]}`."""
        return {
            "box": [round(float(value), 2) for value in self.box],
            "score": round(self.score, 4),
            "landmarks": [[round(float(x), 2), round(float(y), 2)] for x, y in self.landmarks],
        }


def detect(
    rgb: NDArray[np.uint8],
    *,
    min_face: float = MIN_FACE,
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
    factor: float = 0.709,
    device: str = "auto",
    max_side: int | None = MAX_SIDE,
) -> list[Face]:
    """Find the faces in a photo.

    Args:
        rgb: `(H, W, 3)`, 0..255, RGB, upright.
        min_face: Side of the smallest face to look for, in pixels of the copy that is looked at.
        thresholds: Smallest probability at P-Net, R-Net and O-Net.
        factor: Ratio of one step of the image pyramid to the step before.
        device: As in `imgedit.models.devices.providers`.
        max_side: Look at a copy reduced to this longer side, pixels; None for the photo itself. What is found is
            given in the photo's pixels either way.

    Returns:
        The faces, largest box first.

    Raises:
        PhotoError: `rgb` is not an 8-bit colour picture.
        ConfigError: A setting makes no sense.
        ModelError: The bundled detector is damaged.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise PhotoError(f"faces are looked for in (H, W, 3) uint8 pictures, not {rgb.shape} {rgb.dtype}")
    if not (min_face > 0 and 0 < factor < 1):
        raise ConfigError(f"min_face must be above 0 and factor between 0 and 1, not {min_face} and {factor}")
    if max_side is not None and max_side < 1:
        raise ConfigError(f"max_side must be at least 1 pixel or None, not {max_side}")
    height, width = rgb.shape[:2]
    if min(height, width) == 0:
        return []
    if max_side is not None and max(height, width) > max_side:
        ratio = max_side / max(height, width)
        small = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        copy: NDArray[Any] = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        boxes, points = mtcnn.find(copy, min_face, thresholds, factor, device)
        scale = np.array([width / small[0], height / small[1]], dtype=np.float32)
        boxes[:, :4] = (boxes[:, :4] + 0.5) * np.tile(scale, 2) - 0.5
        points = (points + 0.5) * scale - 0.5
    else:
        boxes, points = mtcnn.find(rgb, min_face, thresholds, factor, device)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return [Face(boxes[i, :4], points[i], float(boxes[i, 4])) for i in np.argsort(areas)[::-1]]


def search(rgb: NDArray[np.uint8], *, device: str = "auto") -> list[Face]:
    """Find the faces in a photo as `detect` does, and look closer at a large photo that seems to have none.

    Args:
        rgb: `(H, W, 3)`, 0..255, RGB, upright.
        device: As in `imgedit.models.devices.providers`.

    Returns:
        The faces, largest box first; empty if there are none.
    """
    found = detect(rgb, device=device)
    if found or max(rgb.shape[:2]) <= MAX_SIDE:
        return found
    return [face for face in detect(rgb, device=device, max_side=CLOSER_SIDE) if face.score >= _CLOSER_SCORE]


def pick(
    faces: Sequence[Face],
    which: str | int = "all",
    *,
    photo: tuple[int, int] | None = None,
    min_side: float = 0.0,
) -> list[Face]:
    """Choose among the faces of one photo.

    Args:
        faces: As `search` or `detect` gives them.
        which: `all` (but those of `doubtful`), `largest`, `smallest`, `left` or `right` (the outermost in the picture),
            `nearest:X,Y` (to a place in the photo, pixels), or a place in `faces`, from 0.
        photo: Width and height of the photo that `search` looked at, to say so where it found nothing.
        min_side: Faces with a smaller side are left out, pixels.

    Returns:
        At least one face.

    Raises:
        NoFaceError: There are no faces, or not that many.
        ConfigError: No such choice.
    """
    text = check_choice(which)
    if not faces:
        raise NoFaceError("no face was found" + ("" if photo is None else _tried(*photo)))
    if text.isdecimal() and int(text) >= len(faces):
        raise NoFaceError(f"there is no face {text}: {len(faces)} found, numbered from 0")
    among = [faces[int(text)]] if text.isdecimal() else faces
    large = [face for face in among if face.side >= min_side]
    if not large:
        most = max(face.side for face in among)
        raise NoFaceError(f"no face of at least {min_side:g} px was found; the largest has {most:.0f} px")
    if text in _CHOICES:
        return [_CHOICES[text](large)]
    if text.startswith(_NEAREST):
        return [min(large, key=lambda face: math.dist(_centre(face), nearest_to(text)))]
    left_out = doubtful(large) if text == "all" else []
    return [face for face in large if not any(face is other for other in left_out)]


def check_choice(which: str | int) -> str:
    """Return a choice of faces as `pick` takes it, in small letters.

    Raises:
        ConfigError: there is no such choice.
    """
    text = str(which).strip().lower()
    if text == "all" or text in _CHOICES or text.isdecimal():
        return text
    if text.startswith(_NEAREST):
        nearest_to(text)
        return text
    known = ", ".join(["all", *_CHOICES])
    raise ConfigError(f"unknown choice of face {which!r}; known: {known}, nearest:X,Y, or a number from 0")


def nearest_to(choice: str) -> tuple[float, float]:
    """Return the place, pixels, of a choice `nearest:X,Y`.

    Raises:
        ConfigError: it holds no two numbers.
    """
    try:
        x, y = (float(part) for part in choice.removeprefix(_NEAREST).split(","))
    except ValueError as error:
        raise ConfigError(f"the nearest face is named by a place, nearest:X,Y in pixels, not {choice!r}") from error
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ConfigError(f"the nearest face is named by a place, nearest:X,Y in pixels, not {choice!r}")
    return x, y


def doubtful(faces: Sequence[Face]) -> list[Face]:
    """Return the faces that are far smaller than the largest one and score low: mostly patterns that are no faces."""
    largest = max((face.size for face in faces), default=0.0)
    return [face for face in faces if face.size < _SMALL**2 * largest and face.score < _DOUBTFUL]


def _tried(width: int, height: int) -> str:
    """Say what `search` did, and what might help."""
    longer = max(width, height)
    if longer <= MAX_SIDE:
        return f" in this {width}x{height} px photo, of at least {MIN_FACE} px and upright; give a larger or turned one"
    sides = f"reduced to {MAX_SIDE} px and " + (f"to {CLOSER_SIDE} px" if longer > CLOSER_SIDE else "at full size")
    smallest = math.ceil(MIN_FACE * max(1.0, longer / CLOSER_SIDE))
    return (
        f" in this {width}x{height} px photo, looked at {sides} for upright faces of at least {smallest} px; "
        "cut it closer around the face, or turn it"
    )


def _middle(face: Face) -> float:
    return float(face.box[0] + face.box[2])


def _centre(face: Face) -> tuple[float, float]:
    x0, y0, x1, y1 = (float(v) for v in face.box)
    return (x0 + x1) / 2.0, (y0 + y1) / 2.0


_NEAREST = "nearest:"
_CHOICES: dict[str, Callable[[Sequence[Face]], Face]] = {
    "largest": lambda faces: max(faces, key=lambda face: face.size),
    "smallest": lambda faces: min(faces, key=lambda face: face.size),
    "left": lambda faces: min(faces, key=_middle),
    "right": lambda faces: max(faces, key=_middle),
}
