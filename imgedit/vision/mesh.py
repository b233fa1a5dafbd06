"""A face as a mesh of 468 points in three dimensions, and the pose that follows from it.

Points are `(x, y, z)`: pixels of the photo, z in the same unit, smaller is nearer to the camera. As seen: "left" is the
viewer's left. Rotations turn such points about the axes right, down and away from the camera.

Reference:
    Kartynnik et al. 2019, "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", arXiv 1907.06724.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_tensor
from imgedit.vision import geometry
from imgedit.vision.faces import Face
from imgedit.vision.geometry import Matrix

__all__ = [
    "MODEL",
    "N_POINTS",
    "OVAL",
    "STILL",
    "Mesh",
    "MeshReader",
    "Points",
    "Pose",
    "Template",
    "angles",
    "fit",
    "pose_of",
    "rotation",
    "template",
]

MODEL = "face_mesh.mediapipe"
N_POINTS = 468
MIN_PRESENCE = 0.5
"""Probability of a face below which a mesh is no mesh."""

# Indices of points, in the network's order.
OVAL = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377),
    *(152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
"""The outline of the face, clockwise as seen, from the middle of the forehead."""
STILL = (33, 133, 263, 362, 168, 6, 10, 127, 356, 234, 454, 1)
"""Points that expressions hardly move: corners of the eyes, bridge and tip of the nose, forehead, temples."""
_FIVE = ((33, 133), (362, 263), (1,), (61,), (291,))  # their means are the detector's five landmarks
_EYES = (33, 263)  # outer corners as seen, left and right

_MARGIN = 1.5  # side of the network's crop, in sides of the box around the points (of the detector, then of the mesh)
# First looks: margin, and share of the tilt between the detector's eyes, which are off in a profile. With the first one
# alone 80.7 % of 135 profiles of CFP (people 251-400) have a mesh, with all of them 94.1 %.
_LOOKS = ((_MARGIN, 1.0), (1.2, 1.0), (1.1, 0.0))

Points = NDArray[np.float64]


class Pose(NamedTuple):
    """Where a face looks, in degrees; 0, 0, 0 is upright and straight into the camera.

    Attributes:
        yaw: Positive to the viewer's right.
        pitch: Positive up.
        roll: Positive clockwise as seen.
    """

    yaw: float
    pitch: float
    roll: float

    def to_json(self) -> dict[str, float]:
        """Return the three angles, rounded to a tenth of a degree."""
        return {name: round(value, 1) + 0.0 for name, value in self._asdict().items()}


class Template(NamedTuple):
    """The mean face.

    Attributes:
        points: `(468, 3)`, upright, straight ahead, of no particular unit.
        triangles: `(T, 3)` indices of points; without gaps for eyes and mouth.
        mirror: `(468,)` index of each point's partner on the other side.
    """

    points: Points
    triangles: NDArray[np.int64]
    mirror: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Mesh:
    """The mesh of one face in a photo.

    Attributes:
        points: `(468, 3)`, pixels of the photo.
        presence: Probability that there is a face, 0..1.
    """

    points: Points
    presence: float

    @cached_property
    def pose(self) -> Pose:
        """Yaw, pitch and roll in degrees."""
        return pose_of(self.points)

    def outside(self, height: int, width: int) -> float:
        """Return the share of the points, 0..1, that lie beyond the edge of a photo of this size, pixels."""
        places = self.points[:, :2]
        return float(((places < 0) | (places > [width - 1, height - 1])).any(axis=1).mean())

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """Five landmarks `(5, 2)` as a detector's: left eye, right eye, nose, left and right mouth corner."""
        return np.array([self.points[list(part), :2].mean(0) for part in _FIVE], np.float32)


class MeshReader:
    """Finds the meshes of faces; the network is opened on first use.

    Args:
        model: of kind `mesh`.
        sessions: where its graph is opened.
    """

    def __init__(self, model: Model, sessions: Sessions) -> None:
        self.model = model
        self._sessions = sessions

    def __call__(self, rgb: NDArray[np.uint8], face: Face) -> Mesh | None:
        """Find the mesh of a face: look where the detector's box is, then where the mesh of the first look lies.

        Where the network sees no face, as often in a profile, it looks closer.

        Args:
            rgb: the photo, `(H, W, 3)`, RGB, upright.
            face: as `imgedit.vision.faces` finds it in this photo.

        Returns:
            The mesh; None where the network sees no face (`MIN_PRESENCE`).
        """
        corners = np.asarray(face.box, np.float64).reshape(2, 2)
        eyes = np.asarray(face.landmarks[:2], np.float64)
        side = float(np.ptp(corners, axis=0).max())
        for margin, share_of_tilt in _LOOKS:
            first = self._look(rgb, _Window(corners.mean(0), margin * side, share_of_tilt * _tilt(eyes)))
            found = None if first is None else self.follow(rgb, first.points)
            if found is not None:
                return found
        return None

    def follow(self, rgb: NDArray[np.uint8], points: Points) -> Mesh | None:
        """Find the mesh of a face near points that are known: those of a first look, or where a face was moved to.

        Args:
            rgb: the photo, `(H, W, 3)`, RGB.
            points: `(468, 3)`, pixels of the photo.
        """
        angle = _tilt(points[list(_EYES), :2])
        cos, sin = math.cos(angle), math.sin(angle)
        upright = np.array([[cos, sin], [-sin, cos]])  # turns the photo by -angle
        turned = points[:, :2] @ upright.T
        low, high = turned.min(0), turned.max(0)
        return self._look(rgb, _Window((low + high) / 2.0 @ upright, _MARGIN * float((high - low).max()), angle))

    def _look(self, rgb: NDArray[np.uint8], window: _Window) -> Mesh | None:
        if not window.side > 0:
            return None
        session = self._sessions.open(self.model, "mesh")
        size = session.inputs["image"][2] or 0
        matrix = window.matrix(size)
        # A second, mirrored face beyond the photo's border would often hide the first from the network.
        crop_rgb = np.asarray(geometry.cut(rgb, matrix, size, edge=True), np.uint8)
        found = session.run({"image": to_tensor(crop_rgb)[None]})
        presence, crop = float(found["presence"][0]), found["points"][0].astype(np.float64)
        if crop.shape != (N_POINTS, 3):
            raise ModelError(f"{self.model.id} returned points of shape {crop.shape}, not {(N_POINTS, 3)}")
        if presence < MIN_PRESENCE or not np.isfinite(crop).all():
            return None
        place = geometry.apply(geometry.invert(matrix), crop[:, :2])
        return Mesh(np.column_stack([place, crop[:, 2] * window.side / size]), presence)


