"""Find faces: MTCNN's cascade in NumPy and OpenCV around three ONNX graphs.

The steps, their order and their roundings are those of facenet-pytorch, so that both find the same faces; its box
coordinates are kept too (a box that starts at 1 starts at the first pixel).

Reference:
    Zhang et al. 2016, "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks".
Deviations:
    Photos too small, too large or too empty for facenet-pytorch give no faces, or the right ones; never an exception.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ConfigError, ModelError, NoFaceError, PhotoError
from imgedit.models import library
from imgedit.models.runtime import Session
from imgedit.models.sessions import Sessions
from imgedit.vision import geometry
from imgedit.vision.geometry import Matrix

__all__ = [
    "CLOSER_SIDE",
    "MAX_SIDE",
    "MODEL",
    "Face",
    "check_choice",
    "detect",
    "doubtful",
    "nearest_to",
    "pick",
    "search",
]

MODEL = "mtcnn.facenet"
MAX_SIDE = 1024
"""Longer side of the copy that faces are looked for on, pixels; larger photos are reduced to it."""
CLOSER_SIDE = 2048
"""Longer side of the copy for a second look, where `search` found nothing on the first, pixels."""
MIN_FACE = 20
"""Side of the smallest face that is looked for, pixels of the copy."""

_CELL, _STRIDE = 12, 2  # P-Net sees 12 px squares, every 2 px
_BATCH = 512  # boxes that R-Net and O-Net look at in one run
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
        boxes, points = _cascade(copy, min_face, thresholds, factor, device)
        scale = np.array([width / small[0], height / small[1]], dtype=np.float32)
        boxes[:, :4] = (boxes[:, :4] + 0.5) * np.tile(scale, 2) - 0.5
        points = (points + 0.5) * scale - 0.5
    else:
        boxes, points = _cascade(rgb, min_face, thresholds, factor, device)
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


@cache
def _session(role: str, device: str) -> Session:
    """Load one of the three graphs on first use and keep it."""
    return Sessions(device).open(library.bundled(MODEL), role)


class _Sums:
    """Sums over rectangles of a picture, for torch's `interpolate(mode="area")`.

    Output pixel i of n averages the whole input pixels floor(i m / n) .. ceil((i + 1) m / n) - 1 of m, per axis; unlike
    OpenCV's INTER_AREA, pixels are never shared by parts.
    """

    def __init__(self, rgb: NDArray[np.uint8]) -> None:
        self.height, self.width = rgb.shape[:2]
        is_large = self.height * self.width >= 2**31 // 255
        self._table: NDArray[Any] = cv2.integral(rgb, sdepth=cv2.CV_64F if is_large else cv2.CV_32S)

    def resized(self, height: int, width: int) -> Array:
        """Return the whole picture as `(1, 3, height, width)`, -1..1."""
        top, bottom = _bins(np.zeros(1, np.int64), np.array([self.height]), height)
        left, right = _bins(np.zeros(1, np.int64), np.array([self.width]), width)
        rows = self._table[bottom[0]] - self._table[top[0]]
        sums = np.take(rows, right[0], axis=1) - np.take(rows, left[0], axis=1)
        counts = (bottom - top)[0, :, None, None] * (right - left)[0, None, :, None]
        return _normalized(sums / counts.astype(np.float32))[None]

    def crops(self, boxes: NDArray[np.int64], side: int) -> Array:
        """Return parts of the picture as `(N, 3, side, side)`, -1..1.

        Args:
            boxes: `(N, 4)`: x0, y0, x1, y1, x1 and y1 not included, inside the picture and not empty.
            side: Side of the result in pixels.
        """
        left, right = (x[:, None, :] for x in _bins(boxes[:, 0], boxes[:, 2], side))
        top, bottom = (y[:, :, None] for y in _bins(boxes[:, 1], boxes[:, 3], side))
        table = self._table
        sums = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        counts = (bottom - top) * (right - left)
        return _normalized(sums / counts[..., None].astype(np.float32))


def _bins(start: NDArray[np.int64], stop: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `(N, n)` first and last-plus-one input pixels of n output pixels over start..stop."""
    length, i = (stop - start)[:, None], np.arange(n)
    return start[:, None] + i * length // n, start[:, None] - (-(i + 1) * length // n)


def _normalized(pixels: NDArray[Any]) -> Array:
    """Take `(..., h, w, 3)` in 0..255 to contiguous `(..., 3, h, w)` in -1..1."""
    scaled = (np.moveaxis(pixels, -1, -3).astype(np.float32) - np.float32(127.5)) * np.float32(1 / 128)
    return np.ascontiguousarray(scaled)


