from __future__ import annotations

import dataclasses
import os
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from imgedit import photo
from imgedit.errors import ConfigError, ModelError, NoFaceError, PhotoError
from imgedit.vision import faces, geometry
from imgedit.vision.faces import Face

ASTRONAUT = Path(faces.__file__).parents[1] / "bundled" / "astronaut.jpg"
DATA = Path(os.environ.get("IMGEDIT_DATA", ""))
needs_data = pytest.mark.skipif(
    not os.environ.get("IMGEDIT_DATA") or not (DATA / "celeba" / "img_align_celeba").is_dir(),
    reason="IMGEDIT_DATA is not set, or holds no celeba/img_align_celeba",
)

LEAST_IOU = 0.99
LANDMARK_TOLERANCE = 1.0  # pixels
SCORE_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return photo.read(ASTRONAUT).rgb


@cache
def reference() -> Any:
    """Return facenet-pytorch's detector at its own settings, which are ours too."""
    mtcnn = pytest.importorskip("facenet_pytorch").MTCNN
    return mtcnn(keep_all=True, device="cpu")


def iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / (float(np.prod(a[2:] - a[:2])) + float(np.prod(b[2:] - b[:2])) - shared)


def assert_same_as_facenet(rgb: np.ndarray, name: str) -> int:
    """Compare the faces of one picture with facenet-pytorch's, in the same order; returns their number."""
    from PIL import Image

    boxes, scores, landmarks = reference().detect(Image.fromarray(rgb), landmarks=True)
    found = faces.detect(rgb, max_side=None, device="cpu")
    expected = 0 if boxes is None else len(boxes)
    assert len(found) == expected, name
    for i, face in enumerate(found):
        overlap = iou(np.asarray(boxes[i], np.float64), face.box.astype(np.float64))
        assert overlap >= LEAST_IOU, f"{name}: face {i} has IoU {overlap}"
        distance = np.abs(np.asarray(landmarks[i], np.float64) - face.landmarks).max()
        assert distance <= LANDMARK_TOLERANCE, f"{name}: face {i} has a landmark {distance} px away"
        assert abs(float(scores[i]) - face.score) <= SCORE_TOLERANCE, name
    return expected


def crowd(people: list[np.ndarray], seed: int) -> np.ndarray:
    """Paste 18 pictures of several sizes into one."""
    rng = np.random.default_rng(seed)
    canvas = np.full((3 * 220, 6 * 180, 3), rng.integers(0, 256, 3), np.uint8)
    for row in range(3):
        for column in range(6):
            scale = rng.uniform(0.3, 1.0)
            person = people[rng.integers(len(people))]
            small = cv2.resize(person, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            y, x = row * 220 + rng.integers(0, 20), column * 180 + rng.integers(0, 20)
            place = canvas[y : y + small.shape[0], x : x + small.shape[1]]
            place[:] = small[: place.shape[0], : place.shape[1]]
    return canvas


# Against facenet-pytorch


@needs_data
def test_real_photos_give_facenets_faces_boxes_and_landmarks() -> None:
    reference()
    celeba = sorted((DATA / "celeba" / "img_align_celeba").glob("*.jpg"))[::194]
    cfp = DATA / "cfp" / "Data" / "Images"
    profiles = sorted(cfp.glob("*/profile/01.jpg"))[::16]
    frontals = sorted(cfp.glob("*/frontal/01.jpg"))[::16]
    assert min(len(celeba), len(profiles), len(frontals)) >= 20
    found = sum(assert_same_as_facenet(photo.read(path).rgb, str(path)) for path in celeba + frontals + profiles)
    assert found > 75
    people = [photo.read(path).rgb for path in celeba]
    crowds = [assert_same_as_facenet(crowd(people, seed), f"crowd {seed}") for seed in range(3)]
    assert min(crowds) >= 10


@pytest.mark.parametrize("scale", [0.25, 0.5, 1.0, 1.7])
def test_the_portrait_gives_facenets_face_at_several_sizes(astronaut: np.ndarray, scale: float) -> None:
    resized = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    assert assert_same_as_facenet(resized, f"scale {scale}") >= 1


def test_faces_cut_by_the_border_are_facenets(astronaut: np.ndarray) -> None:
    for name, part in (("left", astronaut[:, 230:]), ("low", astronaut[:170]), ("high", astronaut[90:])):
        assert_same_as_facenet(np.ascontiguousarray(part), name)


def test_noise_gives_facenets_faces() -> None:
    rng = np.random.default_rng(0)
    for side in (40, 130):
        noise = cv2.GaussianBlur(rng.integers(0, 256, (side, side + 7, 3), dtype=np.uint8), (0, 0), 2)
        assert_same_as_facenet(noise, f"noise {side}")


# Alone


def test_the_portraits_landmarks_lie_on_eyes_nose_and_mouth(astronaut: np.ndarray) -> None:
    face = faces.detect(astronaut, device="cpu")[0]
    by_eye = np.array([[202, 103], [246, 105], [223, 133], [201, 146], [245, 147]])  # read off the picture, +-4 px
    assert np.abs(face.landmarks - by_eye).max() < 8
    assert face.score > 0.99
    assert face.box.shape == (4,)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (5, 5), (11, 300), (12, 12), (19, 25), (20, 20)])
