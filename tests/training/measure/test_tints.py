"""The tints of real hair, measured anew on a few pictures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imgedit.models import library
from training.measure import tints

DATA = Path(os.environ.get("IMGEDIT_DATA", "/nonexistent"))
WORDS = library.bundled("stargan_hair.celeba").manifest.words.values()
TINTS = {next(name for name, value in word.sets.items() if value == 1.0): word.tint for word in WORDS}


@pytest.mark.skipif(not (DATA / "celeba").is_dir(), reason="needs IMGEDIT_DATA with celeba")
def test_real_hair_lies_around_the_tints_that_edits_are_held_to() -> None:
    found = tints.tints(DATA / "celeba", 20, [colour for colour in TINTS if colour != "Gray_Hair"])
    grey = tints.tints(DATA / "celeba", 40, ["Gray_Hair"])["Gray_Hair"]
    assert {*found, "Gray_Hair"} == TINTS.keys()
    for colour, means in found.items():
        middle = np.median(means, axis=0)
        assert (middle > TINTS[colour].low).all(), colour
        assert (middle < TINTS[colour].high).all(), colour
    # That of grey is narrow: it lies within the middle half of real grey hair, but for the noise of 40 pictures.
    low, high = np.percentile(grey, (25, 75), axis=0)
    noise = 1.5 * (high - low) / np.sqrt(len(grey))
    assert (TINTS["Gray_Hair"].low > low - noise).all()
    assert (TINTS["Gray_Hair"].high < high + noise).all()


def test_a_folder_without_pictures_is_an_error_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tints.main([str(tmp_path)]) == 1
    assert str(tmp_path) in capsys.readouterr().err
