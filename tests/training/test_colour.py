"""Lab and the sliced Wasserstein distance against independent references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from training.colour import rgb_to_lab, sliced_wasserstein

color = pytest.importorskip("skimage.color")


def test_lab_agrees_with_scikit_image() -> None:
    rgb = np.random.default_rng(0).random((5, 7, 3))
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None] * 2 - 1
    found = rgb_to_lab(image)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, color.rgb2lab(rgb), atol=2e-2)


def test_greys_have_no_chroma_and_white_has_lightness_100() -> None:
    greys = torch.linspace(-1, 1, 11, dtype=torch.float64).repeat(3, 1)[None]
    lab = rgb_to_lab(greys)
    assert lab[0, 1:].abs().max() < 0.02
    assert abs(float(lab[0, 0, -1]) - 100.0) < 1e-3
    assert abs(float(lab[0, 0, 0])) < 1e-6


def test_lab_has_finite_gradients_at_black_and_white() -> None:
    image = torch.tensor([[[-1.0], [-1.0], [-1.0]], [[1.0], [1.0], [1.0]]]).requires_grad_(True)
    rgb_to_lab(image).sum().backward()
    assert image.grad is not None
    assert torch.isfinite(image.grad).all()


def test_distance_in_one_dimension_is_scipys() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(200, 1)), rng.normal(1.0, 2.0, size=(200, 1))
    found = float(sliced_wasserstein(torch.from_numpy(a), torch.from_numpy(b), n_directions=0))
    assert abs(found - wasserstein_distance(a[:, 0], b[:, 0])) < 1e-9


def test_distance_of_a_shift_along_an_axis_and_of_equal_sets() -> None:
    a = torch.randn(64, 3, dtype=torch.float64)
    assert float(sliced_wasserstein(a, a.flip(0), n_directions=0)) == 0.0
    shifted = a + torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    assert abs(float(sliced_wasserstein(a, shifted, n_directions=0)) - 1.0) < 1e-9  # 3, 0, 0 along the three axes
