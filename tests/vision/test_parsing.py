"""A parser's classes in a crop."""

from __future__ import annotations

from typing import Any

import numpy as np

from imgedit.vision.parsing import class_probabilities, without_islands


class Leaning:
    """Sees the more of its only class the further right, whatever the picture."""

    def run(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> dict[str, np.ndarray]:
        n, _, h, w = feeds["image"].shape
        return dict.fromkeys(outputs, np.broadcast_to(np.linspace(0.0, 1.0, w, dtype=np.float32), (n, 1, h, w)))


class Bright:
    """Sees as much of its only class as the picture is bright."""

    def run(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> dict[str, np.ndarray]:
        return dict.fromkeys(outputs, feeds["image"].mean(1, keepdims=True))


def found(session: Any, crops: np.ndarray) -> np.ndarray:
    return class_probabilities(session, crops)


def test_the_mirror_image_has_its_say() -> None:
    np.testing.assert_allclose(found(Leaning(), np.zeros((1, 3, 8, 8), np.float32)), 0.5, atol=1e-6)


def test_what_is_seen_stays_where_it_is_in_every_crop() -> None:
    crops = np.random.default_rng(0).uniform(0.0, 1.0, (2, 3, 4, 6)).astype(np.float32)
    np.testing.assert_allclose(found(Bright(), crops), crops.mean(1, keepdims=True), atol=1e-6)


def test_faint_islands_are_dropped_and_two_real_halves_are_kept() -> None:
    probability = np.zeros((60, 60), np.float32)
    probability[5:40, 5:15] = probability[5:40, 45:55] = 0.9  # long hair on both sides of a face
    probability[50:55, 25:35] = 0.2  # a collar
    cleaned = without_islands(probability)
    assert (cleaned[50:55] == 0).all()
    np.testing.assert_array_equal(cleaned[:45], probability[:45])
