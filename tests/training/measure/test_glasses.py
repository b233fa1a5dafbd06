"""Frames of glasses: sizes as stated, and written again as they are bundled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgedit.models import library, manifest
from training.measure import glasses
from training.measure.glasses import SHAPES


@pytest.mark.parametrize("name", SHAPES)
def test_a_lens_has_the_size_that_its_shape_says(name: str) -> None:
    shape, found = SHAPES[name], glasses.drawn(SHAPES[name])
    width, height = np.ptp(found["outline"], axis=0)
    assert height == pytest.approx(2 * shape.half[1], abs=0.1)
    assert width == pytest.approx(2 * shape.half[0], rel=0.06)  # a taper adds a little
    assert found["outline"][:, 0].min() == pytest.approx(shape.apart / 2, abs=2.0)
    x, y = found["outline"].astype(float).T
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0  # clockwise as seen, y down


@pytest.mark.parametrize("name", SHAPES)
def test_a_bar_reaches_from_lens_to_lens(name: str) -> None:
    found = glasses.drawn(SHAPES[name])
    for line, width in zip(found["bars"], found["bar"], strict=True):
        if width > 0:
            near = np.linalg.norm(found["outline"] - line[-1], axis=1).min()
            assert near < 2.0
            assert line[:, 0] == pytest.approx(-line[::-1, 0], abs=1e-4)


def test_the_bundled_model_is_what_the_script_writes(tmp_path: Path) -> None:
    assert glasses.main(["-o", str(tmp_path)]) == 0
    bundled = library.bundled(glasses.ID)
    written = manifest.verify(tmp_path)
    assert written.graphs == bundled.manifest.graphs
    assert written.words == bundled.manifest.words
