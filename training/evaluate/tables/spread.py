"""Mean and spread over seeds, as the tables print them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def spread(values: Sequence[float]) -> dict[str, float | None]:
    """Return mean and standard deviation (n - 1; None for one value)."""
    return {
        "mean": statistics.fmean(values),
        "spread": statistics.stdev(values) if len(values) > 1 else None,
    }


def plus_minus(value: Mapping[str, float | None] | None, digits: int) -> str:
    """Write what `spread` returned."""
    if value is None:
        return ""
    around = value["spread"]
    return f"{value['mean']:.{digits}f}" + ("" if around is None else f" ± {around:.{digits}f}")


def one_seed(names: Sequence[str], counts: Sequence[int]) -> str:
    """Return a sentence on the rows that rest on one seed, or nothing where there are none.

    Args:
        names: of the rows.
        counts: seeds of each; 0 where a row has no figures.
    """
    alone = [name for name, count in zip(names, counts, strict=True) if count == 1]
    if not alone:
        return ""
    return f" One seed each, so that their place among the rows may be chance: {'; '.join(alone)}."
