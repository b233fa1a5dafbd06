"""Pictures in other light."""

from __future__ import annotations

import numpy as np

from training.data.lighting import photometric, relit


def picture(person: float = 120.0, ground: float = 200.0) -> tuple[np.ndarray, np.ndarray]:
    """A person in the right half, 40 px wide, and where the ground is."""
    image = np.full((64, 80, 3), ground, np.uint8)
    image[:, 40:] = np.uint8(person)
    return image, np.arange(80)[None].repeat(64, 0) < 40


def test_another_ground_leaves_the_person_alone() -> None:
    image, ground = picture()
    before = image.copy()
    grounds = []
    for seed in range(40):
        other = relit(image, ground, np.random.default_rng(seed))
        assert other.dtype == np.uint8
        assert (other[:, 45:] == image[:, 45:]).all()
        assert np.ptp(other[:, :35].reshape(-1, 3), axis=0).max() == 0  # one light on all of it
        grounds.append(float(other[:, :35].mean()))
    assert (image == before).all()
    darker = np.array(grounds) < 190
    assert 0.6 < darker.mean() < 1.0
    assert min(grounds) < 40
    assert max(grounds) > 220


def test_a_ground_in_other_light_begins_softly() -> None:
    image, ground = picture(person=200.0)
    for seed in range(10):
        step = np.abs(np.diff(relit(image, ground, np.random.default_rng(seed)).astype(float).mean((0, 2))))
        assert 0 < step.max() < 0.6 * step.sum()


def test_without_a_ground_nothing_changes() -> None:
    image, _ = picture()
    assert (relit(image, np.zeros((64, 80), bool), np.random.default_rng(1)) == image).all()


def test_a_dim_picture_is_darker() -> None:
    image = np.full((32, 32, 3), 140, np.uint8)
    plain = [photometric(image, np.random.default_rng(seed)).mean() for seed in range(60)]
    dim = [photometric(image, np.random.default_rng(seed), dim=1.0).mean() for seed in range(60)]
    assert np.mean(plain) > 120
    assert 25 < np.mean(dim) < 100
