"""Tones: a head's own light and detail, in the colours of real hair."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.pixels import to_lab
from imgedit.render.regions import Region
from imgedit.render.tone import Curve, log_luminance, toned

FLAT = np.tile(np.array([[6.0, 20.0]], np.float32), (20, 1))  # one tint at every lightness


def curve(**changes: object) -> Curve:
    values = {"middle": -2.5, "target": -1.0, "below": 1.0, "above": 1.0, "low": -3.2, "high": -1.9, "tint": FLAT}
    values |= {"lower": -2.9, "upper": -2.1}
    return Curve(**{**values, **changes})  # type: ignore[arg-type]


def picture(level: int = 60, noise: float = 6.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    grey = rng.normal(level, noise, (80, 120, 1))
    return np.clip(np.rint(grey + np.array([4.0, 0.0, -4.0])), 0, 255).astype(np.uint8)


WHOLE = Region((0, 0, 120, 80), np.ones((80, 120), np.float32))


def test_hair_becomes_as_light_and_tinted_as_asked_and_keeps_its_detail() -> None:
    rgb = picture(noise=24.0)
    middle = float(np.median(log_luminance(to_lab(rgb)[..., 0])))
    after = to_lab(toned(rgb, curve(middle=middle), WHOLE, 100.0))
    assert np.median(log_luminance(after[..., 0])) == pytest.approx(-1.0, abs=0.1)
    assert after[..., 1:].reshape(-1, 2).mean(0) == pytest.approx([6.0, 20.0], abs=1.5)
    before = to_lab(rgb)[..., 0]
    assert np.corrcoef(before.ravel(), after[..., 0].ravel())[0, 1] > 0.95


def test_pixels_without_weight_stay_bit_for_bit_and_half_a_change_is_half() -> None:
    rgb = picture()
    weight = np.zeros((80, 60), np.float32)
    weight[10:70, 10:50] = 1.0
    region = Region((30, 0, 90, 80), weight)
    whole, half = (toned(rgb, curve(), region, 100.0, amount).astype(int) for amount in (1.0, 0.5))
    outside = np.ones((80, 120), bool)
    outside[10:70, 40:80] = False
    np.testing.assert_array_equal(whole[outside], rgb[outside])
    inside = ~outside
    assert np.abs((half - rgb)[inside] * 2 - (whole - rgb)[inside]).max() <= 2
    assert (toned(rgb, curve(), region, 100.0, 0.0) == rgb).all()


def test_skin_that_shines_through_at_the_edge_is_no_bright_rim() -> None:
    rgb = picture()
    rgb[:, 100:] = (225, 190, 170)
    skin = float(to_lab(rgb[:1, 110:111])[0, 0, 0])
    weight = np.ones((80, 160), np.float32)
    rgb = np.concatenate([rgb, np.tile(rgb[:, -1:], (1, 40, 1))], axis=1)
    weight[:, 100:] = np.concatenate([np.linspace(0.7, 0.0, 20), np.zeros(40)])
    region = Region((0, 0, 160, 80), weight)
    middle = float(np.median(log_luminance(to_lab(rgb[:, :100])[..., 0])))
    change = curve(middle=middle, high=middle + 0.3)
    after = to_lab(toned(rgb, change, region, 120.0))[..., 0]
    assert after[:, 100:120].max() < skin + 2


def test_hair_over_skin_changes_by_its_share_and_what_is_behind_stays() -> None:
    hair, skin, width = np.array([60.0, 40.0, 30.0]), np.array([225.0, 190.0, 170.0]), 160
    share = np.clip((100.0 - np.arange(width)) / 40.0, 0.0, 1.0)  # hair thins out over 40 px
    line = share[:, None] * hair + (1.0 - share[:, None]) * skin
    rgb = np.rint(np.tile(line, (80, 1, 1))).astype(np.uint8)
    region = Region((0, 0, width, 80), np.tile(share, (80, 1)).astype(np.float32))
    middle = float(log_luminance(to_lab(rgb[:1, :1])[0, 0, 0]))
    after = toned(rgb, curve(middle=middle, low=middle - 0.1, high=middle + 0.1), region, 400.0).astype(float)
    new = after[:, :40].mean((0, 1))
    wanted = share[:, None] * new + (1.0 - share[:, None]) * skin
    assert np.abs(after.mean(axis=0) - wanted).max() < 20  # of which strands, drawn on such even hair, are 5 L*
    assert np.abs(rgb[40] - wanted).max() > 60


def test_a_highlight_is_held_and_a_tint_is_looked_up_at_the_new_lightness() -> None:
    one = curve(high=-1.9)
    assert float(one.moved(np.float32(-1.9))) == pytest.approx(-0.4)
    assert float(one.moved(np.float32(2.0))) == pytest.approx(-0.4 + 0.15)
    ramp = np.column_stack([np.zeros(20), np.arange(20)]).astype(np.float32)
    found = curve(tint=ramp).tint_at(np.array([2.5, 50.0, 100.0], np.float32))
    assert found[:, 1] == pytest.approx([0.0, 9.5, 19.0], abs=0.01)


def test_what_is_darker_and_what_is_lighter_than_the_middle_have_factors_of_their_own() -> None:
    one = curve(below=0.5, above=1.5)
    found = one.moved(np.array([-2.9, -2.5, -2.1], np.float32))
    assert found == pytest.approx([-1.0 - 0.5 * 0.4, -1.0, -1.0 + 1.5 * 0.4], abs=1e-5)
