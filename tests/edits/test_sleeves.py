"""Sleeves: who is asked, which arms change, and what is said where none does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import sleeves
from imgedit.edits.plan import ForBodies, Plan
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.render import regions
from imgedit.render.sleeve import Sleeve
from imgedit.vision import arms, geometry, people
from imgedit.vision.body import MODEL, POINTS, Body
from imgedit.vision.faces import Face
from imgedit.vision.subject import Networks, Subject, body_subject, face_subject
from tests import toy_models

PORTRAIT = library.bundled_folder() / "astronaut.jpg"
DATA = Path(os.environ.get("IMGEDIT_DATA", "")) / "sleeve_models"
JOINTS = {"right": [(150, 130), (140, 210), (138, 285)], "left": [(270, 130), (280, 210), (282, 285)]}
SKIN, SHIRT = (205, 150, 120), (40, 60, 160)


def subject(bare: tuple[str, ...] = (), hidden: tuple[str, ...] = ()) -> Subject:
    """A person some of whose arms are bare, and some of whose points are hidden."""
    rgb = np.full((420, 420, 3), 255, np.uint8)
    rgb[60:110, 180:240] = SKIN
    for side, joints in JOINTS.items():
        x = joints[1][0]
        rgb[120:290, x - 20 : x + 20] = SKIN if side in bare else SHIRT
    places: dict[str, tuple[float, float]] = {"nose": (210, 85)}
    for side, joints in JOINTS.items():
        places |= dict(zip((f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"), joints, strict=True))
    points = np.array([places.get(name, (210, 300)) for name in POINTS], np.float64)
    seen = np.array([0.0 if name in hidden else 1.0 for name in POINTS])
    body = Body(points, seen, 1.0, np.ones((256, 256), np.float32), np.eye(2, 3))
    return body_subject(photos.read(rgb), body, Networks(Sessions("cpu")))


def asked(one: Subject, to: str, *, force: bool = False) -> tuple[list[str], list[str]]:
    """Names of the arms that change, and what is said."""
    said: list[str] = []
    changes = sleeves.prepare(to, force=force).changes(one, said.append)
    assert all(isinstance(change, Sleeve) for change in changes)
    return [change.arm.name for change in changes if isinstance(change, Sleeve)], said


def test_arms_that_are_not_so_yet_change() -> None:
    assert asked(subject(), "short") == (["left", "right"], [])
    assert asked(subject(bare=("left", "right")), "long") == (["left", "right"], [])
    assert asked(subject(bare=("left",)), "long") == (["left"], [])


def test_sleeves_that_are_so_already_stay_unless_forced() -> None:
    assert asked(subject(), "long") == ([], ["keeps its sleeves: they seem to be long already"])
    bare = subject(bare=("left", "right"))
    assert asked(bare, "short") == ([], ["keeps its sleeves: they seem to be short already"])
    assert asked(bare, "short", force=True) == (["left", "right"], [])


def test_arms_that_are_not_seen_are_said() -> None:
    hidden = ("left_wrist", "right_elbow")
    assert asked(subject(hidden=hidden), "short") == ([], ["keeps its sleeves: no arm is seen down to the wrist"])
    names, said = asked(subject(hidden=("left_wrist",)), "short")
    assert names == ["right"]
    assert said == ["keeps one sleeve: only one arm is seen down to the wrist"]


def test_without_face_and_hands_the_tone_of_the_skin_is_unknown() -> None:
    names, said = asked(subject(hidden=("nose", "left_index", "right_index")), "short")
    assert names == []
    assert "tone of its skin is unknown" in said[0]


def test_a_plan_is_for_bodies_and_names_itself() -> None:
    plan = sleeves.prepare("short")
    assert isinstance(plan, ForBodies)
    assert list(plan.names) == ["sleeves-short"]
    assert plan.description == "sleeves made short"
    assert [model.id for model in plan.models] == [MODEL, sleeves.PAINTER]
    typed: Plan = plan
    assert typed


def test_nonsense_is_refused() -> None:
    with pytest.raises(ConfigError, match="short or long, not 'wide'"):
        sleeves.prepare("wide")
    face = Face(np.zeros(4, np.float32), np.zeros((5, 2), np.float32), 1.0)
    one = face_subject(photos.read(PORTRAIT), face, Networks(Sessions("cpu")))
    with pytest.raises(ConfigError, match="not on faces"):
        sleeves.prepare("short").changes(one, print)


def test_another_painter_must_return_colours_and_a_matte() -> None:
    wrong = library.bundled("mouth_painter.mouths")
    plan = sleeves.prepare("short", painter=wrong)
    (first, *_) = plan.changes(subject(), print)
    assert isinstance(first, Sleeve)
    with pytest.raises(ModelError):
        first.paint(np.zeros((3, *arms.SIZE), np.float32), np.zeros((10, *arms.SIZE), np.float32))


@pytest.mark.parametrize(
    ("conditioning", "output"),
    [("target", "image"), ("difference", "image"), ("domains", "image"), ("domains", "flow")],
)
def test_a_model_that_translates_bodies_changes_the_arms_alone(tmp_path: Path, conditioning: str, output: str) -> None:
    one = subject()
    model = toy_models.sleeves(tmp_path / "m", conditioning, output)
    for to, value in (("short", 255), ("long", 0)):
        plan = sleeves.prepare(to, force=True, painter=model)
        (change,) = plan.changes(one, print)
        region = regions.find(one, change.region)
        after = change.apply(one.rgb, one, region)
        inside = np.zeros(one.rgb.shape[:2], bool)
        x0, y0, x1, y1 = region.roi
        inside[y0:y1, x0:x1] = region.weight > 0
        np.testing.assert_array_equal(after[~inside], one.rgb[~inside])
        x, y = JOINTS["left"][1]
        assert abs(int(after[y, x, 0]) - value) < 40


def test_a_model_of_faces_is_no_model_of_sleeves() -> None:
    with pytest.raises(ConfigError, match="is no model of sleeves"):
        sleeves.prepare("short", painter=library.bundled("stargan_bangs.celeba"))


def test_the_portrait_whose_arms_are_not_seen_stays_as_it_is() -> None:
    rgb = photos.read(PORTRAIT).rgb
    with pytest.warns(imgedit.EditWarning, match="no arm is seen down to the wrist"):
        same = imgedit.sleeves(rgb, "short", device="cpu")
    np.testing.assert_array_equal(same, rgb)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_person_in_a_photo_on_its_side_is_found_where_they_lie(quarters: int) -> None:
    upright = photos.read(PORTRAIT)
    editor = imgedit.open_model(device="cpu")
    wanted = editor.edit_photo(upright, sleeves.prepare("short")).bodies[0]
    done = editor.edit_photo(photos.turned(upright, quarters), sleeves.prepare("short"))
    (found,) = done.bodies
    np.testing.assert_allclose(found.points, wanted.turned(quarters, (512, 512)).points, atol=1e-6)
    x, y = (round(v) for v in found.place)
    assert f"the person at {x}, {y} keeps its sleeves: no arm is seen down to the wrist" in done.warnings
    assert any("was found only after the photo was turned by" in text for text in done.warnings)
    np.testing.assert_array_equal(done.photo.rgb, np.rot90(upright.rgb, quarters))


def test_a_body_turned_four_times_is_the_body() -> None:
    body = subject().place
    assert isinstance(body, Body)
    once = body.turned(1, (420, 300))
    assert once.points[0].tolist() == [85.0, 209.0]  # np.rot90: x' = y, y' = width - 1 - x
    pixel = np.array([[210.0, 85.0], [10.0, 20.0]])
    seen = geometry.apply(body.window, pixel)
    np.testing.assert_allclose(
        geometry.apply(once.window, np.column_stack([pixel[:, 1], 419 - pixel[:, 0]])), seen, atol=1e-9
    )
    back = once.turned(3, (300, 420))
    np.testing.assert_allclose(back.points, body.points)
    np.testing.assert_allclose(back.window, body.window, atol=1e-9)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs IMGEDIT_DATA with sleeve_models")
def test_sleeves_of_a_photo_on_its_side_change_as_those_of_the_upright_one() -> None:
    pictures = pytest.importorskip("training.data.sleeves")
    name = next(row.name for row in pictures.listed(DATA, "test") if row.sleeve == "long")
    rgb = np.repeat(np.repeat(pictures.upright(DATA / name), 2, 0), 2, 1)
    editor, plan = imgedit.open_model(device="cpu"), sleeves.prepare("short", force=True)
    wanted = editor.edit_photo(photos.read(rgb), plan)
    assert (wanted.photo.rgb != rgb).any()
    done = editor.edit_photo(photos.read(np.ascontiguousarray(np.rot90(rgb))), plan)
    np.testing.assert_array_equal(done.photo.rgb, np.rot90(wanted.photo.rgb))


@pytest.mark.parametrize(("to", "own"), [("short", "long"), ("long", "short")])
@pytest.mark.skipif(not DATA.is_dir(), reason="needs IMGEDIT_DATA with sleeve_models")
def test_real_sleeves_change_and_are_so_then(to: str, own: str) -> None:
    pictures = pytest.importorskip("training.data.sleeves")
    listing = pictures.listed(DATA, "test")
    changed = 0
    for name in [row.name for row in listing if row.sleeve == own][:6]:
        rgb = pictures.upright(DATA / name)
        editor = imgedit.open_model(device="cpu")
        plan = sleeves.prepare(to, where=people.where(whole=True), force=True)
        done = editor.edit_photo(photos.read(rgb), plan)
        tone = arms.skin_tone(rgb, done.bodies[0])
        assert tone is not None
        shares = [arms.bare_share(done.photo.rgb, arm, tone) for arm in arms.arms_of(done.bodies[0])]
        changed += (np.mean(shares) > sleeves.BARE) == (to == "short")
    assert changed >= 5
