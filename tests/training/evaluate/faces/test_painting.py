"""The evaluation of a mouth painter: only open mouths count, and only their holes."""

from __future__ import annotations

import numpy as np
import pytest

from imgedit.models import library
from imgedit.vision import expressions
from training.data.mouths import Mouths
from training.evaluate.faces import painting

CLOSED = expressions.expressions().neutral
OPEN = expressions.moved(CLOSED, expressions.combined({"open": 0.8}))
SIZE = 80


def mouths_of(colours: list[float], shapes: list[np.ndarray]) -> Mouths:
    """Mouths of one colour each."""
    images = np.stack([np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in colours])
    points = np.stack([8.0 * shape + [40.0, 20.0, 0.0] for shape in shapes]).astype(np.float32)
    return Mouths(images, points, images[:1], points[-1:], augment=False)


@pytest.mark.parametrize("n", [None, 1])
def test_open_mouths_are_measured_in_their_holes(n: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = mouths_of([128, 90, 60], [CLOSED, OPEN, OPEN])
    monkeypatch.setattr(painting.start, "load_data", lambda *_: found)
    model = library.bundled("mouth_painter.mouths")
    metrics, count = painting.painting(model, "mouths:x", n, 0, "cpu")
    assert count == (2 if n is None else 1)  # the closed one is left out
    assert metrics["l1_mean_colour"] == pytest.approx(0.0, abs=1e-5)
    assert 0.01 < metrics["l1"] < 0.6
    # By the definition of PSNR its mean squared error is at least the square of the mean error.
    assert 10.0 ** (-metrics["psnr"] / 10.0) >= metrics["l1"] ** 2 - 1e-6
