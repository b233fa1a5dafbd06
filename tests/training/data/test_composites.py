"""People put before other grounds."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.composites import Cutout, cut_out, uneven

WIDTH = 400.0


def person(ground: int = 230) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A head with dark hair over skin, 128 px, before a light ground with a mark in its corner."""
    image = np.full((128, 128, 3), ground, np.uint8)
    image[4:10, 4:10] = (200, 0, 0)
    hair, skin = np.zeros((128, 128), bool), np.zeros((128, 128), bool)
    hair[30:70, 40:90] = True
    skin[70:128, 45:85] = True
    rng = np.random.default_rng(0)
    image[hair] = np.clip(40 + rng.normal(0, 6, (int(hair.sum()), 3)), 0, 255)
    image[skin] = (200, 160, 140)
    return image, hair | skin, hair


@pytest.fixture(scope="module")
def cutout() -> Cutout:
    image, whole, hair = person()
    return cut_out(image, whole, hair, WIDTH)


def test_a_person_is_cut_out_whole_and_the_ground_goes_on_behind(cutout: Cutout) -> None:
    image, whole, hair = person()
    deep = np.zeros_like(whole)
    deep[40:60, 50:80] = True
    deep[90:120, 55:75] = True
    assert (cutout.person[deep] == 255).all()
    assert (cutout.colours[deep] == image[deep]).all()
    assert (cutout.hair[40:60, 50:80] > 240).all()
    assert (cutout.hair[90:120] == 0).all()
    assert (cutout.person[:20] == 0).all()
    assert np.abs(cutout.ground[40:110, 50:80].astype(int) - 230).max() < 12  # nothing of the person is left
    assert (cutout.ground[4:10, 4:10] == (200, 0, 0)).all()
    assert hair.any()


def test_colours_of_hair_hold_nothing_of_the_old_ground(cutout: Cutout) -> None:
    seen = cutout.person > 40
    seen[66:] = False
    assert cutout.colours[seen].max() < 110  # hair has about 40, the ground 230


def test_a_person_stands_before_the_ground_of_another_picture(cutout: Cutout) -> None:
    image, whole, hair = person(ground=90)
    other = cut_out(image, whole, hair, WIDTH)
    kinds = set()
    for seed in range(40):
        made = cutout.onto(other, np.random.default_rng(seed))
        assert made.dtype == np.uint8
        assert made.shape == (128, 128, 3)
        assert (made[40:60, 50:80] == cutout.colours[40:60, 50:80]).all()
        ground = made[20:26, 60:120].astype(int)
        if np.abs(ground - 90).max() < 4:
            kinds.add("other")
        elif (
            np.ptp(made[:20, 20:60].astype(int)) < 4
            and abs(ground.mean() - cutout.colours[cutout.hair > 127].mean()) < 35
        ):
            kinds.add("as light as hair")
        else:
            kinds.add("computed")
    assert kinds == {"other", "as light as hair", "computed"}
    assert (cutout.ground == person()[0]).mean() > 0.5  # nothing was drawn into it


def test_the_same_draws_give_the_same_picture(cutout: Cutout) -> None:
    first, second = (cutout.onto(cutout, np.random.default_rng(5)) for _ in range(2))
    assert (first == second).all()


def test_hair_alone_becomes_uneven(cutout: Cutout) -> None:
    image, _, _ = person()
    for seed in range(5):
        made = uneven(image, cutout.hair, np.random.default_rng(seed))
        assert (made[cutout.hair == 0] == image[cutout.hair == 0]).all()
        ratio = made[35:65, 45:85].mean((2,)) / image[35:65, 45:85].mean((2,))
        assert ratio.max() > 1.2 * ratio.min()


def test_a_picture_without_ground_or_hair_can_be_cut_out() -> None:
    image = np.full((64, 64, 3), 120, np.uint8)
    everything = np.ones((64, 64), bool)
    found = cut_out(image, everything, np.zeros((64, 64), bool), WIDTH)
    assert (found.person == 255).all()
    assert (found.onto(found, np.random.default_rng(1)) == image).all()
    assert (uneven(image, found.hair, np.random.default_rng(1)) == image).all()
