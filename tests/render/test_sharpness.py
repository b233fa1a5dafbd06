"""How blurred a face is: told within a third, whatever the size of the photo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import imgedit
from imgedit import photo as photos
from imgedit.render.sharpness import blur_of

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"
FACE = np.array([[170.0, 60.0, 0.0], [280.0, 200.0, 0.0]])
"""Two points at corners of the portrait's face are enough: the mesh tells where to look."""


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return photos.read(PORTRAIT).rgb


@pytest.mark.parametrize("blur", [2.0, 3.0])
def test_blur_is_told(portrait: np.ndarray, blur: float) -> None:
    own = blur_of(portrait, FACE)
    assert own < 1.4
    expected = np.hypot(own, blur)
    assert blur_of(cv2.GaussianBlur(portrait, (0, 0), blur), FACE) == pytest.approx(expected, rel=0.33)
    noise = np.random.default_rng(0).normal(0.0, 4.0, portrait.shape)
    noisy = np.clip(cv2.GaussianBlur(portrait, (0, 0), blur) + noise, 0, 255).astype(np.uint8)
    assert blur_of(noisy, FACE) == pytest.approx(expected, rel=0.33)


def test_an_enlarged_photo_is_as_blurred_as_it_was_enlarged(portrait: np.ndarray) -> None:
    large = cv2.resize(portrait, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    assert blur_of(large, 6.0 * FACE) == pytest.approx(6.0 * blur_of(portrait, FACE), rel=0.4)


def test_a_sharp_large_photo_is_not_called_blurred() -> None:
    board = np.kron(np.indices((40, 40)).sum(0) % 2, np.ones((50, 50)))
    large = np.repeat((60 + 130 * board)[..., None], 3, axis=2).astype(np.uint8)
    assert blur_of(large, np.array([[0.0, 0.0, 0.0], [1999.0, 1999.0, 0.0]])) < 0.6 * 2000 / 256


@pytest.mark.parametrize("place", [-500.0, 0.0])
def test_a_face_that_is_hardly_seen_tells_nothing(portrait: np.ndarray, place: float) -> None:
    assert blur_of(portrait, np.array([[place, place, 0.0], [place + 5.0, place + 5.0, 0.0]])) == 0.0
