"""Turning heads: what is asked for is reached, and what cannot be shown is said."""

from __future__ import annotations

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.editor import Editor, Prepared
from imgedit.edits import frontalize, pose
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.render.warp import Warp
from imgedit.vision import mesh
from imgedit.vision.mesh import Pose

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor([], "cpu")


@pytest.fixture(scope="module")
def prepared(editor: Editor) -> Prepared:
    return editor.prepare(photos.read(PORTRAIT))


def change(prepared: Prepared, turn: pose.Turn) -> Warp:
    (found,) = turn.changes(prepared.subjects[0], lambda text: None)
    assert isinstance(found, Warp)
    return found


@pytest.mark.parametrize("angles", [(15.0, 0.0, 0.0), (-15.0, 0.0, 0.0), (0.0, 8.0, 0.0), (0.0, 0.0, -12.0)])
def test_a_turn_reaches_what_is_asked(editor: Editor, prepared: Prepared, angles: tuple[float, float, float]) -> None:
    edited = editor.apply(prepared.photo, editor.run(prepared, pose.prepare(*angles)))
    before, after = prepared.subjects[0].pose, editor.prepare(edited).subjects[0].pose
    assert before is not None
    assert after is not None
    assert np.subtract(after, before) == pytest.approx(angles, abs=5.0)
    assert edited.rgb.shape == prepared.photo.rgb.shape
    assert (edited.rgb[400:] == prepared.photo.rgb[400:]).all()  # far below the head


def test_no_turn_gives_the_photo_back(editor: Editor, prepared: Prepared) -> None:
    assert pose.prepare(0.0).changes(prepared.subjects[0], pytest.fail) == []
    own = prepared.subjects[0].pose
    assert own is not None
    assert pose.prepare(*own, absolute=True).changes(prepared.subjects[0], pytest.fail) == []


def test_frontalize_turns_to_the_front(editor: Editor, prepared: Prepared) -> None:
    turned = editor.prepare(editor.apply(prepared.photo, editor.run(prepared, pose.prepare(18.0, 0.0, 8.0))))
    front = editor.prepare(editor.apply(turned.photo, editor.run(turned, frontalize.prepare())))
    before, after = turned.subjects[0].pose, front.subjects[0].pose
    assert before is not None
    assert after is not None
    assert before.yaw > 12
    assert np.abs(after).max() < 5


def test_too_far_a_turn_is_said_and_shortened_unless_forced(prepared: Prepared) -> None:
    said: list[str] = []
    (near,) = pose.prepare(60.0).changes(prepared.subjects[0], said.append)
    assert len(said) == 1
    assert "60 degrees" in said[0]
    assert "(use force=True to turn" in said[0]
    far = change(prepared, pose.prepare(60.0, force=True))
    assert isinstance(near, Warp)
    assert mesh.pose_of(far.target).yaw > mesh.pose_of(near.target).yaw + 10


def test_a_face_that_reaches_over_the_edge_is_told_of_with_its_share(editor: Editor, prepared: Prepared) -> None:
    rgb = np.ascontiguousarray(prepared.photo.rgb[:400, 202:460])
    subject = editor.prepare(photos.read(rgb), "largest").subjects[0]
    said: list[str] = []
    (turn,) = pose.prepare(10.0).changes(subject, said.append)
    assert isinstance(turn, Warp)
    assert len(said) == 1
    share = round(100 * (turn.source[:, 0] < 0).mean())  # it reaches over the left edge alone
    assert 10 < share < 30
    assert said[0].startswith(f"reaches over the edge of the photo ({share}% of it is outside)")
    assert pose.prepare(10.0).changes(prepared.subjects[0], pytest.fail)


def test_turned_points_have_the_wanted_pose_and_stay_where_the_head_is() -> None:
    points = 9.0 * mesh.template().points + np.array([300.0, 200.0, 0.0])
    moved = pose.turned(points, Pose(0, 0, 0), Pose(20, -5, 3))
    assert mesh.pose_of(moved) == pytest.approx((20, -5, 3), abs=0.5)
    assert np.abs(moved.mean(0) - points.mean(0)).max() < 0.2 * np.ptp(points[:, 1])
    assert pose.turned(points, Pose(0, 0, 0), Pose(0, 0, 0)) == pytest.approx(points)


def test_a_photo_without_a_mesh_is_said(prepared: Prepared) -> None:
    from dataclasses import replace

    from imgedit.vision.subject import Subject

    subject = prepared.subjects[0]
    flat = replace(prepared.photo, rgb=np.full_like(prepared.photo.rgb, 90))
    said: list[str] = []
    assert pose.prepare(10.0).changes(Subject(flat, subject.place, subject.networks), said.append) == []
    assert "no face mesh" in said[0]


@pytest.mark.parametrize("angles", [(), (float("nan"),), (90.0,), (0.0, -100.0)])
def test_angles_that_make_no_sense_are_refused_before_any_work(angles: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"yaw|pitch"):
        pose.prepare(*angles)


def test_the_copy_is_named_after_the_angles() -> None:
    assert pose.prepare(15.0, roll=-2.5).names == ["yaw+15", "roll-2.5"]
    assert pose.prepare(1e-9, -1e-9, 12.3456789).names == ["yaw+0", "pitch+0", "roll+12.35"]
    assert frontalize.prepare().names == ("frontal",)


def test_the_copy_and_its_mark_say_the_angles_that_a_photo_shows_and_not_those_that_were_asked_for() -> None:
    assert pose.prepare(80.0).names == ["yaw+35"]
    assert pose.prepare(30.0, -40.0, 50.0).names == ["yaw+21", "pitch-28", "roll+50"]
    assert pose.prepare(30.0, -40.0, 50.0).description == "heads turned by yaw 21, pitch -28, roll 50"
    assert pose.prepare(80.0, force=True).names == ["yaw+80"]
    assert pose.prepare(80.0, absolute=True).names == ["yaw+80"]


def test_both_heads_of_a_photo_are_turned_and_the_line_between_them_stays(editor: Editor) -> None:
    two = np.concatenate([photos.read(PORTRAIT).rgb] * 2, axis=1)
    pair = editor.prepare(photos.read(two))
    edited = editor.apply(pair.photo, editor.run(pair, pose.prepare(14.0)))
    turned = editor.prepare(edited).subjects
    assert len(pair.subjects) == len(turned) == 2
    for before, after in zip(pair.subjects, turned, strict=True):
        assert before.pose is not None
        assert after.pose is not None
        assert after.pose.yaw - before.pose.yaw > 9
    assert (edited.rgb[:, 505:519] == two[:, 505:519]).all()


def test_python_callers_get_back_what_they_gave() -> None:
    rgb = photos.read(PORTRAIT).rgb
    turned = imgedit.pose(rgb, yaw=10.0, device="cpu")
    assert isinstance(turned, np.ndarray)
    assert turned.shape == rgb.shape
    assert (turned != rgb).any()
    front = imgedit.frontalize(rgb, device="cpu", crop_only=True)
    assert front.shape == (256, 256, 3)
