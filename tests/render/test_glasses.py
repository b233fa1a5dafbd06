"""Glasses: where a face wears them, what hides them, and what of the photo they leave alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from imgedit.errors import ModelError
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.render.frames import EYES_APART, Frame, frame_of, place
from imgedit.render.glasses import Glasses
from imgedit.render.regions import Region
from imgedit.vision import mesh
from imgedit.vision.mesh import Points, Pose

SIDE = 200
SKIN = 190


def face(yaw: float = 0.0, roll: float = 0.0, side: int = SIDE) -> Points:
    """The mean face in the middle of a photo, looking aside."""
    points = mesh.template().points
    turned = points @ mesh.rotation(Pose(yaw, 0.0, roll)).T
    return np.asarray(turned * (0.5 * side / np.ptp(points[:, 1])) + [side / 2, side / 2, 0.0])


def subject(rgb: np.ndarray, hair: np.ndarray | None = None) -> Any:
    """What `Glasses` asks of a subject: the parser's window is the photo."""
    found = np.zeros((1, *rgb.shape[:2]), np.float32) if hair is None else hair[None].astype(np.float32)
    crop = SimpleNamespace(kind="head", height=rgb.shape[0], width=rgb.shape[1])
    return SimpleNamespace(
        rgb=rgb,
        is_grey=False,
        parsed=lambda: found,
        matrix=lambda *spec: np.eye(2, 3),
        networks=SimpleNamespace(parser=SimpleNamespace(crop=crop, classes=("hair",))),
    )


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    return Sessions("cpu").open(library.bundled("drawn_glasses.vectors"), "frames").run({})


@pytest.fixture(scope="module")
def frame(arrays: dict[str, np.ndarray]) -> Frame:
    return frame_of(arrays, 0)


def flat(side: int = SIDE) -> np.ndarray:
    return np.full((side, side, 3), SKIN, np.uint8)


def whole(side: int = SIDE) -> Region:
    return Region((0, 0, side, side), np.ones((side, side), np.float32))


def drawn(frame: Frame, points: Points, rgb: np.ndarray, hair: np.ndarray | None = None, amount: float = 1.0) -> Any:
    return Glasses(points, frame, "all", amount).apply(rgb, subject(rgb, hair), whole(len(rgb)))


