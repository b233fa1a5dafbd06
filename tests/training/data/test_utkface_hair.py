"""The names of hair colours, and the pictures that they belong to."""

from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import DataError
from training.data import utkface_hair
from training.data.celeba import HAIR
from training.evaluate.faces.frames import load_faces

DATA = Path(os.environ.get("IMGEDIT_DATA", "/nonexistent")) / "utkface"
needs_utkface = pytest.mark.skipif(not DATA.is_dir(), reason="needs IMGEDIT_DATA with utkface")


def test_every_name_is_a_known_colour_and_names_one_picture() -> None:
    with utkface_hair.NAMES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["colour"] for row in rows).keys() == utkface_hair.COLOURS.keys()
    assert len({row["picture"] for row in rows}) == len(rows)
    assert all(row["picture"].isdecimal() for row in rows)


def test_a_folder_without_the_pictures_and_a_split_that_is_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "25_0_2_1.jpg.chip.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="give the folder of UTKFace"):
        utkface_hair.read(tmp_path, "test")
    with pytest.raises(DataError, match="splits train and test"):
        utkface_hair.read(tmp_path, "all")
    with pytest.raises(DataError, match="Bald"):
        utkface_hair.load(tmp_path, "train", attributes=["Bald"])


@needs_utkface
def test_the_test_split_has_grey_hair_of_both_sexes_and_shares_no_picture_with_training() -> None:
    faces = load_faces(f"utkface_hair:{DATA}", None, 0)
    grey = faces.column("Gray_Hair")
    groups = faces.groups()
    assert min(int((grey & groups[name]).sum()) for name in ("older women", "older men")) >= 10
    assert (faces.labels[:, : len(HAIR)].sum(1) == 1).all()
    assert all(frame.shape == (218, 178, 3) for frame in faces.frames)
    train, _, _ = utkface_hair.read(DATA, "train")
    seen = {frame.tobytes() for frame in train}
    assert not any(frame.tobytes() in seen for frame in faces.frames)
    assert np.ptp([len(train), len(faces.frames)]) < 10
