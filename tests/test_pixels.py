"""Pixels and what models see."""

from __future__ import annotations

import numpy as np

from imgedit.pixels import to_pixels, to_tensor, to_uint8


def test_colours_are_rounded_and_saturate() -> None:
    assert to_uint8(np.array([-1.2, -1.0, 0.0, 1.0, 1.2], np.float32)).tolist() == [0, 0, 128, 255, 255]


def test_every_level_comes_back_from_what_a_model_sees() -> None:
    pixels = np.arange(2 * 4 * 32 * 3, dtype=np.uint8).reshape(2, 4, 32, 3)
    seen = to_tensor(pixels)
    assert (seen.dtype, seen.shape, seen.min(), seen.max()) == (np.float32, (2, 3, 4, 32), -1.0, 1.0)
    assert seen.flags.c_contiguous
    assert np.array_equal(to_pixels(seen), pixels)
    assert np.array_equal(to_tensor(pixels[0]), seen[0])
