"""Words, an expression and a turn of the head at once."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.editor import Editor
from imgedit.edits import combined, express, pose, translate
from imgedit.errors import ConfigError
from imgedit.models import library
from imgedit.render.change import apply_all
from imgedit.render.mouth import Mouth
from imgedit.render.warp import Warp

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


@pytest.fixture(scope="module")
def editor():
    return Editor(device="cpu")


@pytest.fixture(scope="module")
def prepared(editor):
    return editor.prepare(photos.read(PORTRAIT))


def silent(text: str) -> None:
    pass


def test_an_expression_and_a_turn_become_one_mesh(prepared):
    subject = prepared.subjects[0]
    smile, turn = express.prepare({"smile": -0.5, "open": 0.5}), pose.prepare(yaw=10)
    warp, mouth = combined.prepare(None, smile, turn).changes(subject, silent)
    assert isinstance(warp, Warp)
    assert isinstance(mouth, Mouth)
    expected = turn.target(subject, subject.mesh, silent, smile.target(subject.mesh))
    np.testing.assert_array_equal(warp.target, expected)
    np.testing.assert_array_equal(mouth.target, expected)


def test_what_words_draw_is_drawn_on_the_face_as_it_was_and_turned_with_it(editor, prepared):
    subject = prepared.subjects[0]
    words = translate.prepare({"round-glasses": 1.0, "blond": 1.0}, editor.models)
    turn = pose.prepare(yaw=12)
    plan = combined.prepare(words, None, turn)
    (got,) = editor.edit_prepared(prepared, plan)
    first = apply_all(prepared.photo.rgb, subject, words.changes(subject, silent))
    (warp,) = turn.changes(subject, silent)
    then = apply_all(first, subject, [warp])
    np.testing.assert_array_equal(got.photo.rgb, then)
    assert list(plan.names) == ["round-glasses", "blond", "yaw+12"]
    assert plan.description == "round-glasses, blond; heads turned by yaw 12, pitch 0, roll 0"
    assert len({model.id for model in plan.models}) == len(plan.models) == 3


def test_a_word_that_moves_the_face_is_part_of_the_mesh(editor, prepared):
    subject = prepared.subjects[0]
    words = translate.prepare({"no-smiling": 1.0}, editor.models)
    alone = next(change for change in words.changes(subject, silent) if isinstance(change, Warp))
    expression = express.prepare({"brows": 0.5})
    plan = combined.prepare(words, expression)
    (warp,) = (change for change in plan.changes(subject, silent) if isinstance(change, Warp))
    both = express.possible(alone.target, subject.mesh.points)
    moved = expression.target(subject.mesh) - subject.mesh.points
    assert np.abs(warp.target - both - moved).max() < 0.05 * np.abs(moved).max()


def test_a_part_alone_does_what_it_does_without_the_others(editor, prepared):
    words = translate.prepare("blond", editor.models)
    expression = express.prepare({"brows": 0.5})
    for alone in (words, expression):
        plan = combined.prepare(words=words) if alone is words else combined.prepare(expression=expression)
        (one,), (other,) = (editor.edit_prepared(prepared, each) for each in (alone, plan))
        np.testing.assert_array_equal(one.photo.rgb, other.photo.rgb)
        assert plan.description == alone.description
        assert not plan.is_for_turned


def test_at_no_strength_the_photo_comes_back(editor, prepared):
    words = translate.prepare({"round-glasses": 1.0}, editor.models)
    plan = combined.prepare(words, express.prepare({"open": 0.5}), pose.prepare(roll=5))
    none, half, whole = editor.edit_prepared(prepared, plan, [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(none.photo.rgb, prepared.photo.rgb)
    before = prepared.photo.rgb.astype(int)
    changes = [float(np.abs(result.photo.rgb - before).mean()) for result in (half, whole)]
    assert 0 < changes[0] < changes[1]
    assert plan.is_for_turned


def test_a_face_without_a_mesh_keeps_its_words(editor, prepared, monkeypatch):
    subject = editor.prepare(prepared.photo).subjects[0]
    monkeypatch.setattr(type(subject), "mesh", property(lambda _: None))
    words = translate.prepare("blond", editor.models)
    said: list[str] = []
    plan = combined.prepare(words, express.prepare({"open": 0.5}), pose.prepare(yaw=5))
    changes = plan.changes(subject, said.append)
    assert len(changes) == 1
    parts = ("an experimental word", "keeps its expression", "cannot be turned")
    assert [part in one for part, one in zip(parts, said, strict=True)] == [True, True, True]


def test_nothing_to_combine_is_an_error():
    with pytest.raises(ConfigError, match="nothing to do"):
        combined.prepare()


def test_edits_that_stand_in_each_others_places_are_an_error():
    smile, turn = express.prepare({"smile": 0.5}), pose.prepare(yaw=5)
    for wrong, says in (
        ((smile,), "words takes"),
        ((None, turn), "expression takes"),
        ((None, smile, smile), "turn takes"),
    ):
        with pytest.raises(ConfigError, match=f"{says} what the prepare of its own edit gives"):
            combined.prepare(*wrong)
    assert combined.prepare(None, smile, turn).parts == [smile, turn]
