"""Where a hair colour acts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from imgedit.errors import ConfigError
from training.evaluate.faces import spill
from training.evaluate.report import blocks

DATA = os.environ.get("IMGEDIT_DATA", "")


def test_changes_beside_the_hair_and_on_it_are_told_apart() -> None:
    before = np.full((64, 64, 3), 100, np.uint8)
    hair = np.zeros((64, 64), bool)
    hair[20:40, 20:40] = True  # 400 pixels
    after = before.copy()
    after[20:30, 20:40] = 120  # half of the hair
    after[14:20, 20:40] = 200  # within 6 pixels: the edge
    after[50:55, 50:60] = 140  # 50 pixels of ground
    after[0:5, 0:5] = 120  # too little to be seen
    assert spill.shares(before, after, hair) == (50 / 400, 0.5)


@pytest.mark.parametrize(("data", "split"), [("celeba:DIR", "test"), ("celebamask_hq:DIR", "train")])
def test_what_cannot_be_measured_is_refused(data: str, split: str) -> None:
    with pytest.raises(ConfigError):
        spill.evaluate(data, split=split)


@pytest.mark.skipif(not (Path(DATA) / "celebamask_hq").is_dir(), reason="needs IMGEDIT_DATA with celebamask_hq")
def test_a_few_real_heads_are_dyed_and_little_beside_them() -> None:
    result = spill.evaluate(f"celebamask_hq:{DATA}/celebamask_hq", n=6, device="cpu")
    assert 4 <= result["n"] <= 6
    assert result["metrics"]["hair changed"] > 60  # hair that is blond stays as it is
    assert result["metrics"]["spill"]["median"] < 2
    assert "blond" in str(blocks(result)[0])
