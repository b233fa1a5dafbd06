"""Heads that the detector misses: found mirrored, rotated or by a looser look, and put back where they are."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit import photo as photos
from imgedit.models import library
from imgedit.models.sessions import Sessions
from imgedit.vision import faces, geometry, turned
from imgedit.vision.faces import Face
from imgedit.vision.subject import Networks
from imgedit.vision.turned import search_turned


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return photos.read(library.bundled_folder() / "astronaut.jpg").rgb


@pytest.fixture(scope="module")
def networks() -> Networks:
    return Networks(Sessions("cpu"))


@pytest.mark.parametrize("number", range(4))
def test_a_face_of_every_pass_is_put_back_where_it_is(portrait: np.ndarray, number: int) -> None:
    """What the detector would give for the copy, taken back, is what it gives for the photo."""
    true = faces.detect(portrait, device="cpu")[0]
    matrix, _, _, _ = list(turned._passes(portrait))[number]
    points = geometry.apply(matrix, true.landmarks)
    if number == 0:
        assert points[0, 0] > points[1, 0]  # mirrored: the detector calls the one to the left the left eye
        points = points[[1, 0, 2, 4, 3]]
    middle = geometry.apply(matrix, true.box.reshape(2, 2).mean(0))
    half = np.sqrt(true.size) / 2 * geometry.crop_scale(matrix)
    box = np.concatenate([middle - half, middle + half]).astype(np.float32)
    back = turned._put_back(Face(box, points.astype(np.float32), true.score), matrix)
    assert back is not None
    np.testing.assert_allclose(back.landmarks, true.landmarks, atol=1e-3)
    np.testing.assert_allclose(back.box.reshape(2, 2).mean(0), true.box.reshape(2, 2).mean(0), atol=1e-3)
    assert back.size == pytest.approx(true.size, rel=1e-4)


@pytest.mark.parametrize(
    ("skipped", "said"), [(0, "in the mirror image"), (1, "in a rotated copy"), (3, "by a looser look")]
)
def test_the_passes_find_the_face_one_after_the_other(
    portrait: np.ndarray, networks: Networks, monkeypatch: pytest.MonkeyPatch, skipped: int, said: str
) -> None:
    looks = iter([True] * skipped + [False] * 4)
    monkeypatch.setattr(turned, "detect", lambda rgb, **how: [] if next(looks) else faces.detect(rgb, **how))
    face = faces.detect(portrait, device="cpu")[0]
    found, how = search_turned(portrait, networks.mesh, device="cpu")
    assert how == said
    np.testing.assert_allclose(found[0].landmarks, face.landmarks, atol=6.0)


def test_what_the_mesh_does_not_see_as_a_face_is_none(portrait: np.ndarray, networks: Networks) -> None:
    class Blind:
        def __call__(self, rgb: np.ndarray, face: Face) -> None:
            return None

    assert search_turned(portrait, Blind(), device="cpu") == ([], "")  # type: ignore[arg-type]


def test_where_there_is_no_face_none_is_found(networks: Networks) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (160, 200, 3), np.uint8)
    assert search_turned(noise, networks.mesh, device="cpu") == ([], "")
