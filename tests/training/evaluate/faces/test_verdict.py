"""Verdicts: what somebody saw on the sheets of words, and what manifests call these words."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from imgedit.models import library
from training.evaluate.faces import verdict
from training.evaluate.report import kept

VERDICTS = Path(verdict.__file__).parents[2] / "results" / "verdicts"
FILES = sorted(VERDICTS.glob("*.json"))
MADE: dict[str, Any] = {"word": "x", "n": 40, "good": 20, "acceptable": 12, "bad": {str(i): "?" for i in range(1, 9)}}


WORDS = sorted({path.name.split(".")[0] for path in FILES})


@pytest.mark.parametrize("word", WORDS)
def test_a_bundled_word_is_called_what_its_sheets_showed(word: str) -> None:
    seen = [json.loads(path.read_text()) for path in FILES if path.name.split(".")[0] == word]
    (model,) = {one["model"] for one in seen}
    assert library.find(model).manifest.qualities[word] == verdict.quality(seen)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_verdict_is_named_after_its_word_and_data_and_tells_the_command_of_its_sheet(path: Path) -> None:
    seen = json.loads(path.read_text())
    assert seen["split"] == "test"
    options = shlex.split(seen["command"])
    name = f"{seen['word']}.{seen['data']}"
    assert path.stem in (name, f"{name}.{seen['seed']}")
    assert options[options.index("--sheet") + 1] == seen["word"]
    assert options[options.index("--data") + 1] == f"{seen['data']}:DIR"
    assert int(options[options.index("--seed") + 1]) == seen["seed"]


def test_no_bundled_word_is_called_good_that_nobody_looked_at() -> None:
    looked_at = {(seen["model"], seen["word"]) for seen in (json.loads(path.read_text()) for path in FILES)}
    models = [model for model in library.available("translate") if model.is_bundled]
    assert len(models) > 5
    good = {(m.id, word) for m in models for word, quality in m.manifest.qualities.items() if quality == "good"}
    assert good <= looked_at


def test_four_fifths_of_a_whole_sheet_make_a_good_word() -> None:
    assert verdict.share(MADE) == pytest.approx(0.8)
    assert verdict.quality([MADE]) == "good"
    assert verdict.quality([{**MADE, "good": 19, "bad": {**MADE["bad"], "9": "?"}}]) == "experimental"
    assert verdict.quality([{**MADE, "n": 39, "good": 19}]) == "experimental"  # fewer faces than a sheet has
    half = {**MADE, "good": 8}
    half["bad"] = {str(i): "?" for i in range(1, 21)}
    assert verdict.quality([MADE, half]) == "experimental"
    assert (
        verdict.quality(
            [
                {**MADE, "good": 32, "bad": {}, "acceptable": 8},
                {**MADE, "good": 16} | {"bad": {str(i): "?" for i in range(1, 13)}},
            ]
        )
        == "good"
    )
    for wrong in ({"n": 41}, {"bad": {**MADE["bad"], "8": "?", "41": "?"}, "good": 19}):
        with pytest.raises(ValueError, match="counts of"):
            verdict.share({**MADE, **wrong})


def test_a_verdict_is_laid_out_with_its_faults_in_the_order_of_the_sheet() -> None:
    result = {**MADE, "split": "test", "data": "celeba", "seed": 0, "bad": {"12": "late", "3": "early"}, "good": 26}
    first, counts, faults = verdict.blocks(result)
    assert "40 test pictures of celeba, seed 0" in str(first)
    assert counts.rows == [["26", "12", "2", "95.0"]]  # type: ignore[union-attr]
    assert faults.rows == [["3", "early"], ["12", "late"]]  # type: ignore[union-attr]
    assert len(kept([VERDICTS])) == len(FILES)
