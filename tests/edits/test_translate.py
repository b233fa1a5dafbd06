from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import outputs, runs, translate
from imgedit.edits.plan import Edit, assign
from imgedit.errors import ModelError
from imgedit.models.manifest import GraphFile, Tint
from imgedit.models.runtime import Session
from tests import toy_models as models

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return [models.hair(folder / "hair"), models.face(folder / "face")]


def test_target_vector_changes_only_what_is_named(both):
    face = both[1].manifest
    current = {"Eyeglasses": 0.8, "Smiling": 0.3, "Young": 0.9}
    np.testing.assert_array_equal(runs.target_vector(current, {"Smiling": 1.0}, face), [1, 1])
    np.testing.assert_array_equal(runs.target_vector(current, {"Eyeglasses": 0.0}, face), [0, 0])


def test_target_vector_of_a_colour_needs_no_classifier(both):
    hair = both[0].manifest
    np.testing.assert_array_equal(runs.target_vector(None, hair.words["blond"].sets, hair), [0, 1, 0, 0])


def test_difference_is_wanted_minus_current(both):
    from dataclasses import replace

    face = replace(both[1].manifest, conditioning="difference")
    current = {"Eyeglasses": 0.8, "Smiling": 0.3}
    np.testing.assert_array_equal(runs.target_vector(current, {"Smiling": 1.0}, face), [0, 1])
    np.testing.assert_array_equal(runs.target_vector(current, {"Eyeglasses": 0.0}, face), [-1, 0])


def test_an_attribute_that_nobody_can_tell_is_named(both):
    with pytest.raises(ModelError, match="Eyeglasses"):
        runs.target_vector({"Young": 1.0}, {"Smiling": 1.0}, both[1].manifest)


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
    (weakened,) = translate.still_wanted([edit], seen)
    assert weakened.strength == pytest.approx(left)
    assert (weakened.word, weakened.values) == (edit.word, edit.values)


def test_words_of_different_strengths_add_up_in_layers():
    a, b = Edit("a", {"A": 1.0}, 0.25, "face"), Edit("b", {"B": 1.0}, 1.0, "face")
    assert runs.levels([a, b]) == [(0.25, {"A": 1.0, "B": 1.0}), (0.75, {"B": 1.0})]
    assert runs.levels([Edit("a", {"A": 1.0}, 0.0, "face")]) == []


def test_the_delta_of_an_additive_model_is_the_weighted_sum_of_its_words(both):
    run = Session(both[1].read("translate"), "cpu").run
    crop = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 64, 64)).astype(np.float32)
    task = assign({"smiling": 0.5, "eyeglasses": 1.0}, both)[0]
    delta = runs.translate_image(
        lambda role: run, crop, task.edits, {"Smiling": 0.1, "Eyeglasses": 0.1}, both[1].manifest
    )
    want = 0.5 * np.array([0.2, 0, 0]) + np.array([-0.2, -0.2, -0.2])
    np.testing.assert_allclose(delta, np.broadcast_to(want, delta.shape), atol=1e-6)


def test_a_grid_of_a_wrong_shape_is_refused(both):
    crop = np.zeros((3, 64, 64), np.float32)
    task = assign({"blond": 1.0}, both)[0]
    with pytest.raises(ModelError, match="no grid"):
        runs.translate_grids(lambda role: lambda feeds: {"grid": np.zeros((1, 9, 4, 2, 2))}, crop, task.edits, None,
                              both[0].manifest)  # fmt: skip


def test_the_strongest_word_says_the_tint() -> None:
    light, dark = Tint((0.0, 0.0), (1.0, 1.0)), Tint((2.0, 2.0), (3.0, 3.0))
    weak, strong = Edit("a", {"A": 1.0}, 0.2, "hair", light), Edit("b", {"B": 1.0}, 0.9, "hair", dark)
    assert outputs.tint_of([weak, strong]) == dark
    assert outputs.tint_of([weak, Edit("c", {"C": 1.0}, 1.0, "face")]) is None


def domains(**values: float) -> list[tuple[str, float]]:
    """Which graphs a model of two domains runs, and with which weight its answer comes in."""
    manifest = models.Manifest(
        id="cyclegan.test", version="1", title="t", method="cyclegan", kind="translate", output="image",
        graphs={"forward": GraphFile("f.onnx", "0" * 64, 1)}, crop=models.Crop("face", 8, 8),
        attributes=("Black_Hair", "Blond_Hair"), conditioning="domains",
    )  # fmt: skip
    asked = []

    def run(role):
        asked.append(role)
        return lambda feeds: {"image_out": feeds["image"] + (0.25 if role == "forward" else -0.5)}

    crop = np.zeros((3, 8, 8), np.float32)
    edits = [Edit(name, {name: 1.0}, value, "hair") for name, value in values.items()]
    delta = runs.translate_image(run, crop, edits, None, manifest)
    return [(role, float(delta[0, 0, 0])) for role in asked]


def test_a_model_of_two_domains_goes_there_or_back() -> None:
    assert domains(Blond_Hair=1.0) == [("forward", 0.25)]
    assert domains(Black_Hair=0.5) == [("backward", -0.25)]
    assert domains(Blond_Hair=0.0) == []


def test_a_head_that_is_turned_far_and_one_that_wears_a_hat_are_told(monkeypatch):
    editor = imgedit.open_model(device="cpu")
    portrait = photos.read(PORTRAIT)
    plain = editor.translate_photo(portrait, "black-hair", force=False)
    assert not any("to the side" in text or "a hat" in text for text in plain.warnings)
    monkeypatch.setattr(translate, "_TURNED", 0.0)
    monkeypatch.setattr(translate, "wears_hat", lambda subject: True)
    under = editor.translate_photo(portrait, "black-hair", force=False)
    assert any("degrees to the side, further than heads that edits were tried on" in text for text in under.warnings)
    assert any("seems to wear a hat, so nothing above the hairline is changed" in text for text in under.warnings)
    changed = [(result.photo.rgb != portrait.rgb).any(2).sum(1) for result in (plain, under)]
    assert 0 < changed[1].sum() < 0.9 * changed[0].sum()
    assert np.flatnonzero(changed[1])[0] > np.flatnonzero(changed[0])[0]
