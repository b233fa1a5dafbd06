"""Pixels and what models see."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np

from imgedit.pixels import from_lab, is_same, to_lab, to_pixels, to_tensor, to_uint8


def test_colours_are_rounded_and_saturate() -> None:
    assert to_uint8(np.array([-1.2, -1.0, 0.0, 1.0, 1.2], np.float32)).tolist() == [0, 0, 128, 255, 255]


def test_every_level_comes_back_from_what_a_model_sees() -> None:
    pixels = np.arange(2 * 4 * 32 * 3, dtype=np.uint8).reshape(2, 4, 32, 3)
    seen = to_tensor(pixels)
    assert (seen.dtype, seen.shape, seen.min(), seen.max()) == (np.float32, (2, 3, 4, 32), -1.0, 1.0)
    assert seen.flags.c_contiguous
    assert np.array_equal(to_pixels(seen), pixels)
    assert np.array_equal(to_tensor(pixels[0]), seen[0])


def test_pictures_are_compared_in_less_memory_than_one_of_them_takes() -> None:
    one = np.arange(300 * 400 * 3, dtype=np.float32).reshape(300, 400, 3)
    other = one.copy()
    tracemalloc.start()
    try:
        assert is_same(one, other)
        assert tracemalloc.get_traced_memory()[1] < one.nbytes / 20
    finally:
        tracemalloc.stop()
    other[-1, -1, -1] += 1
    assert not is_same(one, other)
    assert not is_same(one, one[:-1])


def test_lab_of_known_colours() -> None:
    """Values of CIE 15 for sRGB's primaries, white, black and a grey in the straight part of the curve."""
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [2, 2, 2]]], np.uint8)
    expected = [
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
        [100.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [0.5483, 0.0, 0.0],
    ]
    for given in (colours, colours.astype(np.float32) / np.float32(255.0)):
        found = to_lab(given)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[0], expected, atol=0.06)


def test_every_colour_comes_back_from_lab_and_agrees_with_opencv() -> None:
    rgb = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(18, -1, 3).astype(np.uint8)
    lab = to_lab(rgb)
    assert np.array_equal(np.rint(255 * from_lab(lab)), rgb)
    np.testing.assert_allclose(lab, cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), atol=0.6)
    np.testing.assert_allclose(from_lab(lab), cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), atol=2e-3)


def test_what_is_beyond_srgb_is_clipped() -> None:
    beyond = np.array([[[120.0, 0.0, 0.0], [-5.0, 0.0, 0.0], [50.0, 200.0, 0.0]]], np.float32)
    found = from_lab(beyond)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert (found <= 1).all()
