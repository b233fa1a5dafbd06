"""Expressions: what of a mesh changes while it stays the same person, in the frame of the mean face.

Displacements are `(468, 3)` in units of the mean face (`mesh.template`), for a face that looks straight ahead. They are
constants of a bundled model, measured by `python -m training.measure.expressions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.vision import mesh
from imgedit.vision.mesh import N_POINTS, Points

__all__ = [
    "MODEL",
    "Expressions",
    "between",
    "combined",
    "expressions",
    "moved",
    "pose_terms",
    "shape_of",
    "to_neutral",
]

MODEL = "expressions.celeba"


class Expressions(NamedTuple):
    """How faces of one person differ.

    Attributes:
        sliders: name -> displacement at strength 1.
        components: `(K, 468, 3)`, orthonormal: principal components of meshes of one person.
        transfer: `(K, K)`: takes the components of a difference between two persons to those of their expressions.
        pose: `(5, 468, 3)`: what the mesh network makes of a turned head beyond turning it, for each of `pose_terms`.
        neutral: `(468, 3)`: the mean of faces that do not smile and whose mouth is closed.
    """

    sliders: Mapping[str, Points]
    components: Points
    transfer: NDArray[np.float64]
    pose: Points
    neutral: Points


@cache
def expressions() -> Expressions:
    """Return the constants of the bundled model; its arrays are shared and must not be changed."""
    model = library.bundled(MODEL)
    found = Sessions("cpu").open(model, "expressions").run({})
    arrays = {name: np.asarray(value, np.float64) for name, value in found.items()}
    names = model.manifest.classes
    if arrays["sliders"].shape != (len(names), N_POINTS, 3) or arrays["neutral"].shape != (N_POINTS, 3):
        raise ModelError(f"{MODEL} has sliders of shape {arrays['sliders'].shape}, not {(len(names), N_POINTS, 3)}")
    sliders = dict(zip(names, arrays.pop("sliders"), strict=True))
    return Expressions(sliders, **{name: arrays[name] for name in ("components", "transfer", "pose", "neutral")})


def shape_of(points: Points) -> tuple[Points, float, Points]:
    """Return a mesh `(468, 3)` in the frame of the mean face, and the scale and the rotation that lead back."""
    scale, turn, shift = _fit(points)
    return (points - shift) @ turn / scale, scale, turn


def pose_terms(pose: mesh.Pose) -> NDArray[np.float64]:
    """Return what the errors of a mesh are taken to depend on: the angles in degrees, and yaw and pitch squared."""
    return np.array([pose.yaw, pose.pitch, pose.roll, pose.yaw**2, pose.pitch**2])


def between(source: Points, target: Points) -> Points:
    """Return the displacement that gives a face the expression of another, not its other traits.

    Args:
        source: mesh of the face, `(468, 3)`.
        target: mesh of the other face, of any size and pose.
    """
    return _kept(_without_pose(target) - _without_pose(source))


def to_neutral(source: Points) -> Points:
    """Return the displacement that takes the expression out of a face; arguments as `between`."""
    return _kept(expressions().neutral - _without_pose(source))


def combined(strengths: Mapping[str, float]) -> Points:
    """Return the displacement of sliders at some strengths.

    Args:
        strengths: name of a slider -> strength; 0 changes nothing, 1 is what one person's pictures show.
    """
    sliders = expressions().sliders
    return np.asarray(sum((strength * sliders[name] for name, strength in strengths.items()), np.zeros((N_POINTS, 3))))


def moved(points: Points, displacement: Points) -> Points:
    """Return a mesh after a displacement, in its own pose and size."""
    scale, turn, _ = _fit(points)
    return np.asarray(points + scale * displacement @ turn.T)


def _without_pose(points: Points) -> Points:
    shape, _, turn = shape_of(points)
    return shape - np.tensordot(pose_terms(mesh.angles(turn)), expressions().pose, 1)


def _kept(difference: Points) -> Points:
    """Return what of a difference between two faces is expression."""
    found = expressions()
    strengths = found.transfer @ np.tensordot(found.components, difference, 2)
    return np.tensordot(strengths, found.components, 1)


def _fit(points: Points) -> tuple[float, Points, Points]:
    still = list(mesh.STILL)
    return mesh.fit(mesh.template().points[still], points[still])
