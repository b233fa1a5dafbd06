"""Changes of a subject are carried out in their order, each in its own region."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from imgedit.render import change, regions
from imgedit.render.change import COLOUR, DETAIL, MOVE
from imgedit.render.delta import Delta
from imgedit.render.flow import Flow
from imgedit.render.grid import Grid
from imgedit.render.regions import Region


@dataclass(frozen=True)
class Note:
    """Writes its name down."""

    name: str
    order: int
    region: str
    notes: list[tuple[str, str]]

    def scaled(self, strength: float) -> Note:
        return self

    def apply(self, rgb: np.ndarray, subject: Any, region: Region, *, own: bool = False) -> np.ndarray:
        self.notes.append((self.name, str(region)))
        out = rgb if own else rgb.copy()
        out += 1
        return out


def test_colours_come_first_then_what_moves_then_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "find", lambda subject, name: f"{subject}'s {name}")
    notes: list[tuple[str, str]] = []
    made = [
        Note("glasses", DETAIL, "face", notes),
        Note("pose", MOVE, "all", notes),
        Note("teeth", DETAIL, "mouth", notes),
        Note("blond", COLOUR, "hair", notes),
    ]
    photo = np.zeros((2, 2, 3), np.uint8)
    out = change.apply_all(photo, "she", made)  # type: ignore[arg-type]
    assert notes == [
        ("blond", "she's hair"),
        ("pose", "she's all"),
        ("glasses", "she's face"),
        ("teeth", "she's mouth"),
    ]
    np.testing.assert_array_equal(out, 4)
    np.testing.assert_array_equal(photo, 0)
    again = change.apply_all(out, "she", made, own=True)  # type: ignore[arg-type]
    assert again is out


def test_grids_colour_flows_move_and_deltas_draw() -> None:
    assert (Grid.order, Flow.order, Delta.order) == (COLOUR, MOVE, DETAIL)
    assert COLOUR < MOVE < DETAIL


def test_only_the_first_change_copies_the_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions, "find", lambda subject, name: None)
    given: list[bool] = []

    @dataclass(frozen=True)
    class Seen(Note):
        def apply(self, rgb: np.ndarray, subject: Any, region: Region, *, own: bool = False) -> np.ndarray:
            given.append(own)
            return super().apply(rgb, subject, region, own=own)

    made = [Seen(name, COLOUR, "all", []) for name in ("red", "green", "blue")]
    change.apply_all(np.zeros((2, 2, 3), np.uint8), "she", made)  # type: ignore[arg-type]
    assert given == [False, True, True]
