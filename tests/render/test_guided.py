"""The guided filter, against its closed form and direct solutions."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.render import guided

RNG = np.random.default_rng(0)


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours with some noise, uint8."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 17), np.cos(y / 13), np.sin((x + y) / 23)], -1)
    return (128 + 70 * waves + RNG.normal(0, 8, waves.shape)).clip(0, 255).astype(np.uint8)


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


def test_a_large_region_takes_the_same_way_as_its_reduced_copy():
    small = picture(160, 160)
    large = np.repeat(np.repeat(small, 8, 0), 8, 1)  # 1280 px, beyond WORK_SIDE
    coarse = np.zeros((40, 40), np.float32)
    coarse[10:30, 10:30] = 1
    near = guided.refine(coarse, small, radius=6)
    far = guided.refine(coarse, large, radius=48)
    assert np.abs(far.reshape(160, 8, 160, 8).mean((1, 3)) - near).mean() < 0.03
