"""Sets of people: splits by person, classes of the factors, and the alignment of CFP, on files that the tests make."""

from __future__ import annotations

import csv
import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import DataError
from imgedit.vision.geometry import FACE_TEMPLATE, INNER
from training.data import cfp, factors, fei, lpc, multipie, umist, utkface
from training.data.factors import FactorTable, Loader, every_tenth, last_tenth

DATA = Path(os.environ.get("IMGEDIT_DATA", "/nonexistent"))
FACTORS = [
    ("ar", "ar", "identity", 89, 10),
    ("ar", "ar", "expression", 4, 4),
    ("celeba_people", "celeba", "sex", 2, 2),
    ("cfp", "cfp", "pose", 2, 2),
    ("ckplus", "ckplus48", "expression", 7, 7),
    ("fei", "fei", "identity", 160, 40),
    ("fei", "fei", "pose", 10, 10),
    ("fei", "fei", "expression", 2, 2),
    ("lpc", "lpc_sprites", "identity", 360, 40),
    ("lpc", "lpc_sprites", "pose", 66, 66),
    ("umist", "umist", "identity", 18, 2),
    ("umist", "umist", "pose", 5, 5),
    ("utkface", "utkface", "sex", 2, 2),
]
PEOPLE = tuple(f"{p:02d}" for p in range(20) for _ in range(14))
TABLE = FactorTable("toy", PEOPLE, {"view": tuple("ab" * 140)}, last_tenth(PEOPLE), {})


