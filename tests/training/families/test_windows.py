"""Where in a face an edit may act."""

from __future__ import annotations

import torch

from imgedit.vision.geometry import FACE_TEMPLATE, WINDOWS
from training.families.windows import FEATHER, WHOLE, windows_of
from training.methods.local_edits import BOXES


def test_every_window_holds_what_it_is_for_and_fades_to_nothing() -> None:
    boxes = {**BOXES, "Male": WHOLE}
    attributes = list(boxes)
    rows, columns = windows_of(list(boxes.values()), "face", 178)
    _, top, _ = WINDOWS["face"]
    for attribute, row, column in zip(attributes, rows, columns, strict=True):
        assert row.min() == column.min() == 0.0 or attribute == "Male"
        assert row.max() == column.max() == 1.0
        assert float((row.diff().abs()).max()) < 2.0 / FEATHER
        assert torch.allclose(column, column.flip(0), atol=0.3)
    eyes, mouth = (round(float(FACE_TEMPLATE[i, 1])) - top for i in (0, 3))
    seen = {a: rows[attributes.index(a), [eyes, mouth]].tolist() for a in attributes}
    assert seen["Eyeglasses"] == [1.0, 0.0]
    assert seen["Smiling"][1] == seen["Young"][0] == seen["Young"][1] == 1.0
    assert seen["Mustache"][0] == 0.0


def test_windows_are_of_the_frame_whatever_the_crop() -> None:
    close, face = (windows_of([BOXES["Eyeglasses"]], kind, WINDOWS[kind][2])[0][0] for kind in ("close", "face"))
    first = WINDOWS["close"][1] - WINDOWS["face"][1]
    assert torch.equal(close, face[first : first + len(close)])