def _cascade(
    rgb: NDArray[np.uint8], min_face: float, thresholds: tuple[float, float, float], factor: float, device: str
) -> tuple[Array, Array]:
    """Run the three nets; returns boxes with scores `(N, 5)` and landmarks `(N, 5, 2)`."""
    sums = _Sums(rgb)
    boxes = _propose(sums, min_face, thresholds[0], factor, device)
    boxes, regions = _inside(_squared(boxes), sums)
    boxes, corrections, _ = _judge("rnet", boxes, sums.crops(regions, 24), thresholds[1], device)
    keep = _suppress(boxes, 0.7)
    boxes, regions = _inside(_squared(_corrected(boxes[keep], corrections[keep])), sums)
    boxes, corrections, points = _judge("onet", boxes, sums.crops(regions, 48), thresholds[2], device)
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    landmarks = np.stack([points[:, :5], points[:, 5:]], axis=2) * sides[:, None, :] + boxes[:, None, :2] - 1
    boxes = _corrected(boxes, corrections)
    keep = _suppress(boxes, 0.7, of_smaller=True)
    return boxes[keep], landmarks[keep]


def _propose(sums: _Sums, min_face: float, threshold: float, factor: float, device: str) -> Array:
    """Run P-Net over the image pyramid; returns boxes with scores `(N, 5)`."""
    scale = _CELL / min_face
    shorter = min(sums.height, sums.width) * scale
    levels = [np.empty((0, 9), np.float32)]
    while shorter >= _CELL:
        image = sums.resized(int(sums.height * scale + 1), int(sums.width * scale + 1))
        result = _session("pnet", device).run({"image": image})
        score, correction = result["probability"][0, 1], result["box"][0]
        y, x = np.nonzero(score >= np.float32(threshold))
        corner = np.stack([x, y], axis=1).astype(np.float32) * _STRIDE
        first = np.floor((corner + 1) / np.float32(scale))
        last = np.floor((corner + _CELL) / np.float32(scale))
        found = np.concatenate([first, last, score[y, x, None], correction[:, y, x].T], axis=1)
        levels.append(found[_suppress(found, 0.5)])
        scale *= factor
        shorter *= factor
    found = np.concatenate(levels)
    found = found[_suppress(found, 0.7)]
    sides = np.tile(found[:, 2:4] - found[:, :2], 2)
    return np.column_stack([found[:, :4] + found[:, 5:9] * sides, found[:, 4]])


def _judge(role: str, boxes: Array, crops: Array, threshold: float, device: str) -> tuple[Array, Array, Array]:
    """Run R-Net or O-Net on the boxes' crops; returns the boxes that pass, their corrections and their landmarks."""
    if not len(boxes):
        return boxes, np.empty((0, 4), np.float32), np.empty((0, 10), np.float32)
    session = _session(role, device)
    runs = [session.run({"image": crops[i : i + _BATCH]}) for i in range(0, len(crops), _BATCH)]
    result = {name: np.concatenate([run[name] for run in runs]) for name in session.outputs}
    score = result["probability"][:, 1]
    passed = score > np.float32(threshold)
    points = result.get("landmarks", np.empty((len(boxes), 10), np.float32))
    return np.column_stack([boxes[passed, :4], score[passed]]), result["box"][passed], points[passed]


def _corrected(boxes: Array, corrections: Array) -> Array:
    """Move the sides of `(N, 5)` boxes by parts of the boxes' sides."""
    sides = np.tile(boxes[:, 2:4] - boxes[:, :2] + 1, 2)
    return np.column_stack([boxes[:, :4] + corrections * sides, boxes[:, 4]])


def _squared(boxes: Array) -> Array:
    """Widen boxes `(N, 5)` to squares around the same middle."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    first = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.column_stack([first, first + longer, boxes[:, 4]])


def _inside(boxes: Array, sums: _Sums) -> tuple[Array, NDArray[np.int64]]:
    """Find the whole pixels `(N, 4)` of boxes that lie in the picture; boxes without any are dropped."""
    regions = np.trunc(boxes[:, :4]).astype(np.int64)
    regions[:, :2] = np.maximum(regions[:, :2], 1) - 1
    regions[:, 2:] = np.minimum(regions[:, 2:], [sums.width, sums.height])
    kept = (regions[:, 2:] > regions[:, :2]).all(axis=1)
    return boxes[kept], regions[kept]


def _suppress(boxes: Array, threshold: float, *, of_smaller: bool = False) -> NDArray[np.intp]:
    """Pick, best score first, the boxes that share no more than a part of their area with a better one.

    Args:
        boxes: `(N, 5)` or more columns: x0, y0, x1, y1, score.
        threshold: Largest part of the union that may be shared (torchvision's `nms`).
        of_smaller: Count in whole pixels and take the part of the smaller box instead (the paper's "Min").
    """
    x0, y0, x1, y1, score = boxes[:, :5].T
    one = np.float32(of_smaller)
    area = (x1 - x0 + one) * (y1 - y0 + one)
    # Scores of exactly 1 are common: ties go to the last box in the last stage, as facenet-pytorch sorts.
    left = np.argsort(score)[::-1] if of_smaller else np.argsort(-score, kind="stable")
    picked: list[int] = []
    while left.size:
        best, left = left[0], left[1:]
        picked.append(int(best))
        width = np.minimum(x1[best], x1[left]) - np.maximum(x0[best], x0[left]) + one
        height = np.minimum(y1[best], y1[left]) - np.maximum(y0[best], y0[left]) + one
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        whole = np.minimum(area[best], area[left]) if of_smaller else area[best] + area[left] - shared
        left = left[shared <= np.float32(threshold) * whole]
    return np.array(picked, dtype=np.intp)
