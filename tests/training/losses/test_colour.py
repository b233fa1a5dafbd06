"""Lab and the sliced Wasserstein distance against independent references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from imgedit.render import grid as grading
from imgedit.render.regions import Region
from training.losses.colour import curve_penalty, rgb_to_lab, sliced_wasserstein, with_contrast, without_brightness

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


def grid_of(affine: list[float], depth: int = 8) -> torch.Tensor:
    """A grid with the same affine transform (12 numbers, row by row) everywhere."""
    return torch.tensor(affine, dtype=torch.float64).view(1, 12, 1, 1, 1).repeat(1, 1, depth, 2, 2)


IDENTITY = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]


def test_curve_penalty_lets_gentle_curves_pass() -> None:
    assert float(curve_penalty(grid_of(IDENTITY), tint_gain=1.0)) == pytest.approx(0.0, abs=1e-12)
    darker = [0.5 * v for v in IDENTITY]
    darker[3] = darker[7] = darker[11] = -0.4
    assert float(curve_penalty(grid_of(darker))) == pytest.approx(0.0, abs=1e-12)
    grey = [0.299, 0.587, 0.114, 0.0] * 3
    assert float(curve_penalty(grid_of(grey))) == pytest.approx(0.0, abs=1e-12)


def test_curve_penalty_of_an_inverted_curve_is_its_slope_deficit_squared() -> None:
    # Turned over, luma has slope -1: 1.4 below the least slope. Tints keep their size.
    assert float(curve_penalty(grid_of([-v for v in IDENTITY]), tint_gain=1.0)) == pytest.approx(1.4**2)


def test_curve_penalty_of_amplified_tints() -> None:
    # Green minus red doubled at equal luma response: rows still sum to 1, so neutral greys stay as they are.
    amplified = [1.5, -0.5, 0.0, 0.0, -0.5, 1.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    # Along (1, -1, 0) / sqrt 2 the gain is 2; along (1, 1, -2) / sqrt 6 it is 1: the mean of 1 and 0.
    assert float(curve_penalty(grid_of(amplified), tint_gain=1.0)) == pytest.approx(0.5)


def test_curve_penalty_of_tints_that_alternate_along_the_depth() -> None:
    grid = grid_of(IDENTITY)
    even = grid.clone()
    even[:, 3] += torch.linspace(0.0, 0.2, 8, dtype=torch.float64).view(8, 1, 1)  # reddens evenly towards the lights
    assert float(curve_penalty(even, tint_gain=1.0)) == pytest.approx(0.0, abs=1e-9)
    banded = grid.clone()
    banded[:, 3, ::2] += 0.05
    # Second differences are 0.1 in red; less their luma, (0.0701, -0.0299, -0.0299): ten times their mean square.
    assert float(curve_penalty(banded, tint_gain=1.0)) == pytest.approx(10 * (0.0701**2 + 2 * 0.0299**2) / 3)


def test_hair_is_graded_in_training_as_in_the_photo() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 120, (64, 64, 3)).astype(np.uint8)
    weight = np.linspace(0.05, 2, 64, dtype=np.float32).clip(max=1).repeat(64).reshape(64, 64)  # edge and inside
    grid = np.zeros((12, 1, 1, 1), np.float32)
    grid[:, 0, 0, 0] = 0.2, 0, 0, 0.3, 0, 0.2, 0, 0.1, 0, 0, 0.2, -0.1  # nearly one colour
    size = (0, 0, 64, 64)
    found = grading.apply_grids(
        photo, [(1.0, grid)], lambda x: x.mean(1, keepdims=True), np.eye(2, 3), (64, 64), Region(size, weight)
    )
    image = torch.from_numpy(photo.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    graded = 0.2 * image + torch.tensor([0.3, 0.1, -0.1]).view(1, 3, 1, 1)
    mask = torch.from_numpy(weight)[None, None]
    edited = image + mask * (with_contrast(image, graded, mask, grading.CONTRAST) - image)
    want = ((edited[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).numpy()
    np.testing.assert_allclose(found, want, atol=0.51)
    flat = ((image + mask * (graded - image) + 1) * 127.5)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - flat).mean() > 5  # it does something


def test_without_brightness_a_change_of_brightness_is_nothing_and_a_pure_tint_all() -> None:
    grey = torch.full((1, 3, 2, 2), 0.3)
    pure = torch.tensor([0.114, 0.0, -0.299]).view(1, 3, 1, 1).expand(1, 3, 2, 2)  # red up, blue down: luma stays
    torch.testing.assert_close(without_brightness(grey + pure), pure, rtol=0.0, atol=1e-6)
