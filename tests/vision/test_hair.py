"""Hair that hangs out of the parser's window, on drawn pictures and a parser whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgedit.render import regions
from imgedit.vision import geometry, hair, mesh
from imgedit.vision.geometry import HEAD

SIZE = 80
HERE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # the window is the photo's upper left corner
AHEAD = mesh.Pose(0.0, 0.0, 0.0)
BROWN, BLACK, WHITE = (90, 50, 30), (12, 12, 14), (240, 240, 240)


Parse = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class Dark:
    """Takes whatever is dark for hair, and counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        self.runs += 1
        return np.asarray(crop.mean(2) < 128, np.float32)


@pytest.fixture
def parse() -> Dark:
    return Dark()


def found_hair(parse: Parse, rgb: NDArray[np.uint8], *, below_hairline: bool = False) -> NDArray[np.float32]:
    """Find hair with a parser in the upper left corner of a photo."""

    def look(down: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        crop = geometry.cut(rgb, geometry.moved_down(HERE, down), SIZE)
        return crop, parse(crop)

    return hair.find_hair(look, HERE, rgb.shape[:2], below_hairline=below_hairline)


def picture(height: int = 160) -> NDArray[np.uint8]:
    return np.full((height, SIZE, 3), WHITE, np.uint8)


def test_hair_within_the_window_needs_one_look(parse: Dark) -> None:
    rgb = picture()
    rgb[10:60, 20:40] = BROWN
    found = found_hair(parse, rgb)
    assert found.shape == (SIZE, SIZE)
    np.testing.assert_array_equal(found, rgb[:SIZE, :, 0] < 128)
    assert parse.runs == 1


def test_what_the_parser_half_sees_is_mostly_hair_and_what_it_faintly_sees_is_none() -> None:
    rgb = picture()
    rgb[10:60, 20:40] = BROWN
    half, faint = (
        found_hair(lambda crop, p=p: np.asarray(np.where(crop.mean(2) < 128, p, 0.0), np.float32), rgb)
        for p in (0.5, 0.08)
    )
    assert 0.7 < half[30, 30] < 1.0
    assert half[70, 70] == 0.0
    assert not faint.any()


def test_hair_that_hangs_out_of_the_window_is_followed_to_its_end(parse: Dark) -> None:
    rgb = picture()
    rgb[10:95, 20:40] = BROWN
    found = found_hair(parse, rgb)
    assert found.shape == (SIZE + round(hair.STEP * SIZE), SIZE)
    np.testing.assert_allclose(found[12:93, 22:38], 1.0, atol=1e-6)
    np.testing.assert_array_equal(found[97:], 0.0)
    assert parse.runs == 2


def test_nothing_above_the_hairline_is_hair_under_a_hat(parse: Dark) -> None:
    rgb = picture()
    rgb[5:70, 20:60] = BLACK
    hairline = round((hair.HAIRLINE - HEAD[1]) * SIZE / HEAD[2])
    bare, covered = (found_hair(parse, rgb, below_hairline=hat) for hat in (False, True))
    assert bare[5:hairline, 20:60].min() == 1.0
    np.testing.assert_array_equal(covered[: hairline - 3], 0.0)
    np.testing.assert_array_equal(covered[hairline + 3 :], bare[hairline + 3 :])


def test_cloth_of_another_colour_below_the_hair_stays_cloth(parse: Dark) -> None:
    rgb = picture()
    rgb[10:90, 20:40] = BROWN
    rgb[90:, 5:75] = (20, 30, 120)
    found = found_hair(parse, rgb)
    assert found[12:88, 22:38].min() > 0.99
    assert found[92:].max() == 0.0


def test_what_does_not_hang_together_with_the_hair_above_is_no_hair(parse: Dark) -> None:
    rgb = picture()
    rgb[10:85, 20:40] = BROWN
    rgb[88:, 55:70] = BROWN
    found = found_hair(parse, rgb)
    assert found[:83, 22:38][12:].min() > 0.99
    assert found[:, 50:].max() == 0.0


def test_a_photo_that_ends_with_the_window_is_not_looked_at_below_it(parse: Dark) -> None:
    rgb = picture(SIZE)
    rgb[10:, 20:40] = BLACK
    assert found_hair(parse, rgb).shape == (SIZE, SIZE)
    assert parse.runs == 1


def test_the_region_of_a_tall_map_ends_softly_below_the_window() -> None:
    rgb = picture()
    rgb[:, 30:50] = BROWN
    tall = np.zeros((120, SIZE), np.float32)
    tall[:, 30:50] = 1.0
    region = regions.region_of(rgb, tall, HERE, (SIZE, SIZE))
    assert region.roi == (0, 0, SIZE, 120)
    assert region.weight[20:105, 35:45].min() > 0.9  # the square window alone would fade from row 72 on
    assert region.weight[119, 35:45].max() < 0.1


def test_doubt_is_what_may_be_hair_or_not_for_each_pixel_that_rather_is() -> None:
    probability = np.zeros((10, 10), np.float32)
    assert hair.doubt(probability) == 0.0
    probability[:4] = 1.0
    assert hair.doubt(probability) == 0.0
    probability[4:6] = 0.4
    assert hair.doubt(probability) == pytest.approx(20 / 40)
    probability[6] = 0.6
    assert hair.doubt(probability) == pytest.approx(30 / 50)
    assert hair.doubt(np.full((10, 10), 0.3, np.float32)) == 100.0


def head(hair_colour: tuple[int, int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Return a head crop of noisy hair and skin, what a parser takes for hair, and for skin."""
    rng = np.random.default_rng(0)
    crop = np.full((240, 240, 3), hair_colour, np.float64)
    crop[85:230, 75:165] = (205, 160, 135)  # the face
    found, skin = np.zeros((240, 240), np.float32), np.zeros((240, 240), np.float32)
    found[10:200, 30:210] = 1.0
    found[85:230, 75:165] = 0.0
    skin[90:220, 80:160] = 1.0
    crop[70:85, 100:140] = crop[150:160, 35:55] = (205, 160, 135)  # skin at the hairline; a light lock beside the face
    return np.clip(crop + rng.normal(0, 5, crop.shape), 0, 255).astype(np.uint8), found, skin


def test_skin_that_the_parser_takes_for_hair_is_left_out_at_the_forehead_alone() -> None:
    crop, found, skin = head((40, 30, 25))
    left = hair._apart_from_skin(found, crop, skin)
    assert left[72:83, 103:137].max() < 0.05  # the strip of forehead
    assert left[30:65, 40:200].min() > 0.95  # the hair above
    assert left[150:160, 35:55].min() > 0.95  # what is as light as skin, and no forehead
    assert (hair._apart_from_skin(found, crop, np.zeros_like(skin)) == found).all()  # no skin to go by


def test_hair_that_is_as_light_as_skin_stays_hair() -> None:
    crop, found, skin = head((200, 158, 130))
    crop[40:83, 90:150] = (205, 160, 135)  # a lock in the very colour of the skin
    np.testing.assert_array_equal(hair._apart_from_skin(found, crop, skin), found)


def test_where_skin_shines_through_at_the_hairline_hair_counts_as_much_as_it_covers() -> None:
    crop, found, skin = head((40, 30, 25))
    rng = np.random.default_rng(1)
    crop[82:85, 80:160] = np.clip(rng.normal((110, 85, 72), 5, (3, 80, 3)), 0, 255)  # half of it skin
    crop[40:44, 80:160] = crop[82:83, 80:160]  # as light, and far from the face
    left = hair._apart_from_skin(found, crop, skin)
    assert 0.3 < left[83, 85:155].mean() < 0.85
    assert left[40:44, 80:160].min() > 0.9


def subject_with_hair(monkeypatch: pytest.MonkeyPatch, *parts: tuple[slice, slice], pose: mesh.Pose = AHEAD) -> Any:
    """A face in the parser's window, 60 px wide at rows 60 to 128, with hair in some parts of the window."""
    points = 3.9 * (mesh.template().points @ mesh.rotation(pose).T) + [88.0, 94.0, 0.0]
    found = np.zeros((176, 176), np.float32)
    for part in parts:
        found[part] = 1.0
    monkeypatch.setattr(hair, "hair_of", lambda subject: found)
    crop = SimpleNamespace(kind="head", height=176, width=176)
    return SimpleNamespace(
        mesh=mesh.Mesh(points, 1.0),
        matrix=lambda *spec: HERE,
        networks=SimpleNamespace(parser=SimpleNamespace(crop=crop)),
    )


COLUMNS = slice(58, 118)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], False),
        ([(slice(45, 60), COLUMNS)], False),  # cropped short
        ([(slice(10, 60), COLUMNS)], True),  # a high quiff
        ([(slice(10, 60), slice(0, 50))], False),  # beside the forehead, not above it
        ([(slice(100, 176), slice(40, 54))], True),  # hangs down on one side
    ],
)
def test_hair_is_long_enough_where_it_is_thick_above_or_hangs_below_the_eyes(
    monkeypatch: pytest.MonkeyPatch, parts: list[tuple[slice, slice]], expected: bool
) -> None:
    assert hair.is_long(subject_with_hair(monkeypatch, *parts)) is expected
    assert hair.is_long(subject_with_hair(monkeypatch, *parts, pose=mesh.Pose(25.0, 0.0, 0.0))) is expected


def test_without_a_mesh_nobody_knows_how_long_hair_is(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = subject_with_hair(monkeypatch)
    subject.mesh = None
    assert hair.is_long(subject) is None
