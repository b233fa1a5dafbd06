from __future__ import annotations

import math

import numpy as np
import pytest

from imgedit.errors import ModelError, NoFaceError
from imgedit.vision import geometry

# Coordinates travel through OpenCV's fixed-point warps: 1/32 px.
PIXEL_TOLERANCE = 1 / 32 + 1e-3


def turned(angle: float, scale: float, shift: tuple[float, float], points: np.ndarray) -> np.ndarray:
    cos, sin = math.cos(angle), math.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]]) * scale + np.array(shift)


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([x, y, x + y], axis=-1)


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0, math.pi])
@pytest.mark.parametrize("scale", [0.05, 1.0, 17.0])
def test_similarity_undoes_a_known_turn_scale_and_shift(angle: float, scale: float) -> None:
    landmarks = turned(angle, scale, (300.0, -40.0), geometry.FACE_TEMPLATE)
    matrix = geometry.similarity(landmarks)
    assert np.allclose(geometry.apply(matrix, landmarks), geometry.FACE_TEMPLATE, atol=1e-8)
    assert geometry.crop_scale(matrix) == pytest.approx(1 / scale, rel=1e-9)


def test_similarity_is_the_least_squares_one_among_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    landmarks = geometry.FACE_TEMPLATE * 2 + rng.normal(0, 6, (5, 2))

    def error(matrix: np.ndarray) -> float:
        return float(((geometry.apply(matrix, landmarks) - geometry.FACE_TEMPLATE) ** 2).sum())

    best = geometry.similarity(landmarks)
    a, b = best[0, 0], best[1, 0]
    for step in np.eye(4) * 1e-3:
        for sign in (-1.0, 1.0):
            da, db, dx, dy = step * sign
            other = np.array([[a + da, -(b + db), best[0, 2] + dx], [b + db, a + da, best[1, 2] + dy]])
            assert error(other) > error(best)


def test_similarity_never_mirrors_a_face() -> None:
    mirrored = geometry.FACE_TEMPLATE * np.array([-1.0, 1.0]) + np.array([178.0, 0.0])
    assert np.linalg.det(geometry.similarity(mirrored)[:, :2]) > 0


@pytest.mark.parametrize("value", [3.0, float("nan"), float("inf")])
def test_landmarks_in_one_point_or_not_finite_are_refused(value: float) -> None:
    with pytest.raises(NoFaceError, match="one point"):
        geometry.similarity(np.full((5, 2), value))


def test_face_window_at_its_own_size_is_stargans_center_crop() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    crop = geometry.cut(frame, geometry.window_matrix("face", 178), 178)
    assert np.array_equal(crop, frame[20:198])


def test_face_window_at_half_size_is_the_mean_of_two_by_two_pixels() -> None:
    frame = np.random.default_rng(2).random((218, 178, 3), dtype=np.float32)
    crop = geometry.cut(frame, geometry.window_matrix("face", 89), 89)
    means = frame[20:198].reshape(89, 2, 89, 2, 3).mean(axis=(1, 3))
    assert np.abs(crop - means).max() < 1e-5


def test_head_window_mirrors_the_frame_beyond_its_border() -> None:
    frame = np.random.default_rng(3).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    crop = geometry.cut(frame, geometry.window_matrix("head", 240), 240)
    assert np.array_equal(crop, np.pad(frame, ((5, 17), (31, 31), (0, 0)), mode="reflect"))


@pytest.mark.parametrize("size", [16, 64, 128, 300])
@pytest.mark.parametrize("scale", [0.2, 1.0, 3.3, 12.0])
def test_cut_of_a_ramp_reads_each_crop_pixels_place_in_the_photo(size: int, scale: float) -> None:
    landmarks = turned(0.3, scale, (180.0 * scale, 90.0 * scale), geometry.FACE_TEMPLATE)
    matrix = geometry.crop_matrix(landmarks, "face", size)
    side = math.ceil(400 * scale)
    crop = geometry.cut(ramp(side, side), matrix, size)
    y, x = np.mgrid[0:size, 0:size]
    places = geometry.apply(geometry.invert(matrix), np.stack([x, y], axis=-1))
    inside = ((places > 2 + scale * 4) & (places < side - 3 - scale * 4)).all(axis=-1)
    assert inside.mean() > 0.5
    shrink = max(1.0, 1 / geometry.crop_scale(matrix))
    assert np.abs(crop[..., :2] - places)[inside].max() < PIXEL_TOLERANCE * shrink


def test_shrinking_cut_of_one_pixel_stripes_is_even_grey() -> None:
    photo = np.zeros((1780, 1780, 3), np.uint8)
    photo[:, ::2] = 200
    matrix = np.array([[0.05, 0.0, -0.475], [0.0, 0.05, -0.475]])
    crop = geometry.cut(photo, matrix, 89)
    assert np.abs(crop.astype(int) - 100).max() <= 2


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (40, 1, 3), (5, 5)])
def test_cut_of_a_tiny_photo_keeps_its_colour(shape: tuple[int, ...]) -> None:
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, "head", 64)
    crop = geometry.cut(np.full(shape, 77, np.uint8), matrix, 64)
    assert crop.shape == (64, 64, *shape[2:])
    assert crop.dtype == np.uint8
    assert (crop == 77).all()


