"""Strands that are drawn where hair shows none."""

from __future__ import annotations

import numpy as np

from imgedit.pixels import Floats, to_lab
from imgedit.render.regions import Region
from imgedit.render.strands import strands, way
from imgedit.render.tone import toned
from tests.render.test_tone import curve

WIDTH = 240.0


def waves(across_x: bool) -> Floats:
    """Lightness of hair that hangs down, or lies across."""
    line = 30.0 + 8.0 * np.sin(np.arange(160) / 2.0)
    picture = np.tile(line, (160, 1)) if across_x else np.tile(line[:, None], (1, 160))
    return np.asarray(picture, np.float32)


def alike(values: Floats, dx: int, dy: int) -> float:
    """Correlation of a picture with itself, moved."""
    h, w = values.shape
    return float(np.corrcoef(values[dy:, dx:].ravel(), values[: h - dy, : w - dx].ravel())[0, 1])


def test_strands_lie_as_the_hair_does() -> None:
    share = np.ones((160, 160), np.float32)
    for hangs in (True, False):
        light = waves(across_x=hangs)
        lies = np.abs(way(light, share, WIDTH)[40:120, 40:120])
        assert lies[..., 1 if hangs else 0].min() > 0.9
        assert lies[..., 0 if hangs else 1].max() < 0.1
        drawn = strands(light, share, WIDTH)
        along, across = alike(drawn, 0, 4), alike(drawn, 4, 0)
        assert (along if hangs else across) > 0.5
        assert (across if hangs else along) < 0.2


def test_hair_that_shows_nothing_lies_along_its_outline() -> None:
    share = np.zeros((160, 160), np.float32)
    share[:, 50:110] = 1.0
    lies = way(np.full((160, 160), 5.0, np.float32), share, WIDTH)
    assert np.abs(lies[40:120, 52:108, 1]).min() > 0.8


def test_strands_are_even_in_the_mean_and_the_same_each_time() -> None:
    share = np.ones((160, 160), np.float32)
    drawn = strands(waves(across_x=True), share, WIDTH)
    assert drawn.shape == share.shape
    assert abs(float(drawn.mean())) < 0.1
    np.testing.assert_allclose(drawn.std(), 1.0, atol=0.1)
    np.testing.assert_array_equal(drawn, strands(waves(across_x=True), share, WIDTH))


def test_where_hair_lies_no_one_way_there_are_no_strands() -> None:
    share = np.ones((160, 160), np.float32)
    assert strands(np.full((160, 160), 5.0, np.float32), share, WIDTH).std() < 0.01
    rings = np.hypot(*(np.mgrid[0:160, 0:160] - 80.0)).astype(np.float32)
    drawn = strands(30.0 + 8.0 * np.sin(rings), share, WIDTH)
    assert drawn[78:83, 78:83].std() < 0.5 * drawn[70:90, 110:140].std()


def variation(rgb: np.ndarray, target: float) -> float:
    """Standard deviation of the lightness that hair gets, log luminance -4 in the photo."""
    whole = Region((0, 0, rgb.shape[1], rgb.shape[0]), np.ones(rgb.shape[:2], np.float32))
    change = curve(middle=-4.0, low=-4.6, high=-3.4, lower=-4.3, upper=-3.7, target=target)
    return float(to_lab(toned(rgb, change, whole, WIDTH))[30:70, 30:90, 0].std())


def test_black_hair_without_a_hair_to_be_seen_is_no_flat_mass_when_it_becomes_light() -> None:
    faint = 36.0 + np.rint(np.sin(np.arange(120) / 2.0))  # hangs straight down, as far as can be seen
    flat = np.tile(faint[None, :, None], (100, 1, 3)).astype(np.uint8)
    assert variation(flat, target=-1.0) > 2.5
    assert variation(flat, target=-3.9) < 1.5  # about as dark as before: nothing is drawn


def test_hair_that_shows_its_strands_gets_no_others() -> None:
    rng = np.random.default_rng(0)
    hairs = np.clip(rng.normal(45.0, 22.0, (1, 120, 1)).repeat(100, 0).repeat(3, 2), 0, 255).astype(np.uint8)
    whole = Region((0, 0, 120, 100), np.ones((100, 120), np.float32))
    change = curve(middle=-4.0, low=-4.6, high=-3.0, lower=-4.6, upper=-3.2, target=-1.0)
    after = to_lab(toned(hairs, change, whole, WIDTH))[..., 0]
    assert after[30:70, 20:100].std(axis=0).mean() < 0.5  # hairs hang straight down: along one, nothing changes
