from __future__ import annotations

import numpy as np
import pytest

from imgedit.render import delta as composite
from imgedit.render import guided, regions
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


def filtered(guide: np.ndarray, source: np.ndarray, radius: int, eps: float) -> np.ndarray:
    """Smooth a map along the edges of a guide."""
    coefficients = guided.fit_guided(guide, source, radius, eps)[:, :, 0]
    return np.einsum("hwi,hwi->hw", coefficients[..., :3], guide) + coefficients[..., 3]


def test_guided_filter_returns_a_linear_function_of_its_guide():
    guide = RNG.random((40, 50, 3)).astype(np.float32)
    source = guide @ np.array([0.2, -0.5, 0.9], np.float32) + 0.1
    np.testing.assert_allclose(filtered(guide, source, 4, 1e-8), source, atol=1e-4)


def test_guided_filter_on_a_flat_guide_is_two_box_filters():
    import cv2

    guide = np.full((30, 30, 3), 0.4, np.float32)
    source = RNG.random((30, 30)).astype(np.float32)
    box = cv2.boxFilter(cv2.boxFilter(source, -1, (5, 5), borderType=cv2.BORDER_REFLECT), -1, (5, 5),
                        borderType=cv2.BORDER_REFLECT)  # fmt: skip
    np.testing.assert_allclose(filtered(guide, source, 2, 1e-3), box, atol=1e-5)


def test_guided_filter_agrees_with_solving_every_window_directly():
    guide = RNG.random((9, 9, 3)).astype(np.float32)
    source = RNG.random((9, 9)).astype(np.float32)
    eps, radius = 0.01, 2
    a = np.zeros((5, 5, 4))
    for i in range(5):  # windows that lie inside
        for j in range(5):
            window = guide[i : i + 5, j : j + 5].reshape(-1, 3).astype(float)
            p = source[i : i + 5, j : j + 5].ravel().astype(float)
            cov = np.cov(window.T, bias=True) + eps * np.eye(3)
            slope = np.linalg.solve(cov, ((window - window.mean(0)) * (p - p.mean())[:, None]).mean(0))
            a[i, j] = *slope, p.mean() - slope @ window.mean(0)
    want = a.mean((0, 1))[:3] @ guide[4, 4] + a.mean((0, 1))[3]  # He et al. 2013, eq. 16, at the middle
    assert filtered(guide, source, radius, eps)[4, 4] == pytest.approx(want, abs=1e-4)


def test_refine_moves_a_blurred_edge_to_the_photos_edge():
    import cv2

    guide = np.full((200, 200, 3), 220, np.uint8)
    guide[:, :90] = 40
    coarse = np.zeros((20, 20), np.float32)
    coarse[:, :9] = 1
    coarse = cv2.GaussianBlur(coarse, (5, 5), 1.0)
    matte = guided.refine(coarse, guide, radius=25)
    assert matte[:, 86].min() > 0.9
    assert matte[:, 93].max() < 0.15
    assert (matte[:, 150:] == 0).all()
    assert (matte[:, :40] == 1).all()


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


def test_window_weight_is_one_inside_and_zero_at_the_border():
    weight = regions.window_weight(EYE, (100, 100), (-10, -10, 110, 110))
    assert (weight[25:95, 25:95] == 1).all()
    assert (weight[:10] == 0).all()
    assert (weight[:, -10:] == 0).all()
    assert np.abs(np.diff(weight, axis=0)).max() < 0.2


def test_shares_of_neighbours_add_up_to_one_and_the_nearer_face_owns_most():
    other = np.array([[1.0, 0.0, -70.0], [0.0, 1.0, 0.0]])
    area = (0, 0, 180, 100)
    one, two = (regions.ownership([EYE, other], i, 100, area) for i in (0, 1))
    np.testing.assert_allclose(one + two, 1.0, atol=1e-5)
    assert one[50, 20] > 0.99
    assert two[50, 150] > 0.99
    assert one[50, 85] == pytest.approx(0.5, abs=0.05)


def test_a_large_region_takes_the_same_way_as_its_reduced_copy():
    small = picture(160, 160)
    large = np.repeat(np.repeat(small, 8, 0), 8, 1)  # 1280 px, beyond WORK_SIDE
    coarse = np.zeros((40, 40), np.float32)
    coarse[10:30, 10:30] = 1
    near = guided.refine(coarse, small, radius=6)
    far = guided.refine(coarse, large, radius=48)
    assert np.abs(far.reshape(160, 8, 160, 8).mean((1, 3)) - near).mean() < 0.03


def test_faint_islands_are_dropped_and_two_real_halves_are_kept():
    probability = np.zeros((60, 60), np.float32)
    probability[5:40, 5:15] = probability[5:40, 45:55] = 0.9  # long hair on both sides of a face
    probability[50:55, 25:35] = 0.2  # a collar
    cleaned = regions.without_islands(probability)
    assert (cleaned[50:55] == 0).all()
    np.testing.assert_array_equal(cleaned[:45], probability[:45])
