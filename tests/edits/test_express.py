"""Expressions: what is asked for happens, the rest of the photo stays, and nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.editor import Editor, Prepared
from imgedit.edits import express, pose, transfer
from imgedit.edits.driver import Driver, read_driver
from imgedit.edits.plan import Plan
from imgedit.errors import ConfigError, NoFaceError
from imgedit.models import library
from imgedit.vision import expressions, mesh, mouths
from imgedit.vision.mesh import Mesh

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor([], "cpu")


@pytest.fixture(scope="module")
def prepared(editor: Editor) -> Prepared:
    return editor.prepare(photos.read(PORTRAIT))


def own(prepared: Prepared) -> Mesh:
    found = prepared.subjects[0].mesh
    assert found is not None
    return found


def after(editor: Editor, prepared: Prepared, plan: Plan) -> Mesh:
    """The mesh of the edited photo, found anew."""
    edited = editor.apply(prepared.photo, editor.run(prepared, plan))
    assert edited.rgb.shape == prepared.photo.rgb.shape
    assert (edited.rgb[400:] == prepared.photo.rgb[400:]).all()  # far below the head
    return own(editor.prepare(edited))


def lids(points: np.ndarray, upper: int, lower: int) -> float:
    shape, _, _ = expressions.shape_of(points)
    return float(shape[lower, 1] - shape[upper, 1])


def test_a_mouth_closes_and_opens(editor: Editor, prepared: Prepared) -> None:
    before = mouths.opening(own(prepared).points)
    closed = mouths.opening(after(editor, prepared, express.prepare({"open": -0.6})).points)
    opened = mouths.opening(after(editor, prepared, express.prepare({"open": 0.6})).points)
    assert closed < before - 0.3
    assert opened > before + 0.3


def test_one_eye_closes_and_the_other_stays(editor: Editor, prepared: Prepared) -> None:
    plan = express.prepare({"blink-left": 1.0})
    edited = editor.apply(prepared.photo, editor.run(prepared, plan)).rgb
    changed = np.abs(edited.astype(int) - prepared.photo.rgb).max(2)
    points = own(prepared).points
    left, right = (np.rint(points[[lower, upper], :2].mean(0)).astype(int) for upper, lower in ((159, 145), (386, 374)))
    assert changed[left[1] - 4 : left[1] + 5, left[0] - 4 : left[0] + 5].max() > 60
    assert changed[right[1] - 4 : right[1] + 5, right[0] - 4 : right[0] + 5].max() < 10


def test_neutral_takes_a_smile_out(editor: Editor, prepared: Prepared) -> None:
    plan = express.prepare(neutral=True)
    assert plan.names == ["neutral"]
    before, neutral = own(prepared).points, after(editor, prepared, plan).points
    assert np.ptp(neutral[[61, 291], 0]) < 0.95 * np.ptp(before[[61, 291], 0])
    assert mouths.opening(neutral) < mouths.opening(before)


def test_strength_nothing_is_the_photo_itself(editor: Editor, prepared: Prepared) -> None:
    for plan in (express.prepare({"smile": 0.0}), express.prepare({"smile": 1.0}, strength=0.0)):
        assert plan.changes(prepared.subjects[0], pytest.fail) == []


def test_lips_and_lids_do_not_pass_through_each_other(prepared: Prepared) -> None:
    points = own(prepared).points
    for name, (upper, lower) in {"open": (13, 14), "blink-left": (159, 145), "blink-right": (386, 374)}.items():
        strength = -3.0 if name == "open" else 3.0
        target = express.possible(expressions.moved(points, expressions.combined({name: strength})), points)
        assert lids(target, upper, lower) == pytest.approx(0.05, abs=0.02)
    same = express.possible(points, points)
    assert same == pytest.approx(points)


def test_like_itself_changes_nothing_and_like_another_comes_nearer(editor: Editor, prepared: Prepared) -> None:
    driver = read_driver(PORTRAIT, device="cpu")
    assert driver.name == "astronaut"
    assert express.prepare(like=driver).changes(prepared.subjects[0], pytest.fail) == []
    points = own(prepared).points
    other = expressions.moved(points, expressions.to_neutral(points))
    found = after(editor, prepared, express.prepare(like=Driver("b", driver.face, Mesh(other, 1.0)))).points
    lips = [*mouths.OUTER, *mouths.INNER]
    assert np.abs((found - other)[lips]).mean() < 0.6 * np.abs((points - other)[lips]).mean()


def test_a_swap_takes_pose_and_expression_or_one_of_them(editor: Editor, prepared: Prepared) -> None:
    face, driver = own(prepared), read_driver(PORTRAIT, device="cpu")
    closed = expressions.moved(face.points, 1.5 * expressions.to_neutral(face.points))
    turned = pose.turned(closed, face.pose, mesh.Pose(face.pose.yaw + 15, *face.pose[1:]))
    other = Driver("b", driver.face, Mesh(turned, 1.0))
    for take, turns, closes in (("both", True, True), ("pose", True, False), ("expression", False, True)):
        found = after(editor, prepared, transfer.prepare(other, take))
        assert (found.pose.yaw - face.pose.yaw > 9) == turns
        assert (mouths.opening(found.points) < mouths.opening(face.points) - 0.15) == closes
    assert transfer.prepare(other).names == ["swap", "b"]
    assert transfer.prepare(other, "pose").names == ["swap-pose", "b"]


def test_a_photo_without_a_mesh_is_said(prepared: Prepared) -> None:
    from dataclasses import replace

    from imgedit.vision.subject import Subject

    subject = prepared.subjects[0]
    flat = replace(prepared.photo, rgb=np.full_like(prepared.photo.rgb, 90))
    plain = Subject(flat, subject.place, subject.networks)
    said: list[str] = []
    assert express.prepare({"smile": 1.0}).changes(plain, said.append) == []
    assert transfer.prepare(read_driver(PORTRAIT, device="cpu")).changes(plain, said.append) == []
    assert ["no face mesh" in text for text in said] == [True, True]
    with pytest.raises(NoFaceError, match="no face"):
        read_driver(flat, device="cpu")


@pytest.mark.parametrize(
    ("strengths", "options", "says"),
    [
        ({}, {}, "say what to change"),
        ({"grin": 1.0}, {}, "no slider is called 'grin'"),
        ({"smile": float("nan")}, {}, "-3 to 3"),
        ({"smile": 4.0}, {}, "-3 to 3"),
        ({"smile": 1.0}, {"strength": -1.0}, "strength"),
        ({"smile": 1.0}, {"strength": float("nan")}, "strength"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    strengths: dict[str, float], options: dict[str, float], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        express.prepare(strengths, **options)  # type: ignore[arg-type]


def test_contradictions_are_refused(prepared: Prepared) -> None:
    driver = read_driver(PORTRAIT, device="cpu")
    with pytest.raises(ConfigError, match="contradict"):
        express.prepare(like=driver, neutral=True)
    with pytest.raises(ConfigError, match="pose, expression or both"):
        transfer.prepare(driver, "s")


def test_the_sliders_are_those_of_the_bundled_model() -> None:
    assert tuple(expressions.expressions().sliders) == express.SLIDERS


def test_the_copy_is_named_after_what_was_asked() -> None:
    assert express.prepare({"smile": 0.7, "open": -0.2}).names == ["smile+0.7", "open-0.2"]
    assert express.prepare({"smile": 1.0}, strength=0.5).names == ["smile+1", "0.5"]
    assert express.prepare({"smile": 1.0}).description == "expression smile=1"


def test_python_callers_get_back_what_they_gave() -> None:
    rgb = photos.read(PORTRAIT).rgb
    smiling = imgedit.express(rgb, {"smile": -0.5}, device="cpu")
    assert isinstance(smiling, np.ndarray)
    assert smiling.shape == rgb.shape
    assert (smiling != rgb).any()
    assert imgedit.express(rgb, neutral=True, device="cpu", crop_only=True).shape == (256, 256, 3)
    assert (imgedit.express(rgb, like=PORTRAIT, device="cpu") == rgb).all()
    assert (imgedit.swap(rgb, rgb, device="cpu") == rgb).all()


def test_the_word_moves_the_mesh_both_ways(editor: Editor, prepared: Prepared) -> None:
    from imgedit.edits import translate

    models = [library.bundled("expressions.celeba")]
    smiling = translate.prepare("smiling", models).changes
    said: list[str] = []
    assert smiling(prepared.subjects[0], said.append) == []  # she smiles
    assert "is so already" in said[0]
    neutral = after(editor, prepared, translate.prepare("no-smiling", models))
    half = after(editor, prepared, translate.prepare("no-smiling=0.5", models))
    before = mouths.opening(own(prepared).points)
    assert mouths.opening(neutral.points) < mouths.opening(half.points) < before
    (warp, mouth) = translate.prepare("smiling", models, force=True).changes(prepared.subjects[0], said.append)
    assert (type(warp).__name__, type(mouth).__name__) == ("Warp", "Mouth")