@pytest.mark.parametrize("kind", ["blank", "noise"])
def test_tiny_pictures_have_no_faces_and_do_not_crash(shape: tuple[int, int], kind: str) -> None:
    rng = np.random.default_rng(2)
    rgb = np.full((*shape, 3), 90, np.uint8) if kind == "blank" else rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for max_side in (None, 8, 1024):
        assert faces.detect(rgb, device="cpu", max_side=max_side) == []


@pytest.mark.parametrize("value", [0, 127, 255])
def test_blank_pictures_have_no_faces(value: int) -> None:
    assert faces.detect(np.full((300, 400, 3), value, np.uint8), device="cpu") == []


def test_an_empty_picture_has_no_faces() -> None:
    assert faces.detect(np.zeros((0, 10, 3), np.uint8), device="cpu") == []


def test_a_24_megapixel_photo_gives_the_face_at_its_own_pixels(astronaut: np.ndarray) -> None:
    scale = 7.8
    huge = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    huge = np.pad(huge, ((0, 0), (1000, 1000), (0, 0)))
    assert huge.shape[0] * huge.shape[1] > 23e6
    small = faces.detect(astronaut, device="cpu")[0]
    face = faces.detect(huge, device="cpu")[0]
    expected = (small.landmarks + 0.5) * scale - 0.5 + [1000, 0]
    side = float(face.box[2] - face.box[0])
    assert np.abs(face.landmarks - expected).max() < 0.03 * side
    assert iou(face.box, (small.box + 0.5) * scale - 0.5 + [1000, 0, 1000, 0]) > 0.85


def test_a_strip_longer_than_opencvs_warps_allow_is_looked_at(astronaut: np.ndarray) -> None:
    strip = np.zeros((100, 40_000, 3), np.uint8)
    strip[:, 39_000:39_100] = cv2.resize(astronaut[40:240, 120:320], (100, 100), interpolation=cv2.INTER_AREA)
    assert faces.detect(strip, device="cpu") == []
    found = faces.detect(strip, device="cpu", max_side=None)
    assert len(found) == 1
    assert 39_000 < found[0].box[0] < 39_100


def test_faces_come_largest_first(astronaut: np.ndarray) -> None:
    canvas = np.zeros((512, 800, 3), np.uint8)
    canvas[:, 288:] = astronaut
    canvas[:256, :256] = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    found = faces.detect(canvas, device="cpu")
    assert len(found) == 2
    assert found[0].size > found[1].size
    assert found[0].box[0] > found[1].box[0]


def test_json_holds_box_score_and_landmarks_as_plain_numbers() -> None:
    face = Face(np.array([1, 2, 3, 4.125], np.float32), np.arange(10, dtype=np.float32).reshape(5, 2), 0.98765)
    text = face.to_json()
    assert text["box"] == [1.0, 2.0, 3.0, 4.12]
    assert text["score"] == 0.9877
    assert text["landmarks"] == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, 9.0]]
    assert all(type(value) is float for value in text["box"])


@pytest.mark.parametrize(
    "array", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32)]
)
def test_what_is_no_8_bit_colour_picture_is_refused(array: np.ndarray) -> None:
    with pytest.raises(PhotoError, match="uint8"):
        faces.detect(array)


@pytest.mark.parametrize("options", [{"min_face": 0}, {"factor": 1.0}, {"factor": 0.0}, {"max_side": 0}])
def test_settings_without_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        faces.detect(np.zeros((50, 50, 3), np.uint8), **options)


# Choosing


def face_at(x: float, side: float) -> Face:
    return Face(np.array([x, 0, x + side, side], np.float32), np.zeros((5, 2), np.float32), 0.9)


def test_all_leaves_out_what_is_far_smaller_and_scores_low():
    def face(side: float, score: float) -> Face:
        return Face(np.array([0, 0, side, side], np.float32), np.zeros((5, 2), np.float32), score)

    large, small, pattern, near = face(200, 0.8), face(20, 0.99), face(20, 0.9), face(60, 0.9)
    found = [large, near, small, pattern]
    assert faces.doubtful(found) == [pattern]
    assert faces.pick(found, "all") == [large, near, small]
    assert faces.pick(found, 3) == [pattern]
    assert faces.pick([pattern], "all") == [pattern]
    assert faces.doubtful([]) == []


PEOPLE = [face_at(100, 50), face_at(300, 40), face_at(10, 30)]


