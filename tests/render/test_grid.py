"""Colour grids on the photo: slicing, what is left alone, and the contrast among hairs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from imgedit.models.manifest import Crop, Tint
from imgedit.render import grid as grading
from imgedit.render import regions
from imgedit.render.grid import Grid
from imgedit.render.regions import Region
from imgedit.vision import geometry
from tests.photos import picture

RNG = np.random.default_rng(0)
EYE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def whole(rgb: np.ndarray) -> Region:
    h, w = rgb.shape[:2]
    return Region((0, 0, w, h), np.ones((h, w), np.float32))


def constant(colour: float) -> list[tuple[float, np.ndarray]]:
    """Return the grid that makes everything one grey in [-1, 1]."""
    grid = np.zeros((12, 1, 1, 1), np.float32)
    grid[[3, 7, 11]] = colour
    return [(1.0, grid)]


def zero_guide(image: np.ndarray) -> np.ndarray:
    return np.zeros((1, 1, *image.shape[2:]), np.float32)


def luma(image: np.ndarray) -> np.ndarray:
    return image.mean(1, keepdims=True)


def test_a_full_weight_grid_of_the_identity_changes_nothing() -> None:
    rgb = picture(60, 80)
    grid = np.broadcast_to(np.eye(3, 4).reshape(12, 1, 1, 1), (12, 8, 2, 2)).astype(np.float32)
    np.testing.assert_array_equal(grading.apply_grids(rgb, [(1.0, grid)], luma, EYE, (64, 64), whole(rgb)), rgb)


def test_slicing_equals_torch_grid_sample() -> None:
    torch = pytest.importorskip("torch")
    rgb = picture(37, 53)
    grid = RNG.normal(0, 0.3, (12, 5, 3, 4)).astype(np.float32)
    angle = 0.3
    matrix = np.array([[np.cos(angle), np.sin(angle), -4.0], [-np.sin(angle), np.cos(angle), 9.0]])
    size = 40
    out = grading.apply_grids(rgb, [(1.0, grid)], luma, matrix, (size, size), whole(rgb), contrast=0.0)

    image = torch.from_numpy(rgb.astype(np.float32) / 127.5 - 1)
    y, x = np.mgrid[:37, :53]
    points = geometry.apply(matrix, np.stack([x, y], -1))
    uv = torch.from_numpy((points + 0.5) / size * 2 - 1).float()
    where = torch.cat([uv, image.mean(-1, keepdim=True)], -1)[None, None]
    a = torch.nn.functional.grid_sample(
        torch.from_numpy(grid)[None], where, align_corners=False, padding_mode="border"
    )[0, :, 0].reshape(3, 4, 37, 53)
    want = (torch.einsum("cihw,hwi->hwc", a[:, :3], image) + a[:, 3].permute(1, 2, 0)).clamp(-1, 1)
    np.testing.assert_allclose(out, ((want + 1) * 127.5).numpy(), atol=0.51)


def test_grid_result_is_clipped_before_it_is_blended() -> None:
    rgb = np.full((4, 4, 3), 101, np.uint8)
    beyond_white = constant(5.0)[0][1]
    out = grading.apply_grids(rgb, [(0.5, beyond_white)], zero_guide, EYE, (4, 4), whole(rgb))
    np.testing.assert_array_equal(out, np.full_like(rgb, 101 + 77))


def test_a_crop_beside_the_photo_gives_an_empty_region() -> None:
    rgb = picture(20, 20)
    away = np.array([[1.0, 0.0, 500.0], [0.0, 1.0, 500.0]])
    region = regions.region_of(rgb, None, away, (64, 64))
    np.testing.assert_array_equal(grading.apply_grids(rgb, constant(0.0), luma, away, (64, 64), region), rgb)


def test_pixels_without_weight_are_bit_identical_and_the_input_is_untouched() -> None:
    rgb = picture(90, 70)
    before = rgb.copy()
    weight = np.zeros((50, 40), np.float32)
    weight[10:20, 10:20] = 1.0
    out = grading.apply_grids(rgb, constant(0.3), zero_guide, EYE, (64, 64), Region((20, 30, 60, 80), weight))
    changed = (out != rgb).any(2)
    assert changed[40:50, 30:40].mean() > 0.95
    changed[40:50, 30:40] = False
    assert not changed.any()
    np.testing.assert_array_equal(rgb, before)


def strands(scale: int = 1) -> np.ndarray:
    """Dark hair: stripes of 10 and 40 on a scale of 255, three times as bright in the right half."""
    row = np.tile([10, 40], 60)
    row[60:] *= 3
    rgb = np.broadcast_to(row[None, :, None], (120, 120, 3)).astype(np.uint8)
    return np.repeat(np.repeat(rgb, scale, 0), scale, 1)


@pytest.mark.parametrize("scale", [1, 8], ids=["small", "larger than its reduced copy"])
def test_hairs_that_a_flat_curve_paints_over_come_back(scale: int) -> None:
    rgb = strands(scale)
    matrix = EYE / scale
    matrix[:, 2] = (1 / scale - 1) / 2
    flat, out = (
        grading.apply_grids(rgb, constant(0.2), zero_guide, matrix, (120, 120), whole(rgb), contrast=c)
        for c in (0.0, grading.CONTRAST)
    )
    assert np.ptp(flat) == 0
    for half in (slice(24, 48), slice(72, 96)):  # each half against itself, away from where they meet
        part = out[60 * scale, half.start * scale : half.stop * scale, 0].astype(float)
        dark, bright = part.reshape(-1, 2, scale).mean((0, 2))
        assert 1.2 < bright / dark < 2.0  # 4 in the photo, and the root of it above the floor
        assert abs(part.mean() - flat[0, 0, 0]) < 0.1 * flat[0, 0, 0]


def test_contrast_is_the_photos_own_where_the_curve_keeps_it() -> None:
    rgb = strands() // 2
    double = np.eye(3, 4, dtype=np.float32)
    double[:, :3] *= 2.0
    double[:, 3] = 1.0  # 2 x in 0..1 is 2 x + 1 in [-1, 1]
    grids = [(1.0, double.reshape(12, 1, 1, 1))]
    out = grading.apply_grids(rgb, grids, zero_guide, EYE, (120, 120), whole(rgb)).astype(int)
    assert np.abs(out - 2 * rgb.astype(int)).max() <= 12  # the floor counts for less in a brighter picture


def mean_lab(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(0)


def bluish() -> list[tuple[float, np.ndarray]]:
    """Return the grid that keeps the luminance and adds some blue."""
    grid = np.eye(3, 4).reshape(12, 1, 1, 1).astype(np.float32)
    grid[[3, 7, 11], 0, 0, 0] = (-0.05, 0.0, 0.12)
    return [(1.0, grid)]


def test_a_mean_out_of_the_tint_is_brought_to_its_nearest_border() -> None:
    rgb = (picture(60, 80) * 0.5 + 60).astype(np.uint8)
    tint = Tint((1.0, 3.0), (6.0, 12.0))
    free = mean_lab(grading.apply_grids(rgb, bluish(), luma, EYE, (64, 64), whole(rgb), contrast=0.0))
    held = mean_lab(grading.apply_grids(rgb, bluish(), luma, EYE, (64, 64), whole(rgb), contrast=0.0, tint=tint))
    assert free[2] < 1.0
    np.testing.assert_allclose(held[1:], np.clip(free[1:], tint.low, tint.high), atol=0.5)
    assert held[0] == pytest.approx(free[0], abs=0.3)


def test_half_the_edit_is_half_the_way_with_its_tint() -> None:
    rgb = (picture(60, 80) * 0.5 + 60).astype(np.uint8)
    tint = Tint((1.0, 20.0), (6.0, 30.0))
    ((_, grid),) = bluish()
    all_of_it, half_of_it = (
        grading.apply_grids(rgb, [(share, grid)], luma, EYE, (64, 64), whole(rgb), contrast=0.0, tint=tint).astype(
            float
        )
        for share in (1.0, 0.5)
    )
    assert mean_lab(all_of_it.astype(np.uint8))[2] == pytest.approx(20.0, abs=0.5)
    np.testing.assert_allclose(half_of_it, (rgb + all_of_it) / 2, atol=1.0)


def test_a_mean_within_the_tint_is_left_alone() -> None:
    rgb = picture(60, 80)
    anything = Tint((-100.0, -100.0), (100.0, 100.0))
    np.testing.assert_array_equal(
        grading.apply_grids(rgb, bluish(), luma, EYE, (64, 64), whole(rgb), tint=anything),
        grading.apply_grids(rgb, bluish(), luma, EYE, (64, 64), whole(rgb)),
    )


def test_what_shines_through_at_the_edge_is_not_brightened_as_if_it_were_hair() -> None:
    rgb = np.full((64, 64, 3), 110, np.uint8)  # the ground
    rgb[16:48, 16:48] = 30  # dark hair
    rgb[30:34, 30:34] = 60  # a highlight on it
    weight = np.zeros((64, 64), np.float32)
    weight[14:50, 14:50] = 0.8  # a mask that reaches two pixels too far
    weight[16:48, 16:48] = 1.0
    brighter = np.zeros((12, 1, 1, 1), np.float32)
    brighter[[0, 5, 10], 0, 0, 0] = brighter[[3, 7, 11], 0, 0, 0] = 3.0, 3.0, 2.0  # as many times as bright: yellow
    brighter[[3, 7, 11]] -= 1.0
    out = grading.apply_grids(rgb, [(1.0, brighter)], zero_guide, EYE, (64, 64), Region((0, 0, 64, 64), weight)).astype(
        int
    )
    hair, edge = out[20:28, 20:28].mean((0, 1)), out[14:16, 20:44].mean((0, 1))
    assert edge @ grading.LUMA == pytest.approx(110, abs=1)  # no brighter than the ground was
    assert edge[0] - edge[2] > 0.4 * (hair[0] - hair[2]) > 0
    assert out[31:33, 31:33].mean() > 1.25 * hair.mean()
    np.testing.assert_array_equal(out[:14], rgb[:14])


def test_the_edge_has_the_tint_that_the_hair_is_held_to() -> None:
    rgb = np.full((64, 64, 3), 140, np.uint8)
    rgb[16:48, 16:48] = 40
    weight = np.zeros((64, 64), np.float32)
    weight[14:50, 14:50] = 1.0
    blue = np.zeros((12, 1, 1, 1), np.float32)
    blue[[0, 5, 10], 0, 0, 0] = blue[[3, 7, 11], 0, 0, 0] = 2.5, 2.5, 4.0
    blue[[3, 7, 11]] -= 1.0
    region = Region((0, 0, 64, 64), weight)
    out = grading.apply_grids(rgb, [(1.0, blue)], zero_guide, EYE, (64, 64), region, tint=Tint((0.0, 8.0), (6.0, 16.0)))
    hair, edge = out[20:44, 20:44].mean((0, 1)), out[14:16, 20:44].mean((0, 1))
    assert hair[0] > hair[2] + 5
    assert edge[0] > edge[2] + 5


def test_a_hair_is_brightened_and_darkened_for_the_contrast_by_the_limit_at_most() -> None:
    rgb = np.full((120, 120, 3), 60, np.uint8)
    rgb[40, 40], rgb[80, 80] = 255, 0
    out = grading.apply_grids(rgb, constant(0.2), zero_guide, EYE, (120, 120), whole(rgb))[..., 0]
    flat = 1.2 * 127.5
    assert out[40, 40] == pytest.approx(1.4 * flat, abs=0.51)  # without a limit 1.9 times as bright
    assert out[80, 80] == pytest.approx(flat / 1.4, abs=0.51)  # without a limit 0.45 times
    assert out[60, 20] == pytest.approx(flat, abs=1.51)


def test_a_scaled_grid_is_the_same_change_in_part() -> None:
    grid = Grid(constant(0.2), zero_guide, Crop("face", 64, 64), "hair")
    half = grid.scaled(0.5)
    assert [amount for amount, _ in half.grids] == [0.5]
    assert half.grids[0][1] is grid.grids[0][1]
