"""Glasses that are taken off: what is painted, what keeps the photo's own pixels, and whence the grain."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgedit.pixels import Floats
from imgedit.render.regions import Region
from imgedit.render.removal import Removal
from imgedit.vision import eyes, geometry, mesh
from imgedit.vision.mesh import Points

SIDE = 240
SIZE = (48, 96)
SUBJECT: Any = SimpleNamespace(is_grey=False)


def face() -> Points:
    points = mesh.template().points
    return np.asarray(points * (0.5 * SIDE / np.ptp(points[:, 1])) + [SIDE / 2, SIDE / 2, 0.0])


def whole() -> Region:
    return Region((0, 0, SIDE, SIDE), np.ones((SIDE, SIDE), np.float32))


def bar(crop: Floats) -> tuple[Floats, Floats]:
    """Paint a white bar across the middle of the window."""
    mask = np.zeros(crop.shape[1:], np.float32)
    mask[20:28] = 1.0
    return np.ones_like(crop), mask


def removed(rgb: np.ndarray, region: Region | None = None, subject: Any = SUBJECT, **changes: Any) -> np.ndarray:
    change = Removal(face(), bar, SIZE, "all", **changes)
    return change.apply(rgb, subject, whole() if region is None else region)


def test_what_the_mask_says_is_painted_and_the_rest_is_kept_bit_for_bit() -> None:
    rgb = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE, 3), np.uint8)
    flat = np.full_like(rgb, 90)
    back = geometry.invert(eyes.window(face(), SIZE))
    x, y = geometry.apply(back, np.array([[47.5, 24.0]]))[0]
    assert (removed(flat)[round(y), round(x)] == 255).all()
    changed = (removed(rgb) != rgb).any(2)
    assert changed[round(y), round(x)]
    top, bottom = (geometry.apply(back, np.array([[47.5, row]]))[0][1] for row in (17.0, 31.0))
    assert not changed[: int(top)].any()
    assert not changed[int(np.ceil(bottom)) :].any()


def test_pixels_beside_the_region_are_kept() -> None:
    rgb = np.full((SIDE, SIDE, 3), 90, np.uint8)
    left = Region((0, 0, SIDE // 2, SIDE), np.ones((SIDE, SIDE // 2), np.float32))
    done = removed(rgb, left)
    assert (done[:, SIDE // 2 :] == 90).all()
    assert (done[:, : SIDE // 2] != 90).any()


def test_a_share_of_the_change_is_a_share_of_the_way() -> None:
    rgb = np.full((SIDE, SIDE, 3), 55, np.uint8)
    assert removed(rgb).max() == 255
    whole, half = (removed(rgb, amount=amount).astype(int) for amount in (1.0, 0.5))
    assert np.abs(2 * (half - 55) - (whole - 55)).max() <= 2
    assert (removed(rgb, amount=0.0) == rgb).all()
    change = Removal(face(), bar, SIZE, "all", 0.8).scaled(0.5)
    assert change.amount == pytest.approx(0.4)


def test_a_grey_photo_stays_grey() -> None:
    def red(crop: Floats) -> tuple[Floats, Floats]:
        painted, mask = bar(crop)
        painted[1:] = -1.0
        return painted, mask

    rgb = np.full((SIDE, SIDE, 3), 90, np.uint8)
    done = Removal(face(), red, SIZE, "all").apply(rgb, SimpleNamespace(is_grey=True), whole())  # type: ignore[arg-type]
    assert (done != rgb).any()
    assert (done == done[..., :1]).all()


def test_what_is_painted_has_the_grain_of_the_skin_beside_it() -> None:
    def grey(crop: Floats) -> tuple[Floats, Floats]:
        painted, mask = bar(crop)
        return np.zeros_like(painted), mask

    side = 4 * SIDE  # one crop pixel is several of the photo's, so there is detail that the crop lacks
    points = face() * 4.0
    rgb = (128 + np.random.default_rng(0).integers(-9, 10, (side, side, 1))).astype(np.uint8).repeat(3, 2)
    region = Region((0, 0, side, side), np.ones((side, side), np.float32))
    done = Removal(points, grey, SIZE, "all").apply(rgb, SUBJECT, region)
    back = geometry.invert(eyes.window(points, SIZE))
    x, y = geometry.apply(back, np.array([[47.5, 21.5]]))[0]
    part = done[round(y) - 2 : round(y) + 3, round(x) - 60 : round(x) + 60].astype(float)
    assert 3.0 < part.std() < 8.0
    assert abs(part.mean() - 127.5) < 1.5


def test_a_face_beside_the_region_is_left_alone() -> None:
    rgb = np.full((SIDE, SIDE, 3), 90, np.uint8)
    corner = Region((0, 0, 5, 5), np.ones((5, 5), np.float32))
    assert (removed(rgb, corner) == rgb).all()
