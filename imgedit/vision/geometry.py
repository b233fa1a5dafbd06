"""Similarity transforms between a photo, the CelebA frame and a model's crop, and the warps along them.

Points are `(x, y)` in pixels with pixel centres at integers: pixel i covers [i - 0.5, i + 0.5], so scaling a length of
pixels by s takes x to (x + 0.5) s - 0.5. A matrix is `(2, 3)` float64 and takes photo coordinates to crop coordinates
unless its name says otherwise.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError, NoFaceError

__all__ = [
    "CLOSE",
    "FACE",
    "FACE_TEMPLATE",
    "FRAME",
    "HEAD",
    "INNER",
    "WINDOWS",
    "Matrix",
    "Roi",
    "apply",
    "chain",
    "crop_matrix",
    "crop_roi",
    "crop_scale",
    "cut",
    "frame_matrix",
    "invert",
    "moved_down",
    "put_back",
    "similarity",
    "window_matrix",
]

Matrix = NDArray[np.float64]
Roi = tuple[int, int, int, int]
"""A part of a photo: x0, y0, x1, y1 in whole pixels, x1 and y1 not included."""

FRAME = (178, 218)
"""Width and height of CelebA's aligned pictures, the frame that every face is brought to."""

# Mean landmarks of the largest face in 646 pictures of img_align_celeba (every 9th of the 5,806), by the detector:
#   python -m training.measure.detector --template FOLDER/img_align_celeba
# Standard deviations across, down: eyes 1.9, 1.5 px; nose 6.1, 4.0 px; mouth 3.2, 2.1 px.
FACE_TEMPLATE: Matrix = np.array(
    [[70.08, 112.30], [109.09, 112.22], [89.08, 136.66], [72.02, 153.64], [106.84, 153.49]], dtype=np.float64
)
"""Left eye, right eye, nose, left and right mouth corner as seen, in the CelebA frame, pixels."""

FACE = (0, 20, 178)
"""x0, y0, side of the square that StarGAN's CenterCrop(178) keeps of the frame: rows 20..197."""

HEAD = (-31, -5, 240)
"""x0, y0, side of the wider square (all the hair) that the face parser sees."""

INNER = (35, 74, 108)
"""x0, y0, side of the tight square from the brows to the chin, for pictures that show no more."""

CLOSE = (21, 58, 136)
"""x0, y0, side of the square from the hairline to below the chin: a face at 1.3 times the scale of `FACE`."""

WINDOWS = {"face": FACE, "head": HEAD, "inner": INNER, "close": CLOSE}
"""Kind of crop -> its square of the CelebA frame."""


def similarity(landmarks: NDArray[Any]) -> Matrix:
    """Find the similarity transform that brings landmarks closest to `FACE_TEMPLATE`.

    Args:
        landmarks: `(5, 2)`, pixels of the photo.

    Returns:
        `(2, 3)` photo to CelebA frame: rotation, one scale, shift; never a reflection.

    Raises:
        NoFaceError: The landmarks are one point or not finite, so that no transform exists.

    Reference:
        Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", eq. 40-43.
        In the plane its singular value decomposition is a complex division.
    """
    points = np.asarray(landmarks, dtype=np.float64).reshape(5, 2)
    if not np.isfinite(points).all() or float(np.ptp(points, axis=0).max()) < 1e-6:
        raise NoFaceError("the five landmarks of the face are one point or not finite, so it cannot be aligned")
    mean_from, mean_to = points.mean(axis=0), FACE_TEMPLATE.mean(axis=0)
    source, target = points - mean_from, FACE_TEMPLATE - mean_to
    spread = float((source**2).sum())
    cos = float((source * target).sum()) / spread
    sin = float((source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum()) / spread
    rotation = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack([rotation, mean_to - rotation @ mean_from])


def window_matrix(kind: str, size: int) -> Matrix:
    """Return the matrix from the CelebA frame to a crop of `size` pixels of a window."""
    if kind not in WINDOWS:
        raise ModelError(f"unknown crop kind {kind!r}; known: {', '.join(WINDOWS)}")
    x0, y0, side = WINDOWS[kind]
    scale = size / side
    return np.array(
        [[scale, 0.0, (0.5 - x0) * scale - 0.5], [0.0, scale, (0.5 - y0) * scale - 0.5]],
        dtype=np.float64,
    )


def frame_matrix(shape: tuple[int, int]) -> Matrix:
    """Return the matrix to the CelebA frame from a picture that shows all of it at another size.

    Args:
        shape: height and width of the picture.
    """
    height, width = shape
    across, down = FRAME[0] / width, FRAME[1] / height
    return np.array([[across, 0.0, 0.5 * across - 0.5], [0.0, down, 0.5 * down - 0.5]])


def crop_matrix(landmarks: NDArray[Any], kind: str, size: int) -> Matrix:
    """Return the matrix from the photo that has these landmarks to a square crop.

    Args:
        landmarks: `(5, 2)`, pixels of the photo.
        kind: Of the crop, a key of `WINDOWS`.
        size: Side of the crop in pixels.

    Raises:
        ModelError: There is no such kind.
        NoFaceError: As `similarity`.
    """
    return chain(similarity(landmarks), window_matrix(kind, size))


def apply(matrix: Matrix, points: NDArray[Any]) -> Matrix:
    """Take points `(..., 2)` through a matrix."""
    return np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]


