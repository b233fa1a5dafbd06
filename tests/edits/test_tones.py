"""Hair colours by the tones of real hair, on the bundled portrait."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.edits import translate
from imgedit.edits.tones import Target, curve_of, target_of
from imgedit.errors import ConfigError, ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.pixels import to_lab
from imgedit.render.tone import log_luminance
from imgedit.vision.hair import hair_of

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
MODEL = "hair_tones.celebamask_hq"


@pytest.fixture(scope="module")
def editor() -> imgedit.Editor:
    return imgedit.open_model(MODEL, "cpu", mark=False)


@pytest.fixture(scope="module")
def tones() -> dict[str, np.ndarray]:
    return Sessions("cpu").open(library.bundled(MODEL), "tones").run({})


def test_every_colour_has_lightness_and_tint_of_its_own(editor: imgedit.Editor) -> None:
    prepared = editor.prepare(photos.read(PORTRAIT), "largest")
    subject = prepared.subjects[0]
    crop = subject.networks.parser.crop
    hair = hair_of(subject)[: crop.height] > 0.9
    mean = {}
    for word in ("black-hair", "blond", "brown-hair", "grey-hair"):
        plan = translate.prepare(word, editor.models, force=True)
        after = editor.prepare(editor.apply(prepared.photo, editor.run(prepared, plan)), "largest").subjects[0]
        mean[word] = to_lab(after.pixels(crop.kind, crop.height, crop.width))[hair].mean(0)
    assert mean["black-hair"][0] < mean["brown-hair"][0] < mean["blond"][0]
    assert mean["grey-hair"][0] > mean["brown-hair"][0]
    chroma = {word: float(np.hypot(*lab[1:])) for word, lab in mean.items()}
    assert chroma["grey-hair"] < 6 < chroma["brown-hair"]
    assert chroma["blond"] > 12


def test_the_statistics_are_those_of_real_hair(tones: dict[str, np.ndarray]) -> None:
    assert tones["tint"].shape == (7, 20, 2)
    least, most = (tones["level"] + tones["of_skin"][:, None] * log_luminance(SKIN[0])).T
    black, blond, brown, grey, red, platinum, dark_blond = range(7)
    assert (least < most).all()
    assert most[black] < least[brown] < most[brown] < least[dark_blond] < most[dark_blond] < least[blond]
    assert least[blond] < least[platinum]
    assert abs(least[grey] - least[blond]) < 0.3
    at_40 = tones["tint"][:, 8]
    assert at_40[red, 0] > at_40[brown, 0] + 4  # redder
    assert np.hypot(*at_40[grey]) < 6
    assert tones["above"][black].mean() > tones["below"][black].mean()  # black hair has highlights, blond hair shadows
    assert tones["above"][blond].mean() < tones["below"][blond].mean()


TARGET = Target(
    level=np.array([-0.8, -0.2], np.float32),
    below=np.array([0.9, 1.4], np.float32),
    above=np.array([0.5, 0.7], np.float32),
    top=-0.3,
    tint=np.tile(np.array([8.0, 20.0], np.float32), (20, 1)),
    share=np.array([0.5, 0.5], np.float32),
    width=np.array([2.0, 4.0], np.float32),
    usual=np.array([15.0, 18.0], np.float32),
)
SKIN = np.array([66.0, 15.0, 18.0], np.float32)


def hair(lightness: float, ab: tuple[float, float] = (8.0, 20.0), spread: float = 5.0) -> np.ndarray:
    ramp = np.linspace(-spread, spread, 2001)
    return np.column_stack([lightness + ramp, np.tile(ab, (2001, 1))]).astype(np.float32)


def test_hair_is_brought_to_the_nearest_lightness_that_its_colour_has_and_stays_within() -> None:
    skin = float(log_luminance(SKIN[0]))
    dark, within, white = (curve_of(hair(lightness), SKIN, TARGET) for lightness in (15.0, 52.0, 75.0))
    assert dark.target == pytest.approx(skin - 0.8)
    assert white.target == pytest.approx(skin - 0.2)
    assert within.target == pytest.approx(within.middle)
    bright = np.array([99.0, 15.0, 18.0], np.float32)
    over = curve_of(hair(15.0), bright, TARGET._replace(level=np.array([0.0, 0.2], np.float32)))
    reached = over.moved(np.percentile(log_luminance(hair(15.0)[:, 0]), 90).astype(np.float32))
    assert float(reached) == pytest.approx(-0.3, abs=1e-3)  # no whiter than real hair of the colour
    half = curve_of(hair(15.0), SKIN, TARGET._replace(of_skin=0.5))
    assert half.target == pytest.approx(0.5 * skin - 0.8)
    fair = curve_of(hair(90.0), bright, TARGET._replace(level=np.array([-0.5, 9.0], np.float32)))
    assert fair.target == pytest.approx(fair.middle)  # and no darker than it was


def test_both_sides_of_the_middle_are_brought_to_the_nearest_spread_that_real_hair_has() -> None:
    far = TARGET._replace(level=np.array([2.0, 3.0], np.float32), top=9.0)
    colours = hair(50.0, spread=18.0)
    lower, middle, upper = np.percentile(log_luminance(colours[:, 0]), (10, 50, 90))
    assert middle - lower < 0.9  # less than real hair of the colour
    assert 0.47 < upper - middle < 0.7
    found = curve_of(colours, SKIN, far._replace(above=np.array([0.3, 0.7], np.float32)))
    assert found.below == pytest.approx(0.9 / (middle - lower), abs=1e-3)
    assert found.above == pytest.approx(1.0)  # as real hair
    within = curve_of(colours, SKIN, TARGET)
    assert (within.below, within.above) == pytest.approx((1.0, 1.0))  # hair that stays as light keeps its contrast


def test_the_tint_keeps_what_the_hair_has_of_its_own_as_far_as_its_colour_varies() -> None:
    golden = curve_of(hair(50.0, (9.0, 22.0)), SKIN, TARGET)
    assert golden.tint[0] == pytest.approx([9.0, 22.0], abs=1e-3)
    red = curve_of(hair(50.0, (30.0, 60.0)), SKIN, TARGET)
    assert red.tint[0] == pytest.approx([8.0 + 0.7 * 2.0, 20.0 + 0.7 * 4.0], abs=1e-3)
    unlit = curve_of(hair(4.0, (0.0, 0.0), 2.0), SKIN, TARGET)  # so dark that it has no tint of its own
    assert unlit.tint[0] == pytest.approx([8.0, 20.0])
    warm = curve_of(hair(4.0, (0.0, 0.0), 2.0), SKIN + np.array([0.0, 2.0, 10.0], np.float32), TARGET)
    assert warm.tint[0] == pytest.approx([9.0, 25.0])  # half of the light that the skin shows


def test_a_face_without_skin_to_go_by_is_left_alone(editor: imgedit.Editor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgedit.edits.tones._SKIN", 2.0)
    before = photos.read(PORTRAIT)
    done = editor.translate_photo(before, "blond", face="largest")
    np.testing.assert_array_equal(done.photo.rgb, before.rgb)
    assert "too little skin or hair" in done.warnings[0]


def test_statistics_of_another_shape_are_an_error(tones: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelError, match="no entry for a colour"):
        target_of(tones, 7)
    with pytest.raises(ModelError, match="no level of every colour"):
        target_of({**tones, "level": tones["level"][:, 0]}, 0)
    with pytest.raises(ModelError, match="no of_skin of every colour"):
        target_of({**tones, "of_skin": tones["of_skin"][:1]}, 0)
    assert target_of({name: value for name, value in tones.items() if name != "of_skin"}, 1).of_skin == 1.0
    with pytest.raises(ModelError, match="what skin is usual"):
        target_of({**tones, "usual": tones["usual"][:1]}, 0)


def test_the_colours_are_those_that_a_user_gets_unasked() -> None:
    plan = translate.prepare({"blond": 1.0})
    assert [model.id for model in plan.models] == [MODEL]


def test_a_colour_that_the_classifier_does_not_know_is_carried_out_and_excludes_the_others(
    editor: imgedit.Editor,
) -> None:
    (task,) = translate.prepare("red-hair", editor.models).tasks
    (left,) = translate.still_wanted(task.edits, {"Black_Hair": 0.0, "Brown_Hair": 0.99, "Blond_Hair": 0.0})
    assert left.strength == 1.0
    with pytest.raises(ConfigError, match="'blond' and 'platinum' contradict each other"):
        translate.prepare(["blond", "platinum"], editor.models)
    with pytest.raises(ConfigError, match="say one of platinum, dark-blond"):
        translate.prepare("no-red-hair", editor.models)