def numbered(i: int) -> np.ndarray:
    return np.full((2, 2, 3), [i // 256, i % 256, 0], np.uint8)


def choose(split: str, specified: str = "identity", **options: Any) -> tuple[set[int], Any]:
    load = Loader(lambda folder: (TABLE, lambda i, size: numbered(i)))
    data = load(DATA, split, specified=specified, **options)
    return set((data.images[:, 0, 0, 0].astype(int) * 256 + data.images[:, 0, 0, 1]).tolist()), data


def people_of(pictures: set[int]) -> set[str]:
    return {PEOPLE[i] for i in pictures}


def test_unseen_people_are_the_last_tenth_and_share_nobody_with_train() -> None:
    train, seen = choose("train")
    test, unseen = choose("test")
    assert people_of(test) == {"18", "19"}
    assert len(test) == 28
    assert not people_of(train) & people_of(test)
    assert seen.classes == tuple(f"{p:02d}" for p in range(18))
    assert unseen.classes == ("18", "19")


def test_closed_test_is_every_seventh_picture_of_train_people_and_the_rest_is_train() -> None:
    train, seen = choose("train")
    test, closed = choose("test", unseen=False)
    assert not train & test
    assert train | test == {i for i, p in enumerate(PEOPLE) if p < "18"}
    assert closed.classes == seen.classes
    assert np.bincount(closed.specified).tolist() == [2] * 18
    assert {i % 14 for i in test} == set(range(14))  # no view is left out for all people


def test_other_factors_are_split_by_people_and_keep_every_picture() -> None:
    for unseen in (True, False):
        train, data = choose("train", "view")
        test, other = choose("test", "view", unseen=unseen)
        assert people_of(test) == {"18", "19"}
        assert train | test == set(range(280))
        assert data.classes == other.classes == ("a", "b")


def test_holdout_leaves_train_only_and_keeps_the_places_of_the_classes() -> None:
    _, train = choose("train", holdout=(0, 3))
    _, test = choose("test", unseen=False, holdout=(0, 3))
    assert set(range(18)) - set(train.specified.tolist()) == {0, 3}
    assert set(test.specified.tolist()) == set(range(18))
    assert train.classes == test.classes


def test_unknown_factor_and_split_say_what_there_is() -> None:
    with pytest.raises(DataError, match="identity, view; got specified='age'"):
        choose("train", "age")
    with pytest.raises(DataError, match="train and test; got 'valid'"):
        choose("valid")


VIEWED = FactorTable(
    "toy", PEOPLE, {"pose": (("left", "right", "front", "") * 70)}, last_tenth(PEOPLE), {},
    mirrored={"left": "right", "right": "left", "front": "front"},
)  # fmt: skip


def test_poses_are_counted_as_named_and_others_are_left_out() -> None:
    load = Loader(lambda folder: (VIEWED, lambda i, size: numbered(i)))
    data = load(DATA, "test", poses=("right", "front"), mirror=True, group=3, jitter=2)
    read = data.images[:, 0, 0, 0].astype(int) * 256 + data.images[:, 0, 0, 1]
    assert data.views.pose.tolist() == [{1: 0, 2: 1}[i % 4] for i in read.tolist()]
    assert (data.views.mirror, data.views.group, data.views.jitter) == (None, 3, 2)  # "left" was not asked for
    whole = load(DATA, "test", poses=("right", "front", "left"), mirror=True)
    assert whole.views.mirror.tolist() == [2, 1, 0]
    assert load(DATA, "test", poses=("left",), limit=3).views.pose.tolist() == [0, 0, 0]


def test_a_pose_that_a_set_does_not_have_is_an_error() -> None:
    load = Loader(lambda folder: (VIEWED, lambda i, size: numbered(i)))
    with pytest.raises(DataError, match="the poses front, left, right; got 'up'"):
        load(DATA, "train", poses=("front", "up"))
    with pytest.raises(DataError, match="toy has no poses"):
        Loader(lambda folder: (TABLE, lambda i, size: numbered(i)))(DATA, "train", poses=("front",))


@pytest.mark.parametrize(
    "mirrored", [cfp.SIDES, fei.MIRRORED, dict(zip(multipie.CAMERAS, multipie.CAMERAS[::-1], strict=True))]
)
def test_the_mirror_image_of_a_mirror_image_is_the_pose_itself(mirrored: dict[str, str]) -> None:
    assert all(mirrored[mirrored[pose]] == pose for pose in mirrored)
    assert sum(mirrored[pose] == pose for pose in mirrored) == len(mirrored) % 2


def test_every_tenth_is_spread_over_the_order() -> None:
    assert every_tenth([f"{i:03d}" for i in range(40)]) == {"009", "019", "029", "039"}


def test_fei_pose_and_expression_take_their_own_views(tmp_path: Path) -> None:
    images = np.empty((162, 14, 28, 28, 3), np.uint8)
    images[:] = np.arange(14, dtype=np.uint8)[:, None, None, None]
    np.savez(tmp_path / "fei28.npz", images=images)
    pose = fei.load(tmp_path, "test", specified="pose")
    assert pose.images[:, 0, 0, 0].tolist() == pose.specified.tolist() == list(range(10)) * 2
    expression = fei.load(tmp_path, "test", specified="expression")
    assert expression.images[:, 0, 0, 0].tolist() == [10, 11, 10, 11]
    assert expression.classes == ("neutral", "smile")


def test_lpc_poses_keep_the_order_of_the_file(tmp_path: Path) -> None:
    images = np.zeros((10, 3, 64, 64, 3), np.uint8)
    images[:] = np.arange(3, dtype=np.uint8)[:, None, None, None]
    words = {"pose_action": ["walk", "slash", "slash"], "pose_view": ["left"] * 3, "pose_frame": [0, 1, 0]}
    np.savez(tmp_path / "lpc400x66_64.npz", images=images, **{k: np.array(v) for k, v in words.items()})
    test = lpc.load(tmp_path, "test", specified="pose", size=28)
    assert test.classes == ("walk left 0", "slash left 1", "slash left 0")
    assert test.images[:, 0, 0, 0].tolist() == test.specified.tolist() == [0, 1, 2]
    assert test.images.shape == (3, 28, 28, 3)


def save(path: Path, grey: int = 0, size: tuple[int, int] = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey, grey, grey)).save(path)


def test_umist_bins_are_equal_parts_of_the_turn(tmp_path: Path) -> None:
    with (tmp_path / "metadata.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "person", "frame_in_turn"])
        for person in (1, 2):
            for frame in range(10):
                writer.writerow([f"images/{person}_{frame}.png", person, frame])
                save(tmp_path / f"images/{person}_{frame}.png", frame)
    test = umist.load(tmp_path, "test", specified="pose", size=4)
    assert test.classes == umist.BINS
    assert (test.images[:, 0, 0, 0] // 2).tolist() == test.specified.tolist()


def test_multipie_reads_all_three_factors_from_names_at_any_depth(tmp_path: Path) -> None:
    names = ("001_01_01_051_07", "001_01_02_051_00", "001_02_02_190_07", "001_04_02_190_07", "001_04_03_080_07")
    for name in names:
        save(tmp_path / f"session{name[4:6]}" / f"{name}.png")
    save(tmp_path / "002_01_01_051_07.png")
    save(tmp_path / "thumbnail.png")
    expression = multipie.load(tmp_path, "train", specified="expression", size=4)
    found = sorted(expression.classes[i] for i in expression.specified.tolist())
    assert found == ["neutral", "neutral", "scream", "smile", "surprise"]
    pose = multipie.load(tmp_path, "train", specified="pose", size=4)
    assert pose.classes == ("051", "080", "190")
    assert multipie.load(tmp_path, "test", size=4).classes == ("002",)


def test_utkface_reads_sex_and_decade_and_has_no_identity(tmp_path: Path) -> None:
    for name in ("25_1_2_2017", "9_0_0_2017", "101_0_0_2018"):
        save(tmp_path / f"{name}.jpg.chip.jpg")
    sex = utkface.load(tmp_path, "train", size=4)
    assert [sex.classes[i] for i in sex.specified.tolist()] == ["male", "female", "male"]  # 101, 25, 9
    age = utkface.load(tmp_path, "train", specified="age", size=4)
    assert [age.classes[i] for i in age.specified.tolist()] == ["90", "20", "00"]
    with pytest.raises(DataError, match="factors sex, age"):
        utkface.load(tmp_path, "train", specified="identity")


def half_face(
    eye: Sequence[float], bridge: Sequence[float], nose: Sequence[float], corner: Sequence[float]
) -> np.ndarray:
    """CFP's 30 points with those set that the alignment reads; the middle of the mouth lies below the bridge."""
    points = np.zeros((30, 2))
    points[12:18], points[18], points[21], points[25] = eye, bridge, nose, corner
    points[27] = points[29] = (bridge[0], corner[1])
    return points


@pytest.mark.parametrize("angle", [0.0, 20.0, -35.0])
@pytest.mark.parametrize("side", [0, 1])
def test_half_a_frontal_face_gives_all_five_landmarks_at_any_roll(angle: float, side: int) -> None:
    whole = np.array([[30, 40], [70, 40], [50, 60], [34, 80], [66, 80]], float)
    points = half_face(whole[side], (50, 40), whole[2], whole[3 + side])
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turn = np.array([[cos, -sin], [sin, cos]])
    np.testing.assert_allclose(cfp.landmarks(points @ turn.T, "frontal"), whole @ turn.T, atol=1e-9)


def test_landmarks_of_a_profile_are_in_order_as_seen_whichever_way_it_looks() -> None:
    right = cfp.landmarks(half_face((40, 40), (60, 42), (68, 60), (46, 80)), "profile")
    left = cfp.landmarks(half_face((60, 40), (40, 42), (32, 60), (54, 80)), "profile")
    assert right.tolist() == [[40, 40], [60, 42], [68, 60], [46, 80], [60, 80]]
    np.testing.assert_array_equal(left, (right * [-1, 1] + [100, 0])[[1, 0, 2, 4, 3]])


def test_the_side_of_a_profile_is_where_its_nose_points() -> None:
    points = half_face((40, 40), (60, 42), (68, 60), (46, 80))
    assert cfp.side(points, "profile") == "right"
    assert cfp.side(points * [-1, 1], "profile") == "left"
    assert cfp.side(points, "frontal") == "front"


def test_cfp_brings_the_eyes_to_the_template(tmp_path: Path) -> None:
    image = np.zeros((132, 140, 3), np.uint8)
    image[48:53, 48:53] = 255  # the left eye, at 50, 50
    for person in ("001", "401"):
        folder = tmp_path / "Data/Images" / person / "frontal"
        folder.mkdir(parents=True)
        Image.fromarray(image).save(folder / "01.jpg", quality=100)
        points = half_face((50, 50), (69.5, 50), (69.5, 74.4), (52, 91.3))
        text = tmp_path / "Data/Fiducials" / person / "frontal" / "01.txt"
        text.parent.mkdir(parents=True)
        text.write_text("\n".join(f"{x},{y}" for x, y in points))
    crop = cfp.load(tmp_path, "test", size=178).images[0, :, :, 0].astype(float)
    y, x = np.mgrid[0:178, 0:178]
    zoom = 178 / INNER[2]
    # One eye: nothing is mirrored in from beyond the border.
    assert (crop > 128).sum() == pytest.approx(25 * zoom**2, rel=0.15)
    centre = np.array([(x * crop).sum(), (y * crop).sum()]) / crop.sum()
    assert centre == pytest.approx((FACE_TEMPLATE[0] + 0.5 - INNER[:2]) * zoom - 0.5, abs=1.0)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "fei28.npz").write_bytes(b"no zip")
    (tmp_path / "1_0_0_1.jpg.chip.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match="fei28"):
        fei.load(tmp_path, "train")
    with pytest.raises(DataError, match="1_0_0_1"):
        utkface.load(tmp_path, "train")
    for name in ("ar", "celeba_people", "ckplus", "umist", "lpc", "cfp", "multipie"):
        with pytest.raises(DataError):
            importlib.import_module(f"training.data.{name}").load(tmp_path, "train")


@pytest.mark.parametrize(("name", "folder", "specified", "train_classes", "test_classes"), FACTORS)
def test_real_sets_have_their_classes(
    name: str, folder: str, specified: str, train_classes: int, test_classes: int
) -> None:
    if not (DATA / folder).is_dir():
        pytest.skip(f"needs IMGEDIT_DATA with {folder}")
    load = importlib.import_module(f"training.data.{name}").load
    for split, n in (("train", train_classes), ("test", test_classes)):
        data = load(DATA / folder, split, specified=specified, size=28, limit=20)
        assert len(data.classes) == n
        assert data.images.shape == (20, 28, 28, 3)


def test_closed_marks_start_elsewhere_in_each_class() -> None:
    marked = factors._every_seventh(np.repeat(np.arange(7), 7))
    assert np.flatnonzero(marked.reshape(7, 7)).tolist() == [6, 12, 18, 24, 30, 36, 42]
