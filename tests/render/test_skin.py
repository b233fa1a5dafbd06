"""Skin: which detail grows or calms, where nothing changes, and what stays the same at any size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.render import skin
from imgedit.render.regions import Region
from imgedit.render.skin import BANDS, Age, Skin, age_of, texture_matrix
from imgedit.vision import geometry, mesh
from imgedit.vision.mesh import Points, Pose

SIDE = 240
UNIT = 10.0  # pixels of the photo a unit of the mean face
NOBODY: Any = SimpleNamespace()
SHAPE, SCALE = (190, 170), 10.0


def face(yaw: float = 0.0, zoom: float = 1.0) -> Points:
    turned = mesh.template().points @ mesh.rotation(Pose(yaw, 0.0, 0.0)).T
    return np.asarray(zoom * (UNIT * turned + [SIDE / 2, SIDE / 2, 0.0]))


def age(shade: float = 0.0, gain: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0), weight: float = 1.0) -> Age:
    return Age(np.full(SHAPE, shade, np.float32), gain, np.full(SHAPE, weight, np.float32), SCALE)


def whole(side: int = SIDE) -> Region:
    return Region((0, 0, side, side), np.ones((side, side), np.float32))


def ripples(period: float, depth: float, side: int = SIDE) -> np.ndarray:
    """A grey picture whose log luminance is a wave across."""
    wave = depth * np.cos(2.0 * np.pi * np.arange(side) / period)
    linear = 0.3 * np.exp(wave)
    grey = 255.0 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.repeat(np.rint(np.tile(grey, (side, 1)))[..., None], 3, axis=2).astype(np.uint8)


def wave_of(rgb: np.ndarray, period: float) -> float:
    """The depth of the wave in the middle of the face, as log luminance."""
    n = round(period)
    x0 = len(rgb) // 2 - 2 * n
    row = rgb[len(rgb) // 2, x0 : x0 + 4 * n, 0] / 255.0
    linear = np.where(row > 0.04045, ((row + 0.055) / 1.055) ** 2.4, row / 12.92)
    log_y = np.log(linear + 0.01)
    return float(2.0 * np.abs(np.fft.rfft(log_y - log_y.mean())[4]) / len(row))


def test_shading_is_a_factor_of_light_and_ends_with_the_face() -> None:
    rgb = np.full((SIDE, SIDE, 3), 100, np.uint8)
    done = Skin(face(), age(shade=-0.3), "skin").apply(rgb, NOBODY, whole())
    linear = [((value / 255.0 + 0.055) / 1.055) ** 2.4 for value in (100, float(done[SIDE // 2, SIDE // 2, 0]))]
    assert np.log(linear[1] / linear[0]) == pytest.approx(-0.3, abs=0.02)
    low, high = face()[:, :2].min(0), face()[:, :2].max(0)
    y, x = np.nonzero((done != rgb).any(2))
    assert low[0] - 1 <= x.min() < low[0] + 20
    assert high[1] - 20 < y.max() <= high[1] + 1
    assert (done[:5] == rgb[:5]).all()


@pytest.mark.parametrize("band", range(len(BANDS) - 1))
def test_a_band_is_amplified_by_its_gain_and_the_others_little(band: int) -> None:
    period = 2.0 * np.pi * UNIT * np.sqrt(BANDS[band] * BANDS[band + 1])  # where the band passes most
    if period > SIDE / 5:
        period = SIDE / 5.0
    gain = tuple(1.0 if i == band else 0.0 for i in range(len(BANDS) - 1))
    rgb = ripples(round(period), 0.05)
    done = Skin(face(), age(gain=gain), "skin").apply(rgb, NOBODY, whole())
    grown = wave_of(done, period) / wave_of(rgb, period)
    assert 1.15 < grown < 1.9
    calm = Skin(face(), age(gain=tuple(-g for g in gain)), "skin").apply(rgb, NOBODY, whole())
    assert wave_of(calm, period) < 0.85 * wave_of(rgb, period)
    far = tuple(1.0 if abs(i - band) == 3 else 0.0 for i in range(len(BANDS) - 1))
    beside = Skin(face(), age(gain=far), "skin").apply(rgb, NOBODY, whole())
    assert wave_of(beside, period) / wave_of(rgb, period) < 1.0 + 0.4 * (grown - 1.0)


def test_strong_detail_is_no_skin_and_is_hardly_touched() -> None:
    period = 2.0 * np.pi * UNIT * np.sqrt(BANDS[1] * BANDS[2])
    gain = (0.0, -1.0, 0.0, 0.0)
    kept = []
    for depth in (0.05, 1.5):
        rgb = ripples(round(period), depth)
        kept.append(
            wave_of(Skin(face(), age(gain=gain), "skin").apply(rgb, NOBODY, whole()), period) / wave_of(rgb, period)
        )
    assert kept[0] < 0.7
    assert kept[1] > 0.9


def test_what_is_not_skin_stays_bit_for_bit_and_does_not_bleed() -> None:
    rgb = np.full((SIDE, SIDE, 3), 120, np.uint8)
    rgb[:, SIDE // 2 :] = 20  # hair
    weight = np.ones((SIDE, SIDE), np.float32)
    weight[:, SIDE // 2 :] = 0.0
    region = Region((0, 0, SIDE, SIDE), weight)
    done = Skin(face(), age(gain=(1.0, 1.0, 1.0, 1.0)), "skin").apply(rgb, NOBODY, region)
    np.testing.assert_array_equal(done, rgb)  # flat skin beside an edge has no detail
    lighter = Skin(face(), age(shade=0.4), "skin").apply(rgb, NOBODY, region)
    np.testing.assert_array_equal(lighter[:, SIDE // 2 :], rgb[:, SIDE // 2 :])
    assert (lighter[SIDE // 2, SIDE // 2 - 40 : SIDE // 2] > 125).all()


def test_half_a_change_is_half_and_none_is_none() -> None:
    rgb = np.random.default_rng(0).integers(60, 200, (SIDE, SIDE, 3), np.uint8)
    change = Skin(face(15.0), age(-0.2, (0.5, 0.5, 0.5, 0.5)), "skin")
    full, half, none = (change.scaled(s).apply(rgb, NOBODY, whole()).astype(int) for s in (1.0, 0.5, 0.0))
    np.testing.assert_array_equal(none, rgb)
    assert np.abs(full - rgb).max() > 10
    assert np.abs(2 * (half - rgb) - (full - rgb)).max() <= 2


def test_a_photo_of_twice_the_size_changes_alike() -> None:
    shade = np.zeros(SHAPE, np.float32)
    shade[60:130, 40:130] = -0.3 * np.hanning(90)
    one = Age(shade, (0.0,) * 4, np.ones(SHAPE, np.float32), SCALE)
    small = Skin(face(10.0), one, "skin").apply(np.full((SIDE, SIDE, 3), 130, np.uint8), NOBODY, whole())
    large = Skin(face(10.0, 2.0), one, "skin").apply(
        np.full((2 * SIDE, 2 * SIDE, 3), 130, np.uint8), NOBODY, whole(2 * SIDE)
    )
    assert np.abs(large.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3)) - small).max() < 4


def test_a_mark_of_the_map_comes_where_the_face_has_it() -> None:
    mouth = 61  # a corner of it
    shade = np.zeros(SHAPE, np.float32)
    x, y = np.rint(geometry.apply(texture_matrix(SHAPE, SCALE), mesh.template().points[mouth, :2])).astype(int)
    shade[y - 4 : y + 5, x - 4 : x + 5] = -0.5
    for yaw in (0.0, 20.0, -20.0):
        rgb = np.full((SIDE, SIDE, 3), 130, np.uint8)
        done = Skin(face(yaw), Age(shade, (0.0,) * 4, np.ones(SHAPE, np.float32), SCALE), "skin").apply(
            rgb, NOBODY, whole()
        )
        rows, columns = np.nonzero((done != rgb).any(2))
        assert (columns.mean(), rows.mean()) == pytest.approx(tuple(face(yaw)[mouth, :2]), abs=1.5)


def test_burnt_out_skin_gets_fainter_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def drop(level: int) -> float:
        rgb = np.full((SIDE, SIDE, 3), level, np.uint8)
        done = Skin(face(), age(shade=-0.3), "skin").apply(rgb, NOBODY, whole())
        return 1.0 - float(done[SIDE // 2, SIDE // 2, 0]) / level

    assert drop(252) < 0.4 * drop(120)
    monkeypatch.setattr(skin, "_PALE", 0.0)
    assert drop(252) > 0.9 * drop(120)


ARRAYS = {
    "shade": np.full(SHAPE, 0.1, np.float32),
    "lines": np.full(SHAPE, 0.2, np.float32),
    "weight": np.ones(SHAPE, np.float32),
    "older": np.array([1, 2, 3, 4, 2, 3], np.float32),
    "younger": np.array([-1, -1, -1, -1, -1, 0], np.float32),
    "scale": np.array([10.0], np.float32),
}


def test_maps_are_added_by_their_factors() -> None:
    older, younger = (age_of(ARRAYS, is_younger=younger) for younger in (False, True))
    assert older.gain == (1.0, 2.0, 3.0, 4.0)
    assert older.shade[0, 0] == pytest.approx(0.8)
    assert younger.shade[0, 0] == pytest.approx(-0.1)


@pytest.mark.parametrize(
    "change", [{"shade": np.zeros((3, 3))}, {"older": np.zeros(3)}, {"scale": np.zeros(1)}, {"weight": np.zeros(2)}]
)
def test_maps_that_make_no_sense_are_refused(change: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelError, match="make no sense"):
        age_of({**ARRAYS, **change}, is_younger=False)
