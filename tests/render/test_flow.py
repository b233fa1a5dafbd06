from __future__ import annotations

import numpy as np
import pytest

from imgedit.models.manifest import Crop
from imgedit.render import flow
from imgedit.render.flow import Flow
from imgedit.render.regions import Region

RNG = np.random.default_rng(0)
EYE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
SIZE = 40


def noise(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)


def whole(height: int, width: int, weight: float = 1.0) -> Region:
    return Region((0, 0, width, height), np.full((height, width), weight, np.float32))


def fields(dx: float = 0.0, dy: float = 0.0, copy: float = 0.0, paint: float = 0.0, colour: float = 0.0) -> np.ndarray:
    """The same everywhere; the flow in shares of the crop's side."""
    planes = np.array([dx, dy, copy, paint, colour, colour, colour], np.float32)
    return np.broadcast_to(planes[:, None, None], (7, SIZE // 2, SIZE // 2)).copy()


def test_a_copy_comes_from_where_the_flow_points():
    rgb = noise(SIZE, SIZE)
    out = flow.apply_fields(rgb, [(1.0, fields(0.05, -0.2, copy=1.0))], EYE, (SIZE, SIZE), whole(40, 40), whole(40, 40))
    np.testing.assert_array_equal(out[8:, :-2], rgb[:-8, 2:])


def test_a_copy_has_the_photos_resolution_not_the_crops():
    rgb = noise(4 * SIZE, 4 * SIZE)
    matrix = np.array([[0.25, 0.0, -0.375], [0.0, 0.25, -0.375]])  # pixel centres of a crop of a quarter of the size
    every = whole(4 * SIZE, 4 * SIZE)
    out = flow.apply_fields(rgb, [(1.0, fields(0.0, -0.1, copy=1.0))], matrix, (SIZE, SIZE), every, every)
    np.testing.assert_array_equal(out[16:], rgb[:-16])


def test_the_flow_turns_with_the_face():
    rgb = noise(SIZE, SIZE)
    quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, SIZE - 1.0]])  # up in the crop is to the right in the photo
    out = flow.apply_fields(
        rgb, [(1.0, fields(0.0, -0.2, copy=1.0))], quarter, (SIZE, SIZE), whole(40, 40), whole(40, 40)
    )
    np.testing.assert_array_equal(out[:, :-8], rgb[:, 8:])


def test_only_the_source_is_copied_and_only_the_region_changes():
    rgb = noise(SIZE, SIZE)
    source = Region((0, 0, 20, 10), np.ones((10, 20), np.float32))
    region = Region((5, 0, 40, 40), np.ones((40, 35), np.float32))
    out = flow.apply_fields(rgb, [(1.0, fields(0.0, -0.2, copy=1.0))], EYE, (SIZE, SIZE), source, region)
    np.testing.assert_array_equal(out[8:18, 5:20], rgb[:10, 5:20])
    changed = (out != rgb).any(2)
    changed[8:18, 5:20] = False
    assert not changed.any()


def test_amount_region_and_weight_each_take_their_share():
    rgb = noise(SIZE, SIZE)
    args = (EYE, (SIZE, SIZE), whole(40, 40), whole(40, 40))
    full = flow.apply_fields(rgb, [(1.0, fields(0.0, -0.2, copy=1.0))], *args).astype(float) - rgb
    for half in (
        flow.apply_fields(rgb, [(0.5, fields(0.0, -0.2, copy=1.0))], *args),
        flow.apply_fields(rgb, [(1.0, fields(0.0, -0.2, copy=0.5))], *args),
        flow.apply_fields(
            rgb, [(1.0, fields(0.0, -0.2, copy=1.0))], EYE, (SIZE, SIZE), whole(40, 40, 0.5), whole(40, 40)
        ),
        flow.apply_fields(
            rgb, [(1.0, fields(0.0, -0.2, copy=1.0))], EYE, (SIZE, SIZE), whole(40, 40), whole(40, 40, 0.5)
        ),
    ):
        np.testing.assert_allclose(half[8:] - rgb[8:].astype(float), full[8:] / 2, atol=1.0)


def test_paint_covers_and_no_weight_gives_the_photo_back():
    rgb = noise(SIZE, SIZE)
    args = (EYE, (SIZE, SIZE), whole(40, 40), whole(40, 40))
    painted = flow.apply_fields(rgb, [(1.0, fields(paint=1.0, colour=0.2))], *args)
    np.testing.assert_array_equal(painted, 153)
    np.testing.assert_array_equal(flow.apply_fields(rgb, [(1.0, fields(0.1, 0.1))], *args), rgb)
    np.testing.assert_array_equal(flow.apply_fields(rgb, [], *args), rgb)


def test_a_face_without_a_source_is_left_alone():
    rgb = noise(SIZE, SIZE)
    nothing = Region((0, 0, 0, 0), np.zeros((0, 0), np.float32))
    out = flow.apply_fields(rgb, [(1.0, fields(0.0, -0.2, copy=1.0))], EYE, (SIZE, SIZE), nothing, whole(40, 40))
    np.testing.assert_array_equal(out, rgb)


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_region_is_seen_on_the_crop_where_it_lies_in_the_photo(scale: float):
    weight = np.zeros((20, 30), np.float32)
    weight[4:12, 6:20] = 1.0
    region = Region((10, 4, 40, 24), weight)
    matrix = np.array([[scale, 0.0, (scale - 1) / 2], [0.0, scale, (scale - 1) / 2]])
    mask = flow.mask_on(region, (60, 60), matrix, (round(60 * scale),) * 2)
    expected = np.zeros((60, 60), np.float32)
    expected[8:16, 16:30] = 1.0
    step = round(1 / scale)
    np.testing.assert_allclose(mask, expected[::step, ::step], atol=1e-6)


def test_a_crop_that_is_not_square_has_its_flow_in_units_of_both_sides() -> None:
    rgb = noise(20, SIZE)
    out = flow.apply_fields(rgb, [(1.0, fields(0.05, -0.2, copy=1.0))], EYE, (20, SIZE), whole(20, 40), whole(20, 40))
    np.testing.assert_array_equal(out[4:, :-2], rgb[:-4, 2:])


def test_a_scaled_flow_is_the_same_change_in_part() -> None:
    change = Flow([(0.8, fields())], Crop("face", SIZE, SIZE), "hair", "face")
    assert [amount for amount, _ in change.scaled(0.5).fields] == [0.4]
