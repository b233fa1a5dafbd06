"""Where a person's arms are, and which pixels are the person: body pose from a square window of a photo.

As in a photo: `left` in names of points is the person's own left, which is the viewer's right.

Reference:
    Bazarevsky et al. 2020, "BlazePose: On-device Real-time Body Pose Tracking", arXiv 2006.10204.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import Floats, to_tensor
from imgedit.vision import geometry
from imgedit.vision.faces import Face
from imgedit.vision.geometry import Matrix

__all__ = ["MODEL", "POINTS", "Body", "BodyReader", "Window", "around_face", "whole"]

MODEL = "body_pose.mediapipe"
POINTS = (
    *("nose", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_index", "right_index", "left_hip", "right_hip", "middle", "top"),
)
"""Names of the network's points; `middle` and `top` only say where to look again."""
MIN_PRESENCE = 0.5
"""Probability of a person below which there is none."""
MIN_VISIBILITY = 0.5
"""Probability below which a point is hidden or out of the picture."""

_SIDES = {"left": "right", "right": "left"}
_PARTNERS = [POINTS.index("_".join(_SIDES.get(part, part) for part in name.split("_"))) for name in POINTS]
_MARGIN = 1.25  # side of the window, in diameters of the circle that `middle` and `top` say; as MediaPipe has it
_TORSO, _TORSO_MARGIN = 2.5, 1.3  # least height of a torso's window, in shoulder widths; window over the arms' extent
_LEAST_WIDTH = 0.55  # width of shoulders seen from the side, in lengths of the arm
_FACE_SIDES = (7.0, 4.5)  # sides of windows to look in, in heights of the face's box
_FACE_ABOVE = 0.14  # share of the window above the middle of the face


