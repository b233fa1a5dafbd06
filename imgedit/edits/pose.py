"""Turn heads: where a face is to look, as a `Warp`, checked with the mesh's own eyes.

A face is turned about the middle of its head. The mesh network reads less from a turned picture than was turned, so the
result is looked at on a small copy, and turned further by what is missing.

Good: up to about 20 degrees of yaw and 12 of pitch, with hair behind the ears or short hair, glasses, beards, hats.
Bad: a head turned away by more than about 30 degrees that is to look ahead, half of whose face is a mirror image;
hair over the temple of the far cheek, which is drawn out; hands and writing in front of a cheek, which are mirrored;
straight lines near a head that is tilted or rolled, which bend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from imgedit.edits.plan import FORCE, Warn
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.models.library import Model
from imgedit.render.change import Change
from imgedit.render.mesh_fields import smoothstep, visibility
from imgedit.render.warp import Warp, parsed_maps, warp_points
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Mesh, Points, Pose
from imgedit.vision.subject import Subject

__all__ = ["LIMIT", "Turn", "nearest", "prepare", "reached", "turned", "warn_of_edge"]

LIMIT = 35.0
"""Degrees from the photo's own view to which a head is turned; what a photo does not show has to be invented."""
_LARGEST = 80.0  # degrees that may be asked for at all

_OUTSIDE = 0.05
"""Share of a face's mesh beyond the photo's edge from which a turn may draw what lies there out, or mirror it."""

_AXIS = np.array([0.0, 0.0, 2.5])  # middle of the head, in the mean face's units, between the ears
_LOOKS = 3  # at the result
_FURTHER = 0.5  # of the turn, by how much more than asked it may be turned, and
_AT_LEAST = 3.0  # degrees
_FACE = 112  # px; height of the face on the small copy
_COPY = 288  # px; side of the small copy


@dataclass(frozen=True)
class Turn:
    """A plan to turn heads.

    Attributes:
        yaw: degrees to the viewer's right.
        pitch: degrees up.
        roll: degrees clockwise.
        is_absolute: the angles are where the face is to look, not by how much it is turned.
        is_forced: turn further than `LIMIT` too.
        names: words that name the edited copy.
        within: degrees from what is asked that are near enough; every further turn costs likeness.
        is_for_turned: as `imgedit.edits.plan.ForTurned`.
    """

    yaw: float
    pitch: float
    roll: float
    is_absolute: bool = False
    is_forced: bool = False
    names: Sequence[str] = ("pose",)
    within: float = 2.0
    is_for_turned: bool = True

    @property
    def description(self) -> str:
        """What is done: `to yaw 0, pitch 0, roll 0`, or `by yaw 20, pitch 0, roll 0`."""
        way = "to" if self.is_absolute else "by"
        yaw, pitch, roll = self.carried_out
        return f"heads turned {way} yaw {yaw:g}, pitch {pitch:g}, roll {roll:g}"

    @property
    def carried_out(self) -> Pose:
        """The angles of what is done: no further than `LIMIT`. How far absolute ones are, only a face tells."""
        asked = Pose(self.yaw, self.pitch, self.roll)
        if self.is_absolute or self.is_forced:
            return asked
        return Pose(*(round(angle, 2) + 0.0 for angle in nearest(Pose(0.0, 0.0, 0.0), asked, lambda text: None)))

    @property
    def models(self) -> Sequence[Model]:
        """The face mesh."""
        return [library.bundled(mesh.MODEL)]

    def changes(self, subject: Subject, warn: Warn) -> list[Change]:
        """Find how far to turn; as `Plan.changes`."""
        face = subject.mesh
        if face is None:
            warn("cannot be turned: no face mesh fits it")
            return []
        target = self.target(subject, face, warn)
        return [] if target is None else [Warp(face.points, target)]

    def target(self, subject: Subject, face: Mesh, warn: Warn, shape: Points | None = None) -> Points | None:
        """Return where the points of a face go, `(468, 3)`; None where it looks there already.

        Args:
            subject: whose face.
            face: its mesh.
            warn: as of `changes`.
            shape: `(468, 3)`: the mesh before it is turned, where its expression changes too; None: the face's own.
        """
        wanted = self._wanted(face.pose)
        if not self.is_forced:
            wanted = nearest(face.pose, wanted, warn)
        if np.allclose(wanted, face.pose, atol=1e-6):
            return None
        warn_of_edge(subject, face, warn)
        return reached(subject, face, wanted, self.within, shape)

    def _wanted(self, pose: Pose) -> Pose:
        if self.is_absolute:
            return Pose(self.yaw, self.pitch, self.roll)
        return Pose(pose.yaw + self.yaw, pose.pitch + self.pitch, pose.roll + self.roll)


