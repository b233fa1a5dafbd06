"""Find heads that are turned away or tilted, which the detector misses: mirrored, rotated, and with looser thresholds.

What is found so is kept only where the face mesh sees a face too; looser thresholds alone would find patterns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imgedit.vision import geometry
from imgedit.vision.faces import Face, detect
from imgedit.vision.geometry import Matrix
from imgedit.vision.mesh import MeshReader
from imgedit.vision.upright import SURE

__all__ = ["is_sure", "search_sideways", "search_turned"]

_ANGLES = (30.0, -30.0)  # degrees; MTCNN's own range is about 20
_LOOSE = (0.5, 0.5, 0.4)  # probabilities at P-Net, R-Net and O-Net in place of 0.6, 0.7, 0.7
# In 195 pictures of garments the looser look finds one thing, of presence 0.50; profiles of CFP have 0.97 and more.
_PRESENCE = 0.7  # that the mesh must have
_LYING = 0.95  # score of a face in a photo that seems to lie on its side
_QUARTERS = (1, 3, 2)  # counter-clockwise; photos upside down are the rarest
_SIDE = 1024  # px; longer side of the copy that is looked at
_ENLARGED = 512  # px; to this side smaller photos are enlarged, at most to twice their size
_MARGIN = 0.25  # of the sides, for the looser look: round a face that fills the photo


def is_sure(rgb: NDArray[np.uint8], found: Sequence[Face], meshes: MeshReader) -> bool:
    """Tell whether one of the faces that were found is one: it scores high, or the face mesh sees it too.

    In a photo on its side the detector may find a face as it lies, with landmarks that are none: in the portrait turned
    clockwise one of score 0.976.
    """
    return any(face.score >= SURE for face in found) or any(
        (seen := meshes(rgb, face)) is not None and seen.presence >= _PRESENCE for face in found
    )


def search_sideways(
    rgb: NDArray[np.uint8], meshes: MeshReader, *, least: float = 0.0, device: str = "auto"
) -> tuple[list[Face], int]:
    """Find faces in a photo that lies on its side, or upside down, where no sure one is found as it is.

    Args:
        rgb: `(H, W, 3)`, RGB.
        meshes: judges what is found.
        least: score that a face must have, such as that of what was found in the photo as it is.
        device: as `imgedit.vision.faces.detect`.

    Returns:
        The faces, largest box first, in pixels of the photo as it must be turned to be upright; and by how many
        quarters of a circle counter-clockwise that is. No faces and 0 where there are none.
    """
    for quarters in _QUARTERS:
        kept = _search_upright(np.ascontiguousarray(np.rot90(rgb, quarters)), meshes, max(least, _LYING), device)
        if kept:
            return kept, quarters
    return [], 0


def _search_upright(rgb: NDArray[np.uint8], meshes: MeshReader, least: float, device: str) -> list[Face]:
    """Return the faces of a photo that score high and that the mesh sees too."""
    found = [face for face in detect(rgb, device=device) if face.score >= least]
    return [face for face in found if (seen := meshes(rgb, face)) is not None and seen.presence >= _PRESENCE]


def search_turned(rgb: NDArray[np.uint8], meshes: MeshReader, *, device: str = "auto") -> tuple[list[Face], str]:
    """Find faces in a photo in which `imgedit.vision.faces.search` finds none.

    Args:
        rgb: `(H, W, 3)`, RGB, upright.
        meshes: judges what is found.
        device: as `imgedit.vision.faces.detect`.

    Returns:
        The faces, largest box first, and how they were found, for messages; no faces and no text where there are none.
    """
    for matrix, size, thresholds, how in _passes(rgb):
        copy = cv2.warpAffine(rgb, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        found = detect(np.asarray(copy, np.uint8), thresholds=thresholds, device=device)
        faces = [back for face in found if (back := _put_back(face, matrix))]
        kept = [face for face in faces if (seen := meshes(rgb, face)) is not None and seen.presence >= _PRESENCE]
        if kept:
            return sorted(kept, key=lambda face: face.size, reverse=True), how
    return [], ""


def _passes(rgb: NDArray[np.uint8]) -> Iterator[tuple[Matrix, tuple[int, int], tuple[float, float, float], str]]:
    """Yield a matrix from the photo to a copy, the copy's width and height, thresholds, and what messages call it."""
    height, width = rgb.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    usual = (0.6, 0.7, 0.7)
    small = np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2]])
    mirror = np.array([[-1.0, 0.0, size[0] - 1], [0.0, 1.0, 0.0]])
    yield geometry.chain(small, mirror), size, usual, "in the mirror image"
    for angle in _ANGLES:
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        turn = np.array([[cos, sin], [-sin, cos]])
        # large enough for all of it, so that a face at the border is not cut off
        whole = tuple(math.ceil(v) for v in np.abs(turn) @ size)
        middles = (np.array(size) - 1) / 2.0, (np.array(whole) - 1) / 2.0
        rotated = np.column_stack([turn, middles[1] - turn @ middles[0]])
        yield geometry.chain(small, rotated), (whole[0], whole[1]), usual, "in a rotated copy"
    by = min(2.0, max(scale, _ENLARGED / max(height, width)))
    pad = _MARGIN * by * np.array([width, height])
    wide = np.array([[by, 0.0, (by - 1) / 2 + pad[0]], [0.0, by, (by - 1) / 2 + pad[1]]])
    yield wide, (round(width * by + 2 * pad[0]), round(height * by + 2 * pad[1])), _LOOSE, "by a looser look"


def _put_back(face: Face, matrix: Matrix) -> Face | None:
    """Take a face of a copy to the photo; None where its landmarks make no face."""
    to_photo = geometry.invert(matrix)
    x0, y0, x1, y1 = (float(v) for v in face.box)
    corners = geometry.apply(to_photo, np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]))
    middle, side = corners.mean(0), math.sqrt(face.size * abs(np.linalg.det(to_photo[:, :2])))
    points = geometry.apply(to_photo, face.landmarks)
    if np.linalg.det(matrix[:, :2]) < 0:  # left and right as seen change places in a mirror
        points = points[[1, 0, 2, 4, 3]]
    if not np.isfinite(points).all() or side < 1.0:
        return None
    box = np.concatenate([middle - side / 2.0, middle + side / 2.0]).astype(np.float32)
    return replace(face, box=box, landmarks=points.astype(np.float32))
