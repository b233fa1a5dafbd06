"""Bangs: where hair falls, in which colours, and what of the photo it leaves alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.render import bangs as drawing
from imgedit.render import regions
from imgedit.render.bangs import Cut, Fringe, cut_of
from imgedit.render.regions import Region
from imgedit.vision import mesh
from imgedit.vision.mesh import Points, Pose

SIDE = 300
SKIN, HAIR, GROUND = (200, 160, 140), (60, 40, 25), (70, 120, 200)
WHOLE = Region((0, 0, SIDE, SIDE), np.ones((SIDE, SIDE), np.float32))
LINE = 40  # between hair and forehead


def face(yaw: float = 0.0, roll: float = 0.0, at: float = 140.0) -> Points:
    turned = mesh.template().points @ mesh.rotation(Pose(yaw, 0.0, roll)).T
    return np.asarray(10.0 * turned + [SIDE / 2, at, 0.0])


def photo(hair: tuple[int, int, int] = HAIR) -> np.ndarray:
    """A forehead below hair with some strands, and ground on both sides."""
    rgb = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    strands = np.repeat(np.random.default_rng(0).integers(-20, 21, (1, SIDE // 2, 1)), 2, axis=1)
    rgb[:LINE] = np.clip(np.array(hair) + strands, 0, 255)
    rgb[:, :20] = rgb[:, -20:] = GROUND
    return rgb


@pytest.fixture
def who(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `Fringe` asks of a subject: the parser's window is the photo."""
    hair = np.zeros((SIDE, SIDE), np.float32)
    hair[:LINE, 20:-20] = 1.0
    head = np.zeros_like(hair)
    head[:, 20:-20] = 1.0
    monkeypatch.setattr(regions, "find", lambda subject, name: Region((0, 0, SIDE, SIDE), hair))
    crop = SimpleNamespace(kind="head", height=SIDE, width=SIDE)
    return SimpleNamespace(
        parsed=lambda: np.stack([head - hair, hair]),
        matrix=lambda *spec: np.eye(2, 3),
        networks=SimpleNamespace(parser=SimpleNamespace(crop=crop, classes=("skin", "hair"))),
    )


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return Sessions("cpu").open(library.bundled("drawn_bangs.vectors"), "fringe").run({})


@pytest.fixture(scope="module")
def cut(arrays: dict[str, np.ndarray]) -> Cut:
    return cut_of(arrays)


def darker(rgb: np.ndarray, done: np.ndarray) -> np.ndarray:
    return np.asarray(done.astype(int).sum(2) < 0.6 * rgb.astype(int).sum(2))


@pytest.mark.parametrize("pose", [(0.0, 0.0), (20.0, 0.0), (-15.0, 12.0)])
def test_bangs_cover_the_forehead_and_end_at_the_brows(who: Any, cut: Cut, pose: tuple[float, float]) -> None:
    rgb, points = photo(), face(*pose)
    covered = darker(rgb, Fringe(points, cut, "face").apply(rgb, who, WHOLE))
    for point, is_covered in ((151, True), (9, True), (1, False), (33, False), (263, False), (152, False)):
        x, y = np.rint(points[point, :2]).astype(int)
        if point == 9:
            y -= 12  # 1.2 units above the middle between the brows
        assert (covered[y - 3 : y + 4, x - 3 : x + 4].mean() > 0.7) == is_covered, point


def test_bangs_have_the_colours_of_the_hair_and_its_contrast(who: Any, cut: Cut) -> None:
    points = face()
    x, y = np.rint(points[151, :2]).astype(int)
    spot = (slice(y - 12, y - 3), slice(x - 40, x + 41))
    red, black = (
        Fringe(points, cut, "face").apply(photo(hair), who, WHOLE)[spot].astype(float)
        for hair in ((130, 60, 30), (40, 38, 36))
    )
    assert red.mean((0, 1)) == pytest.approx((130, 60, 30), abs=22)
    assert black.mean((0, 1)) == pytest.approx((40, 38, 36), abs=22)
    flat = photo()
    flat[:LINE, 20:-20] = HAIR
    plain, lively = (Fringe(points, cut, "face").apply(rgb, who, WHOLE)[spot] for rgb in (flat, photo()))
    assert plain.std() < lively.std()