def test_put_back_of_a_cut_gives_the_smooth_photo_again() -> None:
    photo = ramp(300, 400) / 700
    landmarks = turned(0.25, 0.9, (110.0, 20.0), geometry.FACE_TEMPLATE)
    matrix = geometry.crop_matrix(landmarks, "face", 256)
    crop = geometry.cut(photo, matrix, 256)
    ones = geometry.put_back(np.ones((256, 256), np.float32), matrix, (300, 400))
    back = geometry.put_back(crop, matrix, (300, 400))
    inside = ones > 0.999
    assert inside.sum() > 20_000
    assert np.abs(back - photo)[inside].max() < 2 * PIXEL_TOLERANCE / 700 * 2
    assert np.abs(back[ones == 0]).max() == 0


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("size", [32, 512])
def test_put_back_into_a_part_is_that_part_of_the_whole(smooth: bool, size: int) -> None:
    image = np.random.default_rng(4).random((size, size, 3), dtype=np.float32)
    landmarks = turned(-0.2, 0.8, (60.0, 40.0), geometry.FACE_TEMPLATE)
    matrix = geometry.crop_matrix(landmarks, "face", size)
    whole = geometry.put_back(image, matrix, (240, 320), smooth=smooth)
    part = geometry.put_back(image, matrix, (70, 90, 150, 131), smooth=smooth)
    assert np.abs(whole[90:131, 70:150] - part).max() < 0.05
    assert np.abs(whole[90:131, 70:150] - part).mean() < 1e-3


def test_put_back_spreads_a_constant_and_keeps_its_border_when_asked() -> None:
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE * 3, "face", 64)
    flat = np.full((64, 64), 0.25, np.float32)
    assert np.abs(geometry.put_back(flat, matrix, (700, 600), edge=True) - 0.25).max() < 1e-6
    faded = geometry.put_back(flat, matrix, (700, 600))
    assert faded.min() == 0.0
    assert faded.max() == pytest.approx(0.25, abs=1e-6)


def test_put_back_into_an_empty_part_is_empty() -> None:
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, "face", 64)
    assert geometry.put_back(np.ones((64, 64, 3), np.float32), matrix, (5, 9, 5, 20)).shape == (11, 0, 3)


def test_crop_roi_holds_every_pixel_that_put_back_touches_and_little_more() -> None:
    matrix = geometry.crop_matrix(turned(0.5, 1.7, (150.0, 30.0), geometry.FACE_TEMPLATE), "face", 64)
    touched = geometry.put_back(np.ones((64, 64), np.float32), matrix, (500, 600)) > 0
    x0, y0, x1, y1 = geometry.crop_roi(matrix, 64, (500, 600), margin=1 / geometry.crop_scale(matrix))
    rows, cols = np.flatnonzero(touched.any(1)), np.flatnonzero(touched.any(0))
    assert x0 <= cols[0] <= x0 + 12
    assert y0 <= rows[0] <= y0 + 12
    assert cols[-1] < x1 <= cols[-1] + 12
    assert rows[-1] < y1 <= rows[-1] + 12


def test_crop_roi_beside_the_photo_is_empty() -> None:
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE + 5000.0, "face", 64)
    x0, y0, x1, y1 = geometry.crop_roi(matrix, 64, (100, 100))
    assert x0 == x1
    assert y0 == y1


def test_a_crop_that_is_not_square_is_the_upper_part_of_a_square_one() -> None:
    matrix = geometry.crop_matrix(turned(0.3, 1.4, (60.0, 20.0), geometry.FACE_TEMPLATE), "face", 64)
    tall = geometry.cut(ramp(300, 300), matrix, (40, 64))
    assert tall.shape == (40, 64, 3)
    np.testing.assert_allclose(tall, geometry.cut(ramp(300, 300), matrix, 64)[:40], atol=2 * PIXEL_TOLERANCE)


def test_a_window_that_is_moved_down_shows_the_same_rows_further_up() -> None:
    matrix = geometry.crop_matrix(geometry.FACE_TEMPLATE, "face", 178)
    photo = np.random.default_rng(0).integers(0, 256, (400, 200, 3), dtype=np.uint8)
    lower = geometry.cut(photo, geometry.moved_down(matrix, 30), 178)
    np.testing.assert_array_equal(lower[:148], geometry.cut(photo, matrix, 178)[30:])


def test_an_unknown_crop_kind_names_the_known_ones() -> None:
    with pytest.raises(ModelError, match="face, head, inner, close"):
        geometry.window_matrix("body", 64)


def test_beyond_the_border_a_photo_is_mirrored_or_its_last_pixels_are_repeated() -> None:
    rgb = np.arange(75, dtype=np.uint8).reshape(5, 5, 3)
    shifted = np.array([[1.0, 0.0, 3.0], [0.0, 1.0, 2.0]])  # the crop begins 3 px left of the photo and 2 px above it
    np.testing.assert_array_equal(
        geometry.cut(rgb, shifted, 5), np.pad(rgb, ((2, 0), (3, 0), (0, 0)), "reflect")[:5, :5]
    )
    repeated = np.pad(rgb, ((2, 0), (3, 0), (0, 0)), "edge")[:5, :5]
    np.testing.assert_array_equal(geometry.cut(rgb, shifted, 5, edge=True), repeated)
