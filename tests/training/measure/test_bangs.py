"""Bangs: cut alike on both sides, and written again as they are bundled."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgedit.models import library, manifest
from imgedit.render.bangs import cut_of
from imgedit.vision import mesh
from training.measure import bangs


def test_tips_are_alike_on_both_sides_and_lie_between_the_hairline_and_the_eyes() -> None:
    tips = bangs.tips()
    np.testing.assert_allclose(tips, tips[::-1], atol=1e-6)
    points = mesh.template().points
    assert points[10, 1] < tips.min() < tips.max() < points[33, 1]
    assert tips.argmin() == len(tips) // 2


def test_the_bundled_model_is_what_the_script_writes(tmp_path: Path) -> None:
    assert bangs.main(["-o", str(tmp_path)]) == 0
    written = manifest.verify(tmp_path)
    bundled = library.bundled(bangs.ID)
    assert (written.graphs, written.words) == (bundled.manifest.graphs, bundled.manifest.words)
    arrays = {"tips": bangs.tips(), **{name: np.array(value) for name, value in bangs.NUMBERS.items()}}
    assert cut_of(arrays).side == bangs.SIDE