def invert(matrix: Matrix) -> Matrix:
    """Return the matrix that goes the other way."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def chain(first: Matrix, second: Matrix) -> Matrix:
    """Return the matrix that applies `first`, then `second`."""
    return np.column_stack([second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]])


def moved_down(matrix: Matrix, rows: float) -> Matrix:
    """Return the matrix to a crop that lies lower by some of its own rows."""
    moved = matrix.copy()
    moved[1, 2] -= rows
    return moved


def crop_scale(matrix: Matrix) -> float:
    """Return how many crop pixels one photo pixel becomes; below 1 the crop is smaller than the photo."""
    return math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))


def crop_roi(matrix: Matrix, size: int | tuple[int, int], shape: tuple[int, int], margin: float = 0.0) -> Roi:
    """Find the part of the photo that a crop covers.

    Args:
        matrix: Photo to crop.
        size: Side of the crop, or its height and width, pixels.
        shape: Height and width of the photo; the answer is cut to it.
        margin: Pixels of the photo to add on every side before that.

    Returns:
        x0, y0, x1, y1; empty (x0 == x1 or y0 == y1) where the crop misses the photo.
    """
    x0, y0, x1, y1 = _bounds(matrix, size, margin)
    height, width = shape
    x0, x1 = (min(max(x, 0), width) for x in (x0, x1))
    y0, y1 = (min(max(y, 0), height) for y in (y0, y1))
    return x0, y0, x1, y1


def cut(photo_rgb: NDArray[Any], matrix: Matrix, size: int | tuple[int, int], *, edge: bool = False) -> NDArray[Any]:
    """Cut an aligned crop out of a photo.

    Shrinking averages over each crop pixel's own square of the photo, enlarging is bilinear.

    Args:
        photo_rgb: `(H, W, 3)` or `(H, W)`, uint8 or float32, any value range.
        matrix: Photo to crop.
        size: Side of the crop, or its height and width, pixels.
        edge: Beyond its border the photo's last pixels are repeated. Otherwise it is mirrored.

    Returns:
        `(h, w, 3)` or `(h, w)`, type and value range as given.
    """
    height, width = photo_rgb.shape[:2]
    shape = (size, size) if isinstance(size, int) else size
    x0, y0, x1, y1 = _bounds(matrix, shape, margin=2.0)
    block = max(1, int(0.5 / crop_scale(matrix)))  # a first reduction that leaves a factor of 2 to 4 to the warp
    x1 += -(x1 - x0) % block
    y1 += -(y1 - y0) % block
    rows, columns = (
        np.clip(np.arange(a, b), 0, n - 1) if edge else _mirror(a, b, n)
        for a, b, n in ((y0, y1, height), (x0, x1, width))
    )
    part = _taken(photo_rgb, (x0, y0, x1, y1), rows, columns, cv2.BORDER_REPLICATE if edge else cv2.BORDER_REFLECT_101)
    if block > 1:
        part = cv2.resize(part, ((x1 - x0) // block, (y1 - y0) // block), interpolation=cv2.INTER_AREA)
    # x = x0 + (j + 0.5) block - 0.5 for pixel j of the reduced part
    to_photo = np.array([[block, 0.0, x0 + (block - 1) / 2], [0.0, block, y0 + (block - 1) / 2]])
    return _warp(part, chain(to_photo, matrix), shape, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)


def put_back(
    image: NDArray[Any], matrix: Matrix, area: tuple[int, int] | Roi, *, smooth: bool = False, edge: bool = False
) -> NDArray[Any]:
    """Bring a crop-sized image (a delta, a mask) to where it belongs in the photo.

    Args:
        image: `(h, w)` or `(h, w, C)`, float32 or uint8, on the crop's pixels.
        matrix: Photo to crop, as given to `cut`.
        area: Height and width of the whole photo, or the part of it that is wanted (`Roi`).
        smooth: Enlarge bicubically, for deltas; it may overshoot. Otherwise bilinear, for masks.
        edge: Repeat the crop's border beyond the crop. Otherwise there is 0, reached over one crop pixel.

    Returns:
        `(H, W)` or `(H, W, C)` of the photo or the part, type as given.
    """
    x0, y0, x1, y1 = (0, 0, area[1], area[0]) if len(area) == 2 else area
    if x1 <= x0 or y1 <= y0:
        return np.zeros((max(0, y1 - y0), max(0, x1 - x0), *image.shape[2:]), dtype=image.dtype)
    to_part = invert(matrix) - np.array([[0.0, 0.0, x0], [0.0, 0.0, y0]])
    border = cv2.BORDER_REPLICATE if edge else cv2.BORDER_CONSTANT
    return _warp(image, to_part, (y1 - y0, x1 - x0), cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR, border)


def _bounds(matrix: Matrix, size: int | tuple[int, int], margin: float) -> Roi:
    """Return the whole photo pixels around a crop's outline, not cut to the photo."""
    height, width = (size, size) if isinstance(size, int) else size
    right, bottom = width - 0.5, height - 0.5
    corners = apply(invert(matrix), np.array([[-0.5, -0.5], [right, -0.5], [-0.5, bottom], [right, bottom]]))
    low, high = corners.min(axis=0) - margin, corners.max(axis=0) + margin
    return math.floor(low[0] + 0.5), math.floor(low[1] + 0.5), math.ceil(high[0] + 0.5), math.ceil(high[1] + 0.5)


