"""CelebA's three picture folders, splits, balancing and masks, on files that the tests make."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from imgedit.errors import ConfigError, DataError
from imgedit.vision import geometry
from imgedit.vision.geometry import CLOSE, INNER
from training.data import celeba, celeba_people
from training.data.celeba import balanced_weights
from training.data.frame import window
from training.families.windows import check_window
from training.methods.attribute_classifier import ATTRIBUTES


def frame() -> np.ndarray:
    """A smooth 178x218 frame whose red is x, green is y (in units of the frame)."""
    y, x = np.mgrid[0:218, 0:178]
    return np.stack([x * 255 / 178, y * 255 / 218, np.full_like(x, 128)], -1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = {"img_align_celeba": (178, 218), "img_align_celeba_half": (89, 109), "img_align_celeba_64": (64, 64)}
    rows, parts, number = [], [], 0
    for name, size in pictures.items():
        (tmp_path / name).mkdir()
        for split in (0, 0, 1, 2):
            number += 1
            file = f"{number:06d}.png"
            Image.fromarray(cv2.resize(frame(), size, interpolation=cv2.INTER_AREA)).save(tmp_path / name / file)
            values = ["-1"] * 40
            values[ATTRIBUTES.index("Blond_Hair" if number % 2 else "Black_Hair")] = "1"
            if number == 1:
                values[ATTRIBUTES.index("Wearing_Hat")] = "1"
            rows.append(f"{file} {' '.join(values)}")
            parts.append(f"{file} {split}")
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join([str(number), " ".join(ATTRIBUTES), *rows]) + "\n")
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return tmp_path


def test_all_three_folders_give_the_same_window(folder: Path) -> None:
    data = celeba.load(folder, "test", size=64)
    assert len(data) == 3
    images = data.images.astype(float)
    # The window is rows 20..198 of 218 and the full width: red spans 0..255, green 20/218..198/218 of it.
    for image in images:
        assert image[32, :, 0].min() < 6
        assert image[32, :, 0].max() > 249
        assert image[0, 32, 1] == pytest.approx(255 * 21.4 / 218, abs=3)
        assert image[-1, 32, 1] == pytest.approx(255 * 196.6 / 218, abs=3)
    assert np.abs(images[0] - images[2]).max() <= 4


def test_a_close_window_is_the_same_in_all_folders(folder: Path) -> None:
    images = celeba.load(folder, "test", size=68, crop="close").images.astype(float)
    x0, y0, side = CLOSE
    # A pixel of the crop is two of the frame, so its centre lies on the border between them.
    first, last = 1.0, side - 1.0
    for image in images:
        assert image[34, 0, 0] == pytest.approx((x0 + first - 0.5) * 255 / 178, abs=3)
        assert image[34, -1, 0] == pytest.approx((x0 + last - 0.5) * 255 / 178, abs=3)
        assert image[0, 34, 1] == pytest.approx((y0 + first - 0.5) * 255 / 218, abs=3)
        assert image[-1, 34, 1] == pytest.approx((y0 + last - 0.5) * 255 / 218, abs=3)


@pytest.mark.parametrize("kind", ["face", "close", "inner"])
@pytest.mark.parametrize("size", [48, 64, 128])
def test_training_sees_the_pixels_that_use_sees(kind: str, size: int, folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    use = geometry.cut(noise, geometry.crop_matrix(geometry.FACE_TEMPLATE, kind, size), size)
    difference = np.abs(window(noise, size, kind).astype(int) - use)
    assert difference.max() <= 1  # the template's similarity is the identity but for rounding


def test_windows_that_cannot_be_loaded_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="masks are drawn for crop=face"):
        celeba.load(folder, "test", crop="close", mask_model="face_parser.celebamask_hq")
    with pytest.raises(ConfigError, match="crop='head'; choose one of face, inner, close"):
        check_window("head")


def test_splits_and_attribute_order(folder: Path) -> None:
    data = celeba.load(folder, "train", size=16, attributes=("Blond_Hair", "Black_Hair"))
    assert len(data) == 6
    assert data.attributes == ("Blond_Hair", "Black_Hair")
    assert data.labels.tolist() == [[1, 0], [0, 1]] * 3


def test_one_hair_colour_leaves_hats_out(folder: Path) -> None:
    assert len(celeba.load(folder, "train", size=16, one_hair_colour=True)) == 5


def test_augmented_batches_repeat_with_the_generator(folder: Path) -> None:
    data = celeba.load(folder, "train", size=16)
    index = np.array([0, 1, 2])
    one, two, other = (data.batch(index, np.random.default_rng(seed)).image for seed in (1, 1, 2))
    assert one.equal(two)
    assert not one.equal(other)


def test_without_jitter_a_picture_comes_as_it_is_or_mirrored_with_its_mask(folder: Path) -> None:
    data = celeba.load(folder, "train", size=16, jitter=False)
    data.masks = data.images[..., 0].copy()
    index = np.zeros(40, np.int64)
    batch = data.batch(index, np.random.default_rng(0))
    plain = data.batch(np.array([0]), _Never()).image[0]  # type: ignore[arg-type]
    mirrored = [bool(image.equal(plain.flip(2))) for image in batch.image]
    for image, turned in zip(batch.image, mirrored, strict=True):
        assert image.equal(plain.flip(2) if turned else plain)
    assert 10 < sum(mirrored) < 30
    assert batch.mask is not None
    red = batch.image[:, :1].add(1.0).div(2.0)
    assert batch.mask.allclose(red, atol=1e-6)


def test_a_mask_is_moved_with_its_picture(folder: Path) -> None:
    data = celeba.load(folder, "train", size=32)
    data.masks = data.images[..., 0].copy()
    batch = data.batch(np.zeros(20, np.int64), np.random.default_rng(0))
    assert batch.mask is not None
    assert batch.mask.allclose(batch.image[:, :1].add(1.0).div(2.0), atol=1e-5)


class _Never:
    """Random numbers of which none leads to a mirror image."""

    def random(self, n: int) -> np.ndarray:
        return np.ones(n)


def test_unknown_attribute_and_missing_lists_say_what_is_known(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Purple_Hair.*known: 5_o_Clock_Shadow"):
        celeba.load(folder, "train", attributes=("Purple_Hair",))
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt is missing"):
        celeba.load(tmp_path / "nowhere", "train")


def test_balanced_weights_bring_a_rare_value_to_half() -> None:
    labels = np.zeros((100, 1))
    labels[:20] = 1
    weights = balanced_weights(labels)
    assert weights[:20].sum() / weights.sum() == pytest.approx(0.5, abs=1e-9)


def test_people_are_read_in_the_inner_window_and_split_as_celeba_splits_them(folder: Path) -> None:
    (folder / celeba_people.IDENTITIES).write_text("".join(f"{i:06d}.png {70 + i // 3}\n" for i in range(1, 13)))
    train = celeba_people.load(folder, "train", size=54, pairs=True)
    test = celeba_people.load(folder, "test", size=54)
    assert train.classes == ("00070",)  # pictures 1 and 2; 3 is of the validation split
    assert test.classes == ("00071",)
    red = train.images[0].astype(float)[27, :, 0]
    assert red[[0, -1]] == pytest.approx([255 * (INNER[0] + 1) / 178, 255 * (INNER[0] + INNER[2] - 1) / 178], abs=3)
    assert celeba_people.load(folder, "test", specified="sex", size=8).classes == ("female",)


def test_any_attribute_may_be_the_class_that_s_is_to_hold(folder: Path) -> None:
    (folder / celeba_people.IDENTITIES).write_text("".join(f"{i:06d}.png {70 + i // 3}\n" for i in range(1, 13)))
    names = celeba.celeba_lists.labels(folder)[0]
    for name in names:
        found = celeba_people.load(folder, "train", specified="sex" if name == "Male" else name.lower(), size=8)
        has = celeba.labels_of(folder, ["000001.png", "000002.png"], [name])[:, 0]
        if name != "Male":
            assert list(found.classes) == sorted({("without", "with")[int(one)] for one in has}, reverse=True)


def test_a_picture_without_a_person_and_a_missing_list_of_people_are_said(folder: Path) -> None:
    with pytest.raises(DataError, match=r"identity_CelebA\.txt is missing or damaged"):
        celeba_people.load(folder, "train")
    (folder / celeba_people.IDENTITIES).write_text("000001.png 7\n")
    with pytest.raises(DataError, match="does not name who 000002"):
        celeba_people.load(folder, "train")
