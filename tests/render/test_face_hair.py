"""The mustache: where hair grows, which way, in which colour, and what of the photo it leaves alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.render import face_hair as drawing
from imgedit.render.face_hair import FaceHair, Growth, growth_of
from imgedit.render.regions import Region
from imgedit.vision import mesh
from imgedit.vision.mesh import Points, Pose

SIDE = 240
SKIN = (200, 160, 140)


def face(yaw: float = 0.0, roll: float = 0.0) -> Points:
    turned = mesh.template().points @ mesh.rotation(Pose(yaw, 0.0, roll)).T
    return np.asarray(10.0 * turned + [SIDE / 2, SIDE / 2, 0.0])


def subject(brow: tuple[int, int, int] = (50, 36, 28), skin: np.ndarray | None = None, is_grey: bool = False) -> Any:
    """What `FaceHair` asks of a subject: the parser's window is the photo, its upper rows are brows."""
    found = np.zeros((2, SIDE, SIDE), np.float32)
    found[0] = 1.0 if skin is None else skin
    found[1, :4] = 1.0
    pixels = np.full((SIDE, SIDE, 3), SKIN, np.uint8)
    pixels[:4] = brow
    crop = SimpleNamespace(kind="head", height=SIDE, width=SIDE)
    return SimpleNamespace(
        is_grey=is_grey,
        parsed=lambda: found,
        pixels=lambda *spec: pixels,
        matrix=lambda *spec: np.eye(2, 3),
        networks=SimpleNamespace(parser=SimpleNamespace(crop=crop, classes=("skin", "brows"))),
    )


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return Sessions("cpu").open(library.bundled("drawn_face_hair.vectors"), "growth").run({})


@pytest.fixture(scope="module")
def mustache(arrays: dict[str, np.ndarray]) -> Growth:
    return growth_of(arrays, 0)


WHOLE = Region((0, 0, SIDE, SIDE), np.ones((SIDE, SIDE), np.float32))


def flat() -> np.ndarray:
    return np.full((SIDE, SIDE, 3), SKIN, np.uint8)


def changed(growth: Growth, points: Points, who: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns that become much darker."""
    done = FaceHair(points, growth, "face").apply(flat(), subject() if who is None else who, WHOLE)
    return np.nonzero(done.astype(int).sum(2) < 0.7 * sum(SKIN))


@pytest.mark.parametrize("pose", [(0.0, 0.0), (25.0, 0.0), (-15.0, 20.0)])
def test_a_mustache_lies_between_nose_and_lip(mustache: Growth, pose: tuple[float, float]) -> None:
    points = face(*pose)
    rows, columns = changed(mustache, points)
    assert len(rows) > 150
    middle = (points[2] + points[0]) / 2.0  # of the nose's lower end and the upper lip
    assert (columns.mean(), rows.mean()) == pytest.approx(tuple(middle[:2]), abs=7.0)
    assert np.ptp(columns) < 0.55 * np.ptp(points[:, 0])


def test_a_beard_goes_on_below_the_jaw_and_thins_out(arrays: dict[str, np.ndarray]) -> None:
    points = face() - [0.0, 50.0, 0.0]
    x, y = np.rint(points[152, :2]).astype(int)  # the chin
    done = FaceHair(points, growth_of(arrays, 1), "face").apply(flat(), subject(), WHOLE).astype(int).sum(2)
    under = (sum(SKIN) - done[y : y + 60, x - 10 : x + 11].mean(1)) / sum(SKIN)
    assert under[:4].min() > 0.4
    assert 0.02 < under[10:14].mean() < under[:4].mean()
    assert under[30:].max() == 0


def test_hairs_are_longer_along_their_way_than_across() -> None:
    way = np.zeros((120, 120, 2), np.float32)
    way[..., 1] = 1.0
    hairs = drawing._hairs(way, 10.0, 12.0)
    along = float(np.mean(hairs[1:] * hairs[:-1]))
    across = float(np.mean(hairs[:, 1:] * hairs[:, :-1]))
    assert along > across + 0.05
    assert hairs.mean() == pytest.approx(0.0, abs=0.05)


def test_hair_has_the_colour_of_the_brows_and_is_never_lighter_than_the_skin(mustache: Growth) -> None:
    points = face()
    x, y = np.rint(points[164, :2]).astype(int)
    middle = (slice(y - 2, y + 3), slice(x - 8, x + 9))
    red, black = (
        FaceHair(points, mustache, "face").apply(flat(), subject(brow), WHOLE)[middle].mean((0, 1))
        for brow in ((110, 60, 30), (20, 20, 20))
    )
    assert red[0] > black[0] + 30
    assert red[0] - red[2] > 1.2 * (black[0] - black[2])
    pale = FaceHair(points, mustache, "face").apply(flat(), subject((255, 255, 255)), WHOLE)
    assert (pale <= flat()).all()
    grey = FaceHair(points, mustache, "face").apply(
        np.full((SIDE, SIDE, 3), 170, np.uint8), subject(is_grey=True), WHOLE
    )
    assert np.ptp(grey.astype(int), axis=2).max() <= 1


def test_without_brows_hair_is_dark(mustache: Growth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_FEWEST", 10**6)
    assert drawing._colour(subject((250, 240, 230))).mean() == pytest.approx(np.mean(drawing._DARK))


def test_what_is_not_skin_or_has_no_weight_stays_bit_for_bit_and_half_is_half(mustache: Growth) -> None:
    rgb = np.random.default_rng(0).integers(100, 250, (SIDE, SIDE, 3), np.uint8)
    hand = np.ones((SIDE, SIDE), np.float32)
    hand[:, : SIDE // 2] = 0.0
    weight = np.ones((SIDE, SIDE), np.float32)
    weight[200:] = 0.0
    region = Region((0, 0, SIDE, SIDE), weight)
    change = FaceHair(face(), mustache, "face")
    whole, half, none = (change.scaled(s).apply(rgb, subject(skin=hand), region) for s in (1.0, 0.5, 0.0))
    np.testing.assert_array_equal(whole[:, : SIDE // 2 - 2], rgb[:, : SIDE // 2 - 2])
    np.testing.assert_array_equal(whole[200:], rgb[200:])
    np.testing.assert_array_equal(none, rgb)
    assert np.abs(whole.astype(int) - rgb).max() > 80
    assert np.abs(2 * (half.astype(int) - rgb) - (whole.astype(int) - rgb)).max() <= 2


@pytest.mark.parametrize("change", [{"direction": np.zeros((2, 3, 3))}, {"scale": np.zeros(1)}, {"cover": np.zeros(0)}])
def test_maps_that_make_no_sense_are_refused(arrays: dict[str, np.ndarray], change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="maps of hair on a face"):
        growth_of({**arrays, **change}, 0)
