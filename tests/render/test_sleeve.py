"""A sleeve is painted in its tube alone, keeps what stays as it is, and ends along the photo's edges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.errors import ConfigError
from imgedit.models.sessions import Sessions
from imgedit.pixels import Floats
from imgedit.render import cloth, regions
from imgedit.render.change import apply_all
from imgedit.render.sleeve import Paint, Sleeve
from imgedit.vision import arms
from imgedit.vision.body import POINTS, Body
from imgedit.vision.subject import Networks, Subject, body_subject

GROUND, SHIRT, SKIN = (200, 210, 220), (40, 60, 160), (205, 150, 120)
JOINTS = {"right": [(150, 130), (140, 210), (138, 285)], "left": [(270, 130), (280, 210), (282, 285)]}


def scene() -> np.ndarray:
    """A person in a blue shirt with long sleeves, 420 x 420 px, whose hands and head are bare."""
    rgb = np.full((420, 420, 3), GROUND, np.uint8)
    rgb[120:330, 155:266] = SHIRT
    rgb[330:, 160:260] = (20, 20, 20)
    rgb[50:118, 185:236] = SKIN
    for x in (120, 265):
        rgb[120:286, x : x + 36] = SHIRT
        rgb[286:310, x + 4 : x + 32] = SKIN
    return rgb


def person(rgb: np.ndarray, seen: float = 1.0) -> Body:
    places: dict[str, tuple[float, float]] = {"nose": (210, 85)}
    for side, joints in JOINTS.items():
        places |= dict(zip((f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist"), joints, strict=True))
    points = np.array([places.get(name, (210, 300)) for name in POINTS], np.float64)
    scale = 256 / 420
    mask = (np.abs(rgb.astype(int) - GROUND).max(2) > 0).astype(np.float32)
    window = np.array([[scale, 0, 0.5 * scale - 0.5], [0, scale, 0.5 * scale - 0.5]])
    small = arms.cv2.resize(mask, (256, 256), interpolation=arms.cv2.INTER_AREA)
    return Body(points, np.full(len(POINTS), seen), 1.0, small, window)


def subject(rgb: np.ndarray, seen: float = 1.0) -> Subject:
    return body_subject(photos.read(rgb), person(rgb, seen), Networks(Sessions("cpu")))


def skin_everywhere(crop: Floats, masks: Floats) -> Floats:
    """A painter to whom the whole tube is skin, and all of it the person."""
    return np.concatenate([masks[3:6] * 2 - 1, np.ones((1, *crop.shape[1:]), np.float32)])


def nobody(crop: Floats, masks: Floats) -> Floats:
    """A painter to whom the tube holds ground alone."""
    return np.zeros((4, *crop.shape[1:]), np.float32)


def as_it_is(crop: Floats, masks: Floats) -> Floats:
    return np.concatenate([crop, np.ones((1, *crop.shape[1:]), np.float32)])


def sleeves(one: Subject, paint: Paint, *, short: bool = True) -> list[Sleeve]:
    assert isinstance(one.place, Body)
    return [Sleeve(arm, np.array(SKIN, np.float32), short, paint) for arm in arms.arms_of(one.place)]


def test_a_sleeve_of_a_photo_of_16_bits_is_the_same_but_for_rounding() -> None:
    one = subject(scene())
    narrow = apply_all(scene(), one, sleeves(one, skin_everywhere))
    deep = apply_all(scene().astype(np.float32), one, sleeves(one, skin_everywhere))
    assert deep.dtype == np.float32
    apart = np.abs(deep - narrow.astype(np.float32)).max(axis=2)
    assert np.percentile(apart[(narrow != scene()).any(axis=2)], 95) <= 1.0
    assert (deep % 1 != 0).any()


def test_nothing_outside_the_region_changes_and_arms_do() -> None:
    rgb = scene()
    one = subject(rgb)
    after = apply_all(rgb, one, sleeves(one, skin_everywhere))
    region = regions.find(one, regions.ARMS)
    inside = np.zeros(rgb.shape[:2], bool)
    x0, y0, x1, y1 = region.roi
    inside[y0:y1, x0:x1] = region.weight > 0
    np.testing.assert_array_equal(after[~inside], rgb[~inside])
    for x, y in JOINTS["right"][1:2] + JOINTS["left"][1:2]:
        np.testing.assert_allclose(after[y, x], SKIN, atol=3)


def test_head_and_hands_are_no_part_of_the_region() -> None:
    rgb = scene()
    region = regions.find(subject(rgb), regions.ARMS)
    x0, y0 = region.roi[:2]
    assert region.weight[85 - y0, 210 - x0] == 0.0
    assert region.weight[300 - y0, 138 - x0] == 0.0  # skin beyond the wrist
    assert region.weight[250 - y0, 138 - x0] == 1.0


def test_arms_that_are_not_seen_are_no_part_of_the_region_and_a_body_has_no_other_region() -> None:
    one = subject(scene(), seen=0.1)
    assert regions.find(one, regions.ARMS).weight.size == 0
    with pytest.raises(ConfigError, match="hair"):
        regions.find(one, "hair")


def cloth_everywhere(crop: Floats, masks: Floats) -> Floats:
    """A painter to whom the whole tube is plain cloth in half the light."""
    return np.concatenate([masks[6:9] - 1, np.ones((1, *crop.shape[1:]), np.float32)])


def test_cloth_that_stays_on_a_short_sleeve_keeps_the_photos_own_pattern() -> None:
    rgb = striped()
    one = body_subject(photos.read(rgb), person(scene()), Networks(Sessions("cpu")))
    after = apply_all(rgb, one, sleeves(one, cloth_everywhere))
    x, y = JOINTS["right"][1]
    np.testing.assert_array_equal(after[y - 20 : y + 20, x - 8 : x + 8], rgb[y - 20 : y + 20, x - 8 : x + 8])
    long = apply_all(rgb, one, sleeves(one, cloth_everywhere, short=False))
    assert (long[y - 20 : y + 20, x - 8 : x + 8] != rgb[y - 20 : y + 20, x - 8 : x + 8]).any()


def test_a_painter_that_draws_the_photo_changes_nothing() -> None:
    rgb = scene()
    one = subject(rgb)
    after = apply_all(rgb, one, sleeves(one, as_it_is))
    assert (after != rgb).any(2).mean() < 0.002


def test_ground_that_a_sleeve_hid_is_continued_from_beside_it() -> None:
    rgb = scene()
    one = subject(rgb)
    after = apply_all(rgb, one, sleeves(one, nobody))
    np.testing.assert_allclose(after[200:260, 122:128].reshape(-1, 3).mean(0), GROUND, atol=6)


def test_ground_that_stays_ground_keeps_its_pixels() -> None:
    rng = np.random.default_rng(0)
    rgb = scene()
    is_ground = (rgb == GROUND).all(2)
    rgb[is_ground] = np.clip(rgb[is_ground] + rng.integers(-30, 30, (int(is_ground.sum()), 3)), 0, 255)
    one = body_subject(photos.read(rgb), person(scene()), Networks(Sessions("cpu")))
    after = apply_all(rgb, one, sleeves(one, nobody))
    beside = np.zeros_like(is_ground)
    beside[160:280, 60:105] = True  # in the window, away from the old sleeve
    np.testing.assert_array_equal(after[beside], rgb[beside])


def test_no_strength_changes_nothing_and_half_goes_half_the_way() -> None:
    rgb = scene()
    one = subject(rgb)
    assert (apply_all(rgb, one, [s.scaled(0.0) for s in sleeves(one, skin_everywhere)]) == rgb).all()
    half, full = (apply_all(rgb, one, [s.scaled(share) for s in sleeves(one, skin_everywhere)]) for share in (0.5, 1.0))
    x, y = JOINTS["right"][1]
    np.testing.assert_allclose(half[y, x], (rgb[y, x].astype(float) + full[y, x]) / 2, atol=1.5)


def test_a_grey_photo_stays_grey() -> None:
    rgb = np.repeat(scene().mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    one = body_subject(photos.read(rgb), person(scene()), Networks(Sessions("cpu")))
    assert one.is_grey
    painted = [replace(s, tone=np.array([150, 150, 150], np.float32)) for s in sleeves(one, skin_everywhere)]
    after = apply_all(rgb, one, painted)
    assert (after != rgb).any()
    assert (np.ptp(after.astype(int), axis=2) == 0).all()


def striped() -> np.ndarray:
    rgb = scene()
    rows = (np.arange(420) // 4) % 2 == 0
    is_shirt = (rgb == SHIRT).all(2)
    rgb[is_shirt & rows[:, None]] = (90, 110, 210)
    return rgb


def test_stripes_beside_the_arm_are_copied_and_only_as_strong_as_the_sleeve_has_them() -> None:
    rgb = striped()
    arm = arms.arms_of(person(rgb))[0]
    matrix = arms.window(arm)
    patch = arms.cloth_patch(*arms.crop_joints(arm, matrix), arms.SIZE)
    tone = np.array([65, 85, 185], np.float32) / 255
    roi = (230, 110, 330, 310)
    found = cloth.detail(rgb, matrix, roi, tone, patch)
    rows = found[70:150, 40:60].mean((1, 2))
    stripe = np.where((np.arange(180, 260) // 4) % 2 == 0, 1.0, -1.0)
    assert abs(np.corrcoef(rows, stripe)[0, 1]) > 0.9  # some rows up or down, as the arm hangs
    plain = rgb.copy()
    plain[120:200, 255:310] = (65, 85, 185)  # a sleeve without stripes
    quiet = cloth.detail(plain, matrix, roi, tone, patch)
    assert np.abs(quiet).mean() < 0.2 * np.abs(found).mean()
    other = cloth.detail(rgb, matrix, roi, np.array([0.9, 0.1, 0.1], np.float32), patch)
    assert np.abs(other).max() == 0.0


def test_a_colour_is_cloth_or_skin_by_which_it_is_nearer_to() -> None:
    skin, shirt = (np.array(colour, np.float32) / 255 for colour in (SKIN, SHIRT))
    picture = np.stack([skin, shirt, 0.5 * (skin + shirt)])[None]
    share = cloth.share_of(picture, shirt, skin)[0]
    assert share[0] == 0.0
    assert share[1] == 1.0
    assert 0.0 < share[2] < 1.0
    assert (cloth.share_of(picture, skin, skin) == 1.0).all()
