"""The face mesh: rotations by their closed forms, and what the network says of a portrait that is moved about."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.vision import faces, mesh
from imgedit.vision.mesh import Pose
from imgedit.vision.subject import Networks, Subject, face_subject

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks(Sessions("cpu"))


@pytest.fixture(scope="module")
def subject(networks: Networks) -> Subject:
    source = photos.read(PORTRAIT)
    return face_subject(source, faces.search(source.rgb, device="cpu")[0], networks)


def seen(subject: Subject, rgb: np.ndarray) -> mesh.Mesh:
    """The mesh in another picture, in which the face is found anew."""
    source = replace(subject.photo, rgb=rgb)
    found = face_subject(source, faces.search(rgb, device="cpu")[0], subject.networks).mesh
    assert found is not None
    return found


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(25, 0, 0), Pose(0, -20, 0), Pose(0, 0, 15), Pose(-40, 10, -30)])
def test_angles_undo_rotation(pose: Pose) -> None:
    turn = mesh.rotation(pose)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    assert mesh.angles(turn) == pytest.approx(pose, abs=1e-9)


def test_positive_yaw_looks_right_positive_pitch_up_and_positive_roll_is_clockwise() -> None:
    nose, right_ear = np.array([0.0, 0.0, -1.0]), np.array([1.0, 0.0, 0.0])  # y is down
    assert (mesh.rotation(Pose(30, 0, 0)) @ nose)[0] > 0
    assert (mesh.rotation(Pose(0, 30, 0)) @ nose)[1] < 0
    assert (mesh.rotation(Pose(0, 0, 30)) @ right_ear)[1] > 0


def test_fit_recovers_a_similarity() -> None:
    source = np.random.default_rng(0).normal(size=(12, 3))
    turn, shift = mesh.rotation(Pose(20, -30, 40)), np.array([5.0, -3.0, 9.0])
    scale, found, move = mesh.fit(source, 2.5 * source @ turn.T + shift)
    assert scale == pytest.approx(2.5)
    assert found == pytest.approx(turn)
    assert move == pytest.approx(shift)


def test_pose_of_the_turned_mean_face_is_its_rotation() -> None:
    pose = Pose(18, -7, 4)
    points = 9.0 * mesh.template().points @ mesh.rotation(pose).T + np.array([300.0, 200.0, 0.0])
    assert mesh.pose_of(points) == pytest.approx(pose, abs=1e-6)


def test_mean_face_is_its_own_mirror_image_and_triangles_name_points() -> None:
    points, triangles, mirror = mesh.template()
    assert points[mirror] * [-1, 1, 1] == pytest.approx(points, abs=1e-5)
    assert (triangles >= 0).all()
    assert (triangles < mesh.N_POINTS).all()
    assert len(np.unique(triangles)) == mesh.N_POINTS


def test_mesh_lies_on_the_face_and_its_landmarks_are_near_the_detectors(subject: Subject) -> None:
    found = subject.mesh
    assert found is not None
    assert found.presence > 0.9
    eyes = float(np.linalg.norm(subject.place.landmarks[1] - subject.place.landmarks[0]))  # type: ignore[attr-defined]
    distance = np.linalg.norm(found.landmarks - subject.place.landmarks, axis=1)  # type: ignore[attr-defined]
    assert distance.max() < 0.15 * eyes
    assert found.points[1, 2] < found.points[list(mesh.OVAL), 2].min()  # the nose is nearer than the outline


def test_subject_keeps_its_mesh(subject: Subject) -> None:
    assert subject.mesh is subject.mesh
    assert subject.pose == subject.mesh.pose  # type: ignore[union-attr]


def test_pose_of_the_mirror_image_has_yaw_and_roll_of_other_sign(subject: Subject) -> None:
    pose = seen(subject, np.ascontiguousarray(subject.rgb[:, ::-1])).pose
    assert subject.pose is not None
    assert pose == pytest.approx((-subject.pose.yaw, subject.pose.pitch, -subject.pose.roll), abs=2.5)


@pytest.mark.parametrize("degrees", [-20, 20])
def test_turning_the_photo_clockwise_adds_to_the_roll(subject: Subject, degrees: int) -> None:
    height, width = subject.rgb.shape[:2]
    turn = cv2.getRotationMatrix2D((220.0, 120.0), -degrees, 1.0)  # OpenCV counts the other way round
    turned = np.asarray(cv2.warpAffine(subject.rgb, turn, (width, height)), np.uint8)
    assert subject.pose is not None
    assert seen(subject, turned).pose.roll - subject.pose.roll == pytest.approx(degrees, abs=3.0)


def test_mesh_scales_with_the_photo(subject: Subject) -> None:
    large = np.asarray(cv2.resize(subject.rgb, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC), np.uint8)
    points = (seen(subject, large).points[:, :2] + 0.5) / 4 - 0.5
    assert subject.mesh is not None
    size = float(np.ptp(subject.mesh.points[:, 1]))
    assert np.abs(points - subject.mesh.points[:, :2]).mean() < 0.02 * size


def test_a_flat_picture_has_no_mesh(subject: Subject) -> None:
    flat = replace(subject.photo, rgb=np.full_like(subject.rgb, 128))
    assert Subject(flat, subject.place, subject.networks).mesh is None
    assert Subject(flat, subject.place, subject.networks).pose is None


def test_a_face_that_the_first_look_misses_is_looked_at_closer(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, face = subject.networks.mesh, subject.place
    usual, sides = reader._look, []
    expected = reader(subject.rgb, face)  # type: ignore[arg-type]
    assert expected is not None

    def look(rgb: np.ndarray, window: mesh._Window) -> mesh.Mesh | None:
        sides.append(window.side)
        return None if len(sides) == 1 else usual(rgb, window)

    monkeypatch.setattr(reader, "_look", look)
    found = reader(subject.rgb, face)  # type: ignore[arg-type]
    assert found is not None
    assert len(sides) == 3  # missed, closer, and where that one lies
    assert sides[1] < sides[0]
    np.testing.assert_allclose(found.points, expected.points, atol=0.03 * np.ptp(expected.points[:, 1]))