@dataclass(frozen=True)
class Window:
    """An upright or turned square of a photo: middle x, y and side in pixels, angle in radians, clockwise as seen."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def matrix(self, height: int, width: int | None = None) -> Matrix:
        """Return the matrix from the photo to a crop.

        Args:
            height: of the crop, px; that of the square.
            width: of the crop, px, around the same middle; None for a square.
        """
        scale = height / self.side
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        turn = np.array([[cos, sin], [-sin, cos]])
        middle = np.array([((height if width is None else width) - 1) / 2.0, (height - 1) / 2.0])
        return np.column_stack([turn, middle - turn @ np.array([self.x, self.y])])


@dataclass(frozen=True, eq=False)
class Body:
    """The body of one person in a photo.

    Attributes:
        points: `(15, 2)`, pixels of the photo, in the order of `POINTS`.
        visibility: `(15,)`, 0..1, how probably each is seen.
        presence: probability that there is a person.
        mask: `(256, 256)`, 0..1, how probably each pixel of the window is the person.
        window: the matrix from the photo to the mask.
        face: the person's face; None where it was not looked for.
        named_at: x, y by which messages name the person, where these are not pixels of the photo as it was given.
    """

    points: NDArray[np.float64]
    visibility: NDArray[np.float64]
    presence: float
    mask: Floats
    window: Matrix
    face: Face | None = None
    named_at: tuple[float, float] | None = None

    def __str__(self) -> str:
        """Return what messages call the person: by the tip of the nose, or between the shoulders."""
        x, y = (round(v) for v in self.named_at or self.place)
        return f"the person at {x}, {y}"

    @property
    def place(self) -> tuple[float, float]:
        """The tip of the nose, or where that is not seen the middle between the shoulders; pixels."""
        at = self.points[[0]] if self.sees("nose") >= MIN_VISIBILITY else self.points[3:5]
        x, y = at.mean(0)
        return float(x), float(y)

    def turned(self, quarters: int, size: tuple[int, int]) -> Body:
        """Return the body as it is in the photo turned by quarters of a circle, counter-clockwise.

        Args:
            quarters: any whole number.
            size: width and height of the photo before.
        """
        points, window, face = self.points, self.window, self.face
        width, height = size
        for _ in range(quarters % 4):
            points = np.column_stack([points[:, 1], width - 1 - points[:, 0]])
            window = geometry.chain(np.array([[0.0, -1.0, width - 1.0], [1.0, 0.0, 0.0]]), window)
            width, height = height, width
        return replace(self, points=points, window=window, face=None if face is None else face.turned(quarters, size))

    def matrix(self, kind: str, height: int, width: int) -> Matrix:
        """Return the matrix from the photo to a crop.

        Args:
            kind: `body`, the square that was looked at, or `torso`, upright, from the shoulders to the hands.
            height: of the crop, px.
            width: of the crop, px.

        Raises:
            ModelError: the kind is another, or a crop of kind `body` is not square.
        """
        if kind == "torso":
            return self._torso(height / width).matrix(height, width)
        if kind != "body" or height != width:
            raise ModelError(
                f"a body has crops of kind torso and square ones of kind body, none of kind {kind} and {width}x{height}"
            )
        scale = height / self.mask.shape[0]
        return geometry.chain(self.window, np.array([[scale, 0.0, 0.5 * scale - 0.5], [0.0, scale, 0.5 * scale - 0.5]]))

    def _torso(self, aspect: float) -> Window:
        """Return the window around both arms whose height is `aspect` times its width."""
        joints = np.concatenate([self.arm(side) for side in _SIDES])
        low, high = joints.min(0), joints.max(0)
        middle, extent = (low + high) / 2.0, _TORSO_MARGIN * (high - low)
        side = max(_TORSO * self.unit("left"), float(extent[1]), float(extent[0]) * aspect)
        return Window(float(middle[0]), float(middle[1]), side)

    def arm(self, side: str) -> NDArray[np.float64]:
        """Return shoulder, elbow and wrist of the person's own `left` or `right` side, `(3, 2)`."""
        return np.stack([self.point(f"{side}_{part}") for part in ("shoulder", "elbow", "wrist")])

    def unit(self, side: str) -> float:
        """Return the width of the shoulders, pixels of the photo; seen from the side, what an arm's length says."""
        shoulders = float(np.linalg.norm(self.point("left_shoulder") - self.point("right_shoulder")))
        length = float(np.linalg.norm(np.diff(self.arm(side), axis=0), axis=1).sum())
        return max(shoulders, _LEAST_WIDTH * length, 1.0)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The corners of what is seen of the person, x0, y0, x1, y1, whole pixels of the photo."""
        ys, xs = np.nonzero(self.mask >= 0.5)
        if not len(xs):
            xs, ys = np.array([0.0]), np.array([0.0])
        corners = geometry.apply(geometry.invert(self.window), np.column_stack([xs, ys]))
        (x0, y0), (x1, y1) = corners.min(0), corners.max(0)
        return math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1)

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers: `{"box": [...], "presence": ..., "points": {name: [x, y, visibility]}}`."""
        rows = zip(POINTS[:-2], self.points.tolist(), self.visibility.tolist(), strict=False)
        return {
            "box": list(self.box),
            "presence": round(self.presence, 4),
            "points": {name: [round(x, 2), round(y, 2), round(seen, 4)] for name, (x, y), seen in rows},
        }

    def point(self, name: str) -> NDArray[np.float64]:
        """Return a point `(2,)` by its name."""
        return np.asarray(self.points[POINTS.index(name)])

    def sees(self, name: str) -> float:
        """Return how probably a point is seen, 0..1."""
        return float(self.visibility[POINTS.index(name)])

    def matte(self, matrix: Matrix, shape: tuple[int, int]) -> Floats:
        """Return the mask on the pixels of a crop, `(h, w)`, 0..1; 0 beyond the window that was looked at.

        Args:
            matrix: photo to crop.
            shape: height and width of the crop, px.
        """
        from_photo = geometry.chain(geometry.invert(matrix), self.window)
        return np.asarray(geometry.put_back(self.mask, from_photo, shape), np.float32)


