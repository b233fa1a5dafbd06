"""Statistics of hair, on made heads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from imgedit.errors import DataError
from imgedit.models import library
from imgedit.models.runtime import Session
from imgedit.render.tone import log_luminance
from training.measure import hair_tones
from training.measure.hair_tones import COLOURS, Head
from training.publish import words


def heads(lightness: float, ab: tuple[float, float], skins: Skins, sure: str | None = None) -> list[Head]:
    rng = np.random.default_rng(0)
    found = []
    for skin in skins:
        hair = np.column_stack([rng.normal(lightness, 4.0, 1500), np.tile(ab, (1500, 1))]).astype(np.float32)
        found.append(Head(hair, np.array(skin, np.float32), sure))
    return found


Skins = Sequence[tuple[float, float, float]]
SKINS: Skins = ((65.0, 15.0, 18.0), (70.0, 14.0, 17.0), (60.0, 16.0, 19.0))
USUAL = np.array([15.0, 18.0])


def test_level_sides_and_tint_are_found_again() -> None:
    made = {name: heads(20.0 + 10.0 * i, (4.0, 3.0 + i), SKINS) for i, name in enumerate(COLOURS)}
    found = hair_tones.statistics(made, USUAL)
    skins = log_luminance(np.array([60.0, 65.0, 70.0], np.float32))
    ratios = [log_luminance(np.float32(20.0 + 10.0 * i)) - skins for i in range(len(COLOURS))]
    assert found["level"][0] == pytest.approx([-9.0, np.percentile(ratios[0], 60)], abs=0.02)  # no hair is too black
    blond = log_luminance(np.float32(30.0)) - 0.5 * skins  # dark skin need not be in the dark
    assert found["of_skin"] == pytest.approx([1.0, 0.5, 0.5, 1.0, 0.5, 1.0, 0.5])
    assert found["level"][1] == pytest.approx([np.percentile(blond, 55), 9.0], abs=0.02)  # nor too fair
    brown = log_luminance(np.float32(40.0)) - 0.5 * skins
    assert found["level"][2] == pytest.approx(np.percentile(brown, (35, 65)), abs=0.02)
    log_y = np.stack([log_luminance(head.hair[:, 0]) for head in made["Blond_Hair"]])
    lower, middle, upper = np.percentile(log_y, (10, 50, 90), axis=1)
    assert found["below"][1] == pytest.approx(np.percentile(middle - lower, (25, 75)), abs=1e-4)
    assert found["above"][1] == pytest.approx(np.percentile(upper - middle, (25, 75)), abs=1e-4)
    assert found["top"][1] == pytest.approx(np.percentile(upper, 95), abs=1e-4)
    assert found["usual"] == pytest.approx([15.0, 18.0])
    assert found["tint"][1, 5] == pytest.approx(np.multiply(1.05, [4.0, 4.0]), abs=0.01)  # blond, L* 25 to 30
    assert found["tint"][2, 7] == pytest.approx(np.multiply(1.1, [4.0, 5.0]), abs=0.01)  # brown: a tenth more
    assert found["tint"][3, 9] == pytest.approx([2.0, 3.0], abs=0.01)  # grey: half of its chroma
    assert found["tint"][4, 11] == pytest.approx([5.0, 1.25 * 7.0], abs=0.01)  # red: a quarter more
    again = Session(hair_tones.graph(found).SerializeToString(), "cpu").run({})
    assert all((again[name] == value).all() for name, value in found.items())


def test_the_light_that_skin_shows_is_taken_off_the_tint() -> None:
    made = {name: heads(40.0, (4.0, 10.0), SKINS) for name in COLOURS}
    lit = [
        head
        for more in (0.0, 4.0, 8.0)
        for head in heads(40.0, (4.0, 10.0 + 0.5 * more), [(65.0, 15.0 + more / 8, 18.0 + more)])
    ]
    made["Blond_Hair"] = lit
    found = hair_tones.statistics(made, USUAL)
    assert found["share"][1] == pytest.approx([0.0, 1.05 * 0.5], abs=0.01)
    assert found["tint"][1, 8] == pytest.approx(np.multiply(1.05, [4.0, 10.0]), abs=0.01)
    assert found["width"][1] == pytest.approx([0.0, 0.0], abs=0.01)
    for kin in (5, 6):  # platinum and dark blond: as blond, but for its chroma
        assert found["share"][kin] == pytest.approx(found["share"][1] / 1.05)


def test_heads_of_colours_without_a_label_are_told_by_hue_lightness_and_chroma() -> None:
    blond = [heads(45.0 + i, (5.0, 18.0 - 0.2 * i), SKINS[:1], "Blond_Hair")[0] for i in range(50)]
    others = [
        head
        for name in ("Black_Hair", "Brown_Hair", "Gray_Hair")
        for head in heads(20.0, (5.0, 8.0), SKINS[:1] * 6, name)
    ]
    red = heads(35.0, (20.0, 22.0), SKINS[:1] * 5)
    in_red_light = heads(35.0, (20.0, 22.0), [(65.0, 32.0, 18.0)] * 5)
    unsure = heads(35.0, (5.0, 8.0), SKINS[:1] * 5)
    found = hair_tones.by_colour([*blond, *others, *red, *in_red_light, *unsure])
    assert list(found) == list(COLOURS)
    assert [id(head) for head in found["Red_Hair"]] == [id(head) for head in red]
    assert {id(head) for head in found["Platinum_Hair"]} == {id(head) for head in blond[45:]}
    assert {id(head) for head in found["Dark_Blond_Hair"]} == {id(head) for head in blond[:12]}
    with pytest.raises(DataError, match="0 heads have Red_Hair"):
        hair_tones.by_colour([*blond, *others])


def test_the_bundled_words_are_those_that_the_measurement_writes() -> None:
    stated = library.bundled(hair_tones.ID).manifest
    assert stated.words == hair_tones.words_of(words.words_of(hair_tones.SURE_COLOURS))
    red = stated.words["red-hair"].sets
    assert set(red) == set(COLOURS)  # it says what it is not, so that two colours contradict each other
    assert [colour for colour, value in red.items() if value] == ["Red_Hair"]
    assert set(stated.words["blond"].sets) == set(hair_tones.SURE_COLOURS)  # all of which the classifier can tell
