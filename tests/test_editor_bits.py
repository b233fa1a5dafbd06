"""Edits of photos of 16 bits are made with 16 bits, and those of photos that lie on their side in the upright photo."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imgedit
from imgedit import inspection, photo
from imgedit.editor import Editor
from imgedit.edits import express, frontalize, pose, translate
from imgedit.errors import NoFaceError
from imgedit.photo.sixteen import eight_bit
from imgedit.vision.faces import Face

PORTRAIT = Path(imgedit.__file__).parent / "bundled" / "astronaut.jpg"


@cache
def editor() -> Editor:
    return Editor(device="cpu")


@cache
def wide() -> np.ndarray:
    """The portrait with 16 bits: its own levels, and between them noise."""
    with Image.open(PORTRAIT) as image:
        rgb = np.asarray(image.resize((320, 320)), np.int32)
    noise = np.random.default_rng(0).integers(-120, 121, rgb.shape)
    return np.clip(rgb * 257 + noise, 0, 65535).astype(np.uint16)


def plans() -> dict[str, object]:
    models = editor().models
    return {
        "blond": translate.prepare("blond", models),
        "young": translate.prepare("young", models, force=True),
        "eyeglasses": translate.prepare("eyeglasses", models),
        "mustache": translate.prepare("mustache", models, force=True),
        "bangs": translate.prepare("bangs", models, force=True),
        "bangs by flow": translate.prepare("bangs", [imgedit.find("stargan_bangs.celeba")], force=True),
        "blond by grids": translate.prepare("blond", [imgedit.find("stargan_hair.celeba")]),
        "smile and open": express.prepare({"smile": -0.5, "open": 0.6}),
        "pose": pose.prepare(12.0, None, None),
        "frontal": frontalize.prepare(),
    }


@pytest.mark.parametrize("name", list(plans()))
def test_an_edit_keeps_16_bits_inside_and_every_bit_outside(name: str) -> None:
    plan = plans()[name]
    narrow = editor().edit_photo(photo.read(eight_bit(wide())), plan)
    done = editor().edit_photo(photo.read(wide()), plan)
    result = done.photo.rgb16
    assert result is not None
    assert np.array_equal(eight_bit(result), done.photo.rgb)
    kept = (result == wide()).all(axis=2)
    assert kept[:, :24].all()  # far from the face
    changed = ~kept
    assert changed.sum() > 100
    # as the edit of 8 bits, but for rounding, which an edge may enlarge
    apart = np.abs(done.photo.rgb.astype(int) - narrow.photo.rgb).max(axis=2)
    assert np.percentile(apart[changed], 90) <= 3
    # between the 256 levels as often as at them: nothing on the way was rounded to 8 bits
    share = np.mean(result[changed] % 257 == 0)
    assert share < 0.05, f"{share:.3f} of what was changed lies on a level of 8 bits"


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_on_its_side_is_edited_as_the_upright_one_and_stays_on_its_side(quarters: int) -> None:
    upright = photo.read(eight_bit(wide()))
    plan = plans()["blond"]
    wanted = editor().edit_photo(upright, plan)
    lying = photo.turned(upright, quarters)
    done = editor().edit_photo(lying, plan)
    assert np.array_equal(done.photo.rgb, np.rot90(wanted.photo.rgb, quarters))
    assert any("was found only after the photo was turned" in text for text in done.warnings)
    (face,) = done.edited
    expected = wanted.edited[0].turned(quarters, (320, 320))
    assert np.abs(face.box - expected.box).max() < 1e-3
    assert np.abs(face.landmarks - expected.landmarks).max() < 1e-3
    x, y = (round(float(v)) for v in face.landmarks[2])
    assert f"the face at {x}, {y} was found" in " ".join(done.warnings)


def test_the_nearest_face_of_a_photo_on_its_side_is_named_by_its_own_pixels() -> None:
    lying = photo.turned(photo.read(eight_bit(wide())), 1)
    assert len(editor().prepare(lying, "nearest:10,10").subjects) == 1


def test_a_picture_without_faces_has_none_on_its_side_either() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    with pytest.raises(NoFaceError):
        editor().prepare(photo.read(noise))


def test_a_face_turned_four_times_is_the_face() -> None:
    face = Face(np.array([3, 5, 20, 30], np.float32), np.arange(10, dtype=np.float32).reshape(5, 2), 0.9)
    once = face.turned(1, (100, 60))
    assert once.box.tolist() == [5.0, 79.0, 30.0, 96.0]  # np.rot90: x' = y, y' = width - 1 - x
    back = face.turned(1, (100, 60)).turned(3, (60, 100))
    assert np.array_equal(back.box, face.box)
    assert np.array_equal(back.landmarks, face.landmarks)
    assert np.array_equal(face.turned(-1, (100, 60)).box, face.turned(3, (100, 60)).box)


def test_a_face_that_is_found_as_it_lies_is_no_sure_one(tmp_path: Path) -> None:
    """The detector finds one in this photo, with a score of 0.92 and landmarks that no mesh fits."""
    with Image.open(PORTRAIT) as image:
        image.convert("RGB").resize((300, 300)).rotate(270).save(tmp_path / "a.jpg")
    prepared = editor().prepare(photo.read(tmp_path / "a.jpg"))
    assert prepared.quarters == 1
    (one,) = inspection.list_faces(tmp_path / "a.jpg", device="cpu")
    assert np.abs(one[0].landmarks - prepared.as_given(prepared.chosen[0]).landmarks).max() < 1.0
    assert one[1] is not None
    assert abs(abs(one[1].roll) - 90) < 15


def test_faces_are_listed_in_a_photo_on_its_side_as_they_are_edited(tmp_path: Path) -> None:
    """Turned clockwise the portrait has a false face of score 0.976 as it lies."""
    lying = tmp_path / "lying.png"
    with Image.open(PORTRAIT) as image:
        image.convert("RGB").transpose(Image.Transpose.ROTATE_270).save(lying)
    prepared = editor().prepare(photo.read(lying))
    assert prepared.quarters == 1
    ((face, _),) = inspection.list_faces(lying, device="cpu")
    np.testing.assert_array_equal(face.box, prepared.as_given(prepared.chosen[0]).box)