@pytest.mark.parametrize(
    ("which", "expected"),
    [("all", [0, 1, 2]), ("largest", [0]), ("left", [2]), ("right", [1]), (1, [1]), ("2", [2]), (" Left ", [2])],
)
def test_pick_takes_the_face_that_was_asked_for(which: str | int, expected: list[int]) -> None:
    assert faces.pick(PEOPLE, which) == [PEOPLE[i] for i in expected]


@pytest.mark.parametrize("which", [3, "17"])
def test_a_number_without_a_face_tells_how_many_there_are(which: str | int) -> None:
    with pytest.raises(NoFaceError, match="3 found, numbered from 0"):
        faces.pick(PEOPLE, which)


@pytest.mark.parametrize("which", ["all", "largest", "left", 0])
def test_picking_among_no_faces_is_no_face(which: str | int) -> None:
    with pytest.raises(NoFaceError, match="no face"):
        faces.pick([], which)


@pytest.mark.parametrize("which", ["biggest", -1, "", "1.5"])
def test_an_unknown_choice_names_the_known_ones(which: str | int) -> None:
    with pytest.raises(ConfigError, match="all, largest, smallest, left, right, nearest:X,Y"):
        faces.pick(PEOPLE, which)


def small_in_large(astronaut: np.ndarray, side: int, width: int = 6000) -> np.ndarray:
    """A plain picture with the portrait small in it, its corner at 4000, 900 of 6000."""
    rgb = np.full((width // 3, width, 3), 120, np.uint8)
    x, y = width * 4000 // 6000, width * 900 // 6000
    rgb[y : y + side, x : x + side] = cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA)
    return rgb


def test_a_small_face_in_a_large_photo_is_found_at_the_second_look(astronaut: np.ndarray) -> None:
    rgb = small_in_large(astronaut, 300)
    assert faces.detect(rgb, device="cpu") == []
    found = faces.search(rgb, device="cpu")
    assert len(found) == 1
    there = faces.detect(astronaut, device="cpu")[0].landmarks * (300 / 512) + np.array([4000, 900])
    np.testing.assert_allclose(found[0].landmarks, there, atol=4)


def test_a_photo_with_faces_or_of_small_size_is_looked_at_once(
    astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def counted(rgb: np.ndarray, **options: Any) -> list[Face]:
        looks.append(options.get("max_side"))
        return [] if rgb.max() < 10 else PEOPLE

    monkeypatch.setattr(faces, "detect", counted)
    faces.search(np.full((1500, 1500, 3), 99, np.uint8))
    faces.search(np.zeros((1024, 900, 3), np.uint8))
    assert looks == [None, None]
    faces.search(np.zeros((1025, 900, 3), np.uint8))
    assert looks == [None, None, None, faces.CLOSER_SIDE]


def test_at_the_second_look_only_certain_faces_count(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubtful(rgb: np.ndarray, *, device: str, max_side: int = faces.MAX_SIDE) -> list[Face]:
        return [] if max_side == faces.MAX_SIDE else [dataclasses.replace(PEOPLE[0], score=s) for s in (0.99, 0.8)]

    monkeypatch.setattr(faces, "detect", doubtful)
    assert [face.score for face in faces.search(np.zeros((1, 3000, 3), np.uint8))] == [0.99]


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        ((300, 200), "no face was found in this 300x200 px photo, of at least 20 px and upright; "),
        ((1500, 200), "in this 1500x200 px photo, looked at reduced to 1024 px and at full size for upright faces of "
                      "at least 20 px; "),
        ((2000, 6000), "looked at reduced to 1024 px and to 2048 px for upright faces of at least 59 px; cut"),
    ],
)  # fmt: skip
def test_no_face_says_what_was_tried(size: tuple[int, int], sentence: str) -> None:
    with pytest.raises(NoFaceError) as error:
        faces.pick([], photo=size)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_face_is_called_by_its_nose_and_gives_the_matrix_of_its_crops() -> None:
    landmarks = geometry.FACE_TEMPLATE + np.array([10.0, 5.0])
    face = Face(np.zeros(4, np.float32), landmarks.astype(np.float32), 1.0)
    assert str(face) == "the face at 99, 142"
    np.testing.assert_array_equal(face.matrix("head", 96, 96), geometry.crop_matrix(face.landmarks, "head", 96))
    with pytest.raises(ModelError, match="square, not 128x64"):
        face.matrix("face", 64, 128)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_photo_enlarged_by_a_whole_factor_gives_the_same_face_at_its_pixel_centres(
    astronaut: np.ndarray, factor: int
) -> None:
    large = np.repeat(np.repeat(astronaut, factor, 0), factor, 1)  # its reduced copy is the portrait itself
    (small,) = faces.detect(astronaut, device="cpu")
    (found,) = faces.detect(large, device="cpu", max_side=max(astronaut.shape[:2]))
    np.testing.assert_allclose(found.landmarks, (small.landmarks + 0.5) * factor - 0.5, atol=1e-3)
    np.testing.assert_allclose(found.box, (small.box + 0.5) * factor - 0.5, atol=1e-3)
