"""What somebody saw on the contact sheet of a word (`sheet.py`): how many edits are good, acceptable and bad, and why.

A verdict is a file that is written by hand, `training/results/verdicts/WORD.DATA.json`, a further
one of other faces `WORD.DATA.SEED.json`:

    model, kind ("verdict"), command, data, split, seed, n    as in every result; the command draws the sheet again
    word                                                      as a user types it
    good, acceptable                                          how many
    bad                                                       number on the sheet -> what is wrong

A good edit passes for a photograph; an acceptable one shows its fault to who looks for it. A word that was looked at on
several data sets, or by several people, is judged by all of its edits together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.evaluate.faces.sheet import FACES
from training.evaluate.layout import Block, Table

__all__ = ["GOOD", "blocks", "quality", "share"]

KIND = "verdict"
GOOD = 0.8
"""Share of good and acceptable edits from which a word is offered as good."""


def share(result: Mapping[str, Any]) -> float:
    """Return the share of edits that are good or acceptable, 0..1.

    Raises:
        ValueError: the counts do not add up.
    """
    return _passed(result) / int(result["n"])


def quality(results: Sequence[Mapping[str, Any]]) -> str:
    """Return what a manifest may call a word, by all of its verdicts; fewer faces than a sheet has tell too little."""
    n = sum(int(result["n"]) for result in results)
    return "good" if n >= FACES and sum(map(_passed, results)) / n >= GOOD else "experimental"


def _passed(result: Mapping[str, Any]) -> int:
    """Return how many edits are good or acceptable; raises as `share`."""
    passed, bad = int(result["good"]) + int(result["acceptable"]), len(result["bad"])
    if passed + bad != result["n"] or any(not 1 <= int(number) <= result["n"] for number in result["bad"]):
        raise ValueError(f"counts of {result['n']} edits")
    return passed


def blocks(result: Mapping[str, Any]) -> list[Block]:
    """Return what is said of a verdict: the counts, and the faults."""
    counts = [str(result["good"]), str(result["acceptable"]), str(len(result["bad"])), f"{100 * share(result):.1f}"]
    faults = [[number, fault] for number, fault in sorted(result["bad"].items(), key=lambda item: int(item[0]))]
    return [
        f"`{result['word']}`: {result['n']} {result['split']} pictures of {result['data']}, seed {result['seed']}, "
        "looked at before and after",
        Table(["good", "acceptable", "bad", "good or acceptable, %"], [counts]),
        Table(["bad, number", "fault"], faults),
    ]
