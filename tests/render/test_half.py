"""The painted half of a face: which pixels are seen, where it is painted, and whence its detail."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgedit.pixels import Floats
from imgedit.render import half
from imgedit.render.half import Half, near_side
from imgedit.render.regions import Region
from imgedit.vision import mesh
from imgedit.vision.mesh import Points, Pose

SIDE = 160
SIZE = 64


def front() -> Points:
    """The mean face from the front, in the middle of a photo."""
    points = mesh.template().points
    return points * (0.5 * SIDE / np.ptp(points[:, 1])) + [SIDE / 2, SIDE / 2, 0.0]


def aside(yaw: float) -> Points:
    middle = np.array([SIDE / 2, SIDE / 2, 0.0])
    return (front() - middle) @ mesh.rotation(Pose(yaw, 0.0, 0.0)).T + middle


@pytest.fixture(autouse=True)
def no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half, "parsed_maps", lambda subject: None)


SUBJECT: Any = SimpleNamespace(is_grey=False)
WHOLE = Region((0, 0, SIDE, SIDE), np.ones((SIDE, SIDE), np.float32))


def white(crop: Floats, seen: Floats) -> Floats:
    return np.ones_like(crop)


def painted(yaw: float, rgb: np.ndarray, paint: half.Paint = white, **changes: Any) -> np.ndarray:
    return Half(aside(yaw), front(), paint, SIZE, **changes).apply(rgb, SUBJECT, WHOLE)


@pytest.mark.parametrize(("yaw", "columns"), [(60.0, slice(100, 110)), (-60.0, slice(50, 60))])
def test_the_far_half_is_painted_and_the_near_one_kept_bit_for_bit(yaw: float, columns: slice) -> None:
    rgb = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE, 3), np.uint8)
    # A face that looks to the viewer's right hides its half to the right.
    flat = np.full_like(rgb, 90)
    done = painted(yaw, flat)
    assert (done[70:95, columns] > 240).all()
    near = slice(0, 68) if yaw > 0 else slice(92, SIDE)
    assert (painted(yaw, rgb)[:, near] == rgb[:, near]).all()


def test_far_from_the_face_nothing_is_painted() -> None:
    rgb = np.full((SIDE, SIDE, 3), 90, np.uint8)
    done = painted(60.0, rgb)
    assert (done[:8] == 90).all()
    assert (done[:, -8:] == 90).all()
    assert (rgb == 90).all()


def test_the_painter_sees_the_crop_and_half_of_it_is_seen() -> None:
    found = {}

    def paint(crop: Floats, seen: Floats) -> Floats:
        found.update(crop=crop, seen=seen)
        return crop

    painted(60.0, np.full((SIDE, SIDE, 3), 255, np.uint8), paint)
    assert found["crop"].shape == (3, SIZE, SIZE)
    assert found["crop"] == pytest.approx(1.0)
    assert set(np.unique(found["seen"]).tolist()) == {0.0, 1.0}
    assert found["seen"].shape == (1, SIZE, SIZE)
    assert found["seen"].mean() == pytest.approx(0.5, abs=0.08)


def test_what_is_painted_gets_the_detail_of_the_mirror_image() -> None:
    rgb = np.full((SIDE, SIDE, 3), 100, np.uint8)
    rgb[::2, :76] = 140  # stripes finer than the crop's pixels, on the near half alone

    def same(crop: Floats, seen: Floats) -> Floats:
        return np.full_like(crop, 120 / 127.5 - 1.0)

    done = painted(60.0, rgb, same).astype(int)
    inside = done[74:90, 92:98]
    assert np.abs(np.diff(inside, axis=0)).mean() > 15  # stripes
    assert inside.mean() == pytest.approx(120, abs=6)  # as bright as was painted


def test_strength_fades_the_half_in() -> None:
    rgb = np.full((SIDE, SIDE, 3), 100, np.uint8)
    whole = painted(60.0, rgb).astype(int)[80, 104]
    change = Half(aside(60.0), front(), white, SIZE).scaled(0.5)
    assert change.apply(rgb, SUBJECT, WHOLE).astype(int)[80, 104] == pytest.approx((whole + 100) / 2, abs=1)
    assert (change.scaled(0.0).apply(rgb, SUBJECT, WHOLE) == rgb).all()


def test_a_region_without_pixels_changes_nothing() -> None:
    rgb = np.full((SIDE, SIDE, 3), 100, np.uint8)
    nowhere = Region((5, 5, 5, 5), np.zeros((0, 0), np.float32))
    assert Half(aside(60.0), front(), white, SIZE).apply(rgb, SUBJECT, nowhere) is rgb


def test_a_grey_photo_stays_grey() -> None:
    def red(crop: Floats, seen: Floats) -> Floats:
        return np.stack([np.ones_like(crop[0]), *(-np.ones_like(crop[0]),) * 2])

    grey: Any = SimpleNamespace(is_grey=True)
    rgb = np.full((SIDE, SIDE, 3), 100, np.uint8)
    done = Half(aside(60.0), front(), red, SIZE).apply(rgb, grey, WHOLE).astype(int)
    assert (np.ptp(done, axis=2) <= 1).all()
    assert (done != 100).any()


def test_the_near_side_is_measured_from_the_line_of_the_face() -> None:
    points = front()
    across = near_side(points, 50.0, SIDE)
    middle = points[[10, 152], 0].mean()
    assert across[SIDE // 2, 20] == pytest.approx(middle - 20, abs=1.0)
    np.testing.assert_array_equal(near_side(points, -50.0, SIDE), -across)