def prepare(
    yaw: float | None = None,
    pitch: float | None = None,
    roll: float | None = None,
    *,
    absolute: bool = False,
    force: bool = False,
) -> Turn:
    """Settle a turn.

    Args:
        yaw: degrees to the viewer's right; None: 0.
        pitch: degrees up; None: 0.
        roll: degrees clockwise; None: 0.
        absolute: where the face is to look, not by how much it is turned.
        force: turn further than `LIMIT` too.

    Raises:
        ConfigError: no angle is given, or one makes no sense.
    """
    angles = {"yaw": yaw, "pitch": pitch, "roll": roll}
    if all(value is None for value in angles.values()):
        raise ConfigError("say how to turn the head: yaw, pitch or roll, in degrees", hint="such as --yaw 15")
    for name, value in angles.items():
        if value is not None and not abs(value) <= _LARGEST:  # not a number fails too
            raise ConfigError(f"{name} must be -{_LARGEST:.0f} to {_LARGEST:.0f} degrees, got {value:g}")
    turn = Turn(yaw or 0.0, pitch or 0.0, roll or 0.0, absolute, force)
    done = zip(angles.items(), turn.carried_out, strict=True)
    return replace(
        turn, names=[f"{name}{round(angle, 2) + 0.0:+g}" for (name, asked), angle in done if asked is not None]
    )


def turned(points: Points, before: Pose, after: Pose) -> Points:
    """Turn a mesh about the middle of its head.

    Points that come into view are taken from the other side of the face, which the photo shows: the network only
    guesses what it does not see.

    Args:
        points: `(468, 3)`.
        before: its pose.
        after: the wanted pose.
    """
    still, mirror = list(mesh.STILL), mesh.template().mirror
    scale, turn, shift = mesh.fit(mesh.template().points[still], points[still])
    middle = scale * turn @ _AXIS + shift
    upright = (points - middle) @ mesh.rotation(before)  # as if it looked straight ahead
    to = mesh.rotation(after)
    seen = visibility(points)
    shown = visibility(upright @ to.T)
    share = smoothstep((0.5 - seen) / 0.4) * smoothstep((shown - seen) / 0.25) * smoothstep((seen[mirror] - seen) / 0.3)
    whole = upright + share[:, None] * (upright[mirror] * [-1.0, 1.0, 1.0] - upright)
    return np.asarray(whole @ to.T + middle)


def warn_of_edge(subject: Subject, face: Mesh, warn: Warn) -> None:
    """Say that a face reaches over the photo's edge, so that a turn has to make up what is beyond."""
    outside = face.outside(subject.photo.height, subject.photo.width)
    if outside > _OUTSIDE:
        warn(f"reaches over the edge of the photo ({outside:.0%} of it is outside), so it may be turned badly")


def nearest(own: Pose, wanted: Pose, warn: Warn, limit: float = LIMIT) -> Pose:
    """Return the pose nearest to a wanted one that a photo of a face shows, and warn where that is another one.

    Args:
        own: pose of the face.
        wanted: pose that it is to have.
        warn: as of `Plan.changes`.
        limit: degrees to which it may be turned.
    """
    change = np.subtract(wanted, own)
    away = float(np.hypot(change[0], change[1]))
    if away <= limit:
        return wanted
    warn(
        f"would have to be turned by {away:.0f} degrees, which the photo does not show; turned by {limit:.0f} instead "
        f"({FORCE} to turn it all the way)"
    )
    return Pose(*np.add(own, change * [limit / away, limit / away, 1.0]).tolist())


def reached(subject: Subject, face: Mesh, wanted: Pose, within: float, shape: Points | None = None) -> Points:
    """Return the mesh, turned so that the result reads as the wanted pose as nearly as it gets.

    Args:
        subject: whose face.
        face: its mesh.
        wanted: the pose.
        within: degrees from it that are near enough.
        shape: `(468, 3)`: the mesh before it is turned, where its expression changes too; None: the face's own.
    """
    shape = face.points if shape is None else shape
    side = float(np.ptp(face.points[list(mesh.OVAL), :2], axis=0).max())
    scale = min(1.0, _FACE / side)
    middle = face.points[list(mesh.OVAL), :2].mean(0)
    to_copy = np.column_stack([scale * np.eye(2), (_COPY - 1) / 2.0 - scale * middle])
    copy = np.asarray(geometry.cut(subject.rgb, to_copy, _COPY), np.uint8)
    points, shaped = (
        np.column_stack([geometry.apply(to_copy, one[:, :2]), scale * one[:, 2]]) for one in (face.points, shape)
    )
    maps = parsed_maps(subject)
    if maps is not None:
        maps = (geometry.chain(geometry.invert(to_copy), maps[0]), maps[1])
    change = np.abs(np.subtract(wanted, face.pose))
    room = _FURTHER * change + _AT_LEAST
    asked = np.array(wanted)
    best, error = asked, np.inf
    for _ in range(_LOOKS):
        target = turned(shaped, face.pose, Pose(*asked.tolist()))
        found = subject.networks.mesh.follow(warp_points(copy, points, target, maps), target)
        if found is None:
            break
        missing = np.subtract(wanted, found.pose)
        if float(np.abs(missing).max()) < error:
            best, error = asked, float(np.abs(missing).max())
        if error <= within:
            break
        asked = np.clip(asked + missing, np.subtract(wanted, room), np.add(wanted, room))
    return turned(shape, face.pose, Pose(*best.tolist()))