class BodyReader:
    """Finds bodies; the network is opened on first use.

    Args:
        model: of kind `body`.
        sessions: where its graph is opened.
    """

    def __init__(self, model: Model, sessions: Sessions) -> None:
        self.model = model
        self._sessions = sessions

    def __call__(self, rgb: NDArray[np.uint8], windows: list[Window]) -> Body | None:
        """Find a person: look in windows, then again where the best of these looks says.

        Args:
            rgb: the photo, `(H, W, 3)`, RGB, upright.
            windows: where to look.

        Returns:
            The body whose arms are seen best; None where the network sees no person (`MIN_PRESENCE`).
        """
        looks = [self._look(rgb, window) for window in windows]
        found = [look for look in looks if look is not None]
        followed = [self._look(rgb, _next(max(found, key=_clearness)))] if found else []
        found += [look for look in followed if look is not None]
        return max(found, key=_clearness, default=None)

    def _look(self, rgb: NDArray[np.uint8], window: Window) -> Body | None:
        if not (window.side > 1.0 and math.isfinite(window.side)):
            return None
        size = self.model.manifest.crop.width
        matrix = window.matrix(size)
        crop_rgb = np.asarray(geometry.cut(rgb, matrix, size, edge=True), np.uint8)
        # Alone, the network puts elbows 3 px of 300 too far to the right; of a mirror image, to the left.
        both = to_tensor(np.stack([crop_rgb, crop_rgb[:, ::-1]]))
        found = self._sessions.open(self.model, "body").run({"image": both})
        if found["points"].shape != (2, len(POINTS), 5) or found["mask"].shape != (2, 1, size, size):
            raise ModelError(f"{self.model.id} returned points {found['points'].shape}, a mask {found['mask'].shape}")
        presence = float(found["presence"].mean())
        plain, mirrored = found["points"].astype(np.float64)
        mirrored = mirrored[_PARTNERS]
        mirrored[:, 0] = size - 1 - mirrored[:, 0]
        points, mask = (plain + mirrored) / 2.0, (found["mask"][0, 0] + found["mask"][1, 0, :, ::-1]) / 2.0
        if presence < MIN_PRESENCE or not np.isfinite(points).all():
            return None
        place = geometry.apply(geometry.invert(matrix), points[:, :2])
        inside = ((place > -0.5) & (place < np.array(rgb.shape[1::-1]) - 0.5)).all(1)
        visibility = np.where(inside, np.minimum(*_sigmoid(points[:, 3:]).T), 0.0)
        return Body(place, visibility, presence, np.asarray(mask, np.float32), matrix)


def whole(shape: tuple[int, int]) -> Window:
    """Return the square around a whole photo of some height and width."""
    height, width = shape
    return Window((width - 1) / 2.0, (height - 1) / 2.0, float(max(height, width)))


def around_face(box: NDArray[Any]) -> list[Window]:
    """Return where the body may be whose face is here.

    Args:
        box: x0, y0, x1, y1 of the face, pixels.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    height = max(y1 - y0, x1 - x0)
    return [
        Window((x0 + x1) / 2.0, (y0 + y1) / 2.0 + (0.5 - _FACE_ABOVE) * side * height, side * height)
        for side in _FACE_SIDES
    ]


def _next(body: Body) -> Window:
    """Return where to look again, as MediaPipe follows a person: a circle around the hips' middle, upright with it."""
    middle, top = body.point("middle"), body.point("top")
    radius = float(np.linalg.norm(top - middle))
    angle = math.atan2(top[0] - middle[0], middle[1] - top[1])
    return Window(float(middle[0]), float(middle[1]), 2.0 * radius * _MARGIN, angle)


def _clearness(body: Body) -> float:
    """Return how well a body's arms are seen."""
    arms = [POINTS.index(f"{side}_{part}") for side in ("left", "right") for part in ("shoulder", "elbow", "wrist")]
    return body.presence + float(body.visibility[arms].mean())


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))