def fit(source: Points, target: Points) -> tuple[float, Points, Points]:
    """Find scale s, rotation R and shift t that bring points closest to others: `s * source @ R.T + t`.

    Args:
        source: `(N, 3)`.
        target: `(N, 3)`.

    Reference:
        Umeyama 1991, "Least-squares estimation of transformation parameters between two point patterns", eq. 40-43.
    """
    a, b = source - source.mean(0), target - target.mean(0)
    u, singular, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = (u * signs) @ vt
    scale = float((singular * signs).sum() / (a * a).sum())
    return scale, turn, target.mean(0) - scale * turn @ source.mean(0)


def pose_of(points: Points) -> Pose:
    """Return the pose of a mesh `(468, 3)`: the rotation that brings the mean face's `STILL` points closest to its own.

    With all the points an open or smiling mouth would read as a face that looks down.
    """
    still = list(STILL)
    return angles(fit(template().points[still], points[still])[1])


def rotation(pose: Pose) -> Points:
    """Return the rotation `(3, 3)` that takes a face that looks straight ahead to a pose."""
    yaw, pitch, roll = (math.radians(value) for value in pose)
    about_down = np.array([[math.cos(yaw), 0.0, -math.sin(yaw)], [0.0, 1.0, 0.0], [math.sin(yaw), 0.0, math.cos(yaw)]])
    about_right = np.array(
        [[1.0, 0.0, 0.0], [0.0, math.cos(pitch), math.sin(pitch)], [0.0, -math.sin(pitch), math.cos(pitch)]]
    )
    about_ahead = np.array(
        [[math.cos(roll), -math.sin(roll), 0.0], [math.sin(roll), math.cos(roll), 0.0], [0.0, 0.0, 1.0]]
    )
    return np.asarray(about_down @ about_right @ about_ahead)


def upright_window(points: Points, middle: Points, width: float, size: tuple[int, int]) -> Matrix:
    """Return the matrix from a photo to a window of a face, upright with the face.

    It hangs on what expressions do not move (`STILL`).

    Args:
        points: `(468, 3)`, pixels of the photo.
        middle: `(3,)`, of the window, in the frame of the mean face.
        width: of the window, in units of the mean face.
        size: height and width of the crop, px.
    """
    still = list(STILL)
    scale, turn, shift = fit(template().points[still], points[still])
    centre = (scale * turn @ middle + shift)[:2]
    angle = math.radians(angles(turn).roll)
    zoom = size[1] / (width * scale)
    cos, sin = zoom * math.cos(angle), zoom * math.sin(angle)
    upright = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([upright, (np.array(size[::-1]) - 1) / 2.0 - upright @ centre])


def angles(turn: Points) -> Pose:
    """Return the pose of a rotation `(3, 3)`; the other way round from `rotation`."""
    x, y, z = -turn[:, 2]  # where the face looks
    yaw, pitch = math.atan2(x, -z), math.asin(float(np.clip(-y, -1.0, 1.0)))
    roll = math.atan2(turn[1, 0], turn[1, 1])
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))


class _Window(NamedTuple):
    """A turned square of a photo: middle `(2,)` and side in pixels, angle in radians, clockwise as seen."""

    middle: NDArray[np.float64]
    side: float
    angle: float

    def matrix(self, size: int) -> Matrix:
        """Return the matrix from the photo to a crop of `size` pixels."""
        scale = size / self.side
        cos, sin = math.cos(self.angle) * scale, math.sin(self.angle) * scale
        turn = np.array([[cos, sin], [-sin, cos]])
        return np.column_stack([turn, (size - 1) / 2.0 - turn @ self.middle])


def _tilt(eyes: NDArray[np.float64]) -> float:
    """Return the angle in radians, clockwise as seen, of the line from the left eye to the right one, `(2, 2)`."""
    dx, dy = eyes[1] - eyes[0]
    return math.atan2(dy, dx)


@cache
def template() -> Template:
    """Return the mean face of the bundled model; its arrays are shared and must not be changed."""
    found = Sessions("cpu").open(library.bundled(MODEL), "template").run({})
    points, triangles, mirror = (found[name] for name in ("points", "triangles", "mirror"))
    if points.shape != (N_POINTS, 3) or mirror.shape != (N_POINTS,) or triangles.ndim != 2:
        raise ModelError(f"the mean face of {MODEL} has points of shape {points.shape}, not {(N_POINTS, 3)}")
    return Template(points.astype(np.float64), triangles.astype(np.int64), mirror.astype(np.int64))
