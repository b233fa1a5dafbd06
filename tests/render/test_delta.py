from __future__ import annotations

import numpy as np

from imgedit.render import delta as composite
from imgedit.render.regions import Region
from imgedit.vision import geometry

RNG = np.random.default_rng(0)
EYE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours with some noise, uint8."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 17), np.cos(y / 13), np.sin((x + y) / 23)], -1)
    return (128 + 70 * waves + RNG.normal(0, 8, waves.shape)).clip(0, 255).astype(np.uint8)


def whole(rgb: np.ndarray, weight: float = 1.0) -> Region:
    h, w = rgb.shape[:2]
    return Region((0, 0, w, h), np.full((h, w), weight, np.float32))


def test_pixels_without_weight_are_bit_identical_and_the_input_is_untouched():
    rgb = picture(90, 70)
    before = rgb.copy()
    weight = np.zeros((50, 40), np.float32)
    weight[10:20, 10:20] = 1.0
    delta, crop = np.full((32, 32, 3), 0.5, np.float32), RNG.uniform(-1, 1, (32, 32, 3)).astype(np.float32)
    out = composite.apply_delta(rgb, delta, crop, EYE, Region((20, 30, 60, 80), weight))
    changed = (out != rgb).any(2)
    assert changed[40:50, 30:40].mean() > 0.95
    changed[40:50, 30:40] = False
    assert not changed.any()
    np.testing.assert_array_equal(rgb, before)


def test_a_delta_that_darkens_keeps_the_photos_full_detail():
    photo = picture(256, 256)
    noise = RNG.integers(-30, 31, (256, 256, 1))
    photo = (photo * 0.6 + 60 + noise).clip(0, 255).astype(np.uint8)
    matrix = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])  # (x + 0.5) / 4 - 0.5
    crop = geometry.cut(photo, matrix, 64).astype(np.float32) / 127.5 - 1
    delta = -0.3 * (crop + 1)  # 30 % darker, a linear function of the colours
    out = composite.apply_delta(photo, delta, crop, matrix, whole(photo), eps=1e-6)
    inner = (slice(16, -16), slice(16, -16))
    assert np.abs(out[inner] - photo[inner] * 0.7).mean() < 1.0  # enlarging alone misses the noise: about 5


def test_a_delta_on_a_flat_photo_comes_back_at_crop_resolution():
    photo = np.full((64, 64, 3), 128, np.uint8)
    crop = np.full((64, 64, 3), 128 / 127.5 - 1, np.float32)
    delta = RNG.uniform(-0.5, 0.5, (64, 64, 3)).astype(np.float32)
    out = composite.apply_delta(photo, delta, crop, EYE, whole(photo))
    np.testing.assert_allclose(out, 128 + delta * 127.5, atol=0.6)
