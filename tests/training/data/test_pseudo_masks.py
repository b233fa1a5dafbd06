"""Masks that a parser draws for pictures without any, and the parser that learns from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgedit.errors import ConfigError, DataError
from tests.toy_models import CLASSES, parser
from training.data import celeba as celeba_set
from training.data import celebamask_hq, parsed
from training.data import pseudo_masks as pseudo
from training.data.celebamask_hq import HQ_SHARE_OF_HEAD
from training.methods.attribute_classifier import ATTRIBUTES
from training.methods.face_parser import Config


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Four frames, the last of them no training picture: dark above (hair to the toy parser), bright below."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    rng = np.random.default_rng(2)
    for i in range(4):
        frame = np.full((218, 178, 3), 200, np.uint8)
        frame[: 60 + 20 * i] = 20
        frame[:, 70 + 10 * i :] += rng.integers(0, 40, dtype=np.uint8)
        Image.fromarray(frame).save(folder / "img_align_celeba" / f"{i}.jpg", quality=95)
    hats = ("1", "-1", "-1", "-1")
    labels = [f"{i}.jpg {' '.join(hats[i] if a == 'Wearing_Hat' else '-1' for a in ATTRIBUTES)}" for i in range(4)]
    (folder / "list_attr_celeba.txt").write_text("\n".join(["4", " ".join(ATTRIBUTES), *labels]) + "\n")
    (folder / "list_eval_partition.txt").write_text("0.jpg 0\n1.jpg 0\n2.jpg 0\n3.jpg 1\n")
    return folder


def nothing() -> list[np.ndarray]:
    return [np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)]


def test_the_teachers_classes_lie_on_the_picture(celeba: Path, tmp_path: Path) -> None:
    parser(tmp_path / "teacher", size=240)
    images, masks, names = pseudo.pseudo_masks(celeba, str(tmp_path / "teacher"), CLASSES, nothing(), 0.6)
    assert names == ["0.jpg", "1.jpg", "2.jpg"]
    assert images.shape == (3, 178, 178, 3)
    assert masks.shape == (3, 178, 178)
    dark = images.mean(-1) < 60
    assert ((masks == CLASSES.index("hair")) == dark).mean() > 0.98
    # Rows 26..203 of the frame: of 60 dark rows 34 are left.
    assert [int(m.any(1).sum()) for m in dark] == pytest.approx([34, 54, 74], abs=1)


def test_pixels_that_the_teacher_is_unsure_of_are_not_told(celeba: Path, tmp_path: Path) -> None:
    parser(tmp_path / "teacher", size=240, logits=[0.0] * len(CLASSES))
    _, masks, _ = pseudo.pseudo_masks(celeba, str(tmp_path / "teacher"), CLASSES, nothing(), 0.6)
    assert (masks == pseudo.UNSURE).all()


def test_a_picture_that_is_held_out_elsewhere_is_left_out(celeba: Path, tmp_path: Path) -> None:
    parser(tmp_path / "teacher", size=240)
    same = parsed.head_crop(celeba / "img_align_celeba" / "1.jpg", 240)[48:192, 48:192]
    images, _, _ = pseudo.pseudo_masks(celeba, str(tmp_path / "teacher"), CLASSES, [same], 0.6)
    assert len(images) == 2
    assert [int((i.mean((1, 2)) < 60).sum()) for i in images] == pytest.approx([34, 74], abs=1)


def test_masks_are_drawn_once(celeba: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parser(tmp_path / "teacher", size=240)
    arguments = (celeba, str(tmp_path / "teacher"), CLASSES, nothing(), 0.6)
    _, drawn, _ = pseudo.pseudo_masks(*arguments)
    assert len(list((cache / "imgedit" / "pseudo_masks").iterdir())) == 1
    monkeypatch.setattr(parsed, "probabilities", None)
    assert (pseudo.pseudo_masks(*arguments)[1] == drawn).all()


def test_a_mirrored_picture_has_its_say(celeba: Path, tmp_path: Path) -> None:
    model = parser(tmp_path / "teacher", size=240)
    paths = [celeba / "img_align_celeba" / "0.jpg"]
    (plain,) = parsed.probabilities(paths, model, 64, "")
    (both,) = parsed.probabilities(paths, model, 64, "", mirrored=True)
    assert np.abs(plain - both).max() < 1e-5  # the toy looks at single pixels, so its mirror image agrees
    assert plain[2, :10].mean() > 0.9


def test_half_of_what_is_drawn_has_a_teachers_masks(celeba: Path, tmp_path: Path) -> None:
    faces = tmp_path / "hq"
    for name in ("images", "masks"):
        (faces / name).mkdir(parents=True)
    for i in range(10):
        picture = np.random.default_rng(i).integers(0, 256, (256, 256, 3), dtype=np.uint8)
        Image.fromarray(picture).save(faces / "images" / f"{i}.jpg")
        Image.fromarray(np.full((256, 256), 13, np.uint8)).save(faces / "masks" / f"{i}.png")
    teacher = "face_parser.celebamask_hq"
    data = celebamask_hq.load(faces, "train", size=48, unlabelled=str(celeba), teacher=teacher)
    assert len(data) == 12
    assert data.weights is not None
    assert data.weights[:9].sum() == pytest.approx(data.weights[9:].sum())
    assert data.weights[9] == pytest.approx(4 * data.weights[10])  # the first one wears a hat
    batch = data.batch(np.array([0, 11]), np.random.default_rng(0))
    assert batch.image.shape == (2, 3, 48, 48)
    assert (batch.require_mask()[0] == 5).all()
    assert len(celebamask_hq.load(faces, "test", unlabelled=str(celeba), teacher=teacher)) == 1
    # A whole frame is wider than a picture of CelebA-HQ, by what each shows of the head.
    assert data.spans[-1] * HQ_SHARE_OF_HEAD == pytest.approx(178 / 240)


def test_masks_agree_with_the_labels_of_hats_and_glasses() -> None:
    classes = celebamask_hq.CLASSES
    hair, hat, glasses = (classes.index(name) for name in ("hair", "hat", "glasses"))
    masks = np.full((3, 178, 178), hair, np.uint8)
    masks[1:, :20], masks[1:, 80:90] = hat, glasses
    told = pseudo.corrected(masks, np.array([[True, False, False], [False, True, False], [True, True, True]]), classes)
    # Squares show the frame from row 26: the hairline (75) is row 49, the brows (100) row 74.
    assert (told[0, :49] == hat).all()
    assert (told[0, 49:74] == pseudo.UNSURE).all()
    assert (told[0, 74:] == hair).all()
    assert (told[1, :20] == pseudo.UNSURE).all()
    assert (told[1, 20:80] == hair).all()
    assert (told[1:, 80:90] == glasses).all()
    assert (told[2, :49] == hat).all()
    masks[:, 80:90] = glasses
    assert (pseudo.corrected(masks, np.zeros((3, 3), bool), classes)[:, 80:90] == pseudo.UNSURE).all()


def test_the_bald_have_no_hair_above_the_hairline() -> None:
    classes = celebamask_hq.CLASSES
    background, skin, hair = (classes.index(name) for name in ("background", "skin", "hair"))
    mask = np.full((178, 178), background, np.uint8)
    mask[30:120, 60:120] = skin
    mask[20:120, 50:60] = mask[20:120, 120:130] = mask[20:30, 50:130] = hair
    mask[:, 150:] = pseudo.UNSURE
    told = pseudo.corrected(mask[None].repeat(2, 0), np.array([[False, False, True], [False, False, False]]), classes)
    assert not (told[0, :49] == hair).any()
    ring = told[0, 35:45, 50:60]
    assert (ring[:, :4] == background).all()
    assert (ring[:, 6:] == skin).all()
    assert (told[0, 49:] == mask[49:]).all()
    assert (told[0, :, 150:] == pseudo.UNSURE).all()
    assert (told[1] == mask).all()
    everywhere = np.full((1, 178, 178), hair, np.uint8)
    assert (pseudo.corrected(everywhere, np.array([[False, False, True]]), classes) == hair).all()


def test_a_picture_without_labels_is_named(celeba: Path) -> None:
    with pytest.raises(DataError, match=r"list_attr_celeba\.txt has no labels of 9\.jpg"):
        celeba_set.labels_of(celeba, ["0.jpg", "9.jpg"], ("Wearing_Hat",))


def test_a_wrong_teacher_or_folder_is_named(celeba: Path, tmp_path: Path) -> None:
    parser(tmp_path / "teacher")
    with pytest.raises(ConfigError, match="must find background, skin, brows"):
        pseudo.pseudo_masks(celeba, str(tmp_path / "teacher"), celebamask_hq.CLASSES, nothing(), 0.6)
    with pytest.raises(DataError, match=r"list_eval_partition\.txt is missing"):
        pseudo.pseudo_masks(tmp_path, str(tmp_path / "teacher"), CLASSES, nothing(), 0.6)
    (celeba / "list_eval_partition.txt").write_text("3.jpg 1\n")
    with pytest.raises(DataError, match="no training pictures in"):
        pseudo.pseudo_masks(celeba, str(tmp_path / "teacher"), CLASSES, nothing(), 0.6)
    with pytest.raises(ValueError, match="go together"):
        Config(teacher="face_parser.celebamask_hq")