def is_rim(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(rgb.astype(int).mean(2) < 0.5 * SKIN)


@pytest.mark.parametrize("pose", [(0.0, 0.0), (30.0, 0.0), (-20.0, 15.0)])
def test_the_eyes_are_as_far_apart_as_the_drawing_has_them(pose: tuple[float, float]) -> None:
    points = face(*pose)
    left, right = points[[33, 133]].mean(0), points[[362, 263]].mean(0)
    half = np.array([EYES_APART / 2.0, 0.0, 0.0])
    found = place(points).photo(np.stack([-half, half]))
    assert found[:, :2] == pytest.approx(np.stack([left, right])[:, :2], abs=0.03 * np.linalg.norm(right - left))


def test_glasses_of_a_face_that_looks_ahead_are_symmetric_and_beneath_the_brows(frame: Frame) -> None:
    points = face()
    rims = is_rim(drawn(frame, points, flat()))
    assert rims.sum() > 300
    assert (rims != np.roll(rims[:, ::-1], 1, axis=1)).mean() < 0.01  # the middle is at a pixel's centre
    y, x = np.nonzero(rims)
    assert points[152, 1] - 0.4 * np.ptp(points[:, 1]) > y.max()  # far above the chin
    assert y.min() > points[10, 1] + 0.15 * np.ptp(points[:, 1])
    assert np.ptp(x) < 1.05 * np.ptp(points[:, 0])


def test_they_are_tilted_with_the_head(frame: Frame) -> None:
    y, x = np.nonzero(is_rim(drawn(frame, face(roll=20.0), flat())))
    slope = np.polyfit(x, y, 1)[0]
    assert np.degrees(np.arctan(slope)) == pytest.approx(20.0, abs=3.0)


def test_a_turned_face_hides_the_far_temple_and_shows_the_near_one(frame: Frame) -> None:
    for yaw in (35.0, -35.0):
        points = face(yaw)
        rims = is_rim(drawn(frame, points, flat()))
        far, near = (points[454], points[234]) if yaw > 0 else (points[234], points[454])
        middle = points[168, 0]

        def reach(to: float, rims: np.ndarray = rims, middle: float = middle) -> float:
            x = np.nonzero(rims.any(0))[0]
            return float(x.max() - middle if to > middle else middle - x.min())

        assert reach(near[0]) > 0.9 * abs(near[0] - middle)  # to the ear
        assert reach(far[0]) < 0.5 * reach(near[0])


def test_hair_lies_over_a_temple_and_behind_the_rims_and_a_sideburn_over_nothing(frame: Frame) -> None:
    hair = np.ones((SIDE, SIDE), np.float32)
    bare, covered = (is_rim(drawn(frame, face(), flat(), one)).sum() for one in (None, hair))
    assert covered > 0.85 * bare  # of the temples little is seen; the rims stand off from the face
    turned = face(40.0)
    ear = turned[234]
    shown, hidden = (is_rim(drawn(frame, turned, flat(), one))[:, : int(ear[0]) + 25].sum() for one in (None, hair))
    assert shown > 20
    assert hidden < 0.1 * shown
    sideburn = np.zeros((SIDE, SIDE), np.float32)
    sideburn[int(ear[1]) - 30 : int(ear[1]) - 6, int(ear[0]) - 5 : int(ear[0]) + 15] = 1.0
    bare, beside = (is_rim(drawn(frame, turned, flat(), one)).sum() for one in (None, sideburn))
    assert beside > 0.97 * bare


def test_a_temple_sinks_into_hair_by_and_by(frame: Frame) -> None:
    turned, hair = face(40.0), np.ones((SIDE, SIDE), np.float32)
    bare, covered = (SKIN - drawn(frame, turned, flat(), one).astype(int).mean(2) for one in (None, hair))
    hinge, ear = (int(turned[point, 0]) for point in (33, 234))
    height = slice(int(turned[33, 1]) - 12, int(turned[33, 1]) + 25)
    shares = covered[height, ear:hinge].max(0) / bare[height, ear:hinge].max(0)
    assert shares[-1] > 0.9  # of what is seen on bare skin
    assert shares[0] < 0.1
    assert np.diff(shares).min() > -0.05
    assert np.abs(np.diff(shares)).max() < 0.35  # no blunt end


@pytest.mark.parametrize("yaw", [-30.0, -20.0, 20.0, 30.0])
def test_no_nose_breaks_a_rim(frame: Frame, yaw: float) -> None:
    points = face(yaw)
    rims = is_rim(drawn(frame, points, flat())).astype(np.uint8)
    _, label = cv2.connectedComponents(1 - rims, connectivity=4)
    for corners in ((33, 133), (362, 263)):
        x, y = points[list(corners), :2].mean(0).round().astype(int)
        assert label[y, x] != label[0, 0]  # a closed rim parts what is within from what is without


def test_a_black_frame_is_brown_before_black_hair_alone(frame: Frame) -> None:
    rgb = np.full((SIDE, SIDE, 3), 8, np.uint8)
    points = face()
    left, right = points[[127, 356], 0]
    rgb[:, int(left) + 12 : int(right) - 12] = SKIN
    hair = (rgb[..., 0] == 8).astype(np.float32)
    beside = drawn(frame, points, rgb, hair).astype(int)
    rim = (beside != rgb).any(2) & (hair > 0)
    assert rim.sum() > 100
    assert beside[rim].mean(0) @ [1, 0, -1] > 10  # brown
    assert np.percentile(beside[rim].mean(1), 75) > 20
    pale = drawn(frame, points, flat(), np.ones((SIDE, SIDE), np.float32)).astype(int)
    assert np.ptp(pale[is_rim(pale)], axis=1).mean() < 5  # hair that is not black


def test_pixels_without_weight_stay_bit_for_bit_and_half_a_change_is_half(frame: Frame) -> None:
    rgb = np.random.default_rng(0).integers(60, 250, (SIDE, SIDE, 3), np.uint8)
    points = face()
    weight = np.zeros((SIDE, 120), np.float32)
    weight[:, 10:60] = 1.0
    region = Region((30, 0, 150, SIDE), weight)
    full, half, none = (Glasses(points, frame, "all").scaled(s).apply(rgb, subject(rgb), region) for s in (1, 0.5, 0))
    outside = np.ones((SIDE, SIDE), bool)
    outside[:, 40:90] = False
    np.testing.assert_array_equal(full[outside], rgb[outside])
    np.testing.assert_array_equal(none, rgb)
    change, halved = full.astype(int) - rgb, half.astype(int) - rgb
    assert np.abs(change).max() > 100
    assert np.abs(2 * halved - change).max() <= 2


def test_a_photo_of_twice_the_size_gets_the_same_glasses_twice_as_fine(frame: Frame) -> None:
    small, large = drawn(frame, face(15.0), flat()), drawn(frame, face(15.0, side=2 * SIDE), flat(2 * SIDE))
    shrunk = large.reshape(SIDE, 2, SIDE, 2, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 1.0
    edges = [np.abs(np.diff(one.astype(int).mean(2), axis=0)).max() for one in (small, large)]
    assert edges[1] >= 0.9 * edges[0]  # not merely enlarged


def test_a_grey_photo_stays_grey_and_a_frame_out_of_sight_changes_nothing(frame: Frame) -> None:
    rgb = flat()
    grey = subject(rgb)
    grey.is_grey = True
    done = Glasses(face(), frame, "all").apply(rgb, grey, whole())
    assert (np.ptp(done.astype(int), axis=2) <= 1).all()
    beside = Region((0, 0, 5, 5), np.ones((5, 5), np.float32))
    np.testing.assert_array_equal(Glasses(face(), frame, "all").apply(rgb, subject(rgb), beside), rgb)


def test_a_dark_photo_has_a_dark_frame_and_a_faded_one_no_black(frame: Frame) -> None:
    rng = np.random.default_rng(0)
    dark, faded = (rng.integers(low, high, (SIDE, SIDE, 3), np.uint8) for low, high in ((5, 90), (110, 200)))
    assert drawn(frame, face(), dark).min() < 25
    assert drawn(frame, face(), faded).min() > 30


def test_half_a_rim_ends_at_the_sides(arrays: dict[str, np.ndarray]) -> None:
    model = library.bundled("drawn_glasses.vectors")
    half = frame_of(arrays, model.manifest.classes.index("half-rim-glasses"))
    low = half.outline[:, 1] > np.median(half.outline[:, 1]) + 1.0
    assert (half.rim[low] == 0).all()
    assert (half.rim[half.outline[:, 1] < np.percentile(half.outline[:, 1], 25)] > 1.0).all()


@pytest.mark.parametrize("change", [{"index": 9}, {"outline": np.zeros((4, 72, 3))}, {"rim": np.full((4, 72), np.nan)}])
def test_drawings_that_make_no_sense_are_refused(arrays: dict[str, np.ndarray], change: dict[str, Any]) -> None:
    index = change.pop("index", 0)
    with pytest.raises(ModelError, match="frame"):
        frame_of({**arrays, **change}, index)
