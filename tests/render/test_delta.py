from __future__ import annotations

import cv2
import numpy as np

from imgedit.models.manifest import Crop
from imgedit.render import delta as composite
from imgedit.render.delta import Delta
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


def test_what_is_new_in_a_delta_is_enlarged_bicubically() -> None:
    photo = np.full((128, 128, 3), 128, np.uint8)
    crop = np.full((32, 32, 3), 128 / 127.5 - 1, np.float32)
    delta = np.zeros((32, 32, 3), np.float32)
    delta[16, 16] = 0.9  # on a flat crop its smooth part is the mean over 5 x 5 of the mean over 5 x 5
    matrix = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])
    out = composite.apply_delta(photo, delta, crop, matrix, whole(photo)).astype(float)
    smooth = cv2.blur(cv2.blur(delta, (5, 5)), (5, 5))
    want = cv2.resize(delta - smooth, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    want += cv2.resize(smooth, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(out, 128 + 127.5 * want, atol=1.5)
    bilinear = cv2.resize(delta, None, fx=4, fy=4, interpolation=cv2.INTER_LINEAR)
    assert np.abs(128 + 127.5 * bilinear - out).max() > 5, "the two ways can be told apart"


def test_a_scaled_delta_is_the_same_change_in_part() -> None:
    delta = Delta(np.full((4, 4, 3), 0.5, np.float32), Crop("face", 4, 4), "face")
    np.testing.assert_array_equal(delta.scaled(0.5).delta, 0.25)
    assert delta.scaled(0.5).crop == delta.crop


def test_a_delta_on_a_photo_that_was_changed_adds_what_it_adds_to_the_photo_as_it_was() -> None:
    photo = picture(64, 64)
    crop = photo.astype(np.float32) / 127.5 - 1
    delta = -0.3 * (crop + 1)
    alone = composite.apply_delta(photo, delta, crop, EYE, whole(photo)).astype(int) - photo
    dyed = np.full_like(photo, 200)
    upon = composite.apply_delta(dyed, delta, crop, EYE, whole(photo), found_on=photo).astype(int) - dyed
    np.testing.assert_allclose(upon, alone, atol=1)
