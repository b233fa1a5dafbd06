"""Statistics of hair, on made heads."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.models.runtime import Session
from imgedit.render.tone import log_luminance
from training.measure import hair_tones
from training.measure.hair_tones import COLOURS, Head


def heads(lightness: float, ab: tuple[float, float], skins: tuple[tuple[float, float, float], ...]) -> list[Head]:
    rng = np.random.default_rng(0)
    found = []
    for skin in skins:
        hair = np.column_stack([rng.normal(lightness, 4.0, 1500), np.tile(ab, (1500, 1))]).astype(np.float32)
        found.append(Head(hair, np.array(skin, np.float32)))
    return found


SKINS = ((65.0, 15.0, 18.0), (70.0, 15.0, 18.0), (60.0, 15.0, 18.0))


def test_ratio_spread_and_tint_are_found_again() -> None:
    made = {name: heads(20.0 + 15.0 * i, (4.0, 3.0 + i), SKINS) for i, name in enumerate(COLOURS)}
    found = hair_tones.statistics(made)
    expected = float(log_luminance(np.float32(35.0)) - log_luminance(np.float32(65.0)))
    assert found["ratio"][1] == pytest.approx(expected, abs=0.02)
    assert (np.diff(found["ratio"]) > 0).all()
    assert found["usual"] == pytest.approx([15.0, 18.0])
    assert found["tint"][1, 7] == pytest.approx([4.0, 4.0], abs=0.01)  # L* 35 to 40
    assert found["tint"][3, 13] == pytest.approx([2.0, 3.0], abs=0.01)  # grey: half of its chroma
    again = Session(hair_tones.graph(found).SerializeToString(), "cpu").run({})
    assert all((again[name] == value).all() for name, value in found.items())


def test_the_light_that_skin_shows_is_taken_off_the_tint() -> None:
    warm = tuple((lightness, 15.0, 38.0) for lightness, _, _ in SKINS)
    made = {name: heads(40.0, (4.0, 10.0), SKINS) for name in COLOURS}
    made["Blond_Hair"] = heads(40.0, (4.0, 20.0), warm)
    tint = hair_tones.statistics(made)["tint"]
    assert tint[1, 8] == pytest.approx([4.0, 20.0 - 0.5 * 20.0], abs=0.01)