def _taken(
    image: NDArray[Any], roi: Roi, rows: NDArray[np.intp], columns: NDArray[np.intp], border: int
) -> NDArray[Any]:
    """Return a part of an image that may reach beyond it: the pixels in some rows and columns, in this order.

    Args:
        image: `(H, W)` or `(H, W, C)`.
        roi: the part.
        rows: where each row of the part is found in the image.
        columns: the same of columns.
        border: what OpenCV calls this way to go on beyond the image.
    """
    x0, y0, x1, y1 = roi
    height, width = image.shape[:2]
    if not (x0 < width and y0 < height and x1 > 0 and y1 > 0):
        return image.take(rows, axis=0).take(columns, axis=1)
    # OpenCV repeats a border many times as fast; it needs all that it repeats, which may be more than the part.
    top, left = int(rows.min()), int(columns.min())
    whole = image[top : int(rows.max()) + 1, left : int(columns.max()) + 1]
    beyond = (max(0, -y0), max(0, y1 - height), max(0, -x0), max(0, x1 - width))
    if any(beyond):
        whole = np.asarray(cv2.copyMakeBorder(whole, *beyond, border))
    y, x = max(0, y0 - top), max(0, x0 - left)
    return whole[y : y + y1 - y0, x : x + x1 - x0]


def _mirror(start: int, stop: int, length: int) -> NDArray[np.intp]:
    """Return indices start..stop-1 folded into 0..length-1 as BORDER_REFLECT_101 does, as often as it takes."""
    if length == 1:
        return np.zeros(stop - start, dtype=np.intp)
    period = 2 * (length - 1)
    folded = np.arange(start, stop) % period
    return np.minimum(folded, period - folded)


def _warp(image: NDArray[Any], matrix: Matrix, shape: tuple[int, int], interpolation: int, border: int) -> NDArray[Any]:
    """Warp along a matrix from image to result pixels; where it shrinks, by sampling finer and averaging."""
    height, width = shape
    fine = max(1, math.ceil(1.0 / crop_scale(matrix) - 1e-6))
    finer = matrix * fine
    finer[:, 2] += (fine - 1) / 2  # (x + 0.5) fine - 0.5
    warped = cv2.warpAffine(
        image, finer, (width * fine, height * fine), flags=interpolation, borderMode=border, borderValue=0
    )
    if fine > 1:
        warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(warped).reshape(height, width, *image.shape[2:])
