from __future__ import annotations

import numpy as np
import pytest

from imgedit.edits import plan as edits
from imgedit.edits.plan import Edit
from imgedit.errors import ConfigError, ModelError, UnknownWordError
from imgedit.models import library
from imgedit.models.runtime import Session
from imgedit.render.tints import TINTS
from tests import toy_models as models


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [models.hair(folder / "hair"), models.face(folder / "face")]


def test_words_are_read_in_every_spelling():
    assert edits.parse_words("Blond") == {"blond": 1.0}
    assert edits.parse_words(["black_hair", "smiling=0.5", "no-Eyeglasses"]) == {
        "black-hair": 1.0, "smiling": 0.5, "no-eyeglasses": 1.0,
    }  # fmt: skip
    assert edits.parse_words({"grey hair": 0.25}) == {"grey-hair": 0.25}


@pytest.mark.parametrize("bad", ["blond=x", "blond=1.5", "blond=-0.1", "blond=nan", "blond=", ["blond", "Blond"], []])
def test_bad_strengths_and_repeated_words_are_usage_errors(bad):
    with pytest.raises(ConfigError):
        edits.parse_words(bad)


def test_an_unknown_word_names_the_nearest_and_the_known_ones(both):
    with pytest.raises(UnknownWordError, match=r"did you mean smiling\?.*blond, brown-hair"):
        edits.plan({"smilling": 1.0}, both)


def test_shape_edits_come_before_colour_edits(both):
    plans = edits.plan({"blond": 1.0, "smiling": 1.0}, both)
    assert [plan.is_colour for plan in plans] == [False, True]
    assert [plan.region for plan in plans] == ["face", "hair"]


@pytest.mark.parametrize("words", [("blond", "black-hair"), ("smiling", "no-smiling")])
def test_contradictory_words_are_refused_by_name(both, words):
    with pytest.raises(ConfigError, match=f"'{words[0]}' and '{words[1]}' contradict"):
        edits.plan(dict.fromkeys(words, 1.0), both)


def test_one_of_several_colours_cannot_be_negated_and_the_others_are_named(both):
    with pytest.raises(ConfigError, match="say one of black-hair, brown-hair, grey-hair"):
        edits.plan({"no-blond": 1.0}, both)


def test_other_spellings_stand_beside_the_first(both):
    assert library.known_words(both)["blond"] == ["blonde"]
    assert library.known_words(both)["eyeglasses"] == ["glasses"]


def test_target_vector_changes_only_what_is_named(both):
    face = both[1].manifest
    current = {"Eyeglasses": 0.8, "Smiling": 0.3, "Young": 0.9}
    np.testing.assert_array_equal(edits.target_vector(current, {"Smiling": 1.0}, face), [1, 1])
    np.testing.assert_array_equal(edits.target_vector(current, {"Eyeglasses": 0.0}, face), [0, 0])


def test_target_vector_of_a_colour_needs_no_classifier(both):
    hair = both[0].manifest
    np.testing.assert_array_equal(edits.target_vector(None, hair.words["blond"].sets, hair), [0, 1, 0, 0])


def test_difference_is_wanted_minus_current(both):
    from dataclasses import replace

    face = replace(both[1].manifest, conditioning="difference")
    current = {"Eyeglasses": 0.8, "Smiling": 0.3}
    np.testing.assert_array_equal(edits.target_vector(current, {"Smiling": 1.0}, face), [0, 1])
    np.testing.assert_array_equal(edits.target_vector(current, {"Eyeglasses": 0.0}, face), [-1, 0])


def test_an_attribute_that_nobody_can_tell_is_named(both):
    with pytest.raises(ModelError, match="Eyeglasses"):
        edits.target_vector({"Young": 1.0}, {"Smiling": 1.0}, both[1].manifest)


@pytest.mark.parametrize(
    ("seen", "left"),
    [
        ({"A": 0.95, "B": 0.02}, 0.0),
        ({"A": 0.7, "B": 0.02}, 0.4),
        ({"A": 0.95, "B": 0.3}, 0.4),
        ({"A": 0.3, "B": 0.02}, 0.8),
        ({"A": 0.95}, 0.8),
    ],
    ids=["has it", "may have it", "may also have the other", "has it not", "the other is not known"],
)
def test_an_edit_fades_where_the_face_has_what_it_asks_for(seen, left):
    edit = Edit("a", {"A": 1.0, "B": 0.0}, 0.8, "hair")
    (weakened,) = edits.still_wanted([edit], seen)
    assert weakened.strength == pytest.approx(left)
    assert (weakened.word, weakened.values) == (edit.word, edit.values)


def test_words_of_different_strengths_add_up_in_layers():
    a, b = Edit("a", {"A": 1.0}, 0.25, "face"), Edit("b", {"B": 1.0}, 1.0, "face")
    assert edits.levels([a, b]) == [(0.25, {"A": 1.0, "B": 1.0}), (0.75, {"B": 1.0})]
    assert edits.levels([Edit("a", {"A": 1.0}, 0.0, "face")]) == []


def test_the_delta_of_an_additive_model_is_the_weighted_sum_of_its_words(both):
    run = Session(both[1].read("translate"), "cpu").run
    crop = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 64, 64)).astype(np.float32)
    plan = edits.plan({"smiling": 0.5, "eyeglasses": 1.0}, both)[0]
    delta = edits.translate_image(run, crop, plan.edits, {"Smiling": 0.1, "Eyeglasses": 0.1}, both[1].manifest)
    want = 0.5 * np.array([0.2, 0, 0]) + np.array([-0.2, -0.2, -0.2])
    np.testing.assert_allclose(delta, np.broadcast_to(want, delta.shape), atol=1e-6)


def test_a_grid_of_a_wrong_shape_is_refused(both):
    crop = np.zeros((3, 64, 64), np.float32)
    plan = edits.plan({"blond": 1.0}, both)[0]
    with pytest.raises(ModelError, match="no grid"):
        edits.translate_grids(lambda feeds: {"grid": np.zeros((1, 9, 4, 2, 2))}, crop, plan.edits, None,
                              both[0].manifest)  # fmt: skip


def test_the_strongest_word_says_the_tint() -> None:
    weak, strong = (
        Edit(w, {a: 1.0, "Male": 0.0}, s, "hair") for w, a, s in (("a", "Blond_Hair", 0.2), ("b", "Gray_Hair", 0.9))
    )
    assert edits.tint_of([weak, strong]) == TINTS["Gray_Hair"]
    assert edits.tint_of([Edit("smiling", {"Smiling": 1.0}, 1.0, "face")]) is None
    assert edits.tint_of([Edit("dark", {"Blond_Hair": 0.0}, 1.0, "hair")]) is None