def test_the_ground_and_what_has_no_weight_stay_bit_for_bit_and_half_is_half(who: Any, cut: Cut) -> None:
    rgb = photo()
    weight = np.ones((SIDE, SIDE), np.float32)
    weight[:, : SIDE // 2] = 0.0
    change = Fringe(face(), cut, "face")
    region = Region((0, 0, SIDE, SIDE), weight)
    whole, half, none = (change.scaled(s).apply(rgb, who, region) for s in (1.0, 0.5, 0.0))
    np.testing.assert_array_equal(whole[:, : SIDE // 2], rgb[:, : SIDE // 2])
    np.testing.assert_array_equal(whole[:, -14:], rgb[:, -14:])
    np.testing.assert_array_equal(none, rgb)
    assert np.abs(whole.astype(int) - rgb).max() > 80
    between = (half.astype(int) - np.minimum(whole, rgb), np.maximum(whole, rgb) - half.astype(int))
    assert min(one.min() for one in between) >= -1


def test_a_photo_is_changed_in_place_only_where_that_is_allowed(who: Any, cut: Cut) -> None:
    rgb = photo()
    before = rgb.copy()
    done = Fringe(face(), cut, "face").apply(rgb, who, WHOLE)
    np.testing.assert_array_equal(rgb, before)
    same = Fringe(face(), cut, "face").apply(rgb, who, WHOLE, own=True)
    assert same is rgb
    np.testing.assert_array_equal(same, done)


def test_without_hair_there_are_no_bangs(who: Any, cut: Cut, monkeypatch: pytest.MonkeyPatch) -> None:
    none = Region((0, 0, SIDE, SIDE), np.zeros((SIDE, SIDE), np.float32))
    monkeypatch.setattr(regions, "find", lambda subject, name: none)
    rgb = photo()
    np.testing.assert_array_equal(Fringe(face(), cut, "face").apply(rgb, who, WHOLE), rgb)


def test_a_face_beyond_the_region_keeps_its_forehead(who: Any, cut: Cut) -> None:
    rgb = photo()
    far = Region((0, 0, 10, 10), np.ones((10, 10), np.float32))
    np.testing.assert_array_equal(Fringe(face(), cut, "face").apply(rgb, who, far), rgb)


def test_single_strands_that_are_finer_than_pixels_are_left_out() -> None:
    fine, coarse = drawing._noise(110.0, 0.0), drawing._noise(5.0, 0.0)
    shift = drawing._COLUMNS // 20  # a twentieth of a unit
    alike = [float(np.mean(one.strands[0][:, shift:] * one.strands[0][:, :-shift])) for one in (fine, coarse)]
    assert alike[0] < 0.5 < alike[1]
    blurred = drawing._noise(110.0, 11.0).strands[0]  # by a tenth of a unit
    assert float(np.mean(blurred[:, shift:] * blurred[:, :-shift])) > 0.5
    assert all(abs(float(one.std()) - 1.0) < 1e-3 for one in (*fine.strands, *coarse.strands))


@pytest.mark.parametrize(
    "change",
    [
        {"tips": np.zeros((2, 3), np.float32)},
        {"uneven": np.zeros(3, np.float32)},
        {"side": np.zeros(1, np.float32)},
        {"pole": np.array([np.nan], np.float32)},
        {"soft": np.zeros(0, np.float32)},
    ],
)
def test_a_cut_that_makes_no_sense_is_refused(arrays: dict[str, np.ndarray], change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="the cut of bangs"):
        cut_of({**arrays, **change})
    with pytest.raises(ModelError, match="the cut of bangs lacks"):
        cut_of({name: value for name, value in arrays.items() if name != "tips"})
