"""Bodies of a set's pictures are found once and kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.models import library
from imgedit.vision.body import POINTS, BodyReader
from training.data import bodies
from training.data.reading import rgb

PORTRAIT = library.bundled_folder() / "astronaut.jpg"


def test_bodies_are_kept_and_come_back_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies.platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path))
    plain = tmp_path / "plain.png"
    from PIL import Image

    Image.fromarray(np.full((64, 64, 3), 128, np.uint8)).save(plain)
    first = bodies.bodies([PORTRAIT, plain], rgb)
    assert first[1] is None
    found = first[0]
    assert found is not None
    assert found.points.shape == (len(POINTS), 2)

    def fail(*_: object) -> None:
        raise AssertionError("looked again")

    monkeypatch.setattr(BodyReader, "__call__", fail)
    again = bodies.bodies([PORTRAIT, plain], rgb)
    assert again[1] is None
    assert again[0] is not None
    np.testing.assert_array_equal(again[0].points, found.points)
    np.testing.assert_array_equal(again[0].mask, found.mask)
    assert len(list((tmp_path / "bodies").iterdir())) == 1
