"""Celebrities in Frontal-Profile (Sengupta et al. 2016), aligned to the `INNER` window by its 30 fiducial points.

The packed pictures end at the forehead, so the wider `FACE` window would be a third invented border.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from imgedit.errors import DataError
from imgedit.text import reason
from imgedit.vision.geometry import Matrix, crop_matrix, cut
from training.data.factors import FactorTable, Loader, Source
from training.data.reading import rgb

N_TRAIN = 400
"""People 001-400 are `train`."""
VIEWS = ("frontal", "profile")
SIDES = {"left": "right", "front": "front", "right": "left"}
"""Where a face looks, as seen -> where its mirror image looks."""


def read(folder: Path) -> Source:
    """Find the pictures in `Data/Images`, with their `Data/Fiducials`: the set's own layout.

    Factors: `identity`, `pose` (frontal, profile) and `side` (`SIDES`), the pose that `poses` names. `train` is people
    001-400.
    """
    root = folder / "Data"
    found = sorted(p for view in VIEWS for p in (root / "Images").glob(f"*/{view}/*.jpg"))
    if not found:
        raise DataError(f"no pictures such as Data/Images/001/frontal/01.jpg in {folder}")
    people = [p.parts[-3] for p in found]
    test_people = frozenset(p for p in people if int(p) > N_TRAIN)
    points_of = [_fiducials((root / "Fiducials").joinpath(*p.parts[-3:]).with_suffix(".txt")) for p in found]
    views = [p.parts[-2] for p in found]
    sides = [side(points, view) for points, view in zip(points_of, views, strict=True)]
    order = {"pose": VIEWS, "side": tuple(SIDES)}
    table = FactorTable("cfp", people, {"pose": views, "side": sides}, test_people, order, pose="side", mirrored=SIDES)

    def aligned(i: int, size: int) -> np.ndarray:
        points = points_of[i]
        image = rgb(found[i])
        # The window is wider than some pictures, and `cut` would mirror a second face into it.
        pad = max(image.shape)
        image = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        return cut(image, crop_matrix(landmarks(points, found[i].parts[-2]) + pad, "inner", size), size)

    return table, aligned


load = Loader(read)


def side(points: np.ndarray, view: str) -> str:
    """Tell where a face looks, as seen: `left`, `front` or `right`; of a profile the tip of the nose tells."""
    if view == "frontal":
        return "front"
    return "right" if points[21, 0] > points[12:18, 0].mean() else "left"


def landmarks(points: np.ndarray, view: str) -> Matrix:
    """Turn CFP's points, which mark one half of a face, into the five landmarks that a detector would give.

    The eye is the mean of points 12-17, the bridge of the nose 18, its tip 21, the mouth's corner 25 and its middle
    the mean of 27 and 29. A frontal face is completed by its mirror image across the line from the bridge to the
    middle of the mouth; in a profile the bridge and the middle of the mouth stand for the hidden eye and corner.

    Args:
        points: `(30, 2)`, pixels.
        view: `frontal` or `profile`.

    Returns:
        `(5, 2)`: left eye, right eye, nose, left and right mouth corner as seen, pixels.
    """
    eye, bridge, nose, corner = points[12:18].mean(0), points[18], points[21], points[25]
    middle = points[[27, 29]].mean(0)
    if view == "frontal":
        axis = (middle - bridge) / np.linalg.norm(middle - bridge)
        other_eye, other_corner = (2 * (bridge + axis * ((p - bridge) @ axis)) - p for p in (eye, corner))
    else:
        other_eye, other_corner = bridge, middle
    if eye[0] <= other_eye[0]:
        return np.stack([eye, other_eye, nose, corner, other_corner])
    return np.stack([other_eye, eye, nose, other_corner, corner])


def _fiducials(path: Path) -> np.ndarray:
    try:
        points = np.array([[float(v) for v in line.split(",")] for line in path.read_text().split()])
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is missing or damaged ({reason(error)})") from error
    if points.shape != (30, 2):
        raise DataError(f"{path} holds points {points.shape}; CFP has 30 rows of x,y")
    return points
